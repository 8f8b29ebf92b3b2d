import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import type { ApplyType } from "./apply-type.ts";
import { FieldSet } from "./field-set.ts";
import { replayApplyCases } from "./replay.ts";
import {
  ApplyConflictError,
  applyManaged,
  type Managers,
  sameInAllVersions,
  updateManaged,
} from "./updater.ts";

const scalar: ApplyType = { scalar: "untyped" };
const container: ApplyType = {
  map: {
    ...{
      fields: new Map([
        ["name", () => scalar],
        ["image", () => scalar],
      ]),
      defaults: {},
    },
    ...{ element: undefined, atomic: false },
  },
};
const spec: ApplyType = {
  map: {
    fields: new Map([
      ["replicas", () => scalar],
      ["containers", () => ({ list: { element: () => container, atomic: false, keys: ["name"] } })],
      ["finalizers", () => ({ list: { element: () => scalar, atomic: false, keys: [] } })],
      ["args", () => ({ list: { element: () => scalar, atomic: true, keys: [] } })],
    ]),
    ...{ defaults: {}, element: undefined, atomic: false },
  },
};
const base = { versions: sameInAllVersions(() => spec), apiVersion: "v1" };

function apply(live: unknown, managers: Managers, manager: string, object: unknown, force = false) {
  return applyManaged({ ...base, live, managers, manager, object, force });
}

describe("server-side apply", () => {
  it("removes what its manager no longer says, and leaves what others said", () => {
    const one = apply(null, new Map(), "one", { replicas: 1, containers: [{ name: "a", image: "1" }] });
    const two = apply(one.object, one.managers, "two", { containers: [{ name: "b", image: "2" }] });
    const last = apply(two.object, two.managers, "one", { replicas: 1 });
    assert.deepEqual(last.object, { replicas: 1, containers: [{ name: "b", image: "2" }] });
    assert.deepEqual([...last.managers.keys()].sort(), ["one", "two"]);
  });

  it("refuses to change what another manages, and takes it when forced", () => {
    const one = apply(null, new Map(), "one", { replicas: 1 });
    assert.throws(
      () => apply(one.object, one.managers, "two", { replicas: 2 }),
      (error) => {
        assert.ok(error instanceof ApplyConflictError);
        assert.deepEqual(error.conflicts.get("one")?.set.paths(), [".replicas"]);
        return true;
      },
    );
    const forced = apply(one.object, one.managers, "two", { replicas: 2 }, true);
    assert.deepEqual([...forced.managers.keys()], ["two"]);
  });

  it("shares what two say alike", () => {
    const one = apply(null, new Map(), "one", { finalizers: ["a"] });
    const two = apply(one.object, one.managers, "two", { finalizers: ["a"] });
    assert.deepEqual(apply(two.object, two.managers, "one", {}).object, { finalizers: ["a"] });
  });

  it("makes an updater the manager of what it changed, in an atomic list of all of it", () => {
    const one = apply(null, new Map(), "one", { args: ["a"], replicas: 1 });
    const live = { args: ["a", "b"], replicas: 1 };
    const two = updateManaged({
      ...base,
      live: one.object,
      managers: one.managers,
      manager: "two",
      object: live,
    });
    assert.deepEqual(two.managers.get("two")?.set.toJson(), { "f:args": {} });
    assert.deepEqual(two.managers.get("one")?.set.toJson(), { "f:replicas": {} });
  });

  it("refuses an item twice and a field nobody knows", () => {
    assert.throws(() => apply(null, new Map(), "one", { finalizers: ["a", "a"] }), /duplicate entries/);
    assert.throws(() => apply(null, new Map(), "one", { replica: 1 }), /not declared/);
  });
});

describe("a field set", () => {
  it("is read and written as fieldsV1", () => {
    const json = { "f:a": {}, "f:b": { ".": {}, 'k:{"name":"x"}': { ".": {}, "f:c": {} }, 'v:"y"': {} } };
    assert.deepEqual(FieldSet.fromJson(json).toJson(), json);
    assert.deepEqual(FieldSet.fromJson(json).paths(), [
      ".a",
      ".b",
      '.b[name="x"]',
      '.b[name="x"].c',
      '.b[="y"]',
    ]);
    assert.throws(() => FieldSet.fromJson({ "f:a": 1 }), /must be an object/);
  });
});

describe("cases recorded from structured-merge-diff", () => {
  const lines = readFileSync(join(import.meta.dirname, "../../testdata/server-side-apply.jsonl"), "utf8");

  it("end in the same objects and managers", () => {
    const { passed, failures } = replayApplyCases(lines);
    assert.deepEqual(failures, []);
    assert.equal(passed, 190);
  });

  it("may say which fields are ignored", () => {
    const op = { op: "Update", APIVersion: "v1", Manager: "one", Object: "a: 1\nb: 2\n" };
    const line = {
      schema: "types:\n- name: all\n  map:\n    elementType:\n      scalar: untyped\n",
      ...{ typeRef: "namedType: all", apiVersion: "v1", ops: [op], object: "a: 1\nb: 2\n" },
      managed: { one: { apiVersion: "v1", applied: false, set: { "f:a": {} } } },
    };
    const ignoring = JSON.stringify({ ...line, ignoredFields: { v1: { "f:b": {} } } });
    assert.deepEqual(replayApplyCases(ignoring).failures, []);
    assert.equal(replayApplyCases(JSON.stringify(line)).failures.length, 1);
  });
});
