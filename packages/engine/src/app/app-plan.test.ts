import assert from "node:assert/strict";
import { test } from "node:test";
import { ext } from "@selvedge/eve-api";
import { containersToStart, podPhase } from "./app-plan.ts";
import type { ContainerRun } from "./hypervisor.ts";

const running: ContainerRun = { phase: "running" };
const exited = (code: number): ContainerRun => ({ phase: "exited", code, signal: 0, outOfMemory: false });
const { ALWAYS: always, ON_FAILURE: onFailure, NEVER: never } = ext.RestartPolicy;

const cases: [
  string,
  ContainerRun | undefined,
  ContainerRun | undefined,
  ext.RestartPolicy,
  number[],
  string,
][] = [
  ["init first", undefined, undefined, always, [1], "Pending"],
  ["init runs", running, undefined, always, [], "Pending"],
  ["init failed for good", exited(1), undefined, never, [], "Failed"],
  ["init again", exited(1), undefined, onFailure, [1], "Pending"],
  ["main after init", exited(0), undefined, always, [2], "Pending"],
  ["main runs", exited(0), running, always, [], "Running"],
  ["always again", exited(0), exited(0), always, [2], "Running"],
  ["done", exited(0), exited(0), onFailure, [], "Succeeded"],
  ["failed again", exited(0), exited(3), onFailure, [2], "Running"],
  ["failed for good", exited(0), exited(3), never, [], "Failed"],
];

for (const [name, init, main, policy, starts, phase] of cases) {
  test(name, () => {
    const views = [
      { index: 1, init: true, run: init },
      { index: 2, init: false, run: main },
    ];
    assert.deepEqual(containersToStart(views, policy), starts);
    assert.equal(podPhase(views, policy), phase);
  });
}
