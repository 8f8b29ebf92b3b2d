import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ContainerState, Pod, PodStatus } from "@selvedge/kinds";
import { isRunning, isWanted, podState, stateText } from "./pod-state.ts";

function pod(status: PodStatus, more: { nodeName?: string; deletionTimestamp?: string } = {}): Pod {
  const { nodeName = "box", ...meta } = more;
  const metadata = { name: "a", namespace: "shop", ...meta };
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata,
    spec: { containers: [{ name: "main" }], nodeName },
    status,
  };
}

const waits = (reason: string, message = ""): PodStatus => ({
  phase: "Pending",
  containerStatuses: [
    {
      name: "main",
      ready: false,
      restartCount: 0,
      image: "x",
      imageID: "",
      state: { waiting: { reason, message } },
    },
  ],
});
const ready = (status: "True" | "False" | "Unknown", more: object = {}): PodStatus => ({
  phase: "Running",
  conditions: [{ type: "Ready", status, ...more }],
});

describe("an app in words", () => {
  const rows: readonly (readonly [string, Pod, string, string, RegExp])[] = [
    ["runs", pod(ready("True")), "good", "Running", /^$/],
    [
      "runs and does not serve",
      pod(ready("False", { message: "probe fails" })),
      "busy",
      "Running, not ready",
      /probe/,
    ],
    ["is on a silent node", pod(ready("Unknown", { message: "not heard" })), "idle", "Unknown", /not heard/],
    [
      "has no node",
      pod(
        { conditions: [{ type: "PodScheduled", status: "False", message: "0 of 3 fit" }] },
        { nodeName: "" },
      ),
      "busy",
      "Waiting for a node",
      /0 of 3/,
    ],
    [
      "cannot get its image",
      pod(waits("ErrImagePull", "no such image")),
      "bad",
      "Err image pull",
      /^main: no such image$/,
    ],
    ["is being made", pod(waits("ContainerCreating")), "busy", "Starting", /^$/],
    ["falls again and again", pod(waits("CrashLoopBackOff")), "bad", "Crash loop back off", /^main$/],
    [
      "is on its way out",
      pod(ready("True"), { deletionTimestamp: "2026-11-01T00:00:00Z" }),
      "busy",
      "Stopping",
      /ends/,
    ],
    ["is done", pod({ phase: "Succeeded" }), "idle", "Done", /^$/],
    [
      "was sent off",
      pod({ phase: "Failed", reason: "Evicted", message: "no room" }),
      "bad",
      "Evicted",
      /no room/,
    ],
  ];
  for (const [what, one, tone, word, why] of rows) {
    it(`says of one that ${what}: ${word}`, () => {
      const found = podState(one);
      assert.deepEqual([found.tone, found.word], [tone, word]);
      assert.match(found.why, why);
    });
  }

  it("counts what is wanted and what runs", () => {
    const all = [
      pod(ready("True")),
      pod({ phase: "Succeeded" }),
      pod(ready("False")),
      pod(ready("True"), { deletionTimestamp: "x" }),
    ];
    assert.deepEqual([all.filter(isWanted).length, all.filter(isWanted).filter(isRunning).length], [2, 1]);
  });
});

describe("a container in words", () => {
  const rows: readonly (readonly [ContainerState | undefined, string, string])[] = [
    [{ running: { startedAt: "2026-11-01T00:00:00Z" } }, "Running", ""],
    [{ terminated: { exitCode: 0, reason: "Completed" } }, "Done", ""],
    [{ terminated: { exitCode: 3, reason: "Error" } }, "Failed", "ended with exit code 3"],
    [
      { terminated: { exitCode: 137, signal: 9, reason: "OOMKilled" } },
      "Failed",
      "OOM killed: ended by signal 9",
    ],
    [{ waiting: { reason: "ImagePullBackOff", message: "no" } }, "Image pull back off", "no"],
    [undefined, "Waiting", ""],
  ];
  for (const [state, word, why] of rows) {
    it(`says ${word} ${why}`, () => {
      const found = stateText(state);
      assert.deepEqual([found.word, found.why], [word, why]);
    });
  }
});
