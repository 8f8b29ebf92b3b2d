/** What a plug may put on its bridge, as rules of nftables. Pure. */

import { familyOf, parseAddress } from "./address.ts";
import { linkLocal } from "./mac.ts";
import type { Plug } from "./plug.ts";

/** On a switch the node gives no addresses: it sees them in what apps say of themselves. */
export function seenSets(taps: readonly string[]): string {
  const kind = "type ipv4_addr; size 16; flags dynamic,timeout; timeout 10m;";
  return taps.map((tap) => `  set ${seenPrefix}${tap} { ${kind} }\n`).join("");
}

export function noteAddress(tap: string): string {
  return `    iifname "${tap}" arp saddr ip != 0.0.0.0 update @${seenPrefix}${tap} { arp saddr ip }\n`;
}

/** Starts the names of the sets with addresses seen; the tap's follows. */
export const seenPrefix = "seen_";

/** A plug of a local network speaks with its own addresses only. */
export function antiSpoof(plug: Plug): string {
  const lines = familyOf(plug.address) === "ip" ? antiSpoof4(plug) : antiSpoof6(plug);
  const from = `    iifname "${plug.tap}"`;
  return [`ether saddr != ${plug.mac} drop`, ...lines].map((line) => `${from} ${line}\n`).join("");
}

function antiSpoof4({ address, behind }: Plug): string[] {
  return [
    "ether type != { ip, arp } drop",
    `arp saddr ip != { ${address}, 0.0.0.0 } drop`,
    `ip saddr != { ${[address, "0.0.0.0", ...behind].join(", ")} } drop`,
  ];
}

/** Whom a neighbour says it is: the target of what it tells. */
const told = "icmpv6 type nd-neighbor-advert @th,64,128";

/**
 * Of IPv6 an app may say where it is, ask where others are and for an address, and everything else by the
 * address it was given. It is no router and sends nobody elsewhere. Within the link it may take what address it
 * likes, but not one that the node or another app has by its hardware.
 */
function antiSpoof6({ bridge, mac, address, behind }: Plug): string[] {
  const own = linkLocal(mac);
  return [
    "ether type != ip6 drop",
    "icmpv6 type { nd-router-advert, nd-redirect } drop",
    // Nobody else has the address that was given, so nobody need be asked.
    "icmpv6 type nd-neighbor-solicit ip6 saddr :: drop",
    `${told} != ${hex(own)} jump told_${bridge}`,
    `${told} != ${hex(address)} @th,64,10 != 0x3fa drop`,
    `ip6 saddr != ${own} jump said_${bridge}`,
    `ip6 saddr != { ${[address, "::", "fe80::/10", ...behind].join(", ")} } drop`,
    `${withinLink} meta l4proto icmpv6 icmpv6 type != { ${linkSays} } drop`,
    `${withinLink} meta l4proto udp udp dport != 547 drop`,
    `${withinLink} meta l4proto != { icmpv6, udp } drop`,
  ];
}

const withinLink = "ip6 saddr { ::, fe80::/10 }";
/** Routers and neighbours asked for, neighbours told, groups joined and left. */
export const linkSays = "nd-router-solicit, nd-neighbor-solicit, nd-neighbor-advert, 131, 132, 143";

/** Of a network of IPv6: addresses that are somebody's by hardware, the node's and those of its plugs. */
export function linkChains(bridge: string, macs: readonly string[]): string {
  const taken = macs.map(linkLocal);
  return `  chain told_${bridge} {
    @th,64,128 { ${taken.map(hex).join(", ")} } drop
  }
  chain said_${bridge} {
    ip6 saddr { ${taken.join(", ")} } drop
  }
`;
}

function hex(address: string): string {
  return `0x${parseAddress(address).toString(16).padStart(32, "0")}`;
}
