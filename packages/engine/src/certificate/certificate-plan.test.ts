import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Asked, certificatePhase, nextCertificateStep, type Validity } from "./certificate-plan.ts";

const hour = 3_600_000;
const life: Validity = { from: 0, to: 100 * hour };
const failed = (at: number): Asked => ({ at, result: { error: "no" } });

describe("a certificate", () => {
  const rows: readonly (readonly [string, Validity | undefined, Asked | undefined, number, string])[] = [
    ["is asked for when there is none", undefined, undefined, hour, "ask"],
    ["is asked for again when the authority refused", undefined, failed(0), 300_000, "ask"],
    ["not at once", undefined, failed(0), 299_000, "wait 1000"],
    ["is asked after while somebody decides", undefined, { at: 0, result: "pending" }, 300_000, "ask"],
    ["is left alone in the first part of its life", life, undefined, 40 * hour, `wait ${10 * hour}`],
    ["is looked at each day at least", life, undefined, hour, `wait ${24 * hour}`],
    ["is replaced in the second", life, undefined, 50 * hour, "renew"],
    ["is asked for again when that failed", life, failed(50 * hour), 50 * hour + 300_000, "renew"],
    [
      "is left alone just after it was given",
      life,
      { at: 60 * hour, result: "granted" },
      60 * hour,
      "wait 300000",
    ],
    ["is begun anew once it has run out", life, failed(50 * hour), 100 * hour, "ask"],
  ];
  for (const [name, validity, asked, now, wanted] of rows)
    it(name, () => {
      const step = nextCertificateStep({ validity, asked, now, renewAtPercent: 50, retryMs: 300_000 });
      assert.equal(step.do === "wait" ? `wait ${step.ms}` : step.renews ? "renew" : "ask", wanted);
    });

  const phases: readonly (readonly [string, Validity | undefined, Asked | undefined, number])[] = [
    ["pending", undefined, undefined, 0],
    ["pending", undefined, { at: 0, result: "pending" }, 0],
    ["failed", undefined, failed(0), 0],
    ["available", life, undefined, hour],
    ["available", life, { at: 0, result: "granted" }, hour],
    ["renewal-pending", life, { at: 0, result: "pending" }, 60 * hour],
    ["renewal-failed", life, failed(0), 60 * hour],
    ["expired", life, failed(0), 100 * hour],
  ];
  for (const [phase, validity, asked, now] of phases)
    it(`is ${phase} ${validity === undefined ? "without one" : `at ${now / hour} h`}`, () =>
      assert.equal(certificatePhase(validity, asked, now), phase));
});
