/** What a file exports, another reads. What only its own file reads is its own: the compiler says when nobody does. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { filesBelow, readSource, resolveImport, type Source, withoutComments } from "./sources.ts";

interface Reading {
  /** From the root of the repo. */
  readonly file: string;
  readonly names: readonly string[];
}

/** Of a file that is read as a whole, by `import()` or `import * as`. */
const everything = "*";

/** What a file reads of others of ours, by `import` and `export … from`. */
function readingsOf({ path, text }: Source): Reading[] {
  const code = withoutComments(text);
  const named = code.matchAll(/\b(?:import|export)\s+(?:type\s+)?(\*|[^"'();]*?)\s*from\s+"([^"\n]+)"/g);
  const whole = code.matchAll(/\bimport\(\s*"([^"\n]+)"\s*\)/g);
  return [
    ...[...named].map(([, names = "", from = ""]) => ({ file: fileOf(path, from), names: namesIn(names) })),
    ...[...whole].map(([, from = ""]) => ({ file: fileOf(path, from), names: [everything] })),
  ];
}

function fileOf(path: string, from: string): string {
  const ours = /^@selvedge\/([^/]+)$/.exec(from)?.[1];
  return ours === undefined ? resolveImport(path, from) : `packages/${ours}/src/index.ts`;
}

function namesIn(clause: string): string[] {
  const list = /\{([^}]*)\}/.exec(clause)?.[1];
  if (list === undefined) return [everything];
  return list.split(",").map((item) => /^\s*(?:type\s+)?(\w+)/.exec(item)?.[1] ?? "");
}

/** Functions, classes and values; a type may stand beside the function that speaks of it. */
function exportsOf({ text }: Source): string[] {
  const made = /^export (?:async )?(?:abstract )?(?:const|function\*?|class) (\w+)/gm;
  return [...withoutComments(text).matchAll(made)].map(([, name = ""]) => name);
}

function unread(sources: readonly Source[]): string[] {
  const read = new Map<string, Set<string>>();
  for (const { file, names } of sources.flatMap(readingsOf))
    read.set(file, (read.get(file) ?? new Set()).union(new Set(names)));
  return sources.flatMap((source) => {
    const names = read.get(source.path) ?? new Set();
    if (names.has(everything)) return [];
    return exportsOf(source).flatMap((name) => (names.has(name) ? [] : [`${source.path}: ${name}`]));
  });
}

describe("exports", () => {
  it("have a reader in another file", () => {
    const folders = ["packages", "tools", "tests", "examples"];
    assert.deepEqual(unread(folders.flatMap((folder) => filesBelow(folder, [".ts"])).map(readSource)), []);
  });

  it("are read by name, over an index, or as a whole", () => {
    const file = (path: string, ...lines: string[]): Source => ({
      path,
      text: lines.join("\n"),
      imports: [],
    });
    assert.deepEqual(
      unread([
        file("a/one.ts", "export const a = 1;", "export function b() {}", "export class C {}"),
        file("a/two.ts", "import { type C as D,", '  a } from "./one.ts";', "export const d = 1;"),
        file("packages/p/src/index.ts", 'export { e } from "./e.ts";'),
        file("packages/p/src/e.ts", "export const e = 1;", "export const f = 1;"),
        file("a/three.ts", 'await import("./two.ts"); // import { b } from "./one.ts"'),
      ]),
      ["a/one.ts: b", "packages/p/src/e.ts: f"],
    );
  });
});
