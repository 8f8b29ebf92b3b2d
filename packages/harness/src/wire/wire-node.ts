/**
 * A node as it looks from the wire: a key, a certificate, and signed requests, with nothing behind them.
 * For load: the requests can be made once and sent a million times.
 */
import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { Instant } from "@selvedge/base";
import { makeCertificate, toPem, validity } from "@selvedge/engine";
import {
  attest,
  config,
  decodeEnvelope,
  encodeEnvelope,
  ext,
  info,
  pathOf,
  register,
  setExtension,
  uuid as uuidApi,
} from "@selvedge/eve-api";
import { base64Text, sha256 } from "../wire-bytes.ts";

/** Sends one request to the node API. */
export type Exchange = (
  method: string,
  path: string,
  body: Uint8Array,
) => Promise<{ readonly status: number; readonly body: Uint8Array }>;

export interface Onboarding {
  readonly certificatePem: string;
  readonly certificateDer: Uint8Array;
  readonly key: KeyObject;
}

/** The controller did not answer as a node needs it to. */
class WireError extends Error {
  override name = "WireError";
}

/** A step refused so often will not succeed. */
const refusalsMax = 100;

type Step = () => Promise<unknown>;

export interface NodeIdentity {
  readonly key: KeyObject;
  /** Its certificate. */
  readonly der: Uint8Array;
}

export class WireNode {
  readonly serial: string;
  readonly #key: KeyObject;
  readonly #der: Uint8Array;
  #id = "";
  #token: Uint8Array = new Uint8Array();
  #hash = "";

  private constructor(serial: string, key: KeyObject, der: Uint8Array) {
    this.serial = serial;
    this.#key = key;
    this.#der = der;
  }

  static async make(serial: string, now: Instant): Promise<WireNode> {
    const { key, der } = await makePair(serial, now);
    return new WireNode(serial, key, der);
  }

  /** One that is a node already. */
  static of(
    parts: NodeIdentity & { readonly id: string; readonly token: Uint8Array; readonly hash: string },
  ): WireNode {
    const node = new WireNode("", parts.key, parts.der);
    node.#id = parts.id;
    node.#token = parts.token;
    node.#hash = parts.hash;
    return node;
  }

  get id(): string {
    return this.#id;
  }

  get identity(): NodeIdentity {
    return { key: this.#key, der: this.#der };
  }

  /** Of the configuration it has. */
  get hash(): string {
    return this.#hash;
  }

  /** What it shows at each poll. */
  get token(): Uint8Array {
    return this.#token;
  }

  /**
   * Becomes a node step by step; a step that is refused is taken again after `pause`, as nodes do, not the
   * whole.
   */
  async enrol(exchange: Exchange, onboarding: Onboarding, pause: () => Promise<void>): Promise<void> {
    await this.#take([() => this.#register(exchange, onboarding), ...this.#joining(exchange)], pause);
  }

  /** As `enrol`, where its certificate was made known beforehand. */
  async join(exchange: Exchange, pause: () => Promise<void>): Promise<void> {
    await this.#take(this.#joining(exchange), pause);
  }

  #joining(exchange: Exchange): Step[] {
    return [() => this.#askUuid(exchange), () => this.#attest(exchange), () => this.takeConfig(exchange)];
  }

  async #take(steps: readonly Step[], pause: () => Promise<void>): Promise<void> {
    for (const step of steps) {
      for (let refused = 0; ; refused++) {
        try {
          await step();
          break;
        } catch (error) {
          if (refused >= refusalsMax) throw error;
          await pause();
        }
      }
    }
  }

  async #register(exchange: Exchange, onboarding: Onboarding): Promise<void> {
    const message = create(register.ZRegisterMsgSchema, {
      pemCert: base64Text(toPem(this.#der)),
      serial: this.serial,
      softSerial: this.serial,
    });
    const payload = toBinary(register.ZRegisterMsgSchema, message);
    const envelope = seal(payload, onboarding.key, onboarding.certificateDer, {
      senderCert: base64Text(onboarding.certificatePem),
    });
    await expectStatus(exchange("POST", pathOf("register"), envelope), [200, 201], "register");
  }

  async #askUuid(exchange: Exchange): Promise<void> {
    const asked = toBinary(uuidApi.UuidRequestSchema, create(uuidApi.UuidRequestSchema));
    const given = await expectStatus(exchange("POST", pathOf("uuid"), this.#seal(asked)), [200], "uuid");
    this.#id = fromBinary(uuidApi.UuidResponseSchema, decodeEnvelope(given).payload).uuid;
  }

  /** Takes the configuration there is, and remembers its hash; undefined when it is the one it has. */
  async takeConfig(exchange: Exchange): Promise<config.EdgeDevConfig | undefined> {
    const body = await expectStatus(exchange("POST", this.pollPath, this.pollBody()), [200, 304], "config");
    if (body.length === 0) return undefined;
    const answer = fromBinary(config.ConfigResponseSchema, decodeEnvelope(body).payload);
    this.#hash = answer.configHash;
    return answer.config;
  }

  /** Says that it is a machine with room for a few apps. */
  async report(exchange: Exchange): Promise<void> {
    const room = { cpuMillis: 4000n, memoryBytes: 4n << 30n, storageBytes: 10n << 30n, maxApps: 20 };
    const dinfo = create(info.ZInfoDeviceSchema, { machineArch: "x86_64", ncpu: 4, memory: 4096n });
    const allocatable = { allocatableCpuMillis: room.cpuMillis, allocatableMemoryBytes: room.memoryBytes };
    const says = { engineVersion: "load", architecture: "amd64", configHash: this.#hash };
    const report = { ...room, ...allocatable, ...says };
    setExtension(dinfo, ext.NodeReportSchema, create(ext.NodeReportSchema, report));
    const message = create(info.ZInfoMsgSchema, {
      ...{ ztype: info.ZInfoTypes.ZiDevice, devId: this.#id, InfoContent: { case: "dinfo", value: dinfo } },
    });
    const body = this.#seal(toBinary(info.ZInfoMsgSchema, message));
    await expectStatus(exchange("POST", pathOf("info", { node: this.#id }), body), [200, 201], "info");
  }

  /** Its answer to the challenge of a link. */
  hello(nonce: Uint8Array): Uint8Array {
    const hello = create(ext.LinkHelloSchema, { nonce, nodeId: this.#id, version: 1, engineVersion: "load" });
    const value = this.#seal(toBinary(ext.LinkHelloSchema, hello));
    return toBinary(ext.LinkFrameSchema, create(ext.LinkFrameSchema, { body: { case: "hello", value } }));
  }

  get pollPath(): string {
    return pathOf("config", { node: this.#id });
  }

  /** A signed poll. Each is another signature over the same content. */
  pollBody(): Uint8Array {
    const asked = create(config.ConfigRequestSchema, { configHash: this.#hash, integrityToken: this.#token });
    return this.#seal(toBinary(config.ConfigRequestSchema, asked));
  }

  async #attest(exchange: Exchange): Promise<void> {
    const request = create(attest.ZAttestReqSchema, {
      reqType: attest.ZAttestReqType.ATTEST_REQ_QUOTE,
      quote: { versions: [{ versionType: attest.AttestVersionType.EVE, version: "load" }] },
    });
    const body = this.#seal(toBinary(attest.ZAttestReqSchema, request));
    const answer = await expectStatus(
      exchange("POST", pathOf("attest", { node: this.#id }), body),
      [201],
      "attest",
    );
    const { quoteResp } = fromBinary(attest.ZAttestResponseSchema, decodeEnvelope(answer).payload);
    this.#token = quoteResp?.integrityToken ?? new Uint8Array();
  }

  #seal(payload: Uint8Array): Uint8Array {
    return seal(payload, this.#key, this.#der);
  }
}

/** A pair that admits boxes, as it is on a fitter's stick. */
export async function makeOnboarding(name: string, now: Instant): Promise<Onboarding> {
  const { key, der } = await makePair(name, now);
  return { certificatePem: toPem(der), certificateDer: der, key };
}

async function makePair(name: string, now: Instant): Promise<{ key: KeyObject; der: Uint8Array }> {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const subject = { organization: "Selvedge harness", commonName: name };
  const der = await makeCertificate({
    subject,
    issuer: subject,
    publicKey: publicKey.export({ type: "spki", format: "der" }),
    serial: sha256(new TextEncoder().encode(name)).subarray(0, 8),
    ...validity(now),
    authority: true,
    usages: ["digitalSignature", "certificateSign"],
    sign: async (bytes) => signP1363(bytes, privateKey),
  });
  return { key: privateKey, der };
}

function seal(
  payload: Uint8Array,
  key: KeyObject,
  der: Uint8Array,
  more: { readonly senderCert?: Uint8Array } = {},
): Uint8Array {
  const signature = signP1363(payload, key);
  return encodeEnvelope({ payload, algorithm: 2, senderCertHash: sha256(der), signature, ...more });
}

function signP1363(bytes: Uint8Array, key: KeyObject): Uint8Array {
  return new Uint8Array(sign("sha256", bytes, { key, dsaEncoding: "ieee-p1363" }));
}

async function expectStatus(
  answer: ReturnType<Exchange>,
  wanted: readonly number[],
  what: string,
): Promise<Uint8Array> {
  const { status, body } = await answer;
  if (wanted.includes(status)) return body;
  throw new WireError(
    `${what}: the controller answers ${status} ${new TextDecoder().decode(body).slice(0, 200)}`,
  );
}
