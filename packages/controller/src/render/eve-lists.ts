/** How much of an access list a box of EVE takes. */
import type { firewall } from "@selvedge/eve-api";

/**
 * EVE's agents hand an app on as JSON of at most 49,151 bytes, and one that is larger gets no list at all and does not
 * start. The rest of an app is a few thousand.
 */
export const eveListBytesMax = 40_000;

/** As many of the entries as fit, the first ones: each only allows, so what is cut off is denied. */
export function asEveTakes(acls: readonly firewall.ACE[]): readonly firewall.ACE[] {
  let left = eveListBytesMax;
  const at = acls.findIndex((entry) => {
    left -= eveJson(entry).length + 1;
    return left < 0;
  });
  return at < 0 ? acls : acls.slice(0, at);
}

/** As EVE's agents write it to each other, without what nothing of ours sets. */
export function eveJson({ name, id, dir, matches, actions }: firewall.ACE): string {
  return JSON.stringify({
    Matches: matches.map(({ type, value }) => ({ Type: type, Value: value })),
    Actions: actions.map(({ drop, limit, limitrate, limitunit, limitburst, portmap, appPort }) => ({
      ...{ Drop: drop, Limit: limit, LimitRate: limitrate, LimitUnit: limitunit, LimitBurst: limitburst },
      ...{ PortMap: portmap, TargetPort: appPort },
    })),
    ...{ Name: name, RuleID: id, Dir: dir },
  });
}
