import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/**
 * Where the modules below `root` are that `names` ask for, each after those it names in its own `depends=`;
 * kmod may not be installed. What the kernel has built in is no file, and left out.
 */
export function orderModules(root: string, names: readonly string[]): string[] {
  const byName = new Map<string, string>();
  for (const entry of readdirSync(root, { recursive: true, encoding: "utf8" })) {
    const name = /([^/]+)\.ko$/.exec(entry)?.[1];
    if (name !== undefined) byName.set(name.replaceAll("-", "_"), join(root, entry));
  }
  const ordered = new Set<string>();
  const visit = (name: string): void => {
    const path = byName.get(name.replaceAll("-", "_"));
    if (path === undefined || ordered.has(path)) return;
    const depends = /\0depends=([^\0]*)\0/.exec(readFileSync(path, "latin1"))?.[1] ?? "";
    for (const other of depends.split(",").filter((word) => word !== "")) visit(other);
    ordered.add(path);
  };
  for (const name of names) visit(name);
  return [...ordered];
}
