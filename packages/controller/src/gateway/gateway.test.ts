import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { gunzipSync } from "node:zlib";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  config,
  decodeEnvelope,
  type EndpointName,
  ExtensionError,
  endpoints,
  flowlog,
  hardwareHealth,
  info,
  logs,
  metrics,
} from "@selvedge/eve-api";
import {
  type Box,
  enrolledBox,
  envelope,
  hashOf,
  NodeWorld,
  payloadOf,
  selfSigned,
} from "../../test/node-world.ts";
import { certificateHash } from "./authenticate.ts";

const onboarding = await selfSigned("onboarding");
const app = "6ba7b810-9dad-41d1-80b4-00c04fd430c8";
const nothing = new Uint8Array();
const rendered = {
  config: toBinary(config.EdgeDevConfigSchema, create(config.EdgeDevConfigSchema)),
  hash: "h1",
};

describe("a poll for the configuration", () => {
  it("is told 404 while there is none, 403 without a token, 200 with what is new, 304 with what is not", async () => {
    await using both = await enrolledBox(onboarding);
    const { world, box } = both;
    assert.equal((await box.poll()).status, 404);
    world.configs.set(box.id, rendered);
    const { token } = box;
    box.token = nothing;
    assert.equal((await box.poll()).status, 403);
    assert.deepEqual(world.gateway.refusals.of(box.id), {}, "every boot begins so");
    box.token = token.map((byte) => byte ^ 1);
    assert.equal((await box.poll()).status, 403);
    assert.deepEqual(world.gateway.refusals.of(box.id), { token: 1 });
    box.token = token;
    const answer = await box.poll();
    assert.equal(answer.status, 200);
    assert.equal(answer.headers["content-type"], "application/x-proto-binary");
    const response = payloadOf(config.ConfigResponseSchema, answer.body);
    assert.equal(response.configHash, "h1");
    assert.ok(response.config);
    const unchanged = await box.poll("h1");
    assert.deepEqual([unchanged.status, unchanged.body.length], [304, 0]);
    assert.deepEqual(
      Object.keys(unchanged.headers),
      ["x-request-id"],
      "a type of nothing would confuse a box",
    );
  });

  it("that changes nothing is answered from memory, and a changed configuration at once", async () => {
    await using both = await enrolledBox(onboarding);
    const { world, box } = both;
    world.configs.set(box.id, rendered);
    const body = envelope(box.device, configRequest(box, "h1"));
    const poll = async (): Promise<number> => (await world.request("config", body, { node: box.id })).status;
    assert.equal(await poll(), 304);
    // The same bytes need no signature any more; were it checked, this certificate would not be found.
    assert.equal(await poll(), 304);
    world.configs.set(box.id, { ...rendered, hash: "h2" });
    assert.equal(await poll(), 200);
    // Nor does a proof outlive the node.
    await world.deleteEdgeNode("a");
    assert.equal(await poll(), 404);
  });

  it("is verified with the key in a certificate that was read before the controller's last start", async () => {
    await using both = await enrolledBox(onboarding);
    const { world, box } = both;
    await using again = await NodeWorld.start(world.remains);
    again.configs.set(box.id, rendered);
    const poll = async (sign: Box["device"]): Promise<number> => {
      const body = envelope({ ...box.device, key: sign.key }, configRequest(box, "h1"));
      return (await again.request("config", body, { node: box.id })).status;
    };
    assert.deepEqual([await poll(onboarding), await poll(box.device)], [401, 304]);
  });

  it("signs a configuration once", async () => {
    await using both = await enrolledBox(onboarding);
    const { world, box } = both;
    world.configs.set(box.id, rendered);
    const first = await box.poll("other");
    assert.equal(Buffer.compare((await box.poll("another")).body, first.body), 0);
    world.configs.set(box.id, { ...rendered, hash: "h2" });
    assert.notEqual(Buffer.compare((await box.poll("other")).body, first.body), 0);
  });

  it("of a node that has another UUID now is told 404, so that it asks for its name", async () => {
    await using both = await enrolledBox(onboarding);
    const { box } = both;
    const other = "00000000-0000-4000-8000-000000000000";
    const request = { configHash: "", integrityToken: box.token };
    assert.equal(
      (await box.post("config", config.ConfigRequestSchema, request, { node: other })).status,
      404,
    );
  });
});

function configRequest(box: Box, configHash: string): Uint8Array {
  const message = create(config.ConfigRequestSchema, { configHash, integrityToken: box.token });
  return toBinary(config.ConfigRequestSchema, message);
}

describe("a report", () => {
  const rows: readonly (readonly [EndpointName, Uint8Array, string | undefined])[] = [
    ["info", toBinary(info.ZInfoMsgSchema, create(info.ZInfoMsgSchema, { devId: "x" })), "info"],
    ["metrics", toBinary(metrics.ZMetricMsgSchema, create(metrics.ZMetricMsgSchema)), "metrics"],
    ["newlogs", Uint8Array.of(0x1f, 0x8b), "deviceLogs"],
    ["appNewlogs", Uint8Array.of(0x1f, 0x8b), "appLogs"],
    ["flowlog", toBinary(flowlog.FlowMessageSchema, create(flowlog.FlowMessageSchema)), "flows"],
    [
      "hardwarehealth",
      toBinary(hardwareHealth.ZHardwareHealthSchema, create(hardwareHealth.ZHardwareHealthSchema)),
      "hardwareHealth",
    ],
  ];
  for (const [name, payload, what] of rows) {
    it(`to ${name} is acknowledged with an empty ${endpoints[name].success}`, async () => {
      await using both = await enrolledBox(onboarding);
      const { world, box } = both;
      const answer = await world.request(name, envelope(box.device, payload), { node: box.id, app });
      assert.deepEqual([answer.status, answer.body.length], [endpoints[name].success, 0]);
      assert.deepEqual(Object.keys(answer.headers), ["x-request-id"]);
      assert.deepEqual(
        world.reported.map((one) => [one.what, one.node]),
        what === undefined ? [] : [[what, box.id]],
      );
    });
  }

  it("that could not be kept is asked for again, with a status no node drops it for", async () => {
    await using both = await enrolledBox(onboarding);
    const { world, box } = both;
    world.failReport = new Error("disk full");
    const message = { devId: box.id };
    assert.equal((await box.post("info", info.ZInfoMsgSchema, message)).status, 503);
    assert.equal((await box.post("info", info.ZInfoMsgSchema, message)).status, 201);
    assert.match(JSON.stringify(world.logged.filter(({ level }) => level === "error")), /disk full/);
  });

  it("whose extension is broken is refused for good", async () => {
    await using both = await enrolledBox(onboarding);
    const { world, box } = both;
    world.failReport = new ExtensionError("extension of ZInfoDevice has a wrong length");
    assert.equal((await box.post("info", info.ZInfoMsgSchema, { devId: box.id })).status, 422);
    assert.equal(world.gateway.refusals.totals().get("payload"), 1);
  });

  it("that is no message is refused for good: sent again it would be the same", async () => {
    await using both = await enrolledBox(onboarding);
    const { world, box } = both;
    const broken = envelope(box.device, Uint8Array.of(0x0a, 0xff));
    for (const name of [
      "info",
      "metrics",
      "flowlog",
      "hardwarehealth",
      "logs",
      "appLogs",
      "config",
      "attest",
    ] as const) {
      assert.equal((await world.request(name, broken, { node: box.id, app })).status, 422, name);
    }
    assert.deepEqual(world.reported, []);
  });

  it("of logs in the old form reaches the same place as the new form", async () => {
    await using both = await enrolledBox(onboarding);
    const { world, box } = both;
    const log = [
      { severity: "info", source: "x", content: "hello", msgid: 7n, timestamp: { seconds: 5n, nanos: 6 } },
    ];
    const bundle = { devID: box.id, image: "IMGA", eveVersion: "1", log };
    assert.equal((await box.post("logs", logs.LogBundleSchema, bundle)).status, 201);
    assert.equal((await box.post("appLogs", logs.AppInstanceLogBundleSchema, { log }, { app })).status, 201);
    const [device, ofApp] = world.reported;
    assert.deepEqual([device?.what, ofApp?.what], ["deviceLogs", "appLogs"]);
    const gzip = device?.value as Uint8Array;
    assert.equal(gzip[3], 0x10, "the header has a comment");
    assert.equal(
      Buffer.from(gzip.subarray(10, gzip.indexOf(0, 10))).toString(),
      JSON.stringify({ devID: box.id, image: "IMGA", eveVersion: "1" }),
    );
    const line = JSON.parse(gunzipSync(gzip).toString()) as Record<string, unknown>;
    assert.deepEqual(line["timestamp"], { seconds: 5, nanos: 6 });
    assert.equal(line["content"], "hello");
    assert.equal(line["msgid"], 7);
  });
});

describe("the rest of the protocol", () => {
  it("answers ping to everybody, and certs with the published list", async () => {
    await using both = await enrolledBox(onboarding);
    const { world } = both;
    const ping = await world.request("ping");
    assert.deepEqual([ping.status, ping.body.length], [200, 0]);
    const list = await world.request("certs");
    assert.equal(list.headers["content-type"], "application/x-proto-binary");
    assert.equal(Buffer.compare(list.body, world.pki.identity.certsAnswer), 0);
  });

  it("names a node to itself, signed with the published key", async () => {
    await using both = await enrolledBox(onboarding);
    const { world, box } = both;
    const { body } = await world.request("uuid", envelope(box.device, nothing));
    assert.equal(decodeEnvelope(body).senderCertHash.toHex(), world.pki.identity.signing.sha256.toHex());
    assert.equal(await box.fetchUuid(), world.edgeNode("a")?.status?.nodeID);
  });

  it("takes a node's certificate by the short hash too", async () => {
    await using both = await enrolledBox(onboarding);
    const { world, box } = both;
    const short = hashOf(box.device).subarray(0, 16);
    const body = envelope(box.device, nothing, { algorithm: 1, senderCertHash: short });
    assert.equal((await world.request("uuid", body)).status, 200);
    assert.equal(certificateHash(box.device.certificate).toHex(), hashOf(box.device).toHex());
  });

  it("refuses a SCEP profile that nobody has", async () => {
    await using both = await enrolledBox(onboarding);
    const { world, box } = both;
    assert.equal((await world.request("scep", envelope(box.device, nothing), { node: box.id })).status, 403);
  });

  it("reads a configuration back as it was rendered", async () => {
    await using both = await enrolledBox(onboarding);
    const { world, box } = both;
    const message = create(config.EdgeDevConfigSchema, { productName: "box" });
    world.configs.set(box.id, { config: toBinary(config.EdgeDevConfigSchema, message), hash: "x" });
    const { body } = await box.poll();
    const read = fromBinary(config.ConfigResponseSchema, decodeEnvelope(body).payload);
    assert.equal(read.config?.productName, "box");
  });
});
