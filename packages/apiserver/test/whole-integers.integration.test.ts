/** Integers of 64 bits in a user's kind, to the last digit: by every way in and out, from every store. */
import assert from "node:assert/strict";
import type { IncomingMessage } from "node:http";
import { after, before, describe, it } from "node:test";
import { Log, SystemClock } from "@selvedge/base";
import { PostgresServer, postgresMissing } from "../../harness/src/real/postgres-server.ts";
import { waitFor } from "../../harness/src/real/wait.ts";
import { PostgresStore, SqliteStore, type Store } from "../src/index.ts";
import { ApiWorld, opensslMissing, type Reply } from "./api-world.ts";
import { patch } from "./hook-server.ts";
import { HookWorld, rule, version } from "./hook-world.ts";

const odd = "9007199254740993";
const least = "-9223372036854775808";
const most = "9223372036854775807";
const definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const path = "/apis/lab.test/v1/counters";

const definition = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: counters.lab.test}
spec:
  group: lab.test
  scope: Cluster
  names: {plural: counters, singular: counter, kind: Counter}
  versions:
  - name: v1
    served: true
    storage: true
    subresources: {status: {}, scale: {specReplicasPath: .spec.replicas, statusReplicasPath: .status.replicas}}
    selectableFields: [{jsonPath: .spec.ticks}]
    additionalPrinterColumns: [{name: Ticks, type: integer, jsonPath: .spec.ticks}]
    schema: {openAPIV3Schema: {type: object, properties: {
      spec: {
        type: object,
        properties: {
          ticks: {type: integer, format: int64, minimum: ${least},
           
            x-kubernetes-validations: [{rule: self != 9007199254740995}]},
          fixed: {type: integer, default: ${odd}, enum: [${odd}, 1]},
          ids: {type: array, items: {type: integer}, x-kubernetes-list-type: set},
          replicas: {type: integer},
          free: {type: object, x-kubernetes-preserve-unknown-fields: true}}},
      status: {type: object, properties: {replicas: {type: integer}, seen: {type: integer}}}}}}
`;

/** A body of one member a line, the same in JSON and YAML. */
const body = (name: string, spec: string): string =>
  `{"apiVersion": "lab.test/v1", "kind": "Counter", "metadata": {"name": "${name}"},\n"spec": ${spec}}`;

const types = {
  json: "application/json",
  yaml: "application/yaml",
  merge: "application/merge-patch+json",
  patch: "application/json-patch+json",
  apply: "application/apply-patch+yaml",
  table: "application/json;as=Table;v=v1;g=meta.k8s.io",
  protobuf: "application/vnd.kubernetes.protobuf",
} as const;

const revisionOf = ({ json }: Reply): string => json.metadata.resourceVersion;

interface Place {
  readonly store: () => Promise<Store | undefined>;
  readonly skip?: string | undefined;
}

const missing = postgresMissing();
const postgres = missing === undefined ? await PostgresServer.start() : undefined;
after(() => postgres?.[Symbol.asyncDispose]());
const clock = new SystemClock();

const places: Readonly<Record<string, Place>> = {
  "a file": { store: async () => undefined },
  memory: { store: async () => new SqliteStore(":memory:") },
  PostgreSQL: {
    skip: missing,
    store: async () => {
      const url = (await postgres?.database("integers")) ?? "";
      return await PostgresStore.open({ url, clock, log: new Log("store", clock, () => {}) });
    },
  },
};

for (const [where, { store, skip }] of Object.entries(places))
  describe(`integers of 64 bits, kept in ${where}`, { skip: opensslMissing() || skip }, () => {
    let world: ApiWorld;
    const send = (method: string, at: string, type: keyof typeof types, text: string): Promise<Reply> =>
      world.send(at, { method, headers: { "content-type": types[type] }, body: text });
    /** The very text: what reads it as JSON here would round it. */
    const get = async (at: string, accept: keyof typeof types = "json"): Promise<string> => {
      const opened = Promise.withResolvers<IncomingMessage>();
      world.open(at, { headers: { accept: types[accept] } }, opened.resolve).on("error", opened.reject);
      let text = "";
      for await (const part of (await opened.promise).setEncoding("utf8")) text += part;
      return text;
    };
    const holds = (text: string, ...parts: readonly string[]): void => {
      for (const part of parts) assert.ok(text.includes(part), `${part} is not in ${text}`);
    };
    before(async () => {
      const own = await store();
      world = await new ApiWorld({ ...(own && { store: own }) }).start();
      const made = await send("POST", definitions, "yaml", definition);
      assert.equal(made.status, 201, made.text);
      holds(made.text, `"default":${odd}`, `"enum":[${odd},1]`, '"minimum":-9223372036854776000');
    });
    before(() =>
      waitFor("the kind", async () => ((await world.send(path)).status === 200 ? true : undefined)),
    );
    after(() => world[Symbol.asyncDispose]());

    for (const type of ["json", "yaml"] as const)
      it(`come in ${type} and go out in each form`, async () => {
        const name = `in-${type}`;
        const spec = `{"ticks": ${most}, "ids": [${odd}, 9007199254740992], "free": {"a": [${least}]}}`;
        const made = await send("POST", path, type, body(name, spec));
        const said = `"spec":{"ticks":${most},"ids":[${odd},9007199254740992],"free":{"a":[${least}]},"fixed":${odd}}`;
        assert.deepEqual([made.status, made.headers.warning], [201, undefined], made.text);
        for (const text of [made.text, await get(`${path}/${name}`), await get(path)]) holds(text, said);
        holds(await get(`${path}/${name}`, "yaml"), `ticks: ${most}\n`, `- ${odd}\n`, `- ${least}\n`);
        holds(await get(`${path}/${name}?pretty=true`), `"ticks": ${most}`, `"fixed": ${odd}`);
        holds(await get(`${path}/${name}`, "table"), `"cells":["${name}",${most}]`);
        holds(await get(`${path}?fieldSelector=spec.ticks%3D${most}`, "table"), `"${name}",${most}]`);
        holds(await get(`${path}?fieldSelector=spec.ticks%3D9223372036854775806`), '"items":[]');
        const list = `${path}?sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan`;
        const watched = await get(`${list}&watch=1&timeoutSeconds=1&fieldSelector=metadata.name%3D${name}`);
        holds(watched, `"type":"ADDED"`, said);
        // Written back as it was read, nothing is another.
        const read = await get(`${path}/${name}`);
        assert.equal(revisionOf(await send("PUT", `${path}/${name}`, "json", read)), revisionOf(made));
      });

    it("are changed by every patch, and an equal one changes nothing", async () => {
      const at = `${path}/patched`;
      const apply = (name: string, spec: string): Promise<Reply> =>
        send("PATCH", `${at}?fieldManager=${name}`, "apply", body("patched", spec));
      const first = await apply("a", `{"ticks": ${odd}, "ids": [${odd}, 9007199254740992]}`);
      assert.equal(first.status, 201, first.text);
      holds(first.text, `"v:${odd}":{}`, '"v:9007199254740992":{}');
      const same = await apply("a", `{"ticks": ${odd}, "ids": [${odd}, 9007199254740992]}`);
      assert.equal(revisionOf(same), revisionOf(first));
      assert.equal((await apply("b", `{"ticks": ${odd}}`)).status, 200);
      assert.equal((await apply("b", '{"ticks": 9007199254740992}')).status, 409);
      const merged = await send("PATCH", at, "merge", `{"spec":{"ticks":${least}}}`);
      holds(merged.text, `"ticks":${least}`, `"ids":[${odd},9007199254740992]`);
      const again = await send("PATCH", at, "merge", `{"spec":{"ticks":${least}}}`);
      assert.equal(revisionOf(again), revisionOf(merged));
      const operations = (test: string): string =>
        `[{"op":"test","path":"/spec/ticks","value":${test}},{"op":"replace","path":"/spec/ticks","value":${most}}]`;
      assert.equal((await send("PATCH", at, "patch", operations("-9223372036854775807"))).status, 422);
      holds((await send("PATCH", at, "patch", operations(least))).text, `"ticks":${most}`);
      holds(
        (await send("PATCH", `${at}/status`, "merge", `{"status":{"seen":${odd}}}`)).text,
        `"seen":${odd}`,
      );
    });

    const refused: readonly (readonly [spec: string, said: string])[] = [
      ['{"ticks": 9007199254740995}', "failed rule: self != 9007199254740995"],
      ['{"fixed": 9007199254740992}', `Unsupported value: 9007199254740992: supported values: "${odd}", "1"`],
      [`{"replicas": ${odd}}`, `Invalid value: ${odd}: should be less than or equal to 2147483647`],
      [`{"ids": [${odd}, ${odd}]}`, `spec.ids[1]: Duplicate value: ${odd}`],
      ['{"ticks": "text"}', 'must be of type integer: "string"'],
    ];
    for (const [spec, said] of refused)
      it(`are told to the last digit: ${spec}`, async () => {
        const reply = await send("POST", path, "json", body("refused", spec));
        assert.equal(reply.status, 422, reply.text);
        holds(reply.json.message, said);
      });

    it("are no numbers of copies, and nothing of metadata", async () => {
      await send("POST", path, "json", body("scaled", '{"ticks": 1, "replicas": 1}'));
      const fault = `json: cannot unmarshal number ${odd} into Go struct field ScaleSpec.spec.replicas of type int32`;
      const said = '"apiVersion":"autoscaling/v1","kind":"Scale","metadata":{"name":"scaled"}';
      const put = await send("PUT", `${path}/scaled/scale`, "json", `{${said},"spec":{"replicas":${odd}}}`);
      assert.deepEqual([put.status, put.json.message.endsWith(fault)], [400, true], put.text);
      const patched = await send("PATCH", `${path}/scaled/scale`, "merge", `{"spec":{"replicas":${odd}}}`);
      assert.deepEqual([patched.status, patched.json.message.endsWith(fault)], [422, true], patched.text);
      const at = `${path}/scaled`;
      const meta = await send("PATCH", at, "merge", `{"metadata":{"generation":${odd}}}`);
      assert.deepEqual([meta.status, meta.json.metadata.generation], [200, 1]);
      const grace = await send("PATCH", at, "merge", `{"metadata":{"deletionGracePeriodSeconds":${odd}}}`);
      assert.equal(grace.status, 422);
      assert.match(grace.json.message, /metadata\.deletionGracePeriodSeconds: .* field is immutable$/);
    });

    it("beyond 64 bits are what Go makes of them, and their writer is told", async () => {
      const reply = await send(
        "POST",
        path,
        "json",
        body("beyond", '{"free": {"a": 18446744073709551615, "b": 1.0}}'),
      );
      holds(reply.text, '"free":{"a":18446744073709552000,"b":1}');
      const warning =
        "18446744073709551615 is kept as 18446744073709552000: write integers beyond 2^63 as texts";
      assert.equal(reply.headers.warning, `299 - "${warning}"`);
    });

    it("are no bounds of schemas, and their writer is told", async () => {
      const text = definition.replaceAll("counter", "bounded").replaceAll("Counter", "Bounded");
      const made = await send("POST", `${definitions}?dryRun=All`, "yaml", text.replace(least, odd));
      const warning = `${odd} is kept as 9007199254740992: this member is a float64`;
      assert.deepEqual([made.status, made.headers.warning], [201, `299 - "${warning}"`], made.text);
    });

    it("are in the definition, and in what is told and kept of it", async () => {
      const name = `${definitions}/counters.lab.test`;
      holds(await get(name, "yaml"), `default: ${odd}\n`, `- ${odd}\n`);
      holds(await get(name, "protobuf"), odd);
      holds(await get("/openapi/v3/apis/lab.test/v1"), `"default":${odd}`);
      const { rows } = await world.store.list("");
      const texts = rows.map(({ value }) => value);
      holds(texts.join("\n"), `"ticks":${most}`, `"default":${odd}`);
    });
  });

describe("integers of 64 bits that others are asked of", { skip: opensslMissing() }, () => {
  let world: HookWorld;
  const seen: unknown[] = [];
  const whole = BigInt(odd);
  before(async () => {
    world = await new HookWorld({
      "/mutate": ({ object }) => {
        seen.push(object.data.ticks);
        const test = { op: "test", path: "/data/ticks", value: whole };
        return patch(test, { op: "add", path: "/data/ids", value: [BigInt(least)] });
      },
      "/convert": (request) => {
        const { desiredAPIVersion: apiVersion, objects } = request;
        seen.push(objects[0].data.ticks);
        const convertedObjects = objects.map((object: object) => ({ ...object, apiVersion }));
        return { result: { status: "Success" }, convertedObjects };
      },
    }).start();
  });
  after(() => world[Symbol.asyncDispose]());

  it("have all digits in their questions and their answers", async () => {
    const clientConfig = world.hooks.client("/convert");
    const versions = [version("v1", true), version("v2", false)];
    const conversion = { strategy: "Webhook", webhook: { clientConfig, conversionReviewVersions: ["v1"] } };
    const v1 = await world.define("counts", versions, { conversion });
    await world.register("mutating", "counts", [rule("counts", "CREATE")], { path: "/mutate" });
    const text = `{"apiVersion":"lab.test/v1","kind":"Count","metadata":{"name":"a"},"data":{"ticks":${odd}}}`;
    const made = await waitFor("the webhook to be asked", async () => {
      const reply = await world.api.send(v1, { method: "POST", body: text });
      if (seen.length > 0) return reply;
      await world.api.send(`${v1}/a`, { method: "DELETE" });
      return undefined;
    });
    const data = `"data":{"ticks":${odd},"ids":[${least}]}`;
    assert.ok(made.text.includes(data), made.text);
    const v2 = await world.api.send(v1.replace("/v1/", "/v2/"));
    assert.ok(v2.text.includes('"apiVersion":"lab.test/v2"') && v2.text.includes(data), v2.text);
    assert.deepEqual(seen, [whole, whole]);
  });
});
