/** What a controller reads of boxes and nodes: signed or not, by anybody's hand. */
import assert from "node:assert/strict";
import { createHash, sign } from "node:crypto";
import { after, before, describe } from "node:test";
import { gzipSync } from "node:zlib";
import { toBinary } from "@bufbuild/protobuf";
import { below, type SeededRandom } from "@selvedge/base";
import {
  attest,
  compound,
  config,
  decodeEnvelope,
  type EndpointName,
  flowlog,
  hardwareHealth,
  info,
  logs,
  metrics,
} from "@selvedge/eve-api";
import { authenticate } from "../../packages/controller/src/gateway/authenticate.ts";
import type { NodeDirectory } from "../../packages/controller/src/gateway/node-directory.ts";
import { checkQuote } from "../../packages/controller/src/gateway/quote.ts";
import { readRegistration } from "../../packages/controller/src/gateway/registration.ts";
import {
  LogBundleError,
  readGzipHeader,
  readLogBundle,
} from "../../packages/controller/src/logs/log-bundle.ts";
import { formatInstruction, ScreenGuard } from "../../packages/controller/src/screens/guacamole.ts";
import { TunnelError, TunnelFrames } from "../../packages/controller/src/screens/tunnel-frames.ts";
import { Box, envelope, NodeWorld, selfSigned } from "../../packages/controller/test/node-world.ts";
import { randomMessage } from "../interop/eve-schema/random-message.ts";
import { fuzz, mutated, pick, recordedBodies } from "./fuzz.ts";

const onboarding = await selfSigned("onboarding");
const device = await selfSigned("device");
const bodies = recordedBodies("http/*/request.body");
const payloads = bodies.map((body) => decodeEnvelope(body).payload).filter(({ length }) => length > 0);
const node = { id: "" as never, name: "n", certificateHash: hashOf(), key: device.certificate.publicKey };

function hashOf(): Uint8Array {
  return new Uint8Array(createHash("sha256").update(device.certificate.raw).digest());
}

const directory: NodeDirectory = {
  byId: () => node,
  // Everybody is this node until the whole hash is compared.
  byCertificate: () => node,
  register: () => assert.fail("nobody registers"),
  onGone: () => () => undefined,
};

describe("the gateway's door", () => {
  const signed = payloads.map((payload) => envelope(device, payload));
  fuzz("lets in what the node signed and nothing else", { cases: 60_000, declared: [] }, (random) => {
    const known = pick(signed, random);
    const result = authenticate(mutated([known], random), directory);
    if (result.type === "node")
      assert.ok(
        signed.some((one) => decodeEnvelope(one).payload.toHex() === result.payload.toHex()),
        "another payload was believed",
      );
  });

  const registrations = recordedBodies("http/*-register-*/request.body");
  fuzz("reads registrations or says why not", { cases: 15_000, declared: [] }, (random) => {
    const result = readRegistration(mutated(registrations, random));
    if ("status" in result) assert.ok([400, 401, 422].includes(result.status));
  });
});

describe("the gateway, to a node that signs anything", () => {
  let world: NodeWorld;
  let box: Box;
  before(async () => {
    // One box says more here than a box may.
    world = await NodeWorld.start(undefined, Number.POSITIVE_INFINITY);
    await world.addProfile(onboarding);
    box = await Box.enrolled(world, onboarding, "A");
  });
  after(() => world[Symbol.asyncDispose]());

  const rows: readonly (readonly [EndpointName, Parameters<typeof randomMessage>[0]])[] = [
    ["config", config.ConfigRequestSchema],
    ["attest", attest.ZAttestReqSchema],
    ["info", info.ZInfoMsgSchema],
    ["metrics", metrics.ZMetricMsgSchema],
    ["flowlog", flowlog.FlowMessageSchema],
    ["hardwarehealth", hardwareHealth.ZHardwareHealthSchema],
    ["logs", logs.LogBundleSchema],
    ["appLogs", logs.AppInstanceLogBundleSchema],
    ["newlogs", logs.LogBundleSchema],
    ["compoundConfig", compound.CompoundEdgeDevConfigRequestSchema],
  ];
  fuzz("answers, and is never itself at fault", { cases: 15_000, declared: [] }, async (random) => {
    const [endpoint, schema] = pick(rows, random);
    const content = { random, likely: random.next(), leaveOut: () => false };
    const message =
      random.next() < 0.4 ? pick(payloads, random) : toBinary(schema, randomMessage(schema, content));
    const payload = random.next() < 0.6 ? mutated([message], random) : message;
    const answer = await world.request(endpoint, envelope(box.device, payload), {
      node: box.id,
      app: box.id,
    });
    assert.ok(answer.status < 500, `${endpoint}: ${answer.status}`);
    // What is remembered for the test is no memory of the gateway's.
    world.reported.length = 0;
    world.logged.length = 0;
  });
});

describe("a tunnel to screens", () => {
  const encoder = new TextEncoder();
  const frames = ["0000x", "00004.args,8.hostname,4.port;", "0001", "ffff", "10000x"].map((text) =>
    encoder.encode(text),
  );
  fuzz("carries the message to come or none", { cases: 200_000, declared: [TunnelError] }, (random) => {
    const frame = mutated(frames, random);
    const bytes = new TunnelFrames().read(frame);
    assert.equal(Buffer.from(frame).toString("latin1"), `0000${Buffer.from(bytes).toString("latin1")}`);
  });

  const say = (...values: string[]): string => Buffer.from(formatInstruction(values)).toString("utf8");
  const names = ["hostname", "port", "password", "recording-path", "VERSION_1_1_0", "dest-host"];
  const openings = [
    say("select", "vnc") + say("size", "1", "1") + say("connect", "10.0.0.1", "22", "ä😀", "/etc", "1", "x"),
    say("select", "vnc") + say("connect") + say("connect", "10.0.0.1", "22") + say("select", "ssh"),
    say("select", "ssh"),
  ].map((text) => encoder.encode(text));
  fuzz(
    "leads to the one screen whatever a viewer says",
    { cases: 100_000, declared: [TunnelError] },
    (random) => {
      const guard = new ScreenGuard(5907);
      const said = mutated(openings, random);
      const told: Uint8Array[] = [];
      let isSelected = false;
      for (let at = 0, end = 0; at < said.length; at = end) {
        end = at + 1 + below(random, said.length);
        told.push(guard.toNode(said.subarray(at, end)));
        if (!isSelected && told.some(({ length }) => length > 0)) {
          isSelected = true;
          guard.noteFromNode(formatInstruction(["args", ...names]));
        }
      }
      // Read in another way than the guard does: as the characters that are said.
      const characters = [...Buffer.concat(told).toString("utf8")];
      const heard = instructionsOf(characters);
      if (heard[0] !== undefined) assert.deepEqual(heard[0], ["select", "vnc"]);
      const connect = heard.find(([opcode]) => opcode === "connect");
      if (connect === undefined) return;
      const [host, port, , recording, version, dest] = connect.slice(1);
      assert.deepEqual([host, port, recording, dest], ["127.0.0.1", "5907", "", ""]);
      assert.equal(connect.length, names.length + 1);
      assert.ok(version !== undefined);
    },
  );
});

/** As far as they are whole, and the first `connect`. */
function instructionsOf(characters: readonly string[]): string[][] {
  const found: string[][] = [];
  let values: string[] = [];
  for (let at = 0; at < characters.length; ) {
    const dot = characters.indexOf(".", at);
    const end = dot + 1 + Number(characters.slice(at, dot).join(""));
    if (dot < 0 || !(end < characters.length)) break;
    values.push(characters.slice(dot + 1, end).join(""));
    at = end + 1;
    if (characters[end] !== ";") continue;
    found.push(values);
    if (values[0] === "connect") break;
    values = [];
  }
  return found;
}

describe("quotes", () => {
  const nonce = new Uint8Array(16).fill(1);
  const register = new Uint8Array(32).fill(2);
  const digest = new Uint8Array(createHash("sha256").update(register).digest());
  const sized = (bytes: Uint8Array): Uint8Array => Uint8Array.from([0, bytes.length, ...bytes]);
  const attestation = Uint8Array.from([
    ...[0xff, 0x54, 0x43, 0x47, 0x80, 0x18, ...sized(new Uint8Array(34)), ...sized(nonce)],
    ...new Uint8Array(25),
    ...[0, 0, 0, 1, 0, 0x0b, 3, 1, 0, 0, ...sized(digest)],
  ]);

  fuzz("are good only with the nonce and the register", { cases: 40_000, declared: [] }, (random) => {
    const signed = mutated([attestation], random);
    const signature = new Uint8Array(sign("sha256", signed, device.key));
    const quote = { attestation: signed, signature, pcrs: new Map([[0, register]]) };
    const verdict = checkQuote(quote, node.key, nonce);
    if (verdict.type !== "good") return;
    // The name of the key and the clock may be anything: the TPM signed them.
    const hex = Buffer.from(signed).toString("hex");
    assert.ok(
      hex.includes(Buffer.from(nonce).toString("hex")) && hex.endsWith(Buffer.from(digest).toString("hex")),
    );
  });
});

describe("bundles of logs", () => {
  const lines = [
    '{"severity":"info","source":"main","iid":"7","content":"hello\\n","msgid":3,"tags":{"stream":"stderr"}}',
    '{"content":"x","timestamp":{"seconds":1700000000,"nanos":5}}',
    '{"content":"y","timestamp":"2026-01-01T00:00:00Z","tags":{"restart":"2","partial":"true"}}',
  ];
  const text = new TextEncoder().encode(`${lines.join("\n")}\n`);
  const headed = new Uint8Array([
    ...[0x1f, 0x8b, 8, 0x18, 0, 0, 0, 0, 0, 255],
    ...new TextEncoder().encode("app\0{}\0"),
    ...gzipSync(text).subarray(10),
  ]);
  const corpus = [
    headed,
    ...recordedBodies("http/*-newlogs-*/request.body").map((b) => decodeEnvelope(b).payload),
  ];

  fuzz("have a header or none", { cases: 150_000, declared: [LogBundleError] }, (random) => {
    const gzip = mutated(corpus, random);
    const { name, comment } = readGzipHeader(gzip);
    assert.ok(name.length + comment.length < gzip.length);
  });

  fuzz("are unpacked or refused", { cases: 15_000, declared: [LogBundleError] }, async (random) => {
    await readLogBundle(mutated(corpus, random));
  });

  fuzz("with anything in them are lines or broken", { cases: 15_000, declared: [] }, async (random) => {
    const made = random.next() < 0.3 ? jsonLine(random) : mutated([text], random);
    const { lines: read } = await readLogBundle(gzipSync(made, { level: 1 }));
    for (const { text: content, restart, id } of read) {
      assert.ok(typeof content === "string" && Number.isSafeInteger(restart) && Number.isSafeInteger(id));
    }
  });

  fuzz("that are bombs cost little", { cases: 20, declared: [LogBundleError] }, async (random) => {
    const filler = pick(["\n", '{"content":""}\n', "0", "{}\n", '{"content":"\\u0000"}\n'], random);
    const bomb = filler.repeat(Math.ceil((below(random, 3) * 6 * 2 ** 20) / filler.length));
    const { lines: read } = await readLogBundle(gzipSync(bomb));
    assert.ok(read.length <= 10_000);
  });
});

const values = [
  "null",
  "5",
  '"text"',
  "[]",
  "{}",
  "1e400",
  "-1",
  "true",
  '{"restart":{}}',
  '{"seconds":"x"}',
];

/** Valid JSON with the wrong things in the right places. */
function jsonLine(random: SeededRandom): string {
  const value = (): string => pick(values, random);
  const fields = ["content", "tags", "timestamp", "msgid", "iid"].map((key) => `"${key}":${value()}`);
  return random.next() < 0.2 ? value() : `{${fields.join(",")},"content":"x"}`;
}
