/**
 * The files of the page, all in memory: a path that is not in the table does not exist, so there is nothing
 * to climb out of. TypeScript is served as it is written, without its types; a browser finds libraries by the
 * import map, which is the only thing in the page that is not a file of its own, and is allowed by its hash.
 */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { findPackageJSON, stripTypeScriptTypes } from "node:module";
import { dirname, join, relative, sep } from "node:path";

export interface Asset {
  readonly type: string;
  readonly body: Uint8Array;
  readonly tag: string;
}

/** What the page is made of, and the page itself for a nonce of its styles. */
export interface Assets {
  readonly files: ReadonlyMap<string, Asset>;
  readonly page: (nonce: string) => string;
  /** Content-Security-Policy's source for the import map. */
  readonly importMapHash: string;
}

const types = { script: "text/javascript", style: "text/css", picture: "image/svg+xml" } as const;
const page = join(import.meta.dirname, "../page");

/** Packages of ours that the page runs, by the folder that their index is in. */
const ours = { "@selvedge/base": "base", "@selvedge/client": "client" } as const;

/** Files of libraries, by what the page imports. */
const libraries: Readonly<Record<string, readonly [from: string, file: string]>> = {
  "lit-html": ["lit-html", "lit-html.js"],
  "lit-html/directive.js": ["lit-html", "directive.js"],
  "lit-html/directive-helpers.js": ["lit-html", "directive-helpers.js"],
  "lit-html/directives/live.js": ["lit-html", "directives/live.js"],
  "lit-html/directives/repeat.js": ["lit-html", "directives/repeat.js"],
  "@xterm/xterm": ["@xterm/xterm", "lib/xterm.mjs"],
  "@xterm/addon-fit": ["@xterm/addon-fit", "lib/addon-fit.mjs"],
};

export function readAssets(): Assets {
  const files = new Map<string, Asset>();
  const imports: Record<string, string> = {};
  const add = (path: string, type: string, body: Buffer): void => {
    const tag = `"${createHash("sha256").update(body).digest("base64url")}"`;
    files.set(path, { type: `${type}; charset=utf-8`, body, tag });
  };
  const addModules = (folder: string, at: string): void => {
    for (const file of modulesBelow(folder)) {
      const code = stripTypeScriptTypes(readFileSync(file, "utf8"));
      add(`${at}/${relative(folder, file).replaceAll(sep, "/")}`, types.script, Buffer.from(code));
    }
  };
  addModules(page, "/console/page");
  for (const [name, short] of Object.entries(ours)) {
    addModules(join(folderOf(name), "src"), `/console/${short}`);
    imports[name] = `/console/${short}/index.ts`;
  }
  for (const [name, [from, file]] of Object.entries(libraries)) {
    const path = `/console/lib/${from}/${file}`;
    add(path, types.script, readFileSync(join(folderOf(from), file)));
    imports[name] = path;
  }
  add("/console/xterm.css", types.style, readFileSync(join(folderOf("@xterm/xterm"), "css/xterm.css")));
  add("/console/style.css", types.style, readFileSync(join(page, "style.css")));
  add("/console/icon.svg", types.picture, readFileSync(join(page, "icon.svg")));
  const importMap = JSON.stringify({ imports });
  const shell = readFileSync(join(page, "index.html"), "utf8").replace('"IMPORT-MAP"', () => importMap);
  return {
    files,
    page: (nonce) => shell.replaceAll("NONCE", nonce),
    importMapHash: `'sha256-${createHash("sha256").update(importMap).digest("base64")}'`,
  };
}

/** Where a package that we depend on is. */
function folderOf(name: string): string {
  const file = findPackageJSON(name, import.meta.url);
  if (file === undefined) throw new Error(`the package ${name} is not installed: run npm ci`);
  return dirname(file);
}

function modulesBelow(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".ts") && !entry.name.endsWith(".test.ts"))
    .map((entry) => join(entry.parentPath, entry.name));
}
