/** The names of operations: what generators of clients call functions and their modules. Pure. */

/** Kinds that are plurals have none. */
export function articled(kind: string): string {
  if (/[^s]s$/.test(kind)) return ` ${kind}`;
  return /^[AEIOU]/i.test(kind) ? ` an ${kind}` : ` a ${kind}`;
}

/** `core_v1`, `rbacAuthorization_v1`, `stableExampleCom_v1`. */
export function tagOf({ group, version }: { readonly group: string; readonly version: string }): string {
  const title = groupTitle(group);
  return `${title[0]?.toLowerCase()}${title.slice(1)}_${version}`;
}

/** `CoreV1`, as names of operations have it. */
export function titleOf({ group, version }: { readonly group: string; readonly version: string }): string {
  return groupTitle(group) + capital(version);
}

export function groupTitle(group: string): string {
  const words = (group || "core").replace(/\.k8s\.io$/, "").split(/[^A-Za-z0-9_]+/);
  return words.map(capital).join("");
}

export function capital(word: string): string {
  return `${word[0]?.toUpperCase() ?? ""}${word.slice(1)}`;
}
