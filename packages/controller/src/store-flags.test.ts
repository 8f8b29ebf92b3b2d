import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { parseEncryptionKeys } from "./encryption-keys.ts";
import { databaseUrl, parseFlags, parseUpkeepFlags } from "./flags.ts";

const key = Buffer.alloc(32, 7).toString("base64");
const short = Buffer.alloc(31, 7).toString("base64");

const files: readonly (readonly [what: string, text: string, expected: readonly string[] | RegExp])[] = [
  ["one key", `2026 ${key}\n`, ["2026"]],
  ["the newest first, with remarks", `# new\n b ${key} \n\na ${key}\n`, ["b", "a"]],
  ["nothing", "\n# none\n", /f has 0 keys/],
  ["a key that is too short", `a ${short}\n`, /line 1 of f is not NAME BASE64 with 32 bytes/],
  ["a name that is none", `a:b ${key}\n`, /line 1 of f is not/],
  ["a name twice", `a ${key}\na ${key}\n`, /line 2 of f names a again/],
];

for (const [what, text, expected] of files) {
  test(`encryption keys: ${what}`, () => {
    if (expected instanceof RegExp) {
      assert.throws(() => parseEncryptionKeys(text, "f"), expected);
      // What is wrong with a key is said without it.
      assert.throws(
        () => parseEncryptionKeys(text, "f"),
        ({ message }: Error) => !message.includes(key.slice(0, 20)),
      );
    } else
      assert.deepEqual(
        parseEncryptionKeys(text, "f").map(({ id }) => id),
        expected,
      );
  });
}

test("the database is a URL, or a file with one", () => {
  const folder = mkdtempSync(join(tmpdir(), "selvedge-flags-"));
  const file = join(folder, "url");
  try {
    assert.equal(databaseUrl("postgresql://h/d"), "postgresql://h/d");
    writeFileSync(file, "postgres://u:p@h/d\n");
    assert.equal(databaseUrl(file), "postgres://u:p@h/d");
    writeFileSync(file, "mysql://h/d\n");
    assert.throws(() => databaseUrl(file), /--database: the first line of .* is no URL like postgres:/);
    assert.throws(() => databaseUrl(join(folder, "none")), /neither a postgres:\/\/ URL nor a file/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

const refused: readonly (readonly [act: () => unknown, RegExp])[] = [
  [() => parseFlags(["--data", "d", "--peer", "0.0.0.0:1"]), /--peer: nobody can dial 0\.0\.0\.0/],
  [() => parseUpkeepFlags("backup", ["--data", "d"]), /--output: a file is needed/],
  [() => parseUpkeepFlags("restore", ["--input", "f"]), /--data: the controller's folder is needed/],
  [() => parseUpkeepFlags("restore", ["--data", "d", "--output", "f"]), /Unknown option '--output'/],
];

for (const [act, message] of refused) test(`refused: ${message.source}`, () => assert.throws(act, message));
