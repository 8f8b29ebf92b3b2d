/** What is remembered of packets that were not let through, as sets of nftables. Pure. */

import { addressType, type Family } from "./address.ts";
import type { Plug } from "./plug.ts";

/** Denials that have chains and sets of their own: places of entries that drop. */
export function droppingPlaces({ rules }: Plug): number[] {
  return rules.flatMap(({ action }, at) => (action.kind === "drop" ? [at] : []));
}

/** Flows of one cause that are remembered until somebody asks. */
const deniedMax = 4096;

export function deniedSets(plug: Plug, family: Family): string {
  const address = addressType[family];
  const ports = { flows: " . inet_service . inet_service", others: "" };
  const all = (["flows", "others"] as const).flatMap((kind) =>
    [undefined, ...droppingPlaces(plug)].map(
      (at) => `  set ${deniedSet(kind, plug, at)} {
    type ${address} . ${address} . inet_proto${ports[kind]}
    size ${deniedMax}; flags dynamic,timeout; timeout 10m; counter
  }
`,
    ),
  );
  return all.join("");
}

export function deniedSet(kind: "flows" | "others", { tap }: Plug, at: number | undefined): string {
  return `denied_${kind}_${tap}_${at === undefined ? 0 : at + 1}`;
}

/** What a set of denied flows is about: the place of the entry, from 1; 0: none allowed it. */
export function placeOfDenied(set: string): number | undefined {
  const place = /^denied_(?:flows|others)_\w+_(\d+)$/.exec(set)?.[1];
  return place === undefined ? undefined : Number(place);
}
