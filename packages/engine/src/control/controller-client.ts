/** One exchange with the controller: signs what goes out, believes only what is signed in what comes back. */
import { createPrivateKey, type KeyObject, sign, X509Certificate } from "node:crypto";
import { type Clock, type Log, type Millis, minutes, type Random, seconds, uuid } from "@selvedge/base";
import { decodeEnvelope, type EndpointName, encodeEnvelope, endpoints, pathOf } from "@selvedge/eve-api";
import { type HttpClient, HttpError, type HttpResponse, readBody } from "../host/http.ts";
import type { Identity } from "../identity/identity.ts";
import { sha256 } from "../identity/sha256.ts";
import { UnknownSignerError } from "./controller-certs.ts";
import type { ControllerTrust } from "./controller-trust.ts";
import type { EnrolmentConfig } from "./enrolment-config.ts";
import type { Settings } from "./settings/settings.ts";
import { Traffic } from "./traffic.ts";

export interface ControllerClientParts {
  readonly http: HttpClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly config: EnrolmentConfig;
  readonly identity: Identity;
  readonly trust: ControllerTrust;
  readonly settings: Pick<Settings, "seconds">;
}

export interface Answer {
  readonly status: number;
  /** Of an enveloped answer: what was signed. Empty when there was no body. */
  readonly payload: Uint8Array;
  /** The envelope as it came, for what is kept and checked again. */
  readonly envelope: Uint8Array;
  /** How long a busy controller asks us to stay away; 0 when it does not say. */
  readonly retryAfter: Millis;
}

export interface SendOptions {
  readonly node?: string;
  readonly app?: string;
  /** `plain` answers carry no envelope. */
  readonly answer?: "enveloped" | "plain";
}

/** EVE takes 0 for a time that it chooses itself. */
const usual = { send: seconds(120), dial: seconds(10) } as const;
/** The largest configuration we take: thousands of apps, with room. */
const answerMax = 16 * 2 ** 20;
/** Certificates are asked for again at most this often because of an answer nobody vouches for. */
const refetchAfter = seconds(30);
/**
 * After so many exchanges in a row without an answer, nobody is thought to be there: the cable is cut, the
 * controller is off.
 */
const silentAfter = 3;
/** The poll finds out that this is over; where nobody polls, one in vain now and then is cheap. */
const silentFor = minutes(10);
/** Retry-After is a request, not an order; in seconds. */
const retryAfterMax = 600;
const contentType = "application/x-proto-binary";

export class ControllerClient {
  readonly #parts: ControllerClientParts;
  readonly #onboarding:
    | { readonly key: KeyObject; readonly hash: Uint8Array; readonly sender: Uint8Array }
    | undefined;
  readonly #deviceHash: Uint8Array;
  /** What went and came, for the metrics. */
  readonly traffic: Traffic = new Traffic();
  /**
   * The last signed request for a configuration: signing again what has not changed costs a TPM signature a
   * poll.
   */
  #signedPoll: { readonly payload: Uint8Array; readonly envelope: Uint8Array } | undefined;
  #refetchedAt = Number.NEGATIVE_INFINITY;
  /** The controller has given us a UUID, so serials tell it nothing any more. */
  #enrolled = false;
  /** Exchanges without an answer since the last that had one, whatever it was. */
  #unanswered = 0;
  #unansweredAt = Number.NEGATIVE_INFINITY;
  #onSilence: () => void = () => undefined;

  constructor(parts: ControllerClientParts) {
    this.#parts = parts;
    const { onboarding } = parts.config;
    this.#deviceHash = sha256(parts.identity.device.der);
    this.#onboarding = onboarding && {
      key: createPrivateKey(onboarding.keyPem),
      hash: sha256(new X509Certificate(onboarding.certificatePem).raw),
      sender: base64Text(onboarding.certificatePem),
    };
  }

  /** Nobody is there: what can wait or be lost is not worth a signature. */
  get isSilent(): boolean {
    const since = this.#parts.clock.monotonic() - this.#unansweredAt;
    return this.#unanswered >= silentAfter && since < silentFor;
  }

  /** Tells when it begins that nobody is there, so that somebody asks until it is over. */
  onSilence(listener: () => void): void {
    this.#onSilence = listener;
  }

  /** Fetches and learns the controller's certificates. */
  async fetchCerts(signal: AbortSignal): Promise<void> {
    await this.#parts.trust.learn(decodeEnvelope(await this.readCerts(signal)).payload);
  }

  /** The list as it comes, in its envelope. */
  async readCerts(signal: AbortSignal): Promise<Uint8Array> {
    const { status, body } = await this.#exchange("certs", {}, undefined, signal);
    if (status !== 200) throw new HttpError(`GET certs: the controller answers ${status}`);
    return body;
  }

  /** Posts a message signed by the device key, or for `register` by the onboarding key. */
  async post(
    name: EndpointName,
    payload: Uint8Array,
    options: SendOptions,
    signal: AbortSignal,
  ): Promise<Answer> {
    const { answer = "enveloped" } = options;
    const envelope = await this.#sign(name, payload);
    const { status, body, retryAfter } = await this.#exchange(name, options, envelope, signal);
    const read = answer === "enveloped" && body.length > 0 && status < 300;
    return { status, retryAfter, envelope: body, payload: read ? await this.#open(body, signal) : nothing };
  }

  /** An envelope over any payload, by the device key. */
  async envelope(payload: Uint8Array): Promise<Uint8Array> {
    const signature = await this.#parts.identity.sign(payload);
    return encodeEnvelope({ payload, algorithm: 2, senderCertHash: this.#deviceHash, signature });
  }

  async #sign(name: EndpointName, payload: Uint8Array): Promise<Uint8Array> {
    if (name === "register") {
      if (this.#onboarding === undefined) throw new Error("this box has no onboarding certificate");
      const { key, hash, sender } = this.#onboarding;
      const options = key.asymmetricKeyType === "ec" ? { key, dsaEncoding: "ieee-p1363" as const } : { key };
      const signature = new Uint8Array(sign("sha256", payload, options));
      return encodeEnvelope({ payload, algorithm: 2, senderCertHash: hash, signature, senderCert: sender });
    }
    if (name !== "config") return await this.envelope(payload);
    if (this.#signedPoll === undefined || Buffer.compare(this.#signedPoll.payload, payload) !== 0)
      this.#signedPoll = { payload, envelope: await this.envelope(payload) };
    return this.#signedPoll.envelope;
  }

  /**
   * An answer whose signer we do not know may come from a controller that changed its key: ask, then look
   * again.
   */
  async #open(body: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
    const { trust, clock, log } = this.#parts;
    try {
      return trust.open(body);
    } catch (error) {
      this.traffic.unverified++;
      if (!(error instanceof UnknownSignerError)) throw error;
      if (clock.monotonic() - this.#refetchedAt < refetchAfter) throw error;
      this.#refetchedAt = clock.monotonic();
      log.info("the controller signs with a certificate we do not know; asking for its certificates");
      await this.fetchCerts(signal);
      return trust.open(body);
    }
  }

  async #exchange(
    name: EndpointName,
    ids: SendOptions,
    body: Uint8Array | undefined,
    signal: AbortSignal,
  ): Promise<{ status: number; body: Uint8Array; retryAfter: Millis }> {
    const { http, config, random } = this.#parts;
    const { method } = endpoints[name];
    this.#enrolled ||= ids.node !== undefined;
    // Serials are for a controller that cannot know us yet.
    const serials: Record<string, string> = {};
    if (!this.#enrolled && config.serial !== "") serials["x-serial-number"] = config.serial;
    if (!this.#enrolled && config.softSerial !== "") serials["x-soft-serial"] = config.softSerial;
    const { settings, clock } = this.#parts;
    const url = config.baseUrl + pathOf(name, ids);
    const sent = this.traffic.begin(endpoints[name].path, body?.length ?? 0, clock.monotonic());
    try {
      const response = await http.send({
        ...{ method, url, signal, certificates: config.roots },
        headers: {
          "x-request-id": uuid(random),
          ...(body === undefined ? {} : { "content-type": contentType }),
          ...serials,
        },
        ...(body === undefined ? {} : { body }),
        timeoutMs: settings.seconds("timer.send.timeout") || usual.send,
        connectMs: settings.seconds("timer.dial.timeout") || usual.dial,
      });
      const answer = await readBody(response, answerMax);
      sent.done(answer.length, clock.monotonic(), clock.now());
      this.#unanswered = 0;
      return { status: response.status, retryAfter: retryAfterOf(response), body: answer };
    } catch (error) {
      if (!signal.aborted) {
        sent.failed(clock.now());
        this.#unansweredAt = clock.monotonic();
        if (++this.#unanswered === silentAfter) this.#onSilence();
      }
      throw error;
    }
  }
}

function retryAfterOf({ headers }: HttpResponse): Millis {
  const wait = Number(headers["retry-after"] ?? 0);
  return seconds(wait > 0 ? Math.min(wait, retryAfterMax) : 0);
}

const nothing = new Uint8Array();

/** PEM is base64 already; the API wants its text in base64 once more. */
export function base64Text(pem: string): Uint8Array {
  return new TextEncoder().encode(new TextEncoder().encode(pem).toBase64());
}
