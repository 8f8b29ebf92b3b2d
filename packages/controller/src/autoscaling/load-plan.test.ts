import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { instant, millis } from "@selvedge/base";
import type { Pod } from "@selvedge/kinds";
import { type LoadInputs, planLoad, type Sample } from "./load-plan.ts";

const now = instant(Date.parse("2026-11-01T12:00:00Z"));
const minutesAgo = (minutes: number): string => new Date(now - minutes * 60_000).toISOString();

/**
 * `r80`: ready and using 80; `u80`: never ready; `h80`: started a moment ago; `p`: pending; `m`: running, not measured;
 * `f`: failed; `d`: being deleted. After a stroke what it requests, else 1000.
 */
function podsOf(text: string): { pods: Pod[]; samples: Map<string, Sample>; requests: Map<string, number> } {
  const samples = new Map<string, Sample>();
  const requests = new Map<string, number>();
  const pods = text.split(" ").map((word, index): Pod => {
    const [, letter = "", amount = "", , request = "1000"] = /^(\w)(\d*)(\/(\d+))?$/.exec(word) ?? [];
    const name = `${letter}${index}`;
    requests.set(name, Number(request));
    if (amount !== "") samples.set(name, { at: now, window: millis(60_000), amount: Number(amount) });
    const phase = { p: "Pending", f: "Failed" }[letter] ?? "Running";
    const ready = { type: "Ready", status: letter === "u" ? "False" : "True" } as const;
    const since = letter === "h" ? 0 : 60;
    const conditions = [{ ...ready, lastTransitionTime: minutesAgo(since) }];
    const metadata = {
      name,
      namespace: "default",
      ...(letter === "d" && { deletionTimestamp: minutesAgo(1) }),
    };
    return {
      ...{ apiVersion: "v1", kind: "Pod", metadata, spec: { containers: [{ name: "c", image: "i" }] } },
      status: { phase, startTime: minutesAgo(since), conditions } as NonNullable<Pod["status"]>,
    };
  });
  return { pods, samples, requests };
}

type Row = readonly [
  text: string,
  /** In percent of what is requested; of `each`, by Pod. */
  target: number | { readonly each: number },
  current: number,
  outcome: readonly [replicas: number, percentOrAverage: number] | string,
  tolerance?: LoadInputs["tolerance"],
];

/** Upstream's own cases (replica_calculator_test.go), where they are of what Pods use. */
const rows: readonly Row[] = [
  ["r300 r500 r700", 30, 3, [5, 50]],
  ["u300 r500 r700", 30, 3, [4, 60]],
  ["h300 r500 r700", 30, 3, [4, 60]],
  ["r400 u500 u700", 30, 3, [3, 40]],
  ["r400 h500 h700", 30, 3, [3, 40]],
  ["r500 r700 f f", 30, 2, [4, 60]],
  ["r500 r700 d d", 30, 2, [4, 60]],
  ["r100 r300 r500 r250 r250", 50, 5, [3, 28]],
  ["r100 r300 r500 u250 u250", 50, 5, [2, 30]],
  ["r100 r300 r500 h250 h250", 50, 5, [2, 30]],
  ["r100 p p p p", 50, 5, [1, 10]],
  ["r100 r300 r500 r250 r250 f f", 50, 5, [3, 28]],
  ["r100 r300 r500 r250 r250 d d", 50, 5, [3, 28]],
  ["r1010/900 r1030 r1020/1100", 100, 3, [3, 102]],
  ["r4000 r9500 r3000 r7000", 100, 4, [24, 587]],
  ["r400 r95 m m", 100, 4, [3, 24]],
  ["r1000 m", 100, 2, [2, 100]],
  ["r1900 m", 100, 2, [2, 190]],
  ["r600 m", 100, 2, [2, 60]],
  ["u100 r450 m", 50, 3, [3, 45]],
  ["h100 r450 m", 50, 3, [3, 45]],
  ["u100 r2000 m", 50, 3, [4, 200]],
  ["u100 r100 r100 m", 50, 4, [3, 10]],
  ["u200 r100 r100/2000 m/2000", 300, 4, [2, 6]],
  ["r100 r100 m", 50, 2, [2, 10]],
  ["p m", 50, 2, "did not receive metrics for targeted pods (pods might be unready)"],
  ["r909/900 r1010 r1111/1100", 100, 3, [4, 101], { up: 0, down: 0 }],
  ["r1890/900 r1910 r1900/1100", 100, 3, [3, 190], { up: 2, down: 0.1 }],
  ["r1100/900 r1080 r1090/1100", 100, 3, [4, 109], { up: 0.08, down: 2 }],
  ["r660/900 r640 r650/1100", 100, 3, [3, 65], { up: 0.1, down: 0.36 }],
  ["r660/900 r640 r650/1100", 100, 3, [2, 65], { up: 0.1, down: 0.34 }],
  ["r20000 r10000 r30000", { each: 15_000 }, 3, [4, 20_000]],
  ["r12000 r12000 r12000 r12000 r12000", { each: 20_000 }, 5, [3, 12_000]],
  ["r20000 r21000 r21000", { each: 20_000 }, 3, [3, 20_666]],
  ["r20000 r21000 r21000", { each: 20_000 }, 3, [4, 20_666], { up: 0.01, down: 0.1 }],
  ["r20000 r19000 r21000 m m", { each: 20_000 }, 5, [5, 20_000]],
  ["r10000 r10000 m", { each: 17_000 }, 2, [2, 10_000]],
  // And ours: nobody requests anything; a Pod that failed counts for nothing.
  ["r100/0", 50, 1, "no metrics returned matched known pods"],
  ["r600 p", 50, 2, [2, 60]],
  ["r800 f", 50, 1, [2, 80]],
];

describe("what Pods use", () => {
  for (const [text, target, current, outcome, tolerance = { up: 0.1, down: 0.1 }] of rows) {
    const wished = typeof target === "number" ? `${target}%` : `${target.each} each`;
    it(`${text} at ${wished} of ${current} asks for ${typeof outcome === "string" ? outcome : outcome[0]}`, () => {
      const { pods, samples, requests } = podsOf(text);
      const load = planLoad({
        ...{ pods, samples, isCpu: true, current, now, tolerance },
        target: typeof target === "number" ? { percent: target, requests } : { average: target.each },
      });
      const seen =
        typeof load === "string"
          ? load
          : [load.replicas, typeof target === "number" ? load.percent : load.average];
      assert.deepEqual(seen, outcome);
    });
  }
});
