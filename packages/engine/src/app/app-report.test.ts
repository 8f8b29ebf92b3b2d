import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create } from "@bufbuild/protobuf";
import { instant } from "@selvedge/base";
import { ext } from "@selvedge/eve-api";
import type { AppId, AppSpec } from "../desired.ts";
import type { AppStep } from "./app-plan.ts";
import { type AppRecord, type ContainerPhase, newRecord } from "./app-record.ts";
import { type ReportInputs, reportApp } from "./app-report.ts";

const now = instant(1000);
const running: ContainerPhase = { kind: "running", startedAt: now };
const done: ContainerPhase = {
  kind: "ended",
  end: { exitCode: 0, signal: 0, reason: "Completed", message: "", startedAt: now, finishedAt: now },
};

function recordOf(init: readonly ContainerPhase[], main: readonly ContainerPhase[]): AppRecord {
  const named = (phases: readonly ContainerPhase[], prefix: string) =>
    phases.map((_, at) => ({ name: `${prefix}${at}` }));
  const pod = create(ext.AppExtensionSchema, {
    name: "a",
    initContainers: named(init, "init"),
    containers: named(main, "main"),
  });
  const record = newRecord({ id: "a" as AppId, displayName: "d/a", active: true, pod } as AppSpec, now);
  const phases = [...init, ...main];
  const containers = record.containers.map((it, at) => ({ ...it, phase: phases[at] ?? it.phase }));
  return { ...record, containers };
}

function report(record: AppRecord, step: AppStep, more: Partial<ReportInputs> = {}): ext.AppReport {
  return reportApp({
    ...{
      record,
      step,
      wish: undefined,
      machineRuns: true,
      stoppingApp: false,
      goesOn: true,
      content: () => undefined,
    },
    ...{
      ready: new Map(),
      started: new Map(),
      faults: new Map(),
      room: { memoryBytes: 2 ** 30, freeMemoryBytes: 2 ** 30, cpus: 2 },
      podIp: "",
      hostIp: "",
      now,
      emulated: false,
      refusal: undefined,
    },
    ...more,
  }).status.report;
}

const idle: ContainerPhase = { kind: "idle" };
const pulling: AppStep = {
  do: "wait",
  reason: "ContainerCreating",
  message: "pulling x",
  againMs: undefined,
};
const noMemory: AppStep = { do: "wait", reason: "OutOfMemory", message: "too much", againMs: undefined };
const rest: AppStep = { do: "rest", againMs: undefined };

describe("why a container waits", () => {
  const rows: [string, AppRecord, AppStep, string[]][] = [
    ["its image is on its way", recordOf([], [idle]), pulling, ["ContainerCreating"]],
    ["init containers come first", recordOf([idle], [idle]), pulling, ["PodInitializing", "PodInitializing"]],
    ["init containers are through", recordOf([done], [idle]), rest, ["", "PodInitializing"]],
    ["the node cannot", recordOf([idle], [idle]), noMemory, ["OutOfMemory", "OutOfMemory"]],
  ];
  for (const [name, record, step, wanted] of rows)
    it(`${name}: ${wanted.filter((it) => it !== "").join(", ")}`, () => {
      const { initContainers, containers } = report(record, step);
      const reasons = [...initContainers, ...containers].map(({ state }) =>
        state?.state.case === "waiting" ? state.state.value.reason : "",
      );
      assert.deepEqual(reasons, wanted);
    });
});

describe("an app that an engine finds when it starts", () => {
  it("runs, and is not ready before a probe has said so", () => {
    const unprobed = new Map([[1, false]]);
    const found = report(recordOf([], [running]), { do: "connect" }, { ready: unprobed, started: unprobed });
    assert.deepEqual([found.phase, found.containers[0]?.ready], ["Running", false]);
    assert.equal(found.conditions.find(({ type }) => type === "Ready")?.status, "False");
  });
});
