import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { aggregationOf, viewOf, wantsYaml } from "./negotiation.ts";
import { deleteOptions, isTrue, writeOptions } from "./query.ts";
import { warningHeader } from "./respond.ts";

describe("an Accept header", () => {
  const views: readonly [accept: string | undefined, view: string][] = [
    [undefined, "object"],
    ["*/*", "object"],
    ["application/json", "object"],
    ["application/vnd.kubernetes.protobuf,application/json", "object"],
    ["application/json;as=Table;v=v1;g=meta.k8s.io,application/json", "table"],
    ["application/json;as=Table;v=v1beta1;g=meta.k8s.io", "table"],
    ["application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1", "partial"],
    [
      "application/vnd.kubernetes.protobuf;as=Table, application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1",
      "partial",
    ],
    ["application/json;as=Chart;v=v1;g=meta.k8s.io,application/json", "object"],
  ];
  for (const [accept, view] of views) {
    it(`${accept?.slice(0, 70)} is for ${view}`, () => assert.equal(viewOf(accept), view));
  }

  it("that no form suits is refused", () => {
    assert.equal(viewOf("application/yaml"), "object");
    assert.deepEqual(
      ["application/yaml", "application/json, application/yaml", "text/html, application/yaml;q=0.9"].map(
        wantsYaml,
      ),
      [true, false, true],
    );
    assert.throws(() => viewOf("text/html"), { code: 406 });
    for (const form of ["as=Chart;v=v1", "as=Table;v=v2", "as=Table"]) {
      assert.throws(() => viewOf(`application/json;${form};g=meta.k8s.io`), { code: 406 });
    }
    const table = "application/json;as=Table;v=v1;g=meta.k8s.io";
    assert.throws(() => viewOf(table, false), { code: 406 });
    assert.equal(viewOf(`${table},application/json`, false), "object");
  });

  it("chooses a form of discovery", () => {
    const v2 = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
    assert.equal(aggregationOf(`${v2},application/json`), "v2");
    assert.equal(aggregationOf(v2.replace("v=v2", "v=v2beta1")), "v2beta1");
    assert.equal(aggregationOf(`application/json,${v2}`), undefined);
    assert.equal(aggregationOf(undefined), undefined);
  });
});

describe("a query", () => {
  it("is true unless it is absent, 0 or false", () => {
    for (const text of ["1", "true", "True", "", "yes"]) assert.equal(isTrue(text), true);
    for (const text of [null, "0", "false", "False"]) assert.equal(isTrue(text), false);
  });

  const refused: readonly [query: string, apply: boolean, message: RegExp][] = [
    ["dryRun=Some", false, /dryRun: Unsupported value: \["Some"\]: supported values: "All"/],
    ["fieldValidation=Loose", false, /fieldValidation: Unsupported value: "Loose"/],
    ["", true, /fieldManager: Required value: is required for apply patch/],
    ["force=true", false, /force: Forbidden: may not be specified for non-apply patch/],
    [`fieldManager=${"x".repeat(129)}`, false, /fieldManager: Too long/],
  ];
  for (const [query, apply, message] of refused) {
    it(`${query.slice(0, 30)} is refused`, () => {
      assert.throws(() => writeOptions("PatchOptions", new URLSearchParams(query), apply), {
        code: 422,
        message,
      });
    });
  }

  it("tells how to delete when no body does", () => {
    const query = new URLSearchParams("gracePeriodSeconds=5&propagationPolicy=Orphan&dryRun=All");
    assert.deepEqual(deleteOptions(query, undefined), {
      ...{ gracePeriodSeconds: 5, propagationPolicy: "Orphan", dryRun: true },
    });
    assert.deepEqual(deleteOptions(query, { gracePeriodSeconds: 0, dryRun: [] }), { gracePeriodSeconds: 0 });
    assert.throws(() => deleteOptions(query, { gracePeriodSeconds: "soon" }), { code: 400 });
  });
});

it("a warning is quoted, once, and cannot break out of its header", () => {
  const { warning } = warningHeader(['unknown field "spec.a"', 'unknown field "spec.a"', "a\r\nb\\"]);
  assert.deepEqual(warning, ['299 - "unknown field \\"spec.a\\""', '299 - "a  b\\\\"']);
});
