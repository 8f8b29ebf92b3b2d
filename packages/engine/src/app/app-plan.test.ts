import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create } from "@bufbuild/protobuf";
import { instant } from "@selvedge/base";
import { ext } from "@selvedge/eve-api";
import type { AppId, AppSpec } from "../desired.ts";
import type { ContentStatus, DeviceStatus, NicStatus } from "../observed.ts";
import { type AppInputs, type AppStep, containersToStart, endOf, planApp } from "./app-plan.ts";
import {
  type AppRecord,
  type ContainerPhase,
  type ContainerRecord,
  newContainer,
  newRecord,
} from "./app-record.ts";
import { filesFingerprint, machineFingerprint } from "./container-config.ts";

const { ALWAYS: always, ON_FAILURE: onFailure, NEVER: never } = ext.RestartPolicy;
const idle: ContainerPhase = { kind: "idle" };
const starting: ContainerPhase = { kind: "starting" };
const running: ContainerPhase = { kind: "running", startedAt: instant(1) };
const ended = (exitCode: number): ContainerPhase => ({
  kind: "ended",
  end: { exitCode, signal: 0, reason: "", message: "", startedAt: instant(1), finishedAt: instant(2) },
});
const container = (
  phase: ContainerPhase,
  init = false,
  more: Partial<ContainerRecord> = {},
): ContainerRecord => ({
  ...newContainer(init ? "setup" : "main", init ? "init" : "main"),
  ...{ phase, attempt: phase.kind === "idle" ? 0 : 1 },
  ...more,
});

describe("which containers to start, and when an app has ended", () => {
  const rows: [string, ContainerPhase, ContainerPhase, ext.RestartPolicy, number[], string | undefined][] = [
    ["init first", idle, idle, always, [1], undefined],
    ["init runs", running, idle, always, [], undefined],
    ["init failed for good", ended(1), idle, never, [], "Failed"],
    ["init again", ended(1), idle, onFailure, [1], undefined],
    ["main after init", ended(0), idle, always, [2], undefined],
    ["main runs", ended(0), running, always, [], undefined],
    ["always again", ended(0), ended(0), always, [2], undefined],
    ["done", ended(0), ended(0), onFailure, [], "Succeeded"],
    ["failed again", ended(0), ended(3), onFailure, [2], undefined],
    ["failed for good", ended(0), ended(3), never, [], "Failed"],
    ["asked but not told", ended(0), starting, never, [2], undefined],
  ];
  for (const [name, init, main, policy, starts, end] of rows)
    it(name, () => {
      const containers = [container(init, true), container(main)];
      assert.deepEqual(containersToStart(containers, policy, new Set()), starts);
      assert.equal(endOf(containers, policy)?.phase, end);
    });
});

describe("a sidecar", () => {
  const sidecar = (phase: ContainerPhase): ContainerRecord => ({
    ...newContainer("proxy", "sidecar"),
    ...{ phase, attempt: phase.kind === "idle" ? 0 : 1 },
  });
  const rows: [string, ContainerPhase, boolean, ContainerPhase, number[], string | undefined][] = [
    ["begins before the others", idle, false, idle, [1], undefined],
    ["holds them up until it has started", running, false, idle, [], undefined],
    ["lets them begin then", running, true, idle, [2], undefined],
    ["starts again whatever the policy", ended(0), false, running, [1], undefined],
    ["does not keep the app from its end", running, true, ended(0), [], "Succeeded"],
    ["holds nobody up once they have begun", running, false, starting, [2], undefined],
  ];
  for (const [name, first, started, main, starts, end] of rows)
    it(name, () => {
      const containers = [sidecar(first), container(main)];
      assert.deepEqual(containersToStart(containers, never, new Set(started ? [1] : [])), starts);
      assert.equal(endOf(containers, never)?.phase, end);
    });

  it("ends after the others, and the app after it", () => {
    const plan = (phase: ContainerPhase, stopping: number[] = []): string => {
      const containers = [sidecar(phase), container(ended(0))];
      const pod = { restartPolicy: never };
      const of = spec({}, pod);
      const before = { ...newRecord(of, instant(0)), machine: machine(of), containers };
      return planApp({ ...base, wanted: of, record: before, machine: on, stopping: new Set(stopping) }).do;
    };
    assert.equal(plan(running), "stopContainer");
    assert.equal(plan(running, [1]), "rest");
    assert.equal(plan(ended(0)), "finish");
  });
});

const spec = (more: Partial<AppSpec> = {}, pod: object = {}): AppSpec => ({
  ...{ id: "a" as AppId, version: "1", displayName: "d/a", active: true, restartCounter: 0, purgeCounter: 0 },
  ...{
    revision: "1",
    foreign: undefined,
    vcpus: 1,
    memoryBytes: 100,
    nics: [{ name: "eth0", networkId: "n" as never, mac: undefined, rules: [] }],
  },
  pod: create(ext.AppExtensionSchema, {
    ...{ namespace: "d", name: "a", restartPolicy: always },
    containers: [{ name: "main", image: "i", contentTreeId: "c" }],
    ...pod,
  }),
  ...more,
});
const ready: ContentStatus = {
  ...{ phase: "ready", path: "p", digest: "d", imageId: "i", sizeBytes: 1 },
  config: {
    architecture: "amd64",
    user: "",
    env: [],
    entrypoint: [],
    cmd: [],
    workingDir: "",
    stopSignal: "",
    volumes: [],
  },
};
const nic = { phase: "ready" } as NicStatus;
const machine = (of = spec()): AppRecord["machine"] => ({
  ...{
    bootId: "b",
    fingerprint: machineFingerprint(of),
    podIp: "",
    memoryBytes: 100,
    disks: ["c"],
    prepared: true,
    goingOn: [],
    volumes: [],
  },
  filesFingerprint: filesFingerprint(of),
});
const record = (more: Partial<AppRecord> = {}): AppRecord => ({ ...newRecord(spec(), instant(0)), ...more });
const base: AppInputs = {
  ...{ wanted: spec(), record: record(), machine: { runs: false, connected: false, asked: new Map() } },
  ...{ content: () => ready, nic: () => nic, volume: () => undefined, volumeHolder: () => undefined },
  device: () => undefined,
  node: {
    architecture: "amd64",
    emulated: false,
    ...{ memoryBytes: 1000, freeMemoryBytes: 1000, cpus: 4 },
    freeProcessors: 3,
    upMs: 60_000,
    vault: "open",
  },
  ...{ sinceEndMs: () => 0, unhealthy: new Map(), stopping: new Set(), faulty: new Set() },
  started: new Set(),
  ...{ launchWaitMs: 0, activeMs: 0, hold: undefined },
};
const on = { runs: true, connected: true, asked: new Map<number, number>() };
const withMachine = (phase: ContainerPhase, more: Partial<ContainerRecord> = {}): AppRecord =>
  record({ machine: machine(), containers: [container(phase, false, more)] });
const armed: ContentStatus = {
  ...ready,
  config: { ...(ready.config as never as object), architecture: "arm64" } as never,
};
const failedPull: ContentStatus = {
  phase: "failed",
  reason: "ErrImagePull",
  message: "m",
  failures: 1,
  retryAt: instant(9),
};
const lent = (id: string): DeviceStatus => ({
  ...{ phase: "lent", appId: id as AppId, members: [], devices: [] },
});
const hindrance = { reason: "MissingReference", message: "no volume has uuid v" };
const finished = { phase: "Succeeded", reason: "", message: "" } as const;

describe("planApp", () => {
  const rows: [string, Partial<AppInputs>, Partial<AppStep>][] = [
    ["launches when all is there", {}, { do: "launch" }],
    [
      "waits for content",
      { content: () => ({ phase: "resolving" }) },
      { do: "wait", reason: "ContainerCreating" },
    ],
    [
      "says why content fails",
      { content: () => failedPull },
      { do: "wait", reason: "ErrImagePull", message: "m" },
    ],
    [
      "refuses another machine's images",
      { content: () => armed },
      { do: "wait", reason: "ImageInspectError" },
    ],
    ["waits for what its configuration lacks", { wanted: spec({ hindrance }) }, { do: "wait", ...hindrance }],
    [
      "goes on running while what replaces it lacks something",
      { record: withMachine(running), machine: on, wanted: spec({ vcpus: 9, hindrance }) },
      { do: "wait", ...hindrance },
    ],
    [
      "waits for a device that the box does not have",
      { wanted: spec({ adapters: ["gpu"] }) },
      { do: "wait", reason: "AdapterUnavailable" },
    ],
    [
      "waits for a device that is another app's",
      { wanted: spec({ adapters: ["gpu"] }), device: () => lent("other") },
      { do: "wait", reason: "AdapterUnavailable" },
    ],
    [
      "begins with a device that is its own",
      { wanted: spec({ adapters: ["gpu"] }), device: () => lent("a") },
      { do: "launch" },
    ],
    [
      "waits for a function until its card is told of the VLAN",
      { wanted: spec({ adapters: ["gpu"], functions: { gpu: { vlan: 5 } } }), device: () => lent("a") },
      { do: "wait", reason: "AdapterUnavailable" },
    ],
    [
      "begins with a function that is as it asks",
      {
        wanted: spec({ adapters: ["gpu"], functions: { gpu: { vlan: 5 } } }),
        device: () => ({ ...lent("a"), wish: { vlan: 5 } }) as DeviceStatus,
      },
      { do: "launch" },
    ],
    ["waits for its plug", { nic: () => undefined }, { do: "wait", reason: "ContainerCreating" }],
    [
      "waits for memory, and looks again",
      { node: { ...base.node, freeMemoryBytes: 99 } },
      { do: "wait", reason: "OutOfMemory", againMs: 5000 },
    ],
    [
      "waits for processors of its own, and looks again",
      { wanted: spec({ ownProcessors: true, vcpus: 4 }) },
      { do: "wait", reason: "NotEnoughProcessors", againMs: 5000 },
    ],
    [
      "begins when it can have them for itself",
      { wanted: spec({ ownProcessors: true, vcpus: 3 }) },
      { do: "launch" },
    ],
    ["shares processors when it asks for none", { wanted: spec({ vcpus: 9 }) }, { do: "launch" }],
    ["starts when its delay is over", { wanted: spec({ startDelaySeconds: 60 }) }, { do: "launch" }],
    [
      "waits for its delay after a boot",
      { wanted: spec({ startDelaySeconds: 61 }) },
      { do: "wait", reason: "StartDelayed", againMs: 1000 },
    ],
    ["runs emulated when it may", { node: { ...base.node, emulated: true } }, { do: "launch" }],
    [
      "refuses emulation by policy",
      { node: { ...base.node, emulated: true }, wanted: spec({}, { emulation: ext.EmulationPolicy.REFUSE }) },
      { do: "wait", reason: "NoHardwareVirtualization" },
    ],
    ["waits after a launch that failed", { launchWaitMs: 7 }, { do: "wait", againMs: 7 }],
    ["throws data away when told to", { wanted: spec({ purgeCounter: 1 }) }, { do: "purge" }],
    ["connects", { record: withMachine(idle), machine: { ...on, connected: false } }, { do: "connect" }],
    [
      "prepares",
      { record: record({ machine: { ...machine(), prepared: false } as never }), machine: on },
      { do: "prepare" },
    ],
    ["starts", { record: withMachine(idle), machine: on }, { do: "start", index: 1 }],
    [
      "asks again what nobody answered",
      { record: withMachine(starting), machine: on },
      { do: "start", index: 1 },
    ],
    [
      "does not ask twice",
      { record: withMachine(starting), machine: { ...on, asked: new Map([[1, 1]]) } },
      { do: "rest", againMs: undefined },
    ],
    [
      "rests while all runs",
      { record: withMachine(running), machine: on },
      { do: "rest", againMs: undefined },
    ],
    [
      "waits out a back-off",
      { record: withMachine(ended(1), { backoffMs: 10_000 }), machine: on, sinceEndMs: () => 4000 },
      { do: "rest", againMs: 6000 },
    ],
    [
      "starts again after it",
      { record: withMachine(ended(1), { backoffMs: 10_000 }), machine: on, sinceEndMs: () => 10_000 },
      { do: "start", index: 1 },
    ],
    [
      "waits out a back-off without a machine",
      {
        record: record({ containers: [container(ended(255), false, { backoffMs: 10 })] }),
        sinceEndMs: () => 3,
      },
      { do: "rest", againMs: 7 },
    ],
    [
      "stops what is unhealthy",
      { record: withMachine(running), machine: on, unhealthy: new Map([[1, "sick"]]) },
      { do: "stopContainer", index: 1, why: "sick" },
    ],
    [
      "stops it once",
      {
        record: withMachine(running),
        machine: on,
        unhealthy: new Map([[1, "sick"]]),
        stopping: new Set([1]),
      },
      { do: "rest" },
    ],
    [
      "stops for a restart",
      { record: withMachine(running), machine: on, wanted: spec({ restartCounter: 1 }) },
      { do: "stop" },
    ],
    [
      "goes on until a new image is here",
      {
        record: withMachine(running),
        machine: on,
        wanted: spec({}, { containers: [{ name: "main", image: "j", contentTreeId: "c2" }] }),
        content: () => ({ phase: "resolving" }),
      },
      { do: "wait" },
    ],
    [
      "stops when inactive",
      { record: withMachine(running), machine: on, wanted: spec({ active: false }) },
      { do: "stop" },
    ],
    ["rests when inactive and stopped", { wanted: spec({ active: false }) }, { do: "rest" }],
    ["stops when gone", { record: withMachine(running), machine: on, wanted: undefined }, { do: "stop" }],
    ["removes when gone and stopped", { wanted: undefined }, { do: "remove" }],
    ["ends a machine nobody remembers", { machine: on }, { do: "stop" }],
    [
      "finishes what has ended",
      { wanted: spec({}, { restartPolicy: never }), record: withMachine(ended(0)), machine: on },
      { do: "finish", end: finished },
    ],
    [
      "stops the machine of what has finished",
      { record: { ...withMachine(ended(0)), end: finished }, machine: on },
      { do: "stop" },
    ],
    ["never starts again what has finished", { record: record({ end: finished }) }, { do: "rest" }],
    [
      "looks again at the deadline",
      {
        record: withMachine(running),
        machine: on,
        wanted: spec({}, { activeDeadlineSeconds: 3n }),
        activeMs: 1000,
      },
      { do: "rest", againMs: 2000 },
    ],
    [
      "ends at the deadline",
      {
        record: withMachine(running),
        machine: on,
        wanted: spec({}, { activeDeadlineSeconds: 3n }),
        activeMs: 3000,
      },
      { do: "finish" },
    ],
  ];
  for (const [name, inputs, step] of rows)
    it(name, () => {
      const planned = planApp({ ...base, ...inputs });
      assert.deepEqual({ ...planned, ...step }, planned);
    });
});
