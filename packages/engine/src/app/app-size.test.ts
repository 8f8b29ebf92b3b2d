import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create } from "@bufbuild/protobuf";
import { instant } from "@selvedge/base";
import { ext } from "@selvedge/eve-api";
import type { AppId, AppSpec } from "../desired.ts";
import type { ContentStatus } from "../observed.ts";
import { type AppInputs, planApp } from "./app-plan.ts";
import { type AppRecord, decodeRecord, encodeRecord, newRecord } from "./app-record.ts";
import { type Room, resizeWord, settledSize, sizeOf, withSize } from "./app-size.ts";
import { machineFingerprint } from "./container-config.ts";

const mib = 2 ** 20;

function spec(memoryMib: number, more: Partial<AppSpec> = {}, image = "i"): AppSpec {
  const resources = {
    ...{ cpuRequestMillis: 100n, cpuLimitMillis: 500n },
    ...{ memoryRequestBytes: 0n, memoryLimitBytes: BigInt(memoryMib * mib) },
  };
  return {
    ...{ id: "a" as AppId, version: "1", revision: `${memoryMib}`, displayName: "d/a", active: true },
    ...{ restartCounter: 0, purgeCounter: 0, foreign: undefined, vcpus: 1, nics: [] },
    memoryBytes: memoryMib * mib,
    pod: create(ext.AppExtensionSchema, {
      restartPolicy: ext.RestartPolicy.ALWAYS,
      containers: [{ name: "main", image, contentTreeId: "c", resources }],
    }),
    ...more,
  };
}

const room = (freeMib: number): Room => ({
  memoryBytes: 1000 * mib,
  freeMemoryBytes: freeMib * mib,
  cpus: 2,
});

/** An app whose machine was started as `was`. */
function recordOf(was: AppSpec): AppRecord {
  const record = newRecord(was, instant(0));
  const machine = {
    ...{ bootId: "b", fingerprint: machineFingerprint(was), memoryBytes: was.memoryBytes, podIp: "" },
    ...{ disks: ["c"], volumes: [], prepared: true, filesFingerprint: "", goingOn: [] },
  };
  const containers = record.containers.map((one) => ({
    ...{ ...one, attempt: 1, phase: { kind: "running", startedAt: instant(1) } as const },
  }));
  return { ...record, machine, containers, size: sizeOf(was) };
}

const content = { phase: "ready", config: undefined } as unknown as ContentStatus;

function planned(record: AppRecord, wanted: AppSpec, freeMib: number, runs = true): unknown {
  const inputs: AppInputs = {
    ...{ wanted, record, machine: { runs, connected: true, asked: new Map() } },
    ...{ content: () => content, nic: () => undefined, device: () => undefined, volume: () => undefined },
    volumeHolder: () => undefined,
    node: {
      ...{ ...room(freeMib), architecture: "amd64", emulated: false, freeProcessors: 2, upMs: 0 },
      vault: "open",
    },
    ...{ sinceEndMs: () => 0, unhealthy: new Map(), stopping: new Set(), faulty: new Set() },
    ...{ started: new Set(), launchWaitMs: 0, activeMs: 0, hold: undefined },
  };
  const step = planApp(inputs);
  return step.do === "launch" && step.asBefore ? "launch as before" : step.do;
}

describe("another size of an app", () => {
  const was = spec(100);
  const asks = (memoryMib: number, restartCounter = 0): AppSpec => spec(memoryMib, { restartCounter });
  const keeps = "a machine keeps its size while it runs";
  const short = "Node didn't have enough capacity: ";
  const greedy = asks(200);
  for (const { resources } of greedy.pod.containers)
    if (resources !== undefined) resources.cpuRequestMillis = 2001n;
  /** What is asked for, what is free, what is done while the machine runs, and what is said. */
  const rows: readonly (readonly [string, AppSpec, free: number, step: string, said: string])[] = [
    ["none", was, 500, "prepare", ""],
    ["waits for the next start", asks(200), 500, "prepare", `PodResizePending Deferred ${keeps}`],
    ["smaller, too", asks(50), 500, "prepare", `PodResizePending Deferred ${keeps}`],
    ["is had by a restart", asks(200, 1), 500, "stop", "PodResizeInProgress"],
    ["has room where it shrinks", asks(50, 1), 0, "stop", "PodResizeInProgress"],
    [
      "waits for room",
      asks(200, 1),
      150,
      "prepare",
      "PodResizePending Deferred the app would need 200 MiB of memory, the node has 150 MiB free",
    ],
    [
      "is more than the node has",
      asks(1001, 1),
      150,
      "prepare",
      `PodResizePending Infeasible ${short}memory, requested: ${1001 * mib}, capacity: ${1000 * mib}`,
    ],
    [
      "asks for more processors",
      greedy,
      500,
      "prepare",
      `PodResizePending Infeasible ${short}cpu, requested: 2001, capacity: 2000`,
    ],
    ["comes with another image", spec(200, {}, "j"), 500, "stop", `PodResizePending Deferred ${keeps}`],
    [
      "does not hold another image up",
      spec(200, { restartCounter: 1 }, "j"),
      0,
      "stop",
      "PodResizePending Deferred the app would need 200 MiB of memory, the node has 0 MiB free",
    ],
  ];
  for (const [what, wanted, free, step, said] of rows)
    it(what, () => {
      const record = recordOf(was);
      assert.equal(planned(record, wanted, free), step);
      const word = resizeWord(wanted, record.size, room(free));
      const text = word === undefined ? "" : `${word.type} ${word.reason} ${word.message}`;
      assert.ok(said === "" ? text === "" : text.startsWith(said), text);
    });

  it("is the next start's, or what it was where there is no room", () => {
    const record = { ...recordOf(was), machine: undefined };
    const idle = record.containers.map((one) => ({ ...one, phase: { kind: "idle" } as const }));
    const off = { ...record, containers: idle };
    assert.equal(planned(off, asks(200), 500, false), "launch");
    assert.equal(planned(off, asks(200), 150, false), "launch as before");
    assert.equal(planned(off, asks(200), 50, false), "wait");
    assert.equal(planned({ ...off, size: undefined }, asks(200), 150, false), "wait");
  });

  it("that only promises more is had at once, where the node has so much", () => {
    const asksFor = (millis: bigint, more: Partial<AppSpec> = {}): AppSpec => {
      const wanted = spec(100, more);
      for (const { resources } of wanted.pod.containers) if (resources) resources.cpuRequestMillis = millis;
      return wanted;
    };
    const promised = (wanted: AppSpec): number | undefined =>
      settledSize(wanted, sizeOf(was), room(500))?.containers[0]?.cpuRequestMillis;
    assert.equal(promised(asksFor(300n)), 300);
    assert.equal(promised(asksFor(3000n)), 100);
    assert.equal(promised(asksFor(300n, { vcpus: 2 })), 100);
    assert.equal(promised(asksFor(300n, { restartCounter: 1 })), 100);
  });

  it("leaves each container what it had", () => {
    const { memoryBytes, pod } = withSize(asks(200), sizeOf(was));
    assert.equal(memoryBytes, 100 * mib);
    assert.equal(pod.containers[0]?.resources?.memoryLimitBytes, BigInt(100 * mib));
  });

  it("is known of a machine that an engine of an earlier version started", () => {
    const { size: _size, ...earlier } = recordOf(was);
    assert.deepEqual(decodeRecord(encodeRecord(earlier)).size, sizeOf(was));
    assert.deepEqual(decodeRecord(encodeRecord({ ...recordOf(was), spec: asks(200) })).size, sizeOf(was));
  });
});
