import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { millis } from "@selvedge/base";
import { fieldErrorText } from "./field-error.ts";
import { humanDuration } from "./human-duration.ts";
import type { KindDefinition } from "./kind-definition.ts";
import { dnsLabelFaults } from "./names.ts";
import type { KubeObject, ObjectMeta } from "./object.ts";
import { pruneObjectMeta, validateObjectMeta } from "./object-meta.ts";

const kind: KindDefinition = {
  ...{ group: "", version: "v1", kind: "Thing", plural: "things", singular: "thing" },
  ...{ namespaced: true, columns: [], schema: { type: "object" } },
};
const thing = (metadata: object): KubeObject => ({
  apiVersion: "v1",
  kind: "Thing",
  metadata: metadata as ObjectMeta,
});

describe("metadata", () => {
  const rows: readonly [metadata: object, error: RegExp][] = [
    [{}, /^metadata.name: Required value: name or generateName is required$/],
    [{ name: "Web" }, /^metadata.name: Invalid value: "Web": a lowercase RFC 1123 subdomain must consist of/],
    [{ name: "a", generateName: "A-" }, /^metadata.generateName: Invalid value: "A-"/],
    [{ name: "a", labels: { "a b": "c" } }, /^metadata.labels: Invalid value: "a b": name part must consist/],
    [{ name: "a", labels: { a: "-" } }, /^metadata.labels: Invalid value: "-": a valid label must be/],
    [
      { name: "a", annotations: { a: "x".repeat(300_000) } },
      /^metadata.annotations: Too long: may not be more than 262144/,
    ],
    [{ name: "a", finalizers: ["a/b/c"] }, /^metadata.finalizers: Invalid value: "a\/b\/c"/],
    [
      { name: "a", ownerReferences: [{ apiVersion: "v1", kind: "B", name: "c" }] },
      /^metadata.ownerReferences.uid: Invalid value: "": must not be empty/,
    ],
    [
      { name: "a", ownerReferences: [{ apiVersion: "v1", kind: "Event", name: "c", uid: "d" }] },
      /: \/v1, Kind=Event is disallowed from being an owner/,
    ],
    [
      { name: "a", finalizers: ["orphan", "foregroundDeletion"] },
      /^metadata.finalizers: .*: finalizer orphan and foregroundDeletion cannot be both set/,
    ],
  ];
  for (const [metadata, expected] of rows) {
    it(`is refused when ${JSON.stringify(metadata).slice(0, 60)}`, () => {
      assert.match(
        validateObjectMeta(kind, thing(metadata), undefined).map(fieldErrorText)[0] ?? "",
        expected,
      );
    });
  }

  it("is checked by the kind's own rule for names", () => {
    const strict = { ...kind, nameFaults: dnsLabelFaults };
    assert.match(
      validateObjectMeta(strict, thing({ name: "a.b" }), undefined).map(fieldErrorText)[0] ?? "",
      /metadata.name: Invalid value: "a.b": must not contain dots/,
    );
  });

  it("cannot get new finalizers once it is to go, nor become another object", () => {
    const old = thing({
      name: "a",
      uid: "1",
      deletionTimestamp: "2026-01-01T00:00:00Z",
      finalizers: ["x/a"],
    });
    const errors = validateObjectMeta(kind, thing({ name: "a", uid: "2", finalizers: ["x/b"] }), old);
    assert.deepEqual(errors.map(fieldErrorText), [
      'metadata.uid: Invalid value: "2": field is immutable',
      "metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, " +
        'found new finalizers []string{"x/b"}',
    ]);
  });

  it("loses what nobody knows and what is empty, and must have the right shape", () => {
    const object = thing({
      name: "a",
      clusterName: "x",
      labels: {},
      finalizers: null,
      namespace: "",
      annotations: [],
    });
    const { unknown, errors } = pruneObjectMeta(object);
    assert.deepEqual(unknown, ["metadata.clusterName"]);
    assert.deepEqual(
      errors.map(({ field }) => field),
      ["metadata.annotations"],
    );
    assert.deepEqual(object.metadata, { name: "a", annotations: [] });
    const blank = thing({ name: "a", labels: { a: null, b: "c" } });
    assert.deepEqual(pruneObjectMeta(blank).errors, []);
    assert.deepEqual(blank.metadata, { name: "a", labels: { a: "", b: "c" } });
  });
});

describe("an age", () => {
  const second = 1000;
  const [minute, hour, day] = [60 * second, 3600 * second, 86_400 * second];
  const rows: readonly [span: number, text: string][] = [
    [-5 * second, "<invalid>"],
    [0, "0s"],
    [119 * second, "119s"],
    [2 * minute, "2m"],
    [5 * minute + 3 * second, "5m3s"],
    [179 * minute, "179m"],
    [3 * hour, "3h"],
    [7 * hour + 5 * minute, "7h5m"],
    [47 * hour, "47h"],
    [2 * day, "2d"],
    [7 * day + hour, "7d1h"],
    [100 * day, "100d"],
    [730 * day, "2y"],
    [800 * day, "2y70d"],
    [3000 * day, "8y"],
  ];
  for (const [span, text] of rows) {
    it(`of ${span} ms is ${text}`, () => assert.equal(humanDuration(millis(span)), text));
  }
});
