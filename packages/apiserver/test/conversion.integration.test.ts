/** Versions of users' kinds that a webhook turns into each other, as upstream's conformance tests have it. */

import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";
import { waitFor } from "../../harness/src/real/wait.ts";
import { opensslMissing } from "./api-world.ts";
import { type Answer, type Asked, deny } from "./hook-server.ts";
import { HookWorld, rule, version } from "./hook-world.ts";

/** As upstream's sample converter: v1 says `hostPort`, v2 `host` and `port`. */
function convert(object: Asked, desired: string): Asked {
  const { hostPort, host, port, ...others } = object;
  const made = { ...others, apiVersion: desired };
  if (desired.endsWith("/v2")) {
    const [first, second] = (hostPort ?? "").split(":");
    return hostPort === undefined ? made : { ...made, host: first, port: second };
  }
  return host === undefined ? made : { ...made, hostPort: `${host}:${port}` };
}

const success = { status: "Success" };
const converting: Answer = ({ objects, desiredAPIVersion: desired }: Asked) => ({
  result: success,
  convertedObjects: objects.map((object: Asked) => convert(object, desired)),
});
/** What it does to each object besides, for a test. */
let spoil: ((object: Asked) => Asked) | undefined;
let failing = false;
const answers: Readonly<Record<string, Answer>> = {
  "/crdconvert": (request: Asked) => {
    if (failing) return { result: { status: "Failure", message: "not today" } };
    const answer = converting(request) as { convertedObjects: Asked[] };
    return spoil === undefined ? answer : { ...answer, convertedObjects: answer.convertedObjects.map(spoil) };
  },
  "/deny-v2": ({ object, kind }: Asked) =>
    kind.version === "v2" && object.host === "bad" ? deny("this host is bad") : { allowed: true },
};

const text = { type: "string" };
const properties = { v1: { hostPort: text }, v2: { host: text, port: text } } as const;
const versions = (stored: string): object[] => [
  version("v1", stored === "v1", properties.v1),
  version("v2", stored === "v2", properties.v2),
];

describe("conformance: conversion webhooks", { skip: opensslMissing() }, () => {
  let world: HookWorld;
  before(async () => {
    world = await new HookWorld(answers).start();
  });
  after(() => world[Symbol.asyncDispose]());
  afterEach(async () => {
    [spoil, failing] = [undefined, false];
    await world.cleanUp();
  });

  const definition = (plural: string): string =>
    `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${plural}.lab.test`;
  const conversion = (): object => ({
    conversion: {
      strategy: "Webhook",
      webhook: {
        clientConfig: world.hooks.client("/crdconvert"),
        conversionReviewVersions: ["v1", "v1beta1"],
      },
    },
  });
  const define = async (
    plural: string,
    stored = "v1",
  ): Promise<{ readonly v1: string; readonly v2: string }> => {
    const v1 = await world.define(plural, versions(stored), conversion());
    return { v1, v2: v1.replace("/v1/", "/v2/") };
  };
  const custom = (kind: string, name: string, more: object, at = "v1"): object => {
    return { apiVersion: `lab.test/${at}`, kind, metadata: { name }, ...more };
  };
  const local = { hostPort: "localhost:8080" };
  const conversions = (): Asked[] => world.hooks.asked.filter(({ path }) => path === "/crdconvert");

  it("Custom Resource Definition Conversion Webhook, conversion custom resource", async () => {
    const { v1, v2 } = await define("ones");
    await world.post(v1, custom("One", "a", local));
    const { host, port, hostPort, apiVersion, metadata } = await world.ask(`${v2}/a`, 200);
    assert.deepEqual([host, port, hostPort, apiVersion], ["localhost", "8080", undefined, "lab.test/v2"]);
    const kept = await world.ask(`${v1}/a`, 200);
    assert.deepEqual([kept.hostPort, kept.metadata], ["localhost:8080", metadata]);
  });

  it("Custom Resource Definition Conversion Webhook, convert mixed version list", async () => {
    const { v1, v2 } = await define("mixeds");
    await world.post(v1, custom("Mixed", "a", local));
    await world.patch(definition("mixeds"), { spec: { versions: versions("v2") } });
    await world.post(v1, custom("Mixed", "b", local));
    const list = async (path: string): Promise<Asked[]> => {
      world.hooks.asked.length = 0;
      return (await world.ask(path, 200)).items;
    };
    assert.deepEqual(
      (await list(v1)).map(({ hostPort, host }) => [hostPort, host]),
      [
        ["localhost:8080", undefined],
        ["localhost:8080", undefined],
      ],
    );
    assert.equal(conversions().length, 1);
    assert.deepEqual(
      (await list(v2)).map(({ host, port, hostPort }) => [host, port, hostPort]),
      [
        ["localhost", "8080", undefined],
        ["localhost", "8080", undefined],
      ],
    );
  });

  it("asks once for a whole list, and not at all where nothing has to be converted", async () => {
    const { v1, v2 } = await define("manys");
    for (let one = 0; one < 20; one++) await world.post(v1, custom("Many", `n${one}`, local));
    assert.equal(conversions().length, 0);
    await world.ask(v1, 200);
    assert.equal(conversions().length, 0);
    assert.equal((await world.ask(v2, 200)).items.length, 20);
    assert.deepEqual(
      conversions().map(({ review }) => review.request.objects.length),
      [20],
    );
  });

  it("shows watches what they asked for", async () => {
    const { v1, v2 } = await define("watcheds");
    await world.post(v1, custom("Watched", "a", local));
    const events = world.api.events(`${v2}?watch=true`);
    const next = async (): Promise<Asked> => (await events.next()).value;
    const { type, object } = await next();
    assert.deepEqual([type, object.host, object.apiVersion], ["ADDED", "localhost", "lab.test/v2"]);
    await world.patch(`${v1}/a`, { hostPort: "other:1" });
    assert.deepEqual((await next()).object.host, "other");
    await world.ask(`${v1}/a`, 200, { method: "DELETE" });
    const gone = await next();
    assert.deepEqual([gone.type, gone.object.host], ["DELETED", "other"]);
    await events.return(undefined);
  });

  it("custom-resource-definition-field-selectors-list-watch-register-informers", async () => {
    const fields = [[".hostPort"], [".host", ".port"]];
    const selectable = versions("v1").map((version, at) => ({
      ...version,
      selectableFields: fields[at]?.map((jsonPath) => ({ jsonPath })),
    }));
    const v1 = await world.define("chosens", selectable, conversion());
    const v2 = v1.replace("/v1/", "/v2/");
    const rows: readonly (readonly [path: string, before: string[], seen: string[]])[] = [
      [`${v2}?fieldSelector=host%3Dhost1`, ["a", "b"], ["ADDED a", "ADDED b", "DELETED a", "DELETED b"]],
      [`${v2}?fieldSelector=host%3Dhost1%2Cport%3D80`, ["a"], ["ADDED a", "DELETED a"]],
      [`${v1}?fieldSelector=hostPort%3Dhost1%3A80`, ["a"], ["ADDED a", "DELETED a"]],
    ];
    const from = (await world.ask(v2, 200)).metadata.resourceVersion;
    const watches = rows.map(([path]) => world.api.events(`${path}&watch=true&resourceVersion=${from}`));
    const firsts = watches.map((events) => events.next());
    await world.post(v2, custom("Chosen", "a", { host: "host1", port: "80" }, "v2"));
    await world.post(v2, custom("Chosen", "b", { host: "host1", port: "8080" }, "v2"));
    await world.post(v2, custom("Chosen", "c", { host: "host2" }, "v2"));
    const listed = async (path: string): Promise<string[]> =>
      (await world.ask(path, 200)).items.map(({ metadata }: Asked) => metadata.name);
    for (const [path, before] of rows) assert.deepEqual(await listed(path), before, path);
    await world.ask(rows[1]?.[0] ?? "", 200, { method: "DELETE" });
    await world.patch(`${v2}/b`, { host: "host2" });
    for (const [at, [path, , expected]] of rows.entries()) {
      assert.deepEqual(await listed(path), [], path);
      const seen: string[] = [];
      for (let next = await firsts[at]; ; next = await watches[at]?.next()) {
        if (seen.push(`${next?.value.type} ${next?.value.object.metadata.name}`) === expected.length) break;
      }
      assert.deepEqual(seen, expected, path);
      await watches[at]?.return(undefined);
    }
  });

  it("writes in another version than objects are kept in", async () => {
    const { v1, v2 } = await define("writtens");
    await world.post(v2, custom("Written", "a", { host: "h", port: "1" }, "v2"));
    assert.equal((await world.ask(`${v1}/a`, 200)).hostPort, "h:1");
    await world.patch(`${v2}/a`, { port: "2" });
    const { hostPort, metadata } = await world.ask(`${v1}/a`, 200);
    assert.deepEqual([hostPort, metadata.generation], ["h:2", 2]);
    await world.ask(`${v2}/a`, 200, { method: "DELETE" });
    await world.ask(`${v1}/a`, 404);
  });

  it("keeps what is written as it was in the version that objects are kept in now", async () => {
    const { v1 } = await define("moveds");
    const { metadata } = await world.post(v1, custom("Moved", "a", local));
    await world.patch(definition("moveds"), { spec: { versions: versions("v2") } });
    const read = await world.ask(`${v1}/a`, 200);
    assert.equal(read.metadata.resourceVersion, metadata.resourceVersion);
    const put = await world.put(`${v1}/a`, read);
    assert.notEqual(put.metadata.resourceVersion, metadata.resourceVersion);
    assert.deepEqual([put.metadata.generation, put.hostPort], [1, "localhost:8080"]);
    const again = await world.put(`${v1}/a`, put);
    assert.equal(again.metadata.resourceVersion, put.metadata.resourceVersion);
    world.hooks.asked.length = 0;
    assert.equal((await world.ask(`${v1.replace("/v1/", "/v2/")}/a`, 200)).host, "localhost");
    assert.equal(conversions().length, 0);
  });

  it("asks webhooks of writes in the version that they know", async () => {
    const { v1 } = await define("judgeds");
    const onV2 = { ...rule("judgeds", "CREATE"), apiVersions: ["v2"] };
    await world.register("validating", "judge", [onV2], { path: "/deny-v2" });
    const { message } = await world.post(v1, custom("Judged", "a", { hostPort: "bad:1" }), 400);
    assert.match(message, /this host is bad/);
    await world.post(v1, custom("Judged", "b", local));
  });

  const wrong: readonly (readonly [what: string, spoilt: (object: Asked) => Asked, said: RegExp])[] = [
    [
      "another version",
      (object) => ({ ...object, apiVersion: "lab.test/v3" }),
      /invalid groupVersion \(expected lab/,
    ],
    [
      "another kind",
      (object) => ({ ...object, kind: "Other" }),
      /invalid kind \(expected .*, received Other\)/,
    ],
    ["no metadata", ({ metadata: _metadata, ...object }) => object, /missing metadata in converted object/],
    [
      "another name",
      (object) => ({ ...object, metadata: { ...object.metadata, name: "b" } }),
      /must have the same name: a != b/,
    ],
    [
      "labels that there cannot be",
      (object) => ({ ...object, metadata: { ...object.metadata, labels: { "a b": "c" } } }),
      /metadata.labels: Invalid value: "a b"/,
    ],
    ["no object", () => "text", /returned invalid converted object at index 0: invalid type/],
  ];
  for (const [index, [what, spoilt, said]] of wrong.entries()) {
    it(`does not take ${what} for an answer`, async () => {
      const { v1, v2 } = await define(`wrong${index}s`);
      await world.post(v1, custom(`Wrong${index}`, "a", local));
      spoil = spoilt;
      const { message } = await world.ask(`${v2}/a`, 500);
      assert.match(message, /^conversion webhook for lab.test\/v1, Kind=Wrong\d /);
      assert.match(message, said);
    });
  }

  it("lets labels and annotations be changed, and nothing else of the metadata", async () => {
    const { v1, v2 } = await define("labelleds");
    await world.post(v1, custom("Labelled", "a", local));
    spoil = (object) => {
      const metadata = { ...object.metadata, labels: { a: "b" }, generation: 7, finalizers: ["x.example/y"] };
      return { ...object, metadata };
    };
    const { labels, generation, finalizers } = (await world.ask(`${v2}/a`, 200)).metadata;
    assert.deepEqual([labels, generation, finalizers], [{ a: "b" }, 1, undefined]);
    const { items } = await world.ask(`${v2}?labelSelector=a%3Db`, 200);
    assert.equal(items.length, 1);
  });

  it("says what the webhook says when it fails, and lets everything be deleted all the same", async () => {
    const { v1, v2 } = await define("faileds");
    await world.post(v1, custom("Failed", "a", local));
    failing = true;
    const why = "conversion webhook for lab.test/v1, Kind=Failed failed: not today";
    assert.equal((await world.ask(`${v2}/a`, 500)).message, why);
    assert.equal((await world.ask(v2, 500)).message, why);
    await world.ask(definition("faileds"), 200, { method: "DELETE" });
    await waitFor("the definition to go", async () => {
      return (await world.api.send(definition("faileds"))).status === 404 || undefined;
    });
  });

  it("takes no definition whose webhook cannot be asked", async () => {
    const spec = (webhook: object | undefined): object => ({
      ...{
        group: "lab.test",
        scope: "Namespaced",
        names: { plural: "bads", kind: "Bad" },
        versions: versions("v1"),
      },
      conversion: { strategy: "Webhook", ...(webhook && { webhook }) },
    });
    const refused = async (webhook: object | undefined): Promise<string> => {
      const body = {
        apiVersion: "apiextensions.k8s.io/v1",
        kind: "CustomResourceDefinition",
        spec: spec(webhook),
      };
      const path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
      return (await world.post(path, { ...body, metadata: { name: "bads.lab.test" } }, 422)).message;
    };
    assert.match(
      await refused(undefined),
      /spec.conversion.webhookClientConfig: Required value: required when strategy/,
    );
    const noBundle = {
      clientConfig: { url: "https://a.example", caBundle: "Cg==" },
      conversionReviewVersions: ["v2"],
    };
    const message = await refused(noBundle);
    assert.match(message, /caBundle: Invalid value: "Cg==": unable to load root certificates/);
    assert.match(
      message,
      /conversionReviewVersions: Invalid value: \["v2"\]: must include at least one of v1, v1beta1/,
    );
  });
});
