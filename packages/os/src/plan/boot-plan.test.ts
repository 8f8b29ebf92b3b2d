import assert from "node:assert/strict";
import { it } from "node:test";
import { bootEntry, kernelOptions } from "./boot-plan.ts";

const options = kernelOptions("b", { consoles: ["tty0", "ttyS0"], kernelArguments: ["quiet"] });

it("an entry that has proved itself has no number, one on trial has how often it may be tried", () => {
  const system = { slot: "b", version: "2.0.0", options } as const;
  assert.equal(bootEntry(system, undefined).path, "loader/entries/selvedge-b.conf");
  const { path, text } = bootEntry(system, 3);
  assert.equal(path, "loader/entries/selvedge-b+3.conf");
  assert.deepEqual(text.split("\n").slice(1, 5), [
    "sort-key selvedge",
    "version 2.0.0",
    "linux /selvedge/b/linux",
    "initrd /selvedge/b/initrd",
  ]);
});

it("a kernel mounts its own slot, reboots when it cannot, and takes the profile's arguments last", () => {
  assert.equal(options[0], "root=PARTLABEL=selvedge-b");
  assert.ok(options.includes("panic=10"));
  assert.deepEqual(options.slice(-3), ["console=tty0", "console=ttyS0", "quiet"]);
});
