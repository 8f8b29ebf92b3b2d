import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create, toBinary } from "@bufbuild/protobuf";
import { below, SeededRandom } from "@selvedge/base";
import { config, type EndpointName, endpoints, info } from "@selvedge/eve-api";
import {
  Box,
  base64Pem,
  enrolledBox,
  envelope,
  hashOf,
  selfSigned,
  signatureOf,
} from "../../test/node-world.ts";

const onboarding = await selfSigned("onboarding");
const stranger = await selfSigned("stranger");
const nothing = new Uint8Array();
const rendered = { config: nothing, hash: "h1" };

function configRequest(box: Box, configHash: string): Uint8Array {
  const message = create(config.ConfigRequestSchema, { configHash, integrityToken: box.token });
  return toBinary(config.ConfigRequestSchema, message);
}

describe("hostile traffic", () => {
  /** What is done to a good info message of a good node, and the status it gets. */
  type Row = readonly [
    what: string,
    body: (box: Box, good: Uint8Array) => Uint8Array,
    status: number,
    reason: string,
    endpoint?: EndpointName,
  ];
  const payload = toBinary(info.ZInfoMsgSchema, create(info.ZInfoMsgSchema, { devId: "x" }));
  const rows: readonly Row[] = [
    ["nothing at all", () => nothing, 401, "unknown"],
    ["one byte more than allowed", () => new Uint8Array(endpoints.info.bodyMax + 1), 413, "oversize"],
    ["an envelope cut short", (_box, good) => good.subarray(0, good.length - 10), 400, "malformed"],
    ["bytes that are no envelope", () => Uint8Array.of(0xff, 0xff, 0xff), 400, "malformed"],
    [
      "a signature over something else",
      ({ device }) => envelope(device, payload, { signature: signatureOf(device.key, nothing) }),
      401,
      "signature",
    ],
    [
      "a signature of the wrong length",
      ({ device }) => envelope(device, payload, { signature: Uint8Array.of(1) }),
      401,
      "signature",
    ],
    ["no signature", ({ device }) => envelope(device, payload, { signature: nothing }), 401, "signature"],
    [
      "another key under the node's name",
      ({ device }) => envelope(stranger, payload, { senderCertHash: hashOf(device) }),
      401,
      "signature",
    ],
    ["a certificate nobody knows", () => envelope(stranger, payload), 401, "unknown"],
    [
      "half of the certificate's hash under the whole one's name",
      ({ device }) => envelope(device, payload, { senderCertHash: hashOf(device).subarray(0, 16) }),
      401,
      "unknown",
    ],
    ["the onboarding key instead of the device's", () => envelope(onboarding, payload), 401, "unknown"],
    ["an encrypted envelope", (_box, good) => Uint8Array.from([...good, 0x3a, 0x00]), 400, "malformed"],
    ["a register of nothing", () => nothing, 400, "malformed", "register"],
    [
      "a register signed by the device key",
      (box) => envelope(box.device, payload, { senderCert: base64Pem(box.onboarding.certificatePem) }),
      400,
      "malformed",
      "register",
    ],
    [
      "a register with a stranger's signature",
      () =>
        envelope(stranger, payload, {
          senderCertHash: hashOf(onboarding),
          senderCert: base64Pem(onboarding.certificatePem),
        }),
      401,
      "signature",
      "register",
    ],
    [
      "a register with an empty message",
      () => envelope(onboarding, nothing, { senderCert: base64Pem(onboarding.certificatePem) }),
      422,
      "payload",
      "register",
    ],
  ];
  for (const [what, make, status, reason, name = "info"] of rows) {
    it(`${what} is refused with ${status}, counted and logged, and changes nothing`, async () => {
      await using both = await enrolledBox(onboarding);
      const { world, box } = both;
      const before = world.edgeNodes().length;
      const answer = await world.request(name, make(box, envelope(box.device, payload)), { node: box.id });
      assert.equal(answer.status, status);
      assert.equal(answer.headers["content-type"], "text/plain; charset=utf-8");
      assert.match(answer.headers["x-request-id"] ?? "", /^[0-9a-f-]{36}$/);
      assert.equal(world.gateway.refusals.totals().get(reason as never), 1);
      assert.equal(world.logged.filter(({ message }) => message === "request refused").length, 1);
      assert.deepEqual(world.reported, []);
      assert.equal(world.edgeNodes().length, before);
    });
  }

  it("in another node's name is refused, and counted in that node's name", async () => {
    await using both = await enrolledBox(onboarding);
    const { world, box } = both;
    const other = await Box.enrolled(world, onboarding, "B");
    const answer = await other.post("info", info.ZInfoMsgSchema, { devId: box.id }, { node: box.id });
    assert.equal(answer.status, 403);
    assert.deepEqual(world.gateway.refusals.of(box.id), { identity: 1 });
    assert.deepEqual(world.reported, []);
  });

  it("with a replayed registration gains nothing", async () => {
    await using both = await enrolledBox(onboarding);
    const { world, box } = both;
    assert.equal((await world.request("register", box.registration())).status, 200);
    assert.equal(world.edgeNodes().length, 1);
  });

  it("to unknown paths and with other methods is refused", async () => {
    await using both = await enrolledBox(onboarding);
    const { world } = both;
    const ask = async (method: string, target: string): Promise<number> =>
      (await world.gateway.handle({ method, target, headers: {}, body: nothing, remote: "r" })).status;
    assert.equal(await ask("GET", "/api/v2/edgedevice/nothing"), 404);
    assert.equal(await ask("GET", `/api/v2/edgedevice/id/${"x".repeat(10_000)}/config`), 404);
    assert.equal(await ask("DELETE", "/api/v2/edgedevice/ping"), 405);
    assert.equal(await ask("GET", "/api/v2/edgedevice/ping?x=1"), 200);
  });

  it("in a flood is turned away unverified, while nodes behind the same address are served", async () => {
    await using both = await enrolledBox(onboarding);
    const { world, box } = both;
    world.configs.set(box.id, rendered);
    const poll = envelope(box.device, configRequest(box, "h1"));
    const ask = async (): Promise<number> =>
      (await world.request("config", poll, { node: box.id, remote: "flood" })).status;
    assert.equal(await ask(), 304);
    const bad = envelope(box.device, payload, { signature: Uint8Array.of(1) });
    const flood = async (node: string): Promise<number> => {
      for (let count = 0; count < 1000; count++) {
        const { status } = await world.request("info", bad, { node, remote: "flood" });
        if (status === 429) return count;
      }
      return Number.POSITIVE_INFINITY;
    };
    const good = envelope(box.device, payload);
    const say = async (): Promise<number> =>
      (await world.request("info", good, { node: box.id, remote: "flood" })).status;
    assert.equal(await flood(crypto.randomUUID()), 400);
    assert.equal(await say(), 201, "a node that speaks from there is heard");
    assert.equal(await flood(box.id), 40, "who knows its name can silence it alone");
    assert.equal(await ask(), 304);
    assert.equal(await say(), 429);
    assert.equal((await world.request("info", bad, { node: box.id, remote: "elsewhere" })).status, 401);
    const lines = world.logged.filter(({ message }) => message === "request refused");
    assert.ok(lines.length < 20, `${lines.length} lines in the log`);
    world.clock.at += 60_000;
    assert.equal(await say(), 201);
  });
});

describe("boxes that wait", () => {
  it("do not use up what nodes behind the same address may get wrong", async () => {
    await using both = await enrolledBox(onboarding);
    const { world, box } = both;
    const waiting = await Box.make(world, stranger, "W");
    let status = 0;
    for (let count = 0; count < 1000 && status !== 429; count++) {
      status = (await world.request("register", waiting.registration())).status;
      assert.equal(await waiting.fetchUuid(), 401);
    }
    assert.equal(status, 429, "registering has a bound of its own");
    assert.equal((await box.post("info", info.ZInfoMsgSchema, { devId: "x" })).status, 201);
  });
});

describe("bodies that a stranger changed", () => {
  it("are refused or taken for what they are, and never break anything", async () => {
    await using both = await enrolledBox(onboarding);
    const { world, box } = both;
    world.configs.set(box.id, rendered);
    const random = new SeededRandom(8);
    const good: readonly (readonly [EndpointName, Uint8Array])[] = [
      ["register", box.registration()],
      ["uuid", envelope(box.device, nothing)],
      ["config", envelope(box.device, configRequest(box, "h1"))],
      ["attest", envelope(box.device, Uint8Array.of(8, 2))],
      [
        "info",
        envelope(box.device, toBinary(info.ZInfoMsgSchema, create(info.ZInfoMsgSchema, { devId: "x" }))),
      ],
    ];
    for (let round = 0; round < 3_000; round++) {
      const [name, body] = good[round % good.length] ?? assert.fail();
      const changed = body.slice(0, 1 + below(random, body.length));
      for (let times = 1 + below(random, 3); times > 0; times--) {
        changed[below(random, changed.length)] = below(random, 256);
      }
      world.clock.at += 1_000;
      const { status } = await world.request(name, changed, { node: box.id });
      assert.ok(status < 500, `${name} ${status} for ${changed.toHex()}`);
    }
    assert.deepEqual(
      world.logged.filter(({ level }) => level === "error"),
      [],
    );
    assert.equal(world.edgeNode("a")?.status?.nodeID, box.id);
    assert.equal((await box.poll("h1")).status, 304);
  });
});
