import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { parseFlags } from "../flags.ts";

const folder = mkdtempSync(join(tmpdir(), "selvedge-flags-"));
const digest = "ab".repeat(32);

function file(name: string, text: string): string {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
}

function parse(...more: string[]): Exclude<ReturnType<typeof parseFlags>, "help"> {
  const flags = parseFlags(["--data", "d", ...more]);
  if (flags === "help") throw new Error("help");
  return flags;
}

const policy = file("policy.yaml", "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- level: Metadata\n");

describe("flags about who may use the API", () => {
  after(() => rmSync(folder, { recursive: true }));

  it("name users by the digests of their tokens", () => {
    const lines = ["# people", `${digest},ann,7,"dev,ops"`, "", `${"cd".repeat(32)},bob,`];
    const { tokens } = parse("--token-auth-file", file("tokens.csv", lines.join("\n"))).access;
    assert.deepEqual(
      [...tokens.values()],
      [
        { name: "ann", uid: "7", groups: ["dev", "ops"] },
        { name: "bob", groups: [] },
      ],
    );
  });

  it("say what is written down, and where", () => {
    const { audit } = parse(
      "--audit-policy-file",
      policy,
      "--audit-log-path",
      "-",
      "--audit-log-maxage",
      "3",
    ).access;
    assert.equal(audit?.policy.rules[0]?.level, "Metadata");
    assert.deepEqual(
      [audit?.path, audit?.megabytesMax, audit?.backupsMax, audit?.daysMax],
      ["-", 100, 10, 3],
    );
  });

  const wrong: readonly [words: string[], message: RegExp][] = [
    [["--service-account-issuer", "http://here"], /http:\/\/here is no https URL/],
    [["--token-auth-file", join(folder, "none")], /--token-auth-file: .*none cannot be read/],
    [["--token-auth-file", file("plain.csv", "secret,ann,7\n")], /line 1 of .*plain.csv is not SHA256,USER/],
    [["--audit-log-path", "x"], /--audit-log-path: needs --audit-policy-file/],
    [["--audit-policy-file", policy], /--audit-policy-file: needs --audit-log-path/],
    [
      ["--audit-log-path", "x", "--audit-policy-file", file("bad.yaml", "kind: Policy\n")],
      /--audit-policy-file: .*bad.yaml: it must be of apiVersion/,
    ],
    [
      ["--audit-log-path", "x", "--audit-policy-file", policy, "--audit-log-maxsize", "0"],
      /--audit-log-maxsize: 0 is no whole number of at least 1/,
    ],
  ];
  for (const [words, message] of wrong) {
    it(`refuse ${message}`, () => assert.throws(() => parse(...words), message));
  }
});
