/**
 * A controller in a few lines, for tests of the engine's side: speaks the node API in memory with the
 * recorded keys, does what the test says, and remembers what it was told.
 */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  sign,
  verify,
  X509Certificate,
} from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  create,
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import {
  attest,
  certs,
  config,
  decodeEnvelope,
  type Envelope,
  encodeEnvelope,
  info,
  matchEndpoint,
  metrics,
  register,
  uuid as uuidApi,
} from "@selvedge/eve-api";
import type { EnrolmentConfig } from "../src/control/enrolment-config.ts";
import { parseEnrolmentConfig } from "../src/control/enrolment-config.ts";
import { type HttpClient, HttpError, type HttpRequest, type HttpResponse } from "../src/host/http.ts";

const keys = join(import.meta.dirname, "../../eve-api/testdata/eve/keys");

export function recordedKey(name: string): string {
  return readFileSync(join(keys, name), "utf8");
}

export function enrolmentConfig(): EnrolmentConfig {
  return parseEnrolmentConfig(
    {
      server: "controller.example:443",
      "root-certificate.pem": recordedKey("root.pem"),
      "onboard.cert.pem": recordedKey("onboard.pem"),
      "onboard.key.pem": recordedKey("onboard-key.pem"),
      soft_serial: "node-1",
    },
    "",
  );
}

export const nodeId = "11111111-1111-4111-8111-111111111111";

interface Sign {
  readonly pem: Uint8Array;
  readonly key: KeyObject;
}

function trimmed(name: string): Uint8Array {
  return new TextEncoder().encode(recordedKey(name).trim());
}

export class ScriptedGateway implements HttpClient {
  /** Undefined: the network is cut. */
  online = true;
  /** Boxes are let in. */
  admits = true;
  /** How the box is called. */
  node: string = nodeId;
  /** The status config is answered with in place of a configuration. */
  configStatus: number | undefined;
  infoStatus = 201;
  /** The status certificates of the node are answered with in place of taking them. */
  certsStatus: number | undefined;
  /** What it keeps of the node's keys. */
  escrow: readonly attest.AttestVolumeKey[] = [];
  token: Uint8Array = new TextEncoder().encode("token-1");
  config: MessageInitShape<typeof config.EdgeDevConfigSchema> | undefined;
  hash = "hash-1";
  signing: Sign = { pem: trimmed("signing.leaf.pem"), key: createPrivateKey(recordedKey("signing-key.pem")) };
  /** Of the ECDH certificate. */
  exchange: Uint8Array = trimmed("encrypt.leaf.pem");
  readonly calls: string[] = [];
  /** What was asked while the network was cut. */
  readonly vain: string[] = [];
  readonly infos: info.ZInfoMsg[] = [];
  readonly metrics: metrics.ZMetricMsg[] = [];
  readonly deviceLogs: Uint8Array[] = [];
  readonly uploaded: certs.ZCert[] = [];
  readonly quotes: attest.ZAttestQuote[] = [];
  #device: X509Certificate | undefined;
  #nonce: Uint8Array = new Uint8Array();

  async send(request: HttpRequest): Promise<HttpResponse> {
    request.signal?.throwIfAborted();
    const match = matchEndpoint(new URL(request.url).pathname);
    if (!this.online) {
      this.vain.push(match?.name ?? "");
      throw new HttpError("the network is cut");
    }
    if (match === undefined) return answer(404);
    const { name } = match;
    this.calls.push(name);
    if (name === "certs") return answer(200, this.#seal(this.#certs()));
    const envelope = decodeEnvelope(request.body ?? new Uint8Array());
    if (name === "register") return this.#register(envelope);
    this.#authenticate(envelope);
    if (name === "uuid") {
      if (!this.admits) return answer(401);
      return answer(200, this.#seal(encode(uuidApi.UuidResponseSchema, { uuid: this.node })));
    }
    if (match.node !== this.node) return answer(404);
    return this.#node(name, envelope.payload);
  }

  count(name: string): number {
    return this.calls.filter((call) => call === name).length;
  }

  #node(name: string, payload: Uint8Array): HttpResponse {
    switch (name) {
      case "attest":
        return this.#attest(fromBinary(attest.ZAttestReqSchema, payload));
      case "config":
        return this.#config(fromBinary(config.ConfigRequestSchema, payload));
      case "info":
        if (this.infoStatus < 300) this.infos.push(fromBinary(info.ZInfoMsgSchema, payload));
        return answer(this.infoStatus);
      case "metrics":
        this.metrics.push(fromBinary(metrics.ZMetricMsgSchema, payload));
        return answer(201);
      case "hardwarehealth":
        return answer(200);
      case "newlogs":
        this.deviceLogs.push(payload);
        return answer(201);
      default:
        return answer(404);
    }
  }

  #register({ payload, senderCert, senderCertHash, signature }: Envelope): HttpResponse {
    const onboarding = new X509Certificate(Buffer.from(Buffer.from(senderCert).toString(), "base64"));
    const hash = createHash("sha256").update(onboarding.raw).digest();
    if (!hash.equals(senderCertHash) || !check(onboarding, payload, signature)) return answer(401);
    if (!this.admits) return answer(403);
    const message = fromBinary(register.ZRegisterMsgSchema, payload);
    this.#device = new X509Certificate(Buffer.from(Buffer.from(message.pemCert).toString(), "base64"));
    return answer(201);
  }

  #authenticate({ payload, signature }: Envelope): void {
    if (this.#device !== undefined && !check(this.#device, payload, signature))
      throw new Error("the node's signature does not match");
  }

  #attest(request: attest.ZAttestReq): HttpResponse {
    const reply = (value: MessageInitShape<typeof attest.ZAttestResponseSchema>): HttpResponse =>
      answer(201, this.#seal(encode(attest.ZAttestResponseSchema, value)));
    switch (request.reqType) {
      case attest.ZAttestReqType.ATTEST_REQ_CERT:
        if (this.certsStatus !== undefined) return answer(this.certsStatus);
        this.uploaded.push(...request.certs);
        return reply({ respType: attest.ZAttestRespType.ATTEST_RESP_CERT });
      case attest.ZAttestReqType.ATTEST_REQ_NONCE:
        this.#nonce = new TextEncoder().encode("nonce-of-this");
        return reply({ respType: attest.ZAttestRespType.ATTEST_RESP_NONCE, nonce: { nonce: this.#nonce } });
      case attest.ZAttestReqType.Z_ATTEST_REQ_TYPE_STORE_KEYS: {
        const { integrityToken, keys = [] } = request.storageKeys ?? {};
        const { SUCCESS, ITOKEN_MISMATCH } = attest.AttestStorageKeysResponseCode;
        const known = Buffer.from(integrityToken ?? []).equals(this.token);
        if (known) this.escrow = keys;
        return reply({
          respType: attest.ZAttestRespType.Z_ATTEST_RESP_TYPE_STORE_KEYS,
          storageKeysResp: { response: known ? SUCCESS : ITOKEN_MISMATCH },
        });
      }
      default: {
        if (request.quote !== undefined) this.quotes.push(request.quote);
        const { SUCCESS } = attest.ZAttestResponseCode;
        return reply({
          respType: attest.ZAttestRespType.ATTEST_RESP_QUOTE_RESP,
          quoteResp: { response: SUCCESS, integrityToken: this.token, keys: [...this.escrow] },
        });
      }
    }
  }

  #config({ configHash, integrityToken }: config.ConfigRequest): HttpResponse {
    if (this.configStatus !== undefined) return answer(this.configStatus);
    if (!Buffer.from(integrityToken).equals(this.token)) return answer(403);
    if (this.config === undefined) return answer(404);
    if (configHash === this.hash) return answer(304);
    return answer(
      200,
      this.#seal(encode(config.ConfigResponseSchema, { config: this.config, configHash: this.hash })),
    );
  }

  #certs(): Uint8Array {
    const of = (type: certs.ZCertType, pem: Uint8Array): MessageInitShape<typeof certs.ZCertSchema> => ({
      hashAlgo: 1,
      certHash: createHash("sha256").update(pem).digest().subarray(0, 16),
      type,
      cert: pem,
    });
    return encode(certs.ZControllerCertSchema, {
      certs: [
        of(certs.ZCertType.CERT_TYPE_CONTROLLER_SIGNING, this.signing.pem),
        of(certs.ZCertType.CERT_TYPE_CONTROLLER_ECDH_EXCHANGE, this.exchange),
        of(certs.ZCertType.CERT_TYPE_CONTROLLER_INTERMEDIATE, trimmed("inter.pem")),
      ],
    });
  }

  #seal(payload: Uint8Array): Uint8Array {
    const { pem, key } = this.signing;
    return encodeEnvelope({
      payload,
      algorithm: 2,
      senderCertHash: createHash("sha256").update(pem).digest(),
      signature: sign("sha256", payload, { key, dsaEncoding: "ieee-p1363" }),
    });
  }
}

function check(certificate: X509Certificate, payload: Uint8Array, signature: Uint8Array): boolean {
  const key = createPublicKey(certificate.publicKey.export({ format: "pem", type: "spki" }));
  return verify("sha256", payload, { key, dsaEncoding: "ieee-p1363" }, signature);
}

function encode<Desc extends DescMessage>(schema: Desc, value: MessageInitShape<Desc>): Uint8Array {
  return toBinary(schema, create(schema, value) as MessageShape<Desc>);
}

function answer(status: number, body: Uint8Array = new Uint8Array()): HttpResponse {
  return {
    status,
    headers: body.length > 0 ? { "content-type": "application/x-proto-binary" } : {},
    body: (async function* () {
      if (body.length > 0) yield body;
    })(),
  };
}
