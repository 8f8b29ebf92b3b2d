/** Kubernetes' conformance tests of users' kinds, under their own names: what each does step by step. */

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { kubectl, kubectlMissing } from "../../../tests/kubectl.ts";
import { waitFor } from "../../harness/src/real/wait.ts";
import { ApiWorld, opensslMissing, type Reply, type RequestOptions } from "./api-world.ts";

const definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const missing = (await kubectlMissing()) || opensslMissing();

const text = { type: "string" };
const open = { type: "object", "x-kubernetes-preserve-unknown-fields": true };

interface Version {
  readonly name: string;
  readonly served?: boolean;
  readonly storage?: boolean;
  readonly schema: object;
  readonly selectableFields?: readonly object[];
}

function definition(plural: string, versions: readonly Version[], labels = {}, group = "lab.test"): object {
  const kind = `${plural[0]?.toUpperCase()}${plural.slice(1, -1)}`;
  return {
    ...{ apiVersion: "apiextensions.k8s.io/v1", kind: "CustomResourceDefinition" },
    metadata: { name: `${plural}.${group}`, labels },
    spec: {
      ...{ group, scope: "Cluster", names: { plural, singular: plural.slice(0, -1), kind } },
      versions: versions.map(({ schema, ...version }) => ({
        ...{ served: true, storage: true, schema: { openAPIV3Schema: schema } },
        ...version,
      })),
    },
  };
}

/** What it takes: a spec with these members, and whatever else is said. */
function schemaOf(members: object, more: object = {}): object {
  const spec = { type: "object", properties: members, ...more };
  return { type: "object", description: "A kind of a test's.", properties: { spec } };
}

describe("conformance: kinds that users bring", { skip: missing }, () => {
  let world: ApiWorld;
  let binary = "";
  before(async () => {
    world = await new ApiWorld().start();
    binary = (await kubectl()) ?? "";
  });
  after(() => world[Symbol.asyncDispose]());

  const ask = async (path: string, code: number, options: RequestOptions = {}): Promise<Reply["json"]> => {
    const reply = await world.send(path, options);
    assert.equal(reply.status, code, `${options.method ?? "GET"} ${path}: ${reply.text}`);
    return reply.json;
  };
  const post = (path: string, body: object, code = 201): Promise<Reply["json"]> =>
    ask(path, code, { method: "POST", body: JSON.stringify(body) });
  const patch = (path: string, type: string, body: string, code = 200): Promise<Reply["json"]> =>
    ask(path, code, { method: "PATCH", headers: { "content-type": `application/${type}` }, body });
  /** Defines a kind and waits for it to be served. */
  const define = async (body: object): Promise<void> => {
    const made = await post(definitions, body);
    const [version] = made.spec.versions;
    const path = `/apis/${made.spec.group}/${version.name}/${made.spec.names.plural}`;
    await waitFor(`${path} to be served`, async () => (await world.send(path)).status === 200 || undefined);
    // Its status is written when all replicas serve it: what is read before is soon another.
    await waitFor(`${made.metadata.name} to be established`, async () => {
      const { conditions = [] } = (await ask(`${definitions}/${made.metadata.name}`, 200)).status;
      return conditions.some(({ type, status }: Reply["json"]) => type === "Established" && status === "True")
        ? true
        : undefined;
    });
  };
  const published = async (
    group: string,
    version: string,
  ): Promise<Record<string, { description?: string }>> => {
    const reply = await world.send(`/openapi/v3/apis/${group}/${version}`);
    return reply.status === 200 ? reply.json.components.schemas : {};
  };
  const run = async (...words: string[]): Promise<string> => {
    const { code, out, err } = await world.kubectl(binary, words);
    assert.equal(code, 0, err);
    return out + err;
  };
  const applied = (path: string, body: string, code: number): Promise<Reply["json"]> =>
    patch(`${path}?fieldManager=test&fieldValidation=Strict`, "apply-patch+yaml", body, code);

  it("Custom Resource Definition, list", async () => {
    for (let one = 0; one < 10; one++) {
      const labels = one % 2 === 0 ? { ten: "five" } : {};
      await post(definitions, definition(`lists${one}s`, [{ name: "v1", schema: open }], labels));
    }
    const list = await ask(`${definitions}?labelSelector=ten%3Dfive`, 200);
    assert.equal(list.items.length, 5);
    await ask(`${definitions}?labelSelector=ten%3Dfive`, 200, { method: "DELETE" });
    await waitFor("five to be left", async () => {
      const { items } = await ask(definitions, 200);
      const left = items.filter((one: Reply["json"]) => one.metadata.name.startsWith("lists"));
      return left.length === 5 ? true : undefined;
    });
  });

  it("Custom Resource Definition, status sub-resource", async () => {
    await define(definition("states", [{ name: "v1", schema: open }]));
    const path = `${definitions}/states.lab.test`;
    const status = await ask(`${path}/status`, 200);
    assert.deepEqual(status.spec, (await ask(path, 200)).spec);
    const condition = { type: "StatusUpdate", status: "True", reason: "E2E", message: "Set from a test" };
    status.status.conditions.push(condition);
    const updated = await ask(`${path}/status`, 200, { method: "PUT", body: JSON.stringify(status) });
    assert.equal(updated.status.conditions.at(-1).message, condition.message);
    const value = '[{"op":"add","path":"/status/conditions","value":[{"message":"patched"}]}]';
    const patched = await patch(`${path}/status`, "json-patch+json", value);
    assert.deepEqual(patched.status.conditions, [{ message: "patched" }]);
  });

  it("Server side field validation, unknown fields CR no validation schema", async () => {
    await define(definition("opens", [{ name: "v1", schema: open }]));
    const head = "apiVersion: lab.test/v1\nkind: Open\nmetadata:\n  name: mytest\n";
    const made = await applied("/apis/lab.test/v1/opens/mytest", `${head}spec:\n  unknown: uk1\n`, 201);
    assert.equal(made.spec.unknown, "uk1");
  });

  const template = {
    ...{ type: "object", "x-kubernetes-embedded-resource": true },
    properties: { metadata: { type: "object", properties: { name: text } }, spec: { type: "object" } },
  };

  it("Server side field validation, unknown fields CR fails validation", async () => {
    await define(definition("closeds", [{ name: "v1", schema: schemaOf({ foo: text, template }) }]));
    const head = "apiVersion: lab.test/v1\nkind: Closed\nmetadata:\n  name: mytest\n";
    const path = "/apis/lab.test/v1/closeds/mytest";
    const { message } = await applied(path, `${head}unknownField: unknown\nspec:\n  foo: foo1\n`, 500);
    assert.match(message, /\.unknownField: field not declared in schema$/);
    const good = await applied(path, `${head}spec:\n  foo: foo1\n`, 201);
    assert.equal(good.spec.foo, "foo1");
  });

  it("a null is dropped of what is decoded, and refused of what is applied", async () => {
    const path = "/apis/lab.test/v1/closeds";
    const body = {
      apiVersion: "lab.test/v1",
      kind: "Closed",
      metadata: { name: "null" },
      spec: { foo: null },
    };
    const { message } = await applied(`${path}/null`, JSON.stringify(body), 422);
    assert.match(
      message,
      /: spec\.foo: Invalid value: "null": spec\.foo in body must be of type string: "null"$/,
    );
    assert.deepEqual((await post(path, body)).spec, {});
  });

  it("Server side field validation, unknown metadata", async () => {
    const path = "/apis/lab.test/v1/closeds";
    const root = "apiVersion: lab.test/v1\nkind: Closed\nmetadata:\n  name: x\n  unknownMeta: unknown\n";
    const { message } = await applied(`${path}/x`, root, 500);
    assert.match(message, /\.metadata\.unknownMeta: field not declared in schema$/);
    const body = {
      ...{ apiVersion: "lab.test/v1", kind: "Closed", metadata: { name: "x", unknownMeta: 1 } },
      spec: { template: { apiVersion: "v1", kind: "Sub", metadata: { name: "s", unknownSubMeta: 1 } } },
    };
    const said = await post(`${path}?fieldValidation=Strict`, body, 400);
    assert.ok(said.message.includes('unknown field "metadata.unknownMeta"'), said.message);
    assert.ok(said.message.includes('unknown field "spec.template.metadata.unknownSubMeta"'), said.message);
  });

  it("Server side field validation, CR duplicates", async () => {
    await define(definition("doubles", [{ name: "v1", schema: schemaOf({ foo: text }, open) }]));
    const path = "/apis/lab.test/v1/doubles/mytest";
    const head =
      "\napiVersion: lab.test/v1\nkind: Double\nmetadata:\n  name: mytest\nspec:\n  unknown: uk1\n";
    const said = await applied(path, `${head}  foo: foo1\n  foo: foo2\n`, 400);
    assert.match(said.message, /line 9: key "foo" already set in map$/);
    const json = '{"apiVersion":"lab.test/v1","kind":"Double",\n"metadata":{"name":"a","name":"mytest"}}';
    assert.match((await applied(path, json, 400)).message, /line 2: key "name" already set in map$/);
  });

  it("Custom Resource finalizers are to be qualified", async () => {
    const finalizers = ["mine", "lab.test", "lab.test/mine"];
    const metadata = { name: "held", finalizers };
    const reply = await world.send("/apis/lab.test/v1/opens", {
      ...{ method: "POST", body: JSON.stringify({ apiVersion: "lab.test/v1", kind: "Open", metadata }) },
    });
    const why = "to avoid accidental conflicts with other finalizer writers";
    assert.deepEqual(
      reply.headers["warning"]?.replaceAll("\\", ""),
      [
        `299 - "metadata.finalizers: "lab.test": prefer a domain-qualified finalizer name including a path (/) ${why}"`,
        `299 - "metadata.finalizers: "mine": prefer a domain-qualified finalizer name ${why}"`,
      ].join(", "),
    );
  });

  it("Custom Resource OpenAPI Publish, varying groups", async () => {
    await define(definition("ones", [{ name: "v1", schema: schemaOf({ a: text }) }], {}, "one.test"));
    await define(definition("twos", [{ name: "v1", schema: schemaOf({ b: text }) }], {}, "two.test"));
    const [one, two] = [await published("one.test", "v1"), await published("two.test", "v1")];
    assert.ok(one["test.one.v1.One"]?.description?.includes("A kind of a test's."));
    assert.ok(two["test.two.v1.Two"] && one["test.two.v1.Two"] === undefined);
  });

  it("Custom Resource OpenAPI Publish, varying kinds", async () => {
    await define(definition("lefts", [{ name: "v6", schema: schemaOf({ a: text }) }], {}, "kinds.test"));
    await define(definition("rights", [{ name: "v6", schema: schemaOf({ b: text }) }], {}, "kinds.test"));
    const both = await published("kinds.test", "v6");
    assert.ok(both["test.kinds.v6.Left"] && both["test.kinds.v6.Right"]);
  });

  it("Custom Resource OpenAPI Publish, varying versions; stop serving version; version rename", async () => {
    const schema = schemaOf({ a: text });
    await define(
      definition(
        "turns",
        [
          { name: "v2", schema },
          { name: "v3", schema, storage: false },
        ],
        {},
        "turns.test",
      ),
    );
    const path = `${definitions}/turns.turns.test`;
    assert.ok((await published("turns.test", "v3"))["test.turns.v3.Turn"]);
    await patch(path, "json-patch+json", '[{"op":"replace","path":"/spec/versions/1/name","value":"v4"}]');
    await waitFor(
      "v4 to be published",
      async () => (await published("turns.test", "v4"))["test.turns.v4.Turn"],
    );
    assert.deepEqual(await published("turns.test", "v3"), {});
    await patch(path, "json-patch+json", '[{"op":"replace","path":"/spec/versions/1/served","value":false}]');
    await waitFor("v4 to be no longer published", async () =>
      Object.keys(await published("turns.test", "v4")).length === 0 ? true : undefined,
    );
    assert.ok((await published("turns.test", "v2"))["test.turns.v2.Turn"]);
  });

  const preserving: readonly (readonly [where: string, plural: string, schema: object, said: RegExp])[] = [
    ["at root", "roots", { ...schemaOf({}), ...open }, /KIND: +Root/],
    ["in object", "insides", open, /DESCRIPTION:/],
    ["in embedded object", "nesteds", schemaOf({ a: { ...open, properties: { b: text } } }), /KIND: +Nested/],
  ];
  for (const [where, plural, schema, said] of preserving) {
    it(`Custom Resource OpenAPI Publish, with x-kubernetes-preserve-unknown-fields ${where}`, async () => {
      const kind = `${plural[0]?.toUpperCase()}${plural.slice(1, -1)}`;
      await define(definition(plural, [{ name: "v1", schema }]));
      const free = { unknown: { deep: [1] } };
      const content = where === "in embedded object" ? { spec: { a: free } } : { ...free, spec: free };
      const file = (more: object): string =>
        world.file(`${plural}.json`, {
          apiVersion: "lab.test/v1",
          kind,
          metadata: { name: "x" },
          ...content,
          ...more,
        });
      // At the root the spec's own schema says what it has.
      const body = where === "at root" ? { spec: {} } : {};
      await run("create", "--validate=strict", "-f", file(body));
      await run("delete", "-f", file(body));
      await run("apply", "--validate=strict", "-f", file(body));
      await run(
        "apply",
        "--validate=strict",
        "-f",
        file({ ...body, metadata: { name: "x", labels: { a: "b" } } }),
      );
      const kept = await ask(`/apis/lab.test/v1/${plural}/x`, 200);
      assert.deepEqual((where === "in embedded object" ? kept.spec.a : kept).unknown, { deep: [1] });
      assert.match(await run("explain", plural), said);
      if (where === "in embedded object")
        assert.match(await run("explain", `${plural}.spec`), /a\s+<.*Object>/i);
    });
  }

  it("custom resources are chosen by the fields that their definition names", async () => {
    const schema = { type: "object", properties: { host: text, port: text } };
    const selectableFields = [{ jsonPath: ".host" }, { jsonPath: ".port" }];
    await define(definition("picks", [{ name: "v1", schema, selectableFields }]));
    const path = "/apis/lab.test/v1/picks";
    const make = (name: string, host: string, port: string): Promise<Reply["json"]> =>
      post(path, { apiVersion: "lab.test/v1", kind: "Pick", metadata: { name }, host, port });
    await make("a", "host1", "80");
    await make("b", "host1", "8080");
    await make("c", "host2", "80");
    const picked = async (selector: string): Promise<string[]> => {
      const list = await ask(`${path}?fieldSelector=${encodeURIComponent(selector)}`, 200);
      return list.items.map((one: Reply["json"]) => one.metadata.name);
    };
    assert.deepEqual(await picked("host=host1"), ["a", "b"]);
    assert.deepEqual(await picked("host=host1,port=80"), ["a"]);
    assert.deepEqual(await picked("host!=host1"), ["c"]);
    const { metadata } = await ask(path, 200);
    await ask(`${path}/a`, 200, { method: "DELETE" });
    await patch(`${path}/b`, "merge-patch+json", '{"host":"host2"}');
    await patch(`${path}/c`, "merge-patch+json", '{"host":"host1"}');
    const seen: string[] = [];
    const query = `watch=1&resourceVersion=${metadata.resourceVersion}&fieldSelector=host%3Dhost1`;
    for await (const { type, object } of world.events(`${path}?${query}`)) {
      if (seen.push(`${type} ${object.metadata.name}`) === 3) break;
    }
    assert.deepEqual(seen, ["DELETED a", "DELETED b", "ADDED c"]);
  });
});
