/** Which of the checkout's files are the engine: our packages, and libraries as npm has laid them out. Pure. */

/** A row of package-lock.json, by its path from the checkout. */
export interface LockRow {
  readonly link?: boolean;
  readonly resolved?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
}

export type LockRows = Readonly<Record<string, LockRow>>;

export interface SoftwarePlan {
  /** Of ours, as `packages/engine`. */
  readonly packages: readonly string[];
  /** Of others, as `node_modules/ws`. */
  readonly libraries: readonly string[];
  /** Names in node_modules that lead to packages of ours. */
  readonly links: readonly { readonly path: string; readonly target: string }[];
}

/**
 * All that the package needs to run, found as Node finds it: from the folder of who asks, upwards. What is
 * optional is left out: whether npm could build it depends on the machine it was installed on, and an image is
 * to be the same from each.
 */
export function planSoftware(rows: LockRows, main: string): SoftwarePlan {
  const packages = new Set<string>();
  const libraries = new Set<string>();
  const links = new Map<string, string>();
  const visit = (path: string): void => {
    const seen = path.startsWith("packages/") ? packages : libraries;
    if (seen.has(path)) return;
    const row = rows[path];
    if (row === undefined) throw new Error(`package-lock.json has no ${path}; run npm install`);
    seen.add(path);
    for (const name of Object.keys(row.dependencies ?? {})) {
      const at = find(rows, path, name);
      if (at === undefined) throw new Error(`${name}, which ${path} needs, is not in package-lock.json`);
      const target = rows[at]?.link === true ? rows[at]?.resolved : undefined;
      if (target !== undefined) links.set(at, target);
      visit(target ?? at);
    }
  };
  visit(main);
  return {
    packages: [...packages].sort(),
    libraries: [...libraries].sort(),
    links: [...links].map(([path, target]) => ({ path, target })).sort((a, b) => (a.path < b.path ? -1 : 1)),
  };
}

function find(rows: LockRows, from: string, name: string): string | undefined {
  for (let folder = from; ; ) {
    const path = `${folder === "" ? "" : `${folder}/`}node_modules/${name}`;
    if (rows[path] !== undefined) return path;
    if (folder === "") return undefined;
    const up = folder.lastIndexOf("/node_modules/");
    folder = up >= 0 ? folder.slice(0, up) : folder.startsWith("node_modules/") ? "" : parent(folder);
  }
}

function parent(folder: string): string {
  return folder.slice(0, Math.max(0, folder.lastIndexOf("/")));
}

/** Whether a file of a package of ours is for running it, and not for making or testing it. */
export function isSoftware(path: string): boolean {
  if (path === "package.json" || path === "src") return true;
  return path.startsWith("src/") && !path.endsWith(".test.ts");
}

/** Of a library: what says how it is used, and other forms of the same code, are of no use to a box. */
export function isLibrary(path: string): boolean {
  return !/\.(md|map|d\.[cm]?ts|[cm]?tsx?)$|(^|\/)(test|tests|docs|example|examples)(\/|$)/i.test(path);
}
