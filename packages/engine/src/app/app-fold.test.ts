import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create } from "@bufbuild/protobuf";
import { instant } from "@selvedge/base";
import { ext } from "@selvedge/eve-api";
import type { AppId, AppSpec } from "../desired.ts";
import { foldSpec } from "./app-fold.ts";
import { type AppRecord, newRecord } from "./app-record.ts";

const now = instant(0);
const spec: AppSpec = {
  ...{ id: "a" as AppId, version: "1", revision: "1", displayName: "d/a", active: false },
  ...{ restartCounter: 0, purgeCounter: 0, vcpus: 1, memoryBytes: 1, nics: [], foreign: undefined },
  pod: create(ext.AppExtensionSchema, { name: "a", containers: [{ name: "main" }] }),
};
const end = { exitCode: 0, signal: 0, reason: "Completed", message: "", startedAt: now, finishedAt: now };

function stopped(): AppRecord {
  const record = newRecord(spec, now);
  const containers = record.containers.map((it) => ({
    ...{ ...it, attempt: 3, backoffMs: 20_000 },
    phase: { kind: "ended" as const, end },
  }));
  return { ...record, containers };
}

describe("a newer specification", () => {
  it("is taken over for its revision, whatever its version says", () => {
    const record = stopped();
    assert.equal(foldSpec(record, { ...spec, version: "2" }), record);
    const newer = { ...spec, revision: "2", restartCounter: 1 };
    assert.equal(foldSpec(record, newer).spec, newer);
  });

  it("that switches the app on again makes no container wait as if it had crashed", () => {
    const [main] = foldSpec(stopped(), { ...spec, revision: "2", active: true }).containers;
    assert.deepEqual([main?.phase.kind, main?.backoffMs, main?.last, main?.attempt], ["idle", 0, end, 3]);
  });

  it("of an app that stays on leaves a crash its wait", () => {
    const record = { ...stopped(), spec: { ...spec, active: true } };
    const [main] = foldSpec(record, { ...spec, revision: "2", active: true }).containers;
    assert.deepEqual([main?.phase.kind, main?.backoffMs], ["ended", 20_000]);
  });
});
