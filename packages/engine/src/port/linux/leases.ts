/** What networks tell of addresses, and how those who ask for it write it down. */

/**
 * Run by busybox' udhcpc and by dhcpcd at each event: writes what a lease or a router says where the engine
 * looks for it, in one act.
 */
export const leaseScript = `#!/bin/sh
keep() { cat >"$1.draft" && mv "$1.draft" "$1"; }
case "$1$reason" in
  bound|renew)
    printf 'address=%s/%s\\nrouter=%s\\ndns=%s\\n' "$ip" "\${mask:-24}" "$router" "$dns" | keep "$LEASE" ;;
  deconfig) rm -f "$LEASE" ;;
  ROUTERADVERT)
    printf 'router=%s\\ndns=%s\\n' "$nd1_from" "$nd1_rdnss1_servers" | keep "$LEASE.router" ;;
  BOUND6|INFORM6|RENEW6|REBIND6|REBOOT6)
    printf 'dns=%s\\n' "$new_dhcp6_name_servers" | keep "$LEASE.dhcp6" ;;
  EXPIRE6) rm -f "$LEASE.dhcp6" ;;
esac
`;

/**
 * For dhcpcd, which does IPv6 here: addresses as routers and DHCPv6 say, made of the card's own so that they
 * stay; what it got stays when it ends; routes are the engine's.
 */
export const dhcpcdConfig = `ipv6only
slaac hwaddr
persistent
nogateway
option dhcp6_name_servers
`;

/** What a card's network says. */
export interface PortLease {
  /** With prefix length; only of IPv4, as dhcpcd sets the others itself. */
  readonly address: string | undefined;
  readonly gateways: readonly string[];
  readonly dns: readonly string[];
}

/** From the three files that the script writes, each of which may be missing. */
export function parseLease(card: string, dhcp = "", router = "", dhcp6 = ""): PortLease {
  const words = (text: string, name: string): string[] =>
    (new RegExp(`^${name}=(.*)$`, "m").exec(text)?.[1] ?? "").split(/\s+/).filter((it) => it !== "");
  const [address = ""] = words(dhcp, "address");
  const known = /^\d{1,3}(\.\d{1,3}){3}\/\d{1,2}$/.test(address);
  const [gateway] = known ? words(dhcp, "router") : [];
  const [gateway6] = words(router, "router").filter((it) => it.includes(":"));
  const dns = [...(known ? words(dhcp, "dns") : []).filter((it) => /^[\d.]+$/.test(it))];
  const dns6 = [...words(router, "dns"), ...words(dhcp6, "dns")].filter((it) => /^[\da-f:.]+$/i.test(it));
  // An address that holds on one wire only is of use with the wire's name.
  const scoped = dns6.map((it) => (/^fe[89ab]/i.test(it) ? `${it}%${card}` : it));
  return {
    address: known ? address : undefined,
    gateways: [gateway, gateway6].flatMap((it) => (it === undefined ? [] : [it])),
    dns: [...new Set([...dns, ...scoped])],
  };
}
