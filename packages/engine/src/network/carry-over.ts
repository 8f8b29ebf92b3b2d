/** What `nft -j list table` tells, as far as we ask. */
export interface NftListing {
  readonly nftables: readonly {
    readonly table?: { readonly family: string; readonly name: string };
    readonly counter?: { readonly name: string; readonly packets: number; readonly bytes: number };
    readonly set?: {
      readonly name: string;
      readonly table: string;
      readonly type?: unknown;
      readonly elem?: readonly unknown[];
    };
  }[];
}

/** Starts the name of an empty set that says by which rules its table was made; JSON has no comments. */
const markPrefix = "rules_";

/** By which rules a table was made; undefined: not by ours. */
export function tableDigest({ nftables }: NftListing): string | undefined {
  const mark = nftables.find(({ set }) => set?.name.startsWith(markPrefix));
  return mark?.set?.name.slice(markPrefix.length);
}

/**
 * The ruleset with the marks by which its tables are known again, with the counts of those counters that stay
 * and the addresses that their resolvers found for domains: replacing the rules must neither set a counter
 * back nor cut off what an app looked up a minute ago. Pure.
 */
export function carryOver(ruleset: string, digest: string, before: readonly NftListing[]): string {
  let text = ruleset.replace(
    /^(table \S+ \S+ \{\n)/gm,
    `$1  set ${markPrefix}${digest} { type inet_service; }\n`,
  );
  for (const { nftables } of before)
    for (const { counter, set } of nftables) {
      if (counter !== undefined)
        text = text.replace(
          `  counter ${counter.name} { }\n`,
          `  counter ${counter.name} { packets ${counter.packets} bytes ${counter.bytes} }\n`,
        );
      if (set?.elem === undefined || !text.includes(`  set ${set.name} { type ${set.type};`)) continue;
      const addresses = set.elem.filter((it) => typeof it === "string");
      if (addresses.length > 0)
        text += `add element inet ${set.table} ${set.name} { ${addresses.join(", ")} }\n`;
    }
  return text;
}
