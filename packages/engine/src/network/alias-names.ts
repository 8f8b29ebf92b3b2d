/** Names of services that mean another host's. Pure. */
import type { ServiceSpec } from "./service-spec.ts";

/** Where the node answers for them, on the bridges' own addresses; resolvers of bridges ask there. */
export const aliasPort = 8753;

/** The host that each means; not those that lead back to themselves. */
export function aliasNames(services: readonly ServiceSpec[]): ReadonlyMap<string, string> {
  const all = new Map(
    services.flatMap(({ name, externalName }) =>
      externalName === undefined ? [] : [[name, externalName] as const],
    ),
  );
  const ends = (name: string): boolean => {
    const seen = new Set<string>();
    for (let at: string | undefined = name; at !== undefined; at = all.get(at)) {
      if (seen.has(at)) return false;
      seen.add(at);
    }
    return true;
  };
  return new Map([...all].filter(([name]) => ends(name)));
}
