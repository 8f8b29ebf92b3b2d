import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { discoveryFormOf, encodingOf, formOf } from "./negotiation.ts";
import { deleteOptions, isTrue, writeOptions } from "./query.ts";
import { warningText } from "./respond.ts";

const table = "application/json;as=Table;v=v1;g=meta.k8s.io";
const protobuf = "application/vnd.kubernetes.protobuf";
const metadata = "as=PartialObjectMetadata;g=meta.k8s.io;v=v1";

describe("an Accept header", () => {
  /** What is answered of a kind that has a table for protobuf, and of one that has none. */
  const rows: readonly [accept: string | undefined, builtIn: string, custom: string][] = [
    [undefined, "json object", "json object"],
    ["", "json object", "json object"],
    ["*/*", "json object", "json object"],
    ["application/*", "json object", "json object"],
    ["application/json", "json object", "json object"],
    ["application/yaml", "yaml object", "yaml object"],
    ["application/json, application/yaml", "json object", "json object"],
    [protobuf, "protobuf object", "406"],
    [`${protobuf},application/json`, "protobuf object", "json object"],
    [`${protobuf}, */*`, "protobuf object", "json object"],
    [`*/*, ${protobuf}`, "protobuf object", "json object"],
    [`application/json, ${protobuf}`, "json object", "json object"],
    [`application/json;q=0.8, ${protobuf}`, "protobuf object", "json object"],
    [`${protobuf};q=0.5, application/json;q=0.9`, "json object", "json object"],
    [`text/html, application/yaml;q=0.9, */*;q=0.8`, "yaml object", "yaml object"],
    [`${table},application/json`, "json table", "json table"],
    [table.replace("v=v1;", "v=v1beta1;"), "json table", "json table"],
    [table.replace("json", "yaml"), "yaml table", "yaml table"],
    [table.replace("application/json", protobuf), "406", "406"],
    [`${table.replace("application/json", protobuf)},${table}`, "json table", "json table"],
    [`${protobuf};${metadata},application/json;${metadata}`, "protobuf partial", "protobuf partial"],
    [`application/json;${metadata}`, "json partial", "json partial"],
    [`${protobuf};stream=watch`, "protobuf object", "406"],
    [`${protobuf};stream=chunks, application/json`, "json object", "json object"],
    ["application/json;as=Chart;v=v1;g=meta.k8s.io,application/json", "json object", "json object"],
    ["application/json;as=Table;v=v2;g=meta.k8s.io", "406", "406"],
    ["application/json;as=Table;g=meta.k8s.io", "406", "406"],
    ["application/json;v=v1", "406", "406"],
    ["text/html", "406", "406"],
  ];
  const told = (accept: string | undefined, offer: Parameters<typeof formOf>[1]): string => {
    try {
      const { encoding, view } = formOf(accept, offer);
      return `${encoding} ${view}`;
    } catch (error) {
      return String((error as { code: number }).code);
    }
  };
  for (const [accept, builtIn, custom] of rows) {
    it(`${accept?.slice(0, 90)} is for ${builtIn}, or ${custom}`, () => {
      assert.deepEqual(
        [told(accept, { protobuf: true }), told(accept, { protobuf: false })],
        [builtIn, custom],
      );
    });
  }

  it("that no form suits is refused with those there are", () => {
    const all = `application/json, application/yaml, ${protobuf}`;
    assert.throws(() => formOf("text/html", { protobuf: false }), {
      code: 406,
      message: new RegExp(`: ${all}$`),
    });
    const events = {
      code: 406,
      message: new RegExp(`: application/json;stream=watch, ${protobuf};stream=watch$`),
    };
    assert.throws(() => formOf("application/yaml", { protobuf: true, stream: true }), events);
    assert.throws(() => formOf(table, { protobuf: true, table: false }), { code: 406 });
    assert.equal(told(`${table},application/json`, { protobuf: true, table: false }), "json object");
  });

  it("says how a refusal is written", () => {
    assert.equal(encodingOf("text/html", true), "json");
    assert.equal(encodingOf(protobuf, true), "protobuf");
    assert.equal(encodingOf(protobuf, false), "json");
    assert.equal(encodingOf(`${table},application/yaml`, true), "yaml");
  });

  it("chooses a form of discovery", () => {
    const v2 = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
    const forms: readonly (readonly [string | undefined, string | undefined, string])[] = [
      [`${v2},application/json`, "v2", "json"],
      [v2.replace("v=v2", "v=v2beta1"), "v2beta1", "json"],
      [`application/json,${v2}`, undefined, "json"],
      [v2.replace("application/json", protobuf), "v2", "protobuf"],
      [`${protobuf},*/*`, undefined, "protobuf"],
      [undefined, undefined, "json"],
    ];
    for (const [accept, version, encoding] of forms) {
      assert.deepEqual(discoveryFormOf(accept), { version, encoding });
    }
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
  });
});

it("a warning is quoted, and cannot break out of its header", () => {
  const warnings = ['unknown field "spec.a"', "a\r\nb\\"].map(warningText);
  assert.deepEqual(warnings, ['299 - "unknown field \\"spec.a\\""', '299 - "a  b\\\\"']);
});
