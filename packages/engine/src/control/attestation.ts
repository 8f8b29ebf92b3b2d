/**
 * Proves to the controller what this box is, and gets the token that configurations are given out for:
 *
 *   certs ─► nonce ─► quote ─► escrow ─► done ──(the controller refuses the token)──► certs …
 *
 * A box without a TPM goes the same way with an empty quote; whether that is enough is the controller's to
 * say.
 */

import { gzipSync } from "node:zlib";
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import {
  type BackoffPolicy,
  backoffDelay,
  type Clock,
  describeError,
  type Log,
  millis,
  minutes,
  type Random,
  seconds,
} from "@selvedge/base";
import { attest, certs, common, shortHash } from "@selvedge/eve-api";
import { ecdsaSignature } from "../identity/certificate.ts";
import type { Identity, NodeCertificate } from "../identity/identity.ts";
import { sha256 } from "../identity/sha256.ts";
import type { VaultKey } from "../identity/vault-key.ts";
import { Alarm } from "./alarm.ts";
import type { ControllerClient } from "./controller-client.ts";

export interface AttestationParts {
  readonly client: ControllerClient;
  readonly identity: Identity;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly engineVersion: string;
  readonly firmwareVersion: string;
  readonly vault: VaultKey;
  /** Tells of what keeps the node from proving itself, or that it is over. */
  readonly trouble: (what: "quoteFailed" | "certsRefused", there: boolean) => void;
  readonly node: () => string;
}

export type AttestationState = "certs" | "nonce" | "quote" | "escrow" | "complete" | "waiting";

/** EVE's pace at first; a controller that is away for days is not asked for that oftener than this. */
const backoff: BackoffPolicy = { first: seconds(15), max: minutes(10) };
/** Steps lead on at once; a controller that answers each well but never lets go would spin us. */
const stepPause = millis(10);

/** EVE's bound of a request with a quote; the log of the firmware stays away when it would go beyond. */
const quoteMax = 63_488;

const { AttestStorageKeysResponseCode, AttestVolumeKeyType } = attest;
const { ZAttestReqType, ZAttestRespType, ZAttestResponseCode, AttestVersionType, TpmHashAlgo } = attest;

/** The controller said no, or something that is no answer to the question. */
class AttestationError extends Error {
  override name = "AttestationError";
}

class RefusedError extends Error {
  override name = "RefusedError";
  readonly status: number;

  constructor(status: number) {
    super(`the controller answers attest with ${status}`);
    this.status = status;
  }
}

/** Statuses that say "not these, and never", as EVE reads them. */
const refusals: ReadonlySet<number> = new Set([400, 409, 422]);

export class Attestation {
  readonly #parts: AttestationParts;
  readonly #alarm = new Alarm();
  #step: "certs" | "nonce" | "quote" | "escrow" | "complete" = "certs";
  #failed = false;
  #nonce: Uint8Array = new Uint8Array();
  #token: Uint8Array = new Uint8Array();
  /** What the controller shall keep of the vault's key. */
  #copy: Uint8Array | undefined;
  #onChange: () => void = () => undefined;
  #logFault = "";

  constructor(parts: AttestationParts) {
    this.#parts = parts;
  }

  /** Empty until the controller has given one. */
  get token(): Uint8Array {
    return this.#token;
  }

  /** Why the firmware's log did not go with the last quote; empty when it did, or there is none. */
  get logFault(): string {
    return this.#logFault;
  }

  get state(): AttestationState {
    return this.#failed ? "waiting" : this.#step;
  }

  onChange(listener: () => void): void {
    this.#onChange = listener;
  }

  /** The controller refuses our token: begin again. Does nothing while an attempt is under way. */
  restart(): void {
    if (this.#step !== "complete") return;
    this.#parts.log.info("the controller wants to know anew what this box is");
    // Certificates too: a controller that lost its memory has lost them as well.
    this.#step = "certs";
    this.#alarm.ring();
  }

  /** The controller can be reached again: a step that waits need not wait longer. */
  retry(): void {
    if (this.#failed) this.#alarm.ring();
  }

  /** Runs until the signal. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, random, log } = this.#parts;
    for (let failures = 0; ; ) {
      try {
        await this.#advance(signal);
        failures = 0;
        this.#failed = false;
      } catch (error) {
        signal.throwIfAborted();
        if (!this.#failed)
          log.warn("attestation has to wait", { step: this.#step, error: describeError(error) });
        this.#failed = true;
        failures++;
        if (error instanceof AttestationError) this.#step = "certs";
      }
      this.#onChange();
      const pause = this.#failed ? backoffDelay(backoff, failures, random) : stepPause;
      if (this.#step === "complete") await this.#alarm.wait(clock, seconds(86_400), signal);
      else await this.#alarm.wait(clock, pause, signal);
    }
  }

  async #advance(signal: AbortSignal): Promise<void> {
    switch (this.#step) {
      case "certs":
        await this.#sendCerts(signal);
        this.#step = "nonce";
        return;
      case "nonce": {
        const reply = await this.#ask(
          { reqType: ZAttestReqType.ATTEST_REQ_NONCE },
          ZAttestRespType.ATTEST_RESP_NONCE,
          signal,
        );
        this.#nonce = reply.nonce?.nonce ?? new Uint8Array();
        this.#step = "quote";
        return;
      }
      case "quote": {
        const request = { reqType: ZAttestReqType.ATTEST_REQ_QUOTE, quote: await this.#quote() };
        const { quoteResp } = await this.#ask(request, ZAttestRespType.ATTEST_RESP_QUOTE_RESP, signal);
        if (quoteResp === undefined || quoteResp.response !== ZAttestResponseCode.SUCCESS)
          throw new AttestationError(
            `the controller refuses the quote with ${quoteResp?.response ?? "nothing"}`,
          );
        this.#token = quoteResp.integrityToken;
        this.#parts.log.info("the controller knows what this box is");
        this.#copy = await this.#copyOfKey(quoteResp.keys);
        this.#step = this.#copy === undefined ? "complete" : "escrow";
        return;
      }
      case "escrow": {
        const key = this.#copy ?? new Uint8Array();
        const keys = [{ keyType: AttestVolumeKeyType.VSK, key }];
        const request = { integrityToken: this.#token, keys };
        const { storageKeysResp } = await this.#ask(
          { reqType: ZAttestReqType.Z_ATTEST_REQ_TYPE_STORE_KEYS, storageKeys: request },
          ZAttestRespType.Z_ATTEST_RESP_TYPE_STORE_KEYS,
          signal,
        );
        if (storageKeysResp?.response !== AttestStorageKeysResponseCode.SUCCESS)
          throw new AttestationError(
            `the controller refuses the vault key with ${storageKeysResp?.response ?? "nothing"}`,
          );
        this.#step = "complete";
        return;
      }
      case "complete":
        return;
    }
  }

  /** A vault that does not open is no reason to go without configurations. */
  async #copyOfKey(keys: readonly attest.AttestVolumeKey[]): Promise<Uint8Array | undefined> {
    const { vault, log } = this.#parts;
    const policy = keys.find(({ hasPolicyPcrList }) => hasPolicyPcrList)?.policyPcrList;
    try {
      return await vault.attested(
        keys.map(({ key }) => key),
        policy?.pcrIndices,
      );
    } catch (error) {
      log.error("the vault key cannot be used", { error: describeError(error) });
      return undefined;
    }
  }

  async #ask(
    request: MessageInitShape<typeof attest.ZAttestReqSchema>,
    expected: attest.ZAttestRespType,
    signal: AbortSignal,
  ): Promise<attest.ZAttestResponse> {
    const payload = toBinary(attest.ZAttestReqSchema, create(attest.ZAttestReqSchema, request));
    const { client, node } = this.#parts;
    const answer = await client.post("attest", payload, { node: node() }, signal);
    if (answer.status !== 201 && answer.status !== 200) throw new RefusedError(answer.status);
    const reply = fromBinary(attest.ZAttestResponseSchema, answer.payload);
    if (reply.respType !== expected)
      throw new AttestationError(
        `the controller answers a question of type ${expected} with type ${reply.respType}`,
      );
    return reply;
  }

  /** A controller that takes none of them will never believe what the node seals or signs. */
  async #sendCerts(signal: AbortSignal): Promise<void> {
    const request = { reqType: ZAttestReqType.ATTEST_REQ_CERT, certs: this.#certs() };
    try {
      await this.#ask(request, ZAttestRespType.ATTEST_RESP_CERT, signal);
      this.#parts.trouble("certsRefused", false);
    } catch (error) {
      const refused = error instanceof RefusedError && refusals.has(error.status);
      if (refused) this.#parts.trouble("certsRefused", true);
      throw error;
    }
  }

  #certs(): certs.ZCert[] {
    const { exchange, attestation } = this.#parts.identity;
    const { ZCertType } = certs;
    const upload = (type: certs.ZCertType, { pem }: NodeCertificate): certs.ZCert =>
      create(certs.ZCertSchema, {
        hashAlgo: common.HashAlgorithm.SHA256_16BYTES,
        certHash: shortHash(sha256(pem), 1),
        type,
        cert: pem,
      });
    return [
      upload(ZCertType.CERT_TYPE_DEVICE_ECDH_EXCHANGE, exchange),
      ...(attestation ? [upload(ZCertType.CERT_TYPE_DEVICE_RESTRICTED_SIGNING, attestation)] : []),
    ];
  }

  async #quote(): Promise<MessageInitShape<typeof attest.ZAttestQuoteSchema>> {
    const { engineVersion, firmwareVersion } = this.#parts;
    const versions = [
      { versionType: AttestVersionType.EVE, version: engineVersion },
      ...(firmwareVersion === ""
        ? []
        : [{ versionType: AttestVersionType.FIRMWARE, version: firmwareVersion }]),
    ];
    const quote = await this.#askTpm();
    if (quote === undefined) return { versions };
    const value = {
      attestData: quote.attested,
      signature: ecdsaSignature(quote.signature),
      pcrValues: quote.registers.map(({ index, value }) => ({ index, hashAlgo: TpmHashAlgo.SHA256, value })),
      versions,
    };
    const log = await this.#eventLog();
    if (log === undefined || log.length === 0) return value;
    const whole = { ...value, tpmBinaryEventLog: gzipSync(log) };
    const size = toBinary(attest.ZAttestQuoteSchema, create(attest.ZAttestQuoteSchema, whole)).length;
    if (size <= quoteMax) return whole;
    this.#hasNoLog(`the firmware's log has ${log.length} bytes, more than a quote can carry`);
    return value;
  }

  /** A quote is good without it, but nobody can say what its registers stand for. */
  async #eventLog(): Promise<Uint8Array | undefined> {
    try {
      const bytes = await this.#parts.identity.keys.eventLog();
      this.#logFault = "";
      return bytes;
    } catch (error) {
      this.#hasNoLog(describeError(error));
      return undefined;
    }
  }

  #hasNoLog(why: string): void {
    this.#logFault = why;
    this.#parts.log.warn("what the firmware measured cannot be shown", { error: why });
  }

  async #askTpm(): ReturnType<Identity["keys"]["quote"]> {
    const { identity, trouble } = this.#parts;
    try {
      const quote = await identity.keys.quote(this.#nonce);
      trouble("quoteFailed", false);
      return quote;
    } catch (error) {
      trouble("quoteFailed", true);
      throw error;
    }
  }
}
