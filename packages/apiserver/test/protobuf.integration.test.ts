/** Answers in protobuf, as bytes on the wire: each must say what the same answer in JSON says. */
import assert from "node:assert/strict";
import type { IncomingMessage } from "node:http";
import { buffer } from "node:stream/consumers";
import { after, before, describe, it } from "node:test";
import { gunzipSync } from "node:zlib";
import {
  decodeEnvelope,
  decodeProtobuf,
  listMetaMessage,
  type ProtobufMessage,
} from "@selvedge/apimachinery";
import { CompactedError, serverMessages } from "../src/index.ts";
import { ApiWorld, opensslMissing, type RequestOptions } from "./api-world.ts";

type JsonObject = Record<string, unknown>;

const protobuf = "application/vnd.kubernetes.protobuf";
const partial = "as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
const maps = "/api/v1/namespaces/default/configmaps";
const gadgets = "/apis/lab.example/v1/namespaces/default/gadgets";
/** As a list, more than is kept of one while its length is found out. */
const [count, size] = [60, 50_000];

describe("answers in protobuf", { skip: opensslMissing() }, () => {
  let world: ApiWorld;
  before(async () => {
    world = await new ApiWorld().start();
    for (let index = 0; index < count; index++) {
      const metadata = { name: `map-${index}`, namespace: "default", labels: { odd: `${index % 2}` } };
      const object = { apiVersion: "v1", kind: "ConfigMap", metadata, data: { text: "é".repeat(size) } };
      await world.objects.create(world.kind("configmaps"), object);
    }
  });
  after(() => world[Symbol.asyncDispose]());

  const open = async (path: string, options: RequestOptions = {}): Promise<IncomingMessage> => {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    world
      .open(path, { ...options, headers: { accept: protobuf, ...options.headers } }, resolve)
      .on("error", reject);
    return await promise;
  };
  const tableOf = (apiVersion: string, kind: string): ProtobufMessage => {
    const message = world.kind("configmaps").protobuf ?? {};
    if (kind === "ConfigMap") return message;
    if (kind === "ConfigMapList") {
      const items = { name: "items", type: "message", message, repeated: true } as const;
      return { 1: { name: "metadata", type: "message", message: listMetaMessage }, 2: items };
    }
    return serverMessages.get(`${apiVersion} ${kind}`) ?? {};
  };
  const read = (body: Uint8Array): JsonObject => {
    const { apiVersion, kind, raw } = decodeEnvelope(body);
    return { apiVersion, kind, ...decodeProtobuf(tableOf(apiVersion, kind), raw) };
  };
  const get = async (path: string, options: RequestOptions = {}): Promise<JsonObject> => {
    const response = await open(path, options);
    assert.equal(response.headers["content-type"], protobuf);
    const body = await buffer(response);
    return read(response.headers["content-encoding"] === "gzip" ? gunzipSync(body) : body);
  };
  /** Of a list Go says the kind of each object in JSON only when asked by itself. */
  const inJson = async (path: string, accept = "application/json"): Promise<JsonObject> => {
    const { json } = await world.send(path, { headers: { accept } });
    for (const item of json.items ?? []) {
      delete item.kind;
      delete item.apiVersion;
    }
    return json;
  };

  const rows: readonly (readonly [what: string, path: string])[] = [
    ["an object", `${maps}/map-1`],
    ["a list that is read twice", maps],
    ["a short list", `${maps}?fieldSelector=metadata.name=map-1`],
    ["a page", `${maps}?limit=3`],
    ["a selection that is read twice", `${maps}?labelSelector=odd=1`],
  ];
  for (const [what, path] of rows) {
    it(`say of ${what} what JSON says`, async () => {
      const expected = await inJson(path);
      assert.deepEqual(await get(path), expected);
      assert.deepEqual(await get(path, { headers: { "accept-encoding": "gzip" } }), expected);
    });
  }

  it("say metadata alone, of custom kinds too", async () => {
    const object = {
      apiVersion: "lab.example/v1",
      kind: "Gadget",
      metadata: { name: "one", namespace: "default" },
    };
    await world.objects.create(world.kind("gadgets"), object);
    for (const path of [maps, gadgets]) {
      const expected = await inJson(path, `application/json;${partial}`);
      assert.deepEqual(await get(path, { headers: { accept: `${protobuf};${partial}` } }), expected);
    }
  });

  it("are refusals too, in whatever can be read", async () => {
    const { code, reason } = await get(`${maps}/none`);
    assert.deepEqual([code, reason], [404, "NotFound"]);
    const custom = await get(gadgets);
    assert.deepEqual([custom["code"], custom["reason"]], [406, "NotAcceptable"]);
    assert.equal((await world.send(maps, { headers: { accept: "text/html" } })).json.code, 406);
  });

  it("are events in frames, which end with why there are no more", async () => {
    const frames = async function* (path: string): AsyncGenerator<JsonObject> {
      const response = await open(path);
      assert.equal(response.headers["content-type"], `${protobuf};stream=watch`);
      let rest = Buffer.alloc(0);
      for await (const part of response) {
        rest = Buffer.concat([rest, part as Buffer]);
        while (rest.length >= 4 && rest.length >= 4 + rest.readUInt32BE()) {
          const event = decodeProtobuf(eventMessage, rest.subarray(4, 4 + rest.readUInt32BE()));
          const { raw } = event["object"] as { raw: string };
          yield { type: event["type"], object: read(Buffer.from(raw, "base64")) };
          rest = rest.subarray(4 + rest.readUInt32BE());
        }
      }
      response.destroy();
    };
    const now = (await world.objects.list(world.kind("configmaps"), { limit: 1 })).metadata.resourceVersion;
    const before = (await world.objects.create(world.kind("configmaps"), {
      ...{ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "seen", namespace: "default" } },
      data: { text: "1" },
    })) as unknown as JsonObject;
    const events = frames(`${maps}?watch=1&resourceVersion=${now}&timeoutSeconds=1&allowWatchBookmarks=1`);
    const first = (await events.next()).value;
    assert.deepEqual(first, { type: "ADDED", object: before });
    const last = (await events.next()).value as JsonObject;
    assert.equal(last["type"], "BOOKMARK");
    assert.equal((await events.next()).done, true);
    const subscribe = world.store.subscribe.bind(world.store);
    world.store.subscribe = (...asked) => {
      const log = subscribe(...asked);
      log.take = () => Promise.reject(new CompactedError());
      return log;
    };
    const [old] = await Array.fromAsync(frames(`${maps}?watch=1&resourceVersion=${now}`));
    assert.equal(old?.["type"], "ERROR");
    const { code, reason } = old["object"] as JsonObject;
    assert.deepEqual([code, reason], [410, "Expired"]);
  });
});

const eventMessage: ProtobufMessage = {
  1: { name: "type", type: "string" },
  2: { name: "object", type: "message", message: { 1: { name: "raw", type: "bytes" } } },
};
