/**
 * Makes src/gen from proto/: `node packages/eve-api/generate.ts [OUT]`. The result is committed, so that
 * nobody needs the
 * compiler to build; a test makes it again and compares. Needs protoc (Debian: protobuf-compiler, libprotobuf-dev).
 */
import { execFileSync } from "node:child_process";
import { globSync, mkdirSync, rmSync } from "node:fs";
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
}

if (import.meta.main) generate(resolve(process.argv[2] ?? join(here, "src", "gen")));
