/** The loop reads and writes nothing of a long object but its metadata: the rest passes it as text. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { text as textOf } from "node:stream/consumers";
import { after, before, describe, it } from "node:test";
import { ApiWorld, opensslMissing } from "./api-world.ts";
import { HookServer } from "./hook-server.ts";

const item = {
  ...{ type: "object", required: ["name"] },
  properties: { name: { type: "string" }, open: { type: "boolean", default: true } },
};
const spec = {
  type: "object",
  properties: {
    size: { type: "integer", default: 1 },
    copies: { type: "integer" },
    items: {
      type: "array",
      "x-kubernetes-list-type": "map",
      "x-kubernetes-list-map-keys": ["name"],
      items: item,
    },
  },
};
const definition = {
  ...{ apiVersion: "apiextensions.k8s.io/v1", kind: "CustomResourceDefinition" },
  metadata: { name: "racks.lab.example.com" },
  spec: {
    ...{ group: "lab.example.com", scope: "Namespaced", names: { plural: "racks", kind: "Rack" } },
    versions: ["v1", "v2"].map((name) => ({
      ...{ name, served: true, storage: name === "v1" },
      subresources: { scale: { specReplicasPath: ".spec.copies", statusReplicasPath: ".status.copies" } },
      additionalPrinterColumns: [{ name: "First", type: "string", jsonPath: ".spec.items[0].name" }],
      schema: { openAPIV3Schema: { type: "object", properties: { metadata: { type: "object" }, spec } } },
    })),
  },
};
const racks = (version: string, name = ""): string =>
  `/apis/lab.example.com/${version}/namespaces/default/racks${name && `/${name}`}`;
const items = (count: number, first = 0): object[] =>
  Array.from({ length: count }, (_, at) => ({ name: `item-${at + first}`, open: at % 2 === 0 }));
const count = 4000;
const rack = (spec: object): string =>
  JSON.stringify({
    ...{ apiVersion: "lab.example.com/v1", kind: "Rack" },
    metadata: { name: "one", namespace: "default" },
    spec,
  });
const scaleOf = (replicas: number): string =>
  JSON.stringify({
    ...{ apiVersion: "autoscaling/v1", kind: "Scale", metadata: { name: "one", namespace: "default" } },
    spec: { replicas },
  });
const longMin = 64 * 1024;

const registrations = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations";

/** A webhook that reads nothing of what it is shown, and adds an item. */
class RawHook {
  readonly #made = new HookServer({});
  readonly #server = createServer(this.#made.tls, (request, response) => {
    void textOf(request).then((review) => {
      this.asked++;
      const [, uid] = /"uid":"([^"]+)"/.exec(review) ?? [];
      const path = review.includes('"kind":"Scale"') ? "/spec/replicas" : "/spec/items/-";
      const value = path === "/spec/replicas" ? 5 : { name: `added-${this.asked}` };
      const patch = Buffer.from(JSON.stringify([{ op: "add", path, value }])).toString("base64");
      const answer = {
        uid,
        allowed: true,
        ...(review.includes('"DELETE"') ? {} : { patch, patchType: "JSONPatch" }),
      };
      response.end(JSON.stringify({ ...reviewed, response: answer }));
    });
  });
  asked = 0;

  async start(): Promise<this> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    return this;
  }

  configuration(version: string): object {
    const url = `https://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`;
    const rule = { operations: ["*"], apiGroups: ["lab.example.com"], apiVersions: [version] };
    return {
      ...{ apiVersion: "admissionregistration.k8s.io/v1", kind: "MutatingWebhookConfiguration" },
      metadata: { name: "raw" },
      webhooks: [
        {
          ...{ name: "raw.lab.example.com", clientConfig: { url, caBundle: this.#made.caBundle } },
          rules: [{ ...rule, resources: ["racks", "racks/scale"] }],
          ...{ sideEffects: "None", admissionReviewVersions: ["v1"] },
        },
      ],
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
    await this.#made[Symbol.asyncDispose]();
  }
}

const reviewed = { apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview" };

interface Answer {
  readonly status: number;
  readonly text: string;
}

describe("of a long object", { skip: opensslMissing() }, () => {
  let world: ApiWorld;
  let kept = 0;

  const send = async (
    method: string,
    path: string,
    body?: string,
    type = "application/json",
    accept = "application/json",
  ): Promise<Answer> =>
    await new Promise((resolve, reject) => {
      const headers = { "content-type": type, accept };
      const request = world.open(
        path,
        { method, headers, ...(body !== undefined && { body }) },
        (response) => {
          let text = "";
          response.setEncoding("utf8").on("data", (part: string) => {
            text += part;
          });
          response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
        },
      );
      request.on("error", reject);
    });

  before(async () => {
    world = await new ApiWorld().start();
    const made = await send(
      "POST",
      "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
      JSON.stringify(definition),
    );
    assert.equal(made.status, 201, made.text);
  });
  after(() => world[Symbol.asyncDispose]());

  const yaml = "application/yaml";
  const [table, partial] = ["Table", "PartialObjectMetadata"].map(
    (as) => `application/json;g=meta.k8s.io;v=v1;as=${as}`,
  ) as [string, string];
  const asked = (version: string, accept: string, name = ""): Parameters<typeof send> => [
    ...(["GET", racks(version, name), undefined, undefined, accept] as const),
  ];
  const [merge, apply] = ["application/merge-patch+json", "application/apply-patch+yaml"];
  const all = JSON.stringify({ spec: { items: items(count, 7) } });
  const applied = rack({ items: items(count, 9) });
  const rows: readonly (readonly [what: string, code: number, ...Parameters<typeof send>])[] = [
    ["a create", 201, "POST", racks("v1"), rack({ items: items(count) })],
    ["a get", 200, "GET", racks("v1", "one")],
    ["a get in another version", 200, "GET", racks("v2", "one")],
    ["a list", 200, "GET", racks("v1")],
    ["YAML", 200, ...asked("v1", yaml, "one")],
    ["YAML in another version", 200, ...asked("v2", yaml, "one")],
    ["a list in YAML", 200, ...asked("v1", yaml)],
    ["an answer for people", 200, "GET", `${racks("v1", "one")}?pretty=true`],
    ["a table that looks in", 200, ...asked("v1", table, "one")],
    ["a list as a table that looks in", 200, ...asked("v2", table)],
    ["its metadata", 200, ...asked("v1", partial, "one")],
    ["a list of metadata", 200, ...asked("v1", `${partial}List`)],
    ["a patch of a label", 200, "PATCH", racks("v1", "one"), '{"metadata":{"labels":{"a":"b"}}}', merge],
    ["a patch of everything", 200, "PATCH", racks("v1", "one"), all, merge],
    ["a patch in another version", 200, "PATCH", racks("v2", "one"), '{"spec":{"size":2}}', merge],
    ["an apply", 200, "PATCH", `${racks("v1", "one")}?fieldManager=me&force=true`, applied, apply],
    ["its scale", 200, "GET", `${racks("v1", "one")}/scale`],
    ["an update of its scale", 200, "PUT", `${racks("v1", "one")}/scale`, scaleOf(2)],
    ["a patch of its scale", 200, "PATCH", `${racks("v1", "one")}/scale`, '{"spec":{"replicas":3}}', merge],
    ["a delete", 200, "DELETE", racks("v1", "one")],
  ];
  const hooked = new Set([
    "a create",
    "a patch of a label",
    "an apply",
    "an update of its scale",
    "a delete",
  ]);
  for (const row of rows) readsNothing(row);

  for (const version of ["v1", "v2"]) {
    describe(`that a webhook changes, which is shown it in ${version},`, () => {
      let hook: RawHook;
      before(async () => {
        hook = await new RawHook().start();
        const made = await send("POST", registrations, JSON.stringify(hook.configuration(version)));
        assert.equal(made.status, 201, made.text);
      });
      after(async () => {
        await send("DELETE", `${registrations}/raw`);
        await hook[Symbol.asyncDispose]();
        assert.equal(hook.asked, hooked.size);
      });
      for (const row of rows) if (hooked.has(row[0])) readsNothing(row);
    });
  }

  function readsNothing([what, code, ...asked]: (typeof rows)[number]): void {
    it(`${what} has the loop read and write nothing but what is short`, async (t) => {
      const { parse, stringify } = JSON;
      const long: string[] = [];
      const note = (text: string | undefined, by: string): void => {
        if (text !== undefined && text.length > longMin) long.push(`${by}: ${text.slice(0, 80)}`);
      };
      t.mock.method(JSON, "parse", ((text, ...others) => {
        note(text, "parse");
        return parse(text, ...others);
      }) as typeof JSON.parse);
      t.mock.method(JSON, "stringify", ((...of: Parameters<typeof JSON.stringify>) => {
        const text = stringify(...of);
        note(text, "stringify");
        return text;
      }) as typeof JSON.stringify);
      const heard = await told(async () => await send(...asked));
      t.mock.restoreAll();
      assert.deepEqual(long, []);
      assert.equal(heard.status, code, heard.text.slice(0, 300));
    });
  }

  /** What a client is answered, once who watches in this process and outside of it has been told. */
  async function told(ask: () => Promise<Answer>): Promise<Answer> {
    const before = await world.objects.revision();
    const answer = await ask();
    const revision = await world.objects.revision();
    if (revision === before) return answer;
    const from = String(before);
    const stop = new AbortController();
    const kind = world.kind("racks");
    for await (const { object } of world.objects.watch(kind, {
      resourceVersion: from,
      signal: stop.signal,
    })) {
      assert.equal(object.metadata.name, "one");
      kept = Number(object.metadata.resourceVersion);
      if (kept >= revision) stop.abort();
    }
    const watched = await send("GET", `${racks("v2")}?watch=true&resourceVersion=${from}&timeoutSeconds=1`);
    assert.match(
      watched.text,
      /^\{"type":"(ADDED|MODIFIED|DELETED)","object":\{"apiVersion":"lab.example.com\/v2"/,
    );
    return answer;
  }

  it("what is answered is what was written, with its defaults", async () => {
    const made = await send("POST", racks("v1"), rack({ items: [...items(count), { name: "last" }] }));
    assert.equal(made.status, 201);
    const { metadata, spec } = JSON.parse(made.text);
    assert.deepEqual(spec, { items: [...items(count), { name: "last", open: true }], size: 1 });
    assert.equal(metadata.managedFields.length, 1);
    for (const version of ["v1", "v2"]) {
      const found = JSON.parse((await send("GET", racks(version, "one"))).text);
      assert.deepEqual(found, { ...JSON.parse(made.text), apiVersion: `lab.example.com/${version}` });
    }
  });
});
