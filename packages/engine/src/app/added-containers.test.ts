/** Containers that are added while their app runs: started once each, in the way of nobody. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create } from "@bufbuild/protobuf";
import { instant } from "@selvedge/base";
import { ext } from "@selvedge/eve-api";
import type { AppId, AppSpec } from "../desired.ts";
import type { ContentStatus } from "../observed.ts";
import { imagePath, rootOf, spareParts } from "./added-image.ts";
import { foldSpec, foldView } from "./app-fold.ts";
import { type AppInputs, endOf, planApp } from "./app-plan.ts";
import {
  type AppRecord,
  allContainers,
  type ContainerPhase,
  decodeRecord,
  encodeRecord,
  newRecord,
} from "./app-record.ts";
import { phaseOf } from "./app-report.ts";
import { containerStart, filesFingerprint, machineFingerprint } from "./container-config.ts";

const now = instant(0);
const running: ContainerPhase = { kind: "running", startedAt: now };
const over: ContainerPhase = {
  kind: "ended",
  end: { exitCode: 0, signal: 0, reason: "Completed", message: "", startedAt: now, finishedAt: now },
};
const image = { architecture: "amd64", entrypoint: ["sh"], cmd: [], env: [], user: "", workingDir: "" };
const ready = { phase: "ready", path: "/i", config: image } as unknown as ContentStatus;

function spec(...added: string[]): AppSpec {
  const container = (name: string, contentTreeId: string, more: object = {}) => ({
    name,
    contentTreeId,
    ...more,
  });
  return {
    ...{ id: "a" as AppId, version: "1", revision: added.join(), displayName: "d/a", active: true },
    ...{ restartCounter: 0, purgeCounter: 0, vcpus: 1, memoryBytes: 1, nics: [], foreign: undefined },
    pod: create(ext.AppExtensionSchema, {
      name: "a",
      restartPolicy: ext.RestartPolicy.NEVER,
      containers: [container("main", "c")],
      ephemeralContainers: added.map((name) => container(name, `c-${name}`, { targetContainer: "main" })),
    }),
  };
}

function record(of: AppSpec, ...phases: ContainerPhase[]): AppRecord {
  const fresh = newRecord(of, now);
  const containers = fresh.containers.map((it, at) => ({
    ...{ ...it, attempt: phases[at] === undefined ? 0 : 1, phase: phases[at] ?? it.phase },
  }));
  const machine = {
    ...{ bootId: "b", fingerprint: machineFingerprint(spec()), podIp: "", memoryBytes: 1, disks: ["c"] },
    ...{ prepared: true, goingOn: [], volumes: [], filesFingerprint: filesFingerprint(of) },
  };
  return { ...fresh, containers, machine };
}

function plan(of: AppSpec, phases: readonly ContainerPhase[], more: Partial<AppInputs> = {}): unknown {
  const step = planApp({
    ...{ wanted: of, record: record(of, ...phases), content: () => ready, nic: () => undefined },
    machine: { runs: true, connected: true, asked: new Map<number, number>() },
    ...{ volume: () => undefined, volumeHolder: () => undefined, sinceEndMs: () => 0, activeMs: 0 },
    ...{ unhealthy: new Map(), stopping: new Set(), faulty: new Set(), launchWaitMs: 0 },
    node: { architecture: "amd64", emulated: false, freeMemoryBytes: 1, upMs: 0 },
    ...more,
  } as AppInputs);
  return step.do === "start" ? step.index : step.do;
}

describe("a container that is added", () => {
  const only = (id: string) => (asked: string) => (asked === id ? undefined : ready);
  const rows: [string, unknown, unknown][] = [
    ["is started in the machine that runs", plan(spec("x"), [running]), 2],
    ["is started once", plan(spec("x"), [running, over]), "rest"],
    ["waits for its image alone", plan(spec("x", "y"), [running], { content: only("c-x") }), 3],
    [
      "does not wait for what cannot be started",
      plan(spec("x", "y"), [running], { faulty: new Set([2]) }),
      3,
    ],
    ["comes after the app's own", plan(spec("x"), []), 1],
    ["does not keep the app from its end", plan(spec("x"), [over, running]), "finish"],
  ];
  for (const [name, got, wanted] of rows) it(name, () => assert.equal(got, wanted));

  it("neither makes the app run nor ends it", () => {
    const { containers } = record(spec("x"), running, over);
    assert.equal(endOf(containers, ext.RestartPolicy.NEVER), undefined);
    assert.equal(phaseOf(record(spec("x"), { kind: "idle" }, running)), "Pending");
  });

  it("keeps its number when others come before it in the list", () => {
    const before = foldSpec(record(spec("x"), running, running), spec("z", "x", "y"));
    const names = allContainers(before.spec).map(({ container }) => container.name);
    assert.deepEqual(names, ["main", "x", "z", "y"]);
    assert.deepEqual(
      before.containers.map(({ name, phase }) => `${name} ${phase.kind}`),
      ["main running", "x running", "z idle", "y idle"],
    );
  });

  it("ends with the machine, and is not started in the next", () => {
    const view = { runs: false, connected: true, containers: new Map(), lastWords: "", bootId: "b" };
    const { containers } = foldView(record(spec("x"), running, running), view, now);
    assert.deepEqual(
      containers.map(({ phase }) => phase.kind === "ended" && phase.end.exitCode),
      [255, 255],
    );
  });

  it("has its image in a part of the spare disk, unless the machine has it anyway", () => {
    const [, first, second] = allContainers(spec("x", "y"));
    assert.ok(first !== undefined && second !== undefined);
    assert.deepEqual(rootOf(spec("x", "y"), ["c"], second), { part: 1 });
    assert.deepEqual(rootOf(spec("x", "y"), ["c", "c-x"], first), { disk: 1 });
    const many = spec(...Array.from({ length: spareParts + 1 }, (_, at) => `x${at}`));
    const last = allContainers(many).at(-1);
    assert.ok(last !== undefined);
    assert.throws(() => rootOf(many, ["c"], last), /takes 32 more images, x32 is one too many/);
    assert.throws(() => imagePath(ready, "arm64"), /its image is for amd64, this node is arm64/);
  });

  it("sees the processes of the container that it is for", () => {
    const of = spec("x");
    const [, added] = allContainers(of);
    assert.ok(added !== undefined);
    const start = containerStart({
      ...{
        spec: of,
        container: added.container,
        index: 2,
        attempt: 1,
        root: { part: 0 },
        image: image as never,
      },
      ...{ secrets: undefined, foreign: [], podIp: "", hostIp: "" },
    });
    assert.deepEqual([start.target, start.root], [1, { part: 0 }]);
  });

  it("is remembered, as is what an engine wrote that knew none", () => {
    const kept = record(spec("x"), running, over);
    const plain: unknown = JSON.parse(JSON.stringify(kept.containers));
    assert.deepEqual(decodeRecord(encodeRecord(kept)).containers, plain);
    const text = new TextDecoder().decode(encodeRecord(kept));
    const old = text.replace('"role":"main"', '"init":false').replace('"role":"ephemeral"', '"init":true');
    const roles = decodeRecord(new TextEncoder().encode(old)).containers.map(({ role }) => role);
    assert.deepEqual(roles, ["main", "init"]);
  });
});
