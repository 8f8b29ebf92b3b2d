/**
 * Makes src/gen from proto/: `node packages/eve-api/generate.ts [OUT]`. The result is committed, so that nobody needs
 * the compiler to build; a test makes it again and compares. Needs protoc (Debian: protobuf-compiler, libprotobuf-dev).
 * Where there is no compiler, the checksums left beside the code still tell that one of the two was changed alone.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

const here: string = import.meta.dirname;

export function generate(out: string): void {
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  const proto = join(here, "proto");
  execFileSync(
    "protoc",
    [
      `--plugin=protoc-gen-es=${join(here, "../../node_modules/.bin/protoc-gen-es")}`,
      `--es_out=${out}`,
      "--es_opt=target=ts,import_extension=ts,erasable_syntax=true",
      `--proto_path=${proto}`,
      ...globSync("**/*.proto", { cwd: proto }).sort(),
    ],
    { stdio: ["ignore", "inherit", "inherit"] },
  );
  writeFileSync(join(out, checksumsFile), `${JSON.stringify(checksums(out), undefined, 2)}\n`);
}

export const checksumsFile = "checksums.json";

/** SHA-256 over the names and the text of all schemas, and of all code made from them. */
export function checksums(code: string): { readonly proto: string; readonly code: string } {
  return { proto: checksum(join(here, "proto"), "**/*.proto"), code: checksum(code, "**/*.ts") };
}

function checksum(folder: string, pattern: string): string {
  const hash = createHash("sha256");
  for (const path of globSync(pattern, { cwd: folder }).sort()) {
    const text = readFileSync(join(folder, path));
    hash.update(`${path}\n${text.length}\n`).update(text);
  }
  return hash.digest("hex");
}

if (import.meta.main) generate(resolve(process.argv[2] ?? join(here, "src", "gen")));
