/** The node and an operator console, while the controller is there and while it is not. */
import assert from "node:assert/strict";
import { createHash, createPublicKey, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { describe, it } from "node:test";
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { hours, minutes, seconds } from "@selvedge/base";
import {
  auth,
  cipher,
  compound,
  config,
  decodeEnvelope,
  deriveSharedKey,
  encodeEnvelope,
  info,
  profile,
  sealCipherBlock,
} from "@selvedge/eve-api";
import { aesCfb } from "../src/control/secrets.ts";
import type { HttpClient, HttpRequest, HttpResponse } from "../src/host/http.ts";
import { ControlWorld, type RunningEngine } from "./control-world.ts";
import { nodeId } from "./scripted-gateway.ts";

const at = Date.UTC(2026, 10, 25);
const url = "http://console.example:4040";

function configOf(name: string, version: number): config.EdgeDevConfig {
  return create(config.EdgeDevConfigSchema, {
    ...{ id: { uuid: nodeId }, deviceName: name, configTimestamp: timestampFromMs(at + version * 1000) },
    ...{ locConfig: { locUrl: url }, localProfileServer: "192.0.2.4", profileServerToken: "secret" },
  });
}

type Compound = MessageInitShape<typeof compound.CompoundEdgeDevConfigSchema>;

class Console implements HttpClient {
  answer: Compound | undefined;
  readonly requests: compound.CompoundEdgeDevConfigRequest[] = [];
  readonly infos: info.ZInfoMsg[] = [];
  metrics = 0;

  async send({ url: asked, body = new Uint8Array() }: HttpRequest): Promise<HttpResponse> {
    const path = asked.replace(`${url}/api/v2/edgedevice/id/${nodeId}/`, "");
    if (path === "compound-config") {
      const { payload } = decodeEnvelope(body);
      this.requests.push(fromBinary(compound.CompoundEdgeDevConfigRequestSchema, payload));
      if (this.answer === undefined) return reply(304);
      const value = create(compound.CompoundEdgeDevConfigSchema, this.answer);
      return reply(200, toBinary(compound.CompoundEdgeDevConfigSchema, value));
    }
    if (path === "info") this.infos.push(fromBinary(info.ZInfoMsgSchema, decodeEnvelope(body).payload));
    if (path === "metrics") this.metrics++;
    return reply(path === "info" || path === "metrics" ? 201 : 404);
  }
}

function reply(status: number, body: Uint8Array = new Uint8Array()): HttpResponse {
  return {
    ...{ status, headers: {} },
    body: (async function* () {
      if (body.length > 0) yield body;
    })(),
  };
}

/** A configuration as the controller signs it. */
function signed(world: ControlWorld, name: string, version: number, key?: KeyObject): auth.AuthContainer {
  const value = { config: configOf(name, version), configHash: `console-${version}` };
  const payload = toBinary(config.ConfigResponseSchema, create(config.ConfigResponseSchema, value));
  const { pem, key: own } = world.gateway.signing;
  const envelope = encodeEnvelope({
    ...{ payload, algorithm: 2, senderCertHash: createHash("sha256").update(pem).digest() },
    signature: sign("sha256", payload, { key: key ?? own, dsaEncoding: "ieee-p1363" }),
  });
  return fromBinary(auth.AuthContainerSchema, envelope);
}

async function start(): Promise<{ world: ControlWorld; engine: RunningEngine; console: Console }> {
  const world = new ControlWorld();
  const console = new Console();
  world.local = console;
  world.gateway.config = configOf("first", 1);
  const engine = await world.engine();
  await world.until("accepted", () => engine.store.desired.get()?.nodeName === "first");
  return { world, engine, console };
}

const name = ({ store }: RunningEngine): string | undefined => store.desired.get()?.nodeName;

describe("an operator console", () => {
  it("is not asked while the controller answers, and told what the controller is told", async () => {
    const { world, engine, console } = await start();
    await using _engine = engine;
    await world.clock.pass(minutes(10));
    assert.equal(console.requests.length, 0);
    assert.ok(console.infos.some(({ InfoContent }) => InfoContent.case === "dinfo"));
    assert.ok(console.metrics > 3);
  });

  it("brings a configuration while the controller is away, which a reboot keeps", async () => {
    const { world, engine, console } = await start();
    world.gateway.online = false;
    console.answer = { timestamp: 1n, protectedConfig: signed(world, "second", 2) };
    await world.until("accepted", () => name(engine) === "second");
    assert.equal(console.requests[0]?.cfgReq?.configHash, "hash-1");
    await engine[Symbol.asyncDispose]();
    world.plates.powerCut();
    await using again = await world.engine();
    assert.equal(name(again), "second");
    // The controller is back with what it had before, and does not undo what is newer.
    world.gateway.online = true;
    await world.clock.pass(minutes(10));
    assert.equal(name(again), "second");
  });

  for (const status of [403, 404, 500])
    it(`is asked when the controller answers ${status} in place of a configuration`, async () => {
      const { world, engine, console } = await start();
      await using _engine = engine;
      world.gateway.configStatus = status;
      console.answer = { timestamp: 1n, protectedConfig: signed(world, "second", 2) };
      await world.until("accepted", () => name(engine) === "second");
    });

  const bad: readonly (readonly [string, (world: ControlWorld) => Compound])[] = [
    ["is older", (world) => ({ timestamp: 5n, protectedConfig: signed(world, "bad", 0) })],
    [
      "is signed by somebody else",
      (world) => {
        const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
        return { timestamp: 5n, protectedConfig: signed(world, "bad", 2, privateKey) };
      },
    ],
    ["is missing", () => ({ timestamp: 5n })],
  ];
  for (const [what, answer] of bad)
    it(`with a configuration that ${what} changes nothing, and its commands are not heeded`, async () => {
      const { world, engine, console } = await start();
      await using _engine = engine;
      world.gateway.online = false;
      const { GRACEFUL_REBOOT } = profile.LocalDevCmd_Command;
      const devCmd = { timestamp: 8n, command: GRACEFUL_REBOOT, serverToken: "secret" };
      console.answer = { ...answer(world), devCmd } as Compound;
      await world.clock.pass(hours(1));
      assert.ok(console.requests.length > 10);
      assert.equal(name(engine), "first");
      assert.deepEqual(world.power, []);
    });

  for (const [token, expected] of [
    ["secret", ["reboot"]],
    ["guess", []],
    ["", []],
  ] as const)
    it(`commands the node once with the token ${JSON.stringify(token)}: ${expected.length}`, async () => {
      const { world, engine, console } = await start();
      world.gateway.online = false;
      const { GRACEFUL_REBOOT } = profile.LocalDevCmd_Command;
      console.answer = {
        ...{ timestamp: 7n, protectedConfig: signed(world, "second", 2) },
        devCmd: { timestamp: 8n, command: GRACEFUL_REBOOT, serverToken: token },
      };
      await world.until("accepted", () => name(engine) === "second");
      await world.clock.pass(minutes(5));
      assert.deepEqual(world.power, expected);
      assert.equal(console.requests.at(-1)?.lastCmdTimestamp, 7n);
      await engine[Symbol.asyncDispose]();
      // What was said once is not done again, however often it is repeated.
      world.bootId = "boot-2";
      console.answer = { ...console.answer, protectedConfig: signed(world, "third", 3) };
      await using again = await world.engine();
      await world.until("accepted", () => name(again) === "third");
      await world.clock.pass(minutes(5));
      assert.deepEqual(world.power, expected);
    });

  it("passes on what the controller sealed to the node", async () => {
    const { world, engine, console } = await start();
    await using _engine = engine;
    world.gateway.online = false;
    const key = await sharedWith(world, engine);
    const open = signed(world, "sealed", 2);
    const iv = new Uint8Array(16).fill(7);
    const payload = open.protectedPayload?.payload ?? new Uint8Array();
    const cipherData = await sealCipherBlock(aesCfb, { key, contextId: "c", iv, plaintext: payload });
    const { algo, senderCertHash, signatureHash } = open;
    const hash = (pem: Uint8Array): Uint8Array => createHash("sha256").update(pem).digest().subarray(0, 16);
    const protectedConfig = create(auth.AuthContainerSchema, {
      ...{ algo, senderCertHash, signatureHash, cipherData },
      cipherContext: {
        contextId: "c",
        ...{ keyExchangeScheme: cipher.KeyExchangeScheme.KEA_ECDH, hashScheme: 1 },
        encryptionScheme: cipher.EncryptionScheme.SA_AES_256_CFB,
        ...{
          deviceCertHash: hash(engine.identity.exchange.pem),
          controllerCertHash: hash(world.gateway.exchange),
        },
      },
    });
    console.answer = { timestamp: 1n, protectedConfig };
    await world.until("accepted", () => name(engine) === "sealed");
    await world.clock.pass(seconds(1));
  });
});

/** The key between the controller and the node. */
async function sharedWith(world: ControlWorld, { identity }: RunningEngine): Promise<Uint8Array> {
  const { x = "", y = "" } = createPublicKey(Buffer.from(world.gateway.exchange)).export({ format: "jwk" });
  const [first, second] = [x, y].map((text) => new Uint8Array(Buffer.from(text, "base64url")));
  assert.ok(first && second);
  const shared = await identity.keys.sharedPoint({ x: first, y: second });
  return await deriveSharedKey(shared.x, shared.y);
}
