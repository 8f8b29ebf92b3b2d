import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, it } from "node:test";
import type { AllowedMeasurements } from "@selvedge/kinds";
import { measurementFault } from "../gateway/measured-boot.ts";

const value = (text: string): string => createHash("sha256").update(text).digest("hex");
const measured = {
  ...{ system: "14.5.0-kvm-amd64", firmware: "ACME-1.0-01/01/2024" },
  registers: { 0: value("firmware"), 4: value("loader"), 14: value("configuration") },
};

describe("what a node may run", () => {
  const rows: readonly (readonly [string, readonly AllowedMeasurements[], RegExp | undefined])[] = [
    ["all registers named as they are", [{ registers: measured.registers }], undefined],
    ["one of them", [{ registers: { 4: value("loader") } }], undefined],
    ["in capitals", [{ registers: { 4: value("loader").toUpperCase() } }], undefined],
    ["for this system", [{ system: "14.5.0-*", registers: { 4: value("loader") } }], undefined],
    ["for its very name", [{ system: measured.system, registers: { 4: value("loader") } }], undefined],
    ["in the middle", [{ firmware: "ACME-*-01/01/*", registers: { 4: value("loader") } }], undefined],
    [
      "for another system",
      [{ system: "14.6.0-*", registers: {} }],
      /allows nothing for system "14.5.0-kvm-amd64"/,
    ],
    ["for a longer name", [{ system: "*-arm64", registers: {} }], /allows nothing/],
    ["for another firmware", [{ firmware: "OTHER*", registers: {} }], /on firmware "ACME/],
    ["another loader", [{ registers: { 4: value("evil"), 0: value("firmware") } }], /: 4 is [0-9a-f]{64}$/],
    ["one that was not quoted", [{ registers: { 7: value("x") } }], /7 is not quoted/],
    ["one of several", [{ registers: { 4: value("x") } }, { registers: { 4: value("loader") } }], undefined],
    [
      "none of several",
      [{ registers: { 0: value("x"), 4: value("x") } }, { registers: { 4: value("x") } }],
      /: 4 is \S+$/,
    ],
  ];
  for (const [what, allowed, says] of rows) {
    it(`${what}: ${says === undefined ? "is taken" : "is not"}`, () => {
      const fault = measurementFault({ allowed: [...allowed] }, measured);
      if (says === undefined) assert.equal(fault, undefined);
      else assert.match(fault ?? "", says);
    });
  }
});
