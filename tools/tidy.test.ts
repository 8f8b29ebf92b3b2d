/**
 * The rules no linter knows: who may import whom, how long a file may be, and where the outside world may
 * be touched. The tables here are the architecture; changing it is changing them.
 */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import {
  filesBelow,
  importsOf,
  readSource,
  resolveImport,
  root,
  type Source,
  withoutComments,
} from "./sources.ts";

/** Which of our packages a package may import. A program imports no other program. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  base: [],
  "eve-api": ["base"],
  reconcile: ["base"],
  apimachinery: ["base"],
  apiserver: ["base", "apimachinery"],
  kinds: ["base", "apimachinery"],
  client: ["base", "apimachinery", "kinds"],
  controller: ["base", "eve-api", "reconcile", "apimachinery", "apiserver", "kinds", "client"],
  engine: ["base", "eve-api", "reconcile"],
  guest: [],
  os: ["base"],
  cli: ["base", "apimachinery", "client", "kinds"],
  console: ["base", "apimachinery", "client", "kinds"],
  harness: [
    "base",
    "eve-api",
    "reconcile",
    "apimachinery",
    "apiserver",
    "kinds",
    "client",
    "controller",
    "engine",
  ],
};

/** Packages that run anywhere JavaScript does: no `node:` module. */
const isomorphic = ["base", "eve-api", "reconcile", "apimachinery", "kinds", "client"];

/** What runs in a browser. */
const inBrowser = /^packages\/console\/src\/page\//;

/**
 * Where clock, chance, environment and console may be touched: port implementations and roots of programs.
 */
const ambientAllowed = [
  /^packages\/base\/src\/system-/,
  /(^|\/)main[^/]*\.ts$/,
  /^packages\/(cli|harness|guest)\//,
  /^packages\/engine\/src\/host\//,
  // A folder named after its maker is a port's real implementation.
  /^packages\/engine\/src\/\w+\/(qemu|linux|sqfstar|tpm)\//,
  /^tools\//,
  /^tests\//,
  /^examples\//,
  /\/examples\//,
  /\.test\.ts$/,
  /\/test\//,
];

const ambient: readonly (readonly [RegExp, string])[] = [
  [/\bDate\.now\(/, "take a Clock"],
  [/\bnew Date\(\)/, "take a Clock"],
  [/\bMath\.random\(/, "take a Random"],
  [/\bprocess\.env\b/, "take a parsed option"],
  [/(?<![.\w])setTimeout\(/, "take a Clock"],
  [/(?<![.\w])setInterval\(/, "take a Clock"],
  [/\bconsole\.\w+\(/, "take a Log"],
];

const linesMax = 400;
const lineWidthMax = 120;

const sources: readonly Source[] = ["packages", "tools", "tests", "examples"]
  .filter((folder) => existsSync(join(root, folder)))
  .flatMap((folder) => filesBelow(folder, [".ts"]))
  .map(readSource);

function isTest(path: string): boolean {
  return /\.test\.ts$|\/test\/|^tests\/|^tools\//.test(path);
}

function packageOf(path: string): string | undefined {
  return /^packages\/([^/]+)\//.exec(path)?.[1];
}

describe("the import table", () => {
  it("is kept by every file", () => {
    const wrong = sources.flatMap(({ path, imports }) => imports.flatMap((name) => importFault(path, name)));
    assert.deepEqual(wrong, []);
  });

  it("names every package", () => {
    const found = new Set(sources.map(({ path }) => packageOf(path)).filter((name) => name !== undefined));
    assert.deepEqual(
      [...found].filter((name) => mayImport[name] === undefined),
      [],
    );
  });

  it("is declared in each package.json", () => {
    const wrong: string[] = [];
    for (const name of Object.keys(mayImport)) {
      for (const dependency of Object.keys(dependenciesOf(name))) {
        const ours = /^@selvedge\/(.+)$/.exec(dependency)?.[1];
        if (ours !== undefined && !mayImport[name]?.includes(ours)) wrong.push(`${name} declares ${ours}`);
      }
    }
    assert.deepEqual(wrong, []);
  });

  it("has no package that declares what none of its files imports", () => {
    const wrong = Object.keys(mayImport).flatMap((name) => {
      const folder = `packages/${name}/`;
      const used = sources.filter(({ path }) => path.startsWith(folder)).flatMap(({ imports }) => imports);
      return Object.keys(dependenciesOf(name))
        .filter((wanted) => !used.some((one) => one === wanted || one.startsWith(`${wanted}/`)))
        .map((wanted) => `${name} declares ${wanted}`);
    });
    assert.deepEqual(wrong, []);
  });

  it("leaves no cycle between files", () => {
    assert.deepEqual(findCycles(sources), []);
  });
});

function importFault(path: string, name: string): string[] {
  const own = packageOf(path);
  if (own === undefined || isTest(path)) return [];
  const ours = /^@selvedge\/([^/]+)(\/.+)?$/.exec(name);
  if (ours !== null) {
    const [, target = "", inside] = ours;
    if (inside !== undefined) return [`${path}: reaches into ${name}; import @selvedge/${target}`];
    // An example is a stranger's program.
    if (target === own && path.includes("/examples/")) return [];
    if (target === own) return [`${path}: imports its own package by name`];
    return mayImport[own]?.includes(target) ? [] : [`${path}: ${own} may not import ${target}`];
  }
  if (name.startsWith(".")) {
    const target = packageOf(resolveImport(path, name));
    return target === own ? [] : [`${path}: leaves its package with ${name}`];
  }
  if (name.startsWith("node:")) {
    const anywhere = isomorphic.includes(own) && path.includes("/src/");
    return anywhere || inBrowser.test(path) ? [`${path}: ${own} runs anywhere, ${name} does not`] : [];
  }
  return declaresDependency(own, name) ? [] : [`${path}: ${name} is not in ${own}'s package.json`];
}

function declaresDependency(own: string, name: string): boolean {
  return Object.keys(dependenciesOf(own)).some(
    (dependency) => name === dependency || name.startsWith(`${dependency}/`),
  );
}

function dependenciesOf(name: string): object {
  const { dependencies = {} } = JSON.parse(
    readFileSync(join(root, "packages", name, "package.json"), "utf8"),
  );
  return dependencies;
}

/**
 * Every cycle of relative imports that the files close, type imports included: they are a knot for the
 * reader too.
 */
function findCycles(files: readonly Source[]): string[] {
  const edges = new Map(
    files.map(({ path, imports }) => [
      path,
      imports.filter((name) => name.startsWith(".")).map((name) => resolveImport(path, name)),
    ]),
  );
  const done = new Set<string>();
  const cycles: string[] = [];
  const visit = (path: string, trail: string[]): void => {
    if (trail.includes(path)) cycles.push([...trail.slice(trail.indexOf(path)), path].join(" -> "));
    if (done.has(path) || trail.includes(path)) return;
    for (const next of edges.get(path) ?? []) visit(next, [...trail, path]);
    done.add(path);
  };
  for (const path of edges.keys()) visit(path, []);
  return cycles;
}

describe("every source file", () => {
  const written = [...sources, ...filesBelow("packages", [".c", ".h", ".sh"]).map(readSource)];

  it(`has at most ${linesMax} lines of at most ${lineWidthMax} characters`, () => {
    const wrong = written.flatMap(({ path, text }) => {
      const lines = text.split("\n");
      const wide = lines.findIndex((line) => line.length > lineWidthMax);
      return [
        ...(lines.length - 1 > linesMax ? [`${path}: ${lines.length - 1} lines`] : []),
        ...(wide >= 0 ? [`${path}:${wide + 1}: ${lines[wide]?.length} characters`] : []),
      ];
    });
    assert.deepEqual(wrong, []);
  });

  it("touches the outside world only where a port is implemented", () => {
    const wrong = sources
      .filter(({ path }) => !ambientAllowed.some((allowed) => allowed.test(path)))
      .flatMap(({ path, text }) => {
        const lines = withoutComments(text).split("\n");
        return ambient.flatMap(([pattern, mend]) => {
          const at = lines.findIndex((line) => pattern.test(line));
          return at < 0 ? [] : [`${path}:${at + 1}: ${pattern.source}: ${mend}`];
        });
      });
    assert.deepEqual(wrong, []);
  });

  it("leaves nothing for later and hides nothing", () => {
    const marks = new RegExp(
      ["TO" + "DO", "FIX" + "ME", "X" + "XX"].map((word) => `\\b${word}\\b`).join("|"),
    );
    const wrong = written
      .filter(({ path, text }) => !path.startsWith("tools/") && marks.test(text))
      .map(({ path }) => path);
    const stars = sources
      .filter(({ text }) => /^export \* from/m.test(withoutComments(text)))
      .map(({ path }) => path);
    const only = sources.filter(({ text }) => /\b(?:it|test|describe)\.only\(/.test(withoutComments(text)));
    assert.deepEqual(
      { wrong, stars, only: only.map(({ path }) => path) },
      { wrong: [], stars: [], only: [] },
    );
  });
});

describe("the tidy test itself", () => {
  it("sees imports that span lines, and none in comments", () => {
    const text = [
      ...["import {", "  a,", '} from "one";', 'export { b } from "two";'],
      ...['// from "three"', 'await import("four");', 'get("from", "x");'],
    ].join("\n");
    assert.deepEqual(importsOf(text), ["one", "two", "four"]);
  });

  it("finds a cycle", () => {
    const file = (path: string, ...imports: string[]): Source => ({ path, text: "", imports });
    assert.deepEqual(
      findCycles([file("a/x.ts", "./y.ts"), file("a/y.ts", "./x.ts"), file("a/z.ts", "./x.ts")]),
      ["a/x.ts -> a/y.ts -> a/x.ts"],
    );
  });
});
