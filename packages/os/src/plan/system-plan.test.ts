import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { parseProfile } from "../profile.ts";
import type { SystemFile } from "./system-file.ts";
import { packagesOf, systemFiles } from "./system-plan.ts";

const source = readFileSync(new URL("../../profiles/default.yaml", import.meta.url), "utf8");
const profile = parseProfile(source, undefined);
const facts = { version: "1.2.3", osRelease: 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\n' };
const files = (change: object): ReadonlyMap<string, SystemFile["content"]> =>
  new Map(systemFiles({ ...profile, ...change }, facts).map(({ path, content }) => [path, content]));
const textOf = (path: string, change: object = {}): string => {
  const content = files(change).get(path);
  return content !== undefined && "text" in content ? content.text : assert.fail(`${path} is no text`);
};

describe("what is in a slot", () => {
  it("is QEMU only where apps run, and each package once", () => {
    const with_ = packagesOf({ ...profile, packages: ["udev", "firmware-realtek"] });
    assert.ok(with_.includes("qemu-system-x86") && with_.includes("firmware-realtek"));
    assert.equal(new Set(with_).size, with_.length);
    assert.ok(!packagesOf({ ...profile, apps: false }).some((name) => name.startsWith("qemu")));
  });

  it("names no file twice", () => {
    const paths = systemFiles(profile, facts).map(({ path }) => path);
    assert.equal(new Set(paths).size, paths.length);
  });

  it("lets nobody log in", () => {
    for (const unit of ["getty@", "serial-getty@", "autovt@", "console-getty", "debug-shell", "rescue"])
      assert.deepEqual(files({}).get(`/etc/systemd/system/${unit}.service`), { link: "/dev/null" });
  });

  const engine = "/etc/systemd/system/selvedge-engine.service";
  const rows: readonly (readonly [string, object, RegExp, boolean])[] = [
    [
      "waits for a TPM where the profile asks for one",
      { tpm: "required" },
      /--tpm device:\/dev\/tpmrm0/,
      true,
    ],
    ["keeps keys in a file where it asks for none", { tpm: "none" }, /--tpm none/, true],
    ["runs apps with the guest", { apps: true }, /--guest \/usr\/lib\/selvedge\/guest/, true],
    ["runs none without", { apps: false }, /--guest/, false],
    ["is started again for ever", {}, /Restart=always[\s\S]*/, true],
    ["is given up by nothing", {}, /StartLimitIntervalSec=0/, true],
  ];
  for (const [what, change, form, there] of rows)
    it(`the engine ${what}`, () => {
      assert.equal(form.test(textOf(engine, change)), there);
    });

  it("says what it is, and what it is made of", () => {
    assert.deepEqual(textOf("/usr/lib/os-release").split("\n").slice(0, 4), [
      'PRETTY_NAME="Selvedge 1.2.3 (Debian GNU/Linux 12 (bookworm))"',
      "IMAGE_ID=selvedge",
      "IMAGE_VERSION=1.2.3",
      "ID=debian",
    ]);
  });

  it("keeps state alone: everything else is read-only or gone after a boot", () => {
    const mounts = textOf("/etc/fstab")
      .trim()
      .split("\n")
      .map((line) => line.split(" "));
    const written = mounts.filter(([, , type, options]) => type !== "tmpfs" && !options?.startsWith("ro"));
    assert.deepEqual(
      written.map(([, at]) => at),
      ["/state", "/efi"],
    );
    for (const [, at, , options] of mounts)
      for (const word of ["nodev", "nosuid"]) assert.ok(options?.split(",").includes(word), `${at}: ${word}`);
  });
});
