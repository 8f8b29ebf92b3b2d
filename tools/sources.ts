import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";

/** One source file of ours, with what it imports. */
export interface Source {
  /** From the root of the repo. */
  readonly path: string;
  readonly text: string;
  readonly imports: readonly string[];
}

export const root: string = resolve(import.meta.dirname, "..");

const left = new Set(["node_modules", ".git", "gen", "testdata", ".cache"]);

/**
 * Every file of the repo below `folder` whose name ends in one of `endings`, generated code and test data
 * left out.
 */
export function filesBelow(folder: string, endings: readonly string[]): string[] {
  const found: string[] = [];
  for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
    if (left.has(entry.name)) continue;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) found.push(...filesBelow(path, endings));
    else if (endings.some((ending) => entry.name.endsWith(ending))) found.push(path);
  }
  return found;
}

export function readSource(path: string): Source {
  const text = readFileSync(join(root, path), "utf8");
  return { path, text, imports: importsOf(text) };
}

/** The module names in every `import` and `export … from`, over several lines too. */
export function importsOf(text: string): string[] {
  const code = withoutComments(text);
  const names: string[] = [];
  for (const match of code.matchAll(/(?<!["\w.])(?:from|import)\s*\(?\s*"([^"\n]+)"/g)) {
    if (match[1] !== undefined) names.push(match[1]);
  }
  return names;
}

/**
 * Blanks out comments, so that prose about a rule does not break it. Strings that hold `//` keep what
 * follows.
 */
export function withoutComments(text: string): string {
  return text.replace(
    /("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`)|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g,
    (whole, kept) => (kept === undefined ? whole.replace(/[^\n]/g, " ") : whole),
  );
}

/** The file that a relative import names, from the root of the repo. */
export function resolveImport(from: string, name: string): string {
  return relative(root, resolve(root, dirname(from), name));
}
