/**
 * Our schema of the EVE API against the public Go module of it, which was made by others: field for field,
 * and then by what both ends write for the same content. Where Go is not to be had, fingerprints of Go's
 * schema stand in; the comparison with Go holds them to be right.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { before, describe, it } from "node:test";
import {
  type DescEnum,
  type DescMessage,
  fromBinary,
  fromJson,
  type JsonValue,
  type Message,
  toBinary,
  toJson,
} from "@bufbuild/protobuf";
import { SeededRandom } from "@selvedge/base";
import { type GoAnswer, GoPartner } from "./eve-schema/go-partner.ts";
import { describeSchema, fingerprint, ourSchema } from "./eve-schema/our-schema.ts";
import { fieldsSet, randomMessage } from "./eve-schema/random-message.ts";

/** What boxes already send, but the module at the version in go.mod does not have yet. */
const newer: Readonly<Record<string, readonly RegExp[]>> = {
  "message org.lfedge.eve.config.EdgeNodeCluster": [/^13 /, /^14 /],
  "message org.lfedge.eve.config.NetworkInstanceConfig": [/^53 /],
  "message org.lfedge.eve.info.ZInfoStorage": [/^5 /, /^6 /, /^7 /],
  "enum org.lfedge.eve.attest.AttestVersionType": [/^3 /],
  "enum org.lfedge.eve.info.APICapability": [/^22 /],
};

/** How full a message is: nothing, a little, about half, everything. */
const fills = [0, 0.2, 0.5, 0.5, 1];
const seed = Number(process.env["SELVEDGE_SEED"] ?? 1);

/** Only what both ends know of can be compared. */
function isNewer({ kind, typeName }: DescMessage | DescEnum, number: number): boolean {
  return newer[`${kind} ${typeName}`]?.some((pattern) => pattern.test(`${number} `)) === true;
}

const schema = await ourSchema();
const all = describeSchema(schema);
const ours = new Map(
  [...all].map(([name, lines]) => [
    name,
    lines.filter((line) => !newer[name]?.some((pattern) => pattern.test(line))),
  ]),
);
const fingerprints: Readonly<Record<string, string>> = JSON.parse(
  readFileSync(join(import.meta.dirname, "eve-schema/fingerprints.json"), "utf8"),
);
const partner = GoPartner.build();

describe("the schema of the EVE API", () => {
  it("has the fingerprints of the Go module's", () => {
    const found = Object.fromEntries([...ours].map(([name, lines]) => [name, fingerprint(lines)]));
    assert.deepEqual(sorted(found), sorted(fingerprints));
    assert.equal(schema.messages.length, 313);
    assert.equal(schema.enums.length, 117);
  });

  it("has nothing that the Go module lacks, besides what is named here", () => {
    for (const [name, patterns] of Object.entries(newer)) {
      assert.equal((all.get(name)?.length ?? 0) - (ours.get(name)?.length ?? 0), patterns.length, name);
    }
  });
});

interface Sample {
  readonly schema: DescMessage;
  readonly message: Message;
  readonly bytes: Uint8Array;
  /** Seed and fill, for whoever looks into a failure. */
  readonly name: string;
}

function makeSamples(): readonly Sample[] {
  return schema.messages.flatMap((message, at) =>
    fills.map((likely, index): Sample => {
      const random = new SeededRandom(seed * 1_000_003 + at * 31 + index);
      const made = randomMessage(message, { random, likely, leaveOut: isNewer });
      // A field that nobody knows, as a newer peer would send: it must come through both ends.
      if (index % 2 === 1) made.$unknown = [{ no: 18_999, wireType: 2, data: Uint8Array.of(3, 1, 2, 3) }];
      const bytes = toBinary(message, made);
      return {
        schema: message,
        message: made,
        bytes,
        name: `${message.typeName}, seed ${seed}, case ${index}`,
      };
    }),
  );
}

describe("our code and the Go module", { skip: typeof partner === "string" ? partner : false }, () => {
  if (typeof partner === "string") return;
  const samples = makeSamples();
  let answers: readonly GoAnswer[] = [];
  before(() => {
    answers = partner.exchange(samples.map(({ schema: { typeName: type }, bytes }) => ({ type, bytes })));
  });
  const each = (check: (sample: Sample, answer: GoAnswer, at: number) => void): void => {
    assert.equal(answers.length, samples.length);
    for (const [at, sample] of samples.entries()) {
      const answer = answers[at];
      if (answer !== undefined) check(sample, answer, at);
    }
  };

  it("have the same messages and enums, field for field", () => {
    const theirs = partner.describe();
    assert.deepEqual(sorted(Object.fromEntries(ours)), sorted(Object.fromEntries(theirs)));
    const expected = Object.fromEntries([...theirs].map(([name, lines]) => [name, fingerprint(lines)]));
    assert.deepEqual(sorted(fingerprints), sorted(expected));
  });

  it("write the same bytes for the same content, and keep what they do not know", () => {
    each(({ schema: message, bytes, name }, answer) => {
      // Go writes what is in a oneof last, at whatever depth; everything else stands where we have it.
      if (!hasOneof(message)) assert.equal(answer.bytes.toHex(), bytes.toHex(), name);
      assert.equal(answer.bytes.length, bytes.length, name);
      assert.equal(toBinary(message, fromBinary(message, answer.bytes)).toHex(), bytes.toHex(), name);
    });
  });

  it("write the same JSON, and read each other's", () => {
    const known = samples.map((sample) => withoutUnknown(sample));
    const requests = known.map(({ schema: message, json }) => ({ type: message.typeName, json }));
    const read = partner.exchange(requests);
    each(({ name }, { json }, at) => {
      const sample = known[at];
      assert.ok(sample !== undefined);
      assert.deepEqual(json, sample.json, name);
      const readByGo = fromBinary(sample.schema, read[at]?.bytes ?? new Uint8Array());
      const fromOurs = toBinary(sample.schema, readByGo);
      assert.equal(fromOurs.toHex(), sample.bytes.toHex(), `${name}: Go read our JSON otherwise`);
      const again = toBinary(sample.schema, fromJson(sample.schema, json as JsonValue));
      assert.equal(again.toHex(), sample.bytes.toHex(), `${name}: we read Go's JSON otherwise`);
    });
  });

  it("are asked about every field of every message", () => {
    const left = schema.messages.filter((message) => {
      const seen = samples.filter((sample) => sample.schema === message);
      const set = new Set(seen.flatMap((sample) => fieldsSet(message, sample.message)));
      return message.fields.some(
        (field) => field.oneof === undefined && !set.has(field.name) && !isNewer(message, field.number),
      );
    });
    assert.deepEqual(
      left.map(({ typeName }) => typeName),
      [],
    );
  });
});

function hasOneof(message: DescMessage, seen: Set<DescMessage> = new Set()): boolean {
  if (seen.has(message)) return false;
  seen.add(message);
  return (
    message.oneofs.length > 0 ||
    message.fields.some((field) => field.message !== undefined && hasOneof(field.message, seen))
  );
}

/** JSON has no place for unknown fields. */
function withoutUnknown({ schema: message, bytes }: Sample) {
  const known = fromBinary(message, bytes);
  delete known.$unknown;
  return { schema: message, json: toJson(message, known), bytes: toBinary(message, known) };
}

function sorted<T>(record: Readonly<Record<string, T>>): Readonly<Record<string, T>> {
  return Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)));
}
