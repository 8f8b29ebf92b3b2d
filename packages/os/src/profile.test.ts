import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { parseProfile } from "./profile.ts";

const file = (name: string): string =>
  readFileSync(new URL(`../profiles/${name}.yaml`, import.meta.url), "utf8");
const defaults = parseProfile(file("default"), undefined);

describe("parseProfile", () => {
  it("takes the profiles of the package; the default one says everything", () => {
    assert.equal(defaults.kernel, "linux-image-amd64");
    const minimal = parseProfile(file("minimal"), defaults);
    assert.deepEqual(
      { apps: minimal.apps, tpm: minimal.tpm, suite: minimal.suite },
      { apps: false, tpm: "required", suite: "bookworm" },
    );
  });

  it("takes a file that says nothing for the default one", () => {
    assert.deepEqual(parseProfile("# as it is\n", defaults), defaults);
  });

  const refused: readonly (readonly [string, RegExp])[] = [
    ["kernal: linux-image-amd64", /^ProfileError: kernal: no such field; one of suite, /],
    ["kernel: vmlinuz", /kernel: "vmlinuz" is not a kernel's package, as linux-image-amd64/],
    ["packages: firmware-realtek", /packages: write a list of at most 500/],
    ['packages: ["a b"]', /packages\[0\]: "a b" is not the name of a Debian package/],
    ["packages: [ok, 7]", /packages\[1\]: 7 is not the name of a Debian package/],
    ["consoles: []", /consoles: write a list of 1 to 500/],
    ["apps: maybe", /apps: "maybe"; write true or false/],
    ["tpm: optional", /tpm: "optional"; write required or none/],
    ["slotMib: 12", /slotMib: 12; write a whole number from 64 to 16384/],
    ["slotMib: 100.5", /slotMib: 100.5; write a whole number/],
    ['kernelArguments: ["a init=/bin/sh"]', /kernelArguments\[0\]: .* is not one argument without blanks/],
    ["mirror: file:///etc", /mirror: "file:\/\/\/etc" is not an http or https address/],
    ["- kernel", /write fields and their values/],
    ["a: b: c", /not YAML: /],
    ["apps: true\napps: false", /not YAML: .*unique/],
  ];
  for (const [source, error] of refused)
    it(`refuses ${JSON.stringify(source)}`, () => {
      assert.throws(() => parseProfile(source, defaults), error);
    });

  it("says which field a profile without defaults lacks", () => {
    assert.throws(() => parseProfile("suite: bookworm", undefined), /mirror: missing/);
  });
});
