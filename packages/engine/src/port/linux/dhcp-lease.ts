/** Run by busybox' udhcpc: writes what a lease says where the engine looks for it, in one act. */
export const leaseScript = `#!/bin/sh
case "$1" in
  bound|renew)
    printf 'address=%s/%s\\nrouter=%s\\ndns=%s\\n' "$ip" "\${mask:-24}" "$router" "$dns" >"$LEASE.draft"
    mv "$LEASE.draft" "$LEASE" ;;
  deconfig) rm -f "$LEASE" ;;
esac
`;

export interface PortLease {
  readonly address: string;
  readonly gateway: string;
  readonly dns: readonly string[];
}

/** Undefined when it is none. */
export function parseLease(text: string): PortLease | undefined {
  const field = (name: string): string => new RegExp(`^${name}=(.*)$`, "m").exec(text)?.[1]?.trim() ?? "";
  const address = field("address");
  if (!/^\d{1,3}(\.\d{1,3}){3}\/\d{1,2}$/.test(address)) return undefined;
  const [gateway = ""] = field("router").split(/\s+/);
  return {
    address,
    gateway,
    dns: field("dns")
      .split(/\s+/)
      .filter((it) => /^[\d.]+$/.test(it)),
  };
}
