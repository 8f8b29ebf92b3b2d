/**
 * What both ends read from the wire: envelopes, every message, extensions, cipher blocks, frames of a link.
 */
import assert from "node:assert/strict";
import { describe } from "node:test";
import { create, type DescMessage, fromBinary, type MessageShape, toBinary } from "@bufbuild/protobuf";
import { below, type SeededRandom } from "@selvedge/base";
import {
  auth,
  CipherBlockError,
  cipher,
  config,
  decodeEnvelope,
  EnvelopeError,
  ExtensionError,
  ext,
  getExtension,
  LinkClosedError,
  LinkMux,
  matchEndpoint,
  openCipherBlock,
  pathOf,
  sealCipherBlock,
} from "@selvedge/eve-api";
import { SeededRandom as Seeded } from "../../packages/base/src/random.ts";
import { aesCfb } from "../../packages/engine/src/control/secrets.ts";
import { SimClock } from "../../packages/harness/src/sim-clock.ts";
import { ourSchema } from "../interop/eve-schema/our-schema.ts";
import { randomMessage } from "../interop/eve-schema/random-message.ts";
import { fuzz, mutated, pick, recordedBodies } from "./fuzz.ts";

/** What protobuf-es throws on bytes that are no message; a TypeError, say, would be a fault. */
class Undecodable extends Error {}

function decode<Desc extends DescMessage>(schema: Desc, bytes: Uint8Array): MessageShape<Desc> {
  try {
    return fromBinary(schema, bytes);
  } catch (error) {
    const { name, message, code } = error as NodeJS.ErrnoException;
    const isExpected =
      name === "Error" || name === "RangeError" || code === "ERR_ENCODING_INVALID_ENCODED_DATA";
    if (!isExpected || message.includes("call stack")) throw error;
    throw new Undecodable(message, { cause: error });
  }
}

const bodies = recordedBodies("http/*/*.body");
const node = "e072c17e-8657-4899-91ee-ef99105b8662";

describe("envelopes", () => {
  fuzz("are read or refused", { cases: 300_000, declared: [EnvelopeError] }, (random) => {
    const bytes = mutated(bodies, random);
    const { payload, signature } = decodeEnvelope(bytes);
    // Nothing is copied, so nothing can be larger than what came.
    assert.ok(payload.length <= bytes.length && signature.length <= bytes.length);
  });

  fuzz("mean what the schema says", { cases: 100_000, declared: [EnvelopeError] }, (random) => {
    const bytes = mutated(bodies, random);
    const ours = decodeEnvelope(bytes);
    // Whoever gets an encrypted one reads the whole message.
    if (ours.encrypted) return;
    const schema = decode(auth.AuthContainerSchema, bytes);
    assert.equal(ours.payload.toHex(), (schema.protectedPayload?.payload ?? new Uint8Array()).toHex());
    assert.equal(ours.algorithm, schema.algo);
    assert.equal(ours.senderCertHash.toHex(), schema.senderCertHash.toHex());
    assert.equal(ours.signature.toHex(), schema.signatureHash.toHex());
    assert.equal(ours.senderCert.toHex(), schema.senderCert.toHex());
  });

  fuzz("come to paths that are one or none", { cases: 50_000, declared: [] }, (random) => {
    const path = new TextEncoder().encode(pathOf("appNewlogs", { node, app: node }));
    matchEndpoint(Buffer.from(mutated([path], random)).toString("latin1"));
  });
});

const { messages } = await ourSchema();
const samples = new Map<DescMessage, readonly Uint8Array[]>();

/** Three of each message, made when the first case asks for them. */
function samplesOf(schema: DescMessage): readonly Uint8Array[] {
  const known = samples.get(schema);
  if (known !== undefined) return known;
  const made = [0.1, 0.4, 1].map((likely, index) =>
    toBinary(schema, randomMessage(schema, { random: new Seeded(index), likely, leaveOut: () => false }, 2)),
  );
  samples.set(schema, made);
  return made;
}

describe("messages", () => {
  fuzz(
    "of every type are read or refused, and mean the same again",
    { cases: 300_000, declared: [Undecodable] },
    (random) => {
      const schema = pick(messages, random);
      const once = toBinary(schema, decode(schema, mutated(samplesOf(schema), random)));
      assert.equal(toBinary(schema, fromBinary(schema, once)).toHex(), once.toHex(), schema.typeName);
    },
  );

  fuzz(
    "that nest deeper than a hundred levels are refused",
    { cases: 1000, declared: [Undecodable] },
    (random) => {
      const depth = 101 + below(random, 1000);
      // Groups of a field nobody knows: the one way to nest that every message has.
      const [start, end] = [varint(2000 * 8 + 3), varint(2000 * 8 + 4)];
      const nested = Array.from({ length: 2 * depth }, (_, at) => (at < depth ? start : end));
      decode(config.EdgeDevConfigSchema, Uint8Array.from(nested.flat()));
      assert.fail(`${depth} levels were read`);
    },
  );
});

describe("extensions", () => {
  const schemas = [ext.NodeExtensionSchema, ext.AppExtensionSchema] as const;
  const corpus = schemas.map((schema) =>
    [0.3, 1].map((likely) =>
      toBinary(
        schema,
        randomMessage(schema, { random: new Seeded(7), likely, leaveOut: () => false }) as never,
      ),
    ),
  );
  fuzz("are read or refused", { cases: 150_000, declared: [ExtensionError] }, (random) => {
    const at = below(random, schemas.length);
    const [schema = ext.NodeExtensionSchema, bytes = []] = [schemas[at], corpus[at]];
    const body = mutated(bytes, random);
    const message = create(config.EdgeDevConfigSchema);
    // As the decoder leaves it, length first; sometimes the length lies.
    const length = random.next() < 0.1 ? below(random, 2 ** 20) : body.length;
    const data = new Uint8Array([...varint(length), ...body]);
    message.$unknown = [{ no: 50_001, wireType: 2, data }];
    getExtension(message, schema);
  });
});

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)];
}

const key = new Uint8Array(32).fill(7);
const sealed = toBinary(
  cipher.CipherBlockSchema,
  await sealCipherBlock(aesCfb, {
    ...{
      key,
      iv: new Uint8Array(16),
      contextId: "c",
      plaintext: new TextEncoder().encode("a secret, not long"),
    },
  }),
);

describe("cipher blocks", () => {
  fuzz(
    "open to what was sealed, or not at all",
    { cases: 40_000, declared: [Undecodable, CipherBlockError] },
    async (random) => {
      const block = decode(cipher.CipherBlockSchema, mutated([sealed], random));
      const plaintext = await openCipherBlock(aesCfb, key, block);
      const text = new TextDecoder().decode(plaintext);
      // Whoever has no key can make the block of nothing only.
      assert.ok(text === "a secret, not long" || text === "", JSON.stringify(text));
    },
  );
});

const framesMax = 24;
const frames = linkFrames();

function linkFrames(): readonly Uint8Array[] {
  const schema = ext.LinkFrameSchema;
  const bodies: readonly ext.LinkFrame["body"][] = [
    { case: "changed", value: create(ext.LinkChangedSchema, { configHash: "h" }) },
    { case: "ping", value: create(ext.LinkPingSchema, { id: 1n }) },
    { case: "pong", value: create(ext.LinkPongSchema, { id: 1n }) },
    { case: "open", value: create(ext.LinkOpenSchema, {}) },
    { case: "opened", value: create(ext.LinkOpenedSchema, {}) },
    { case: "data", value: create(ext.LinkDataSchema, { channel: 1, bytes: new Uint8Array(900) }) },
    { case: "credit", value: create(ext.LinkCreditSchema, { bytes: 900 }) },
    { case: "end", value: create(ext.LinkEndSchema, { channel: 1 }) },
    { case: "resize", value: create(ext.LinkResizeSchema, { width: 80, height: 24 }) },
    { case: "exit", value: create(ext.LinkExitSchema, { exitCode: 1 }) },
    { case: "reset", value: create(ext.LinkResetSchema, { error: "gone" }) },
  ];
  return [0, 1, 2].flatMap((stream) =>
    bodies.map((body) => toBinary(schema, create(schema, { stream, body }))),
  );
}

/**
 * One end of a link, with a peer that says anything; ends when the mux hangs up or the peer has said
 * enough.
 */
async function talk(random: SeededRandom, side: "engine" | "controller"): Promise<void> {
  let deliver = (_message: Uint8Array): void => undefined;
  let hungUp = false;
  const mux = new LinkMux({
    end: side,
    clock: new SimClock(),
    socket: {
      bufferedBytes: 0,
      send: () => undefined,
      close: () => {
        hungUp = true;
      },
      onMessage: (listener) => {
        deliver = listener;
      },
      onClose: () => undefined,
    },
    onOpen: (stream) => stream.onData(() => undefined),
  });
  const opened = side === "controller" ? mux.open({}).catch((error: unknown) => error) : undefined;
  for (let count = 0; count < framesMax && !hungUp; count++) {
    deliver(random.next() < 0.5 ? pick(frames, random) : mutated(frames, random));
    await Promise.resolve();
  }
  assert.ok(mux.streamCount <= framesMax);
  mux.close("enough");
  assert.equal(mux.streamCount, 0);
  const outcome = await opened;
  if (outcome instanceof Error) assert.ok(outcome instanceof LinkClosedError, String(outcome));
}

describe("a link", () => {
  for (const side of ["engine", "controller"] as const)
    fuzz(
      `whose peer says anything stays whole at the ${side}'s end, or ends`,
      { cases: 10_000, declared: [] },
      (random) => talk(random, side),
    );
});
