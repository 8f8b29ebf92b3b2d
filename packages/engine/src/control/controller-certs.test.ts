import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { instant } from "@selvedge/base";
import { certs, config, decodeEnvelope, encodeEnvelope, uuid } from "@selvedge/eve-api";
import {
  BadSignatureError,
  type ControllerCerts,
  ControllerCertsError,
  openEnvelope,
  readControllerCerts,
  UnknownSignerError,
} from "./controller-certs.ts";

const recorded = join(import.meta.dirname, "../../../eve-api/testdata/eve");
const root = readFileSync(join(recorded, "keys/root.pem"), "utf8");
const node = readFileSync(join(recorded, "device-uuid.txt"), "utf8").trim();
const recordedAt = instant(Date.UTC(2026, 10, 24, 18));

function body(exchange: string): Uint8Array {
  return new Uint8Array(readFileSync(join(recorded, "http", exchange, "response.body")));
}

const list = decodeEnvelope(body("001-get-certs-200")).payload;
const trusted = readControllerCerts(list, [root], recordedAt);

describe("what Adam answered", () => {
  const answers = globSync("http/*/response.json", { cwd: recorded })
    .map((path) => path.split("/")[1] ?? "")
    .filter((name) => body(name).length > 0 && /-(uuid|attest|config)-20[01]$/.test(name))
    .sort();

  it("is here", () => assert.ok(answers.length >= 10, `${answers.length}`));

  for (const name of globSync("*-get-certs-200", { cwd: join(recorded, "http") }).sort())
    it(`${name}: the list of certificates chains to the root`, () => {
      const found = readControllerCerts(decodeEnvelope(body(name)).payload, [root], recordedAt);
      assert.deepEqual(found.signing.hash, trusted.signing.hash);
      assert.equal(found.exchange.size, 1);
    });

  for (const name of answers)
    it(`${name}: the signature holds`, () => {
      const payload = openEnvelope(body(name), [trusted]);
      if (name.includes("-uuid-")) assert.equal(fromBinary(uuid.UuidResponseSchema, payload).uuid, node);
      if (name.includes("-config-"))
        assert.equal(fromBinary(config.ConfigResponseSchema, payload).config?.id?.uuid, node);
    });
});

function without(keep: (item: certs.ZCert) => boolean): Uint8Array {
  const items = fromBinary(certs.ZControllerCertSchema, list).certs.filter(keep);
  return toBinary(certs.ZControllerCertSchema, create(certs.ZControllerCertSchema, { certs: items }));
}

function changed(more: Partial<certs.ZCert>): Uint8Array {
  const message = fromBinary(certs.ZControllerCertSchema, list);
  for (const item of message.certs) Object.assign(item, more);
  return toBinary(certs.ZControllerCertSchema, message);
}

const twoSigners = new Uint8Array([...list, ...without(({ type }) => type === 1)]);
const other = readFileSync(join(recorded, "keys/onboard.pem"), "utf8");

const wrongLists: readonly (readonly [string, Uint8Array, readonly string[], number, RegExp])[] = [
  ["without a signing certificate", without(({ type }) => type !== 1), [root], recordedAt, /one signing/],
  ["with two signing certificates", twoSigners, [root], recordedAt, /one signing/],
  ["without an exchange certificate", without(({ type }) => type !== 3), [root], recordedAt, /no ECDH/],
  ["without the intermediate", without(({ type }) => type !== 2), [root], recordedAt, /does not chain/],
  ["under another root", list, [other], recordedAt, /does not chain/],
  ["before its time", list, [root], Date.UTC(2020, 0), /is valid from/],
  ["after its time", list, [root], Date.UTC(2090, 0), /is valid from/],
  ["with a certificate of a device", changed({ type: 13 }), [root], recordedAt, /type 13/],
  ["that is no certificate", changed({ cert: Uint8Array.of(1) }), [root], recordedAt, /read/],
];

describe("a list of certificates", () => {
  for (const [what, raw, roots, at, message] of wrongLists)
    it(`${what} is not believed`, () => {
      assert.throws(() => readControllerCerts(raw, roots, instant(at)), {
        name: "ControllerCertsError",
        message,
      });
    });

  it("is read back from the disk whatever the clock says", () => {
    assert.doesNotThrow(() => readControllerCerts(list, [root], undefined));
  });

  it("is refused with an error of its own", () => {
    assert.throws(() => readControllerCerts(list, [], recordedAt), ControllerCertsError);
  });
});

describe("an envelope", () => {
  const good = decodeEnvelope(body("009-post-uuid-200"));
  const signed = (more: Partial<typeof good>): Uint8Array =>
    encodeEnvelope({
      ...good,
      algorithm: good.algorithm || 2,
      senderCert: new Uint8Array(),
      ...more,
      ...{},
    } as Parameters<typeof encodeEnvelope>[0]);

  it("names its certificate by a hash of 16 bytes as well", () => {
    const short = signed({ algorithm: 1, senderCertHash: good.senderCertHash.subarray(0, 16) });
    assert.deepEqual(openEnvelope(short, [trusted]), good.payload);
  });

  it("whose payload was changed is refused", () => {
    const payload = good.payload.slice();
    payload[3] = (payload[3] ?? 0) ^ 1;
    assert.throws(() => openEnvelope(signed({ payload }), [trusted]), BadSignatureError);
  });

  it("of a signer we do not know is told apart", () => {
    const senderCertHash = good.senderCertHash.toReversed();
    assert.throws(() => openEnvelope(signed({ senderCertHash }), [trusted]), UnknownSignerError);
    assert.throws(() => openEnvelope(body("009-post-uuid-200"), [] as ControllerCerts[]), UnknownSignerError);
  });
});
