/**
 * From a box that nobody touched to a node: certificates, register, uuid; again and again until somebody lets
 * it in.
 */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
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
  sleep,
} from "@selvedge/base";
import { register, uuid as uuidApi } from "@selvedge/eve-api";
import type { Disk } from "../host/disk.ts";
import type { Identity } from "../identity/identity.ts";
import { base64Text, type ControllerClient } from "./controller-client.ts";
import type { EnrolmentConfig } from "./enrolment-config.ts";

export interface EnrollerParts {
  readonly client: ControllerClient;
  readonly config: EnrolmentConfig;
  readonly identity: Identity;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** Short enough that a human who approves sees the box within half a minute. */
const backoff: BackoffPolicy = { first: seconds(1), max: seconds(30) };
/** The same reason is said again this often, so that a log that was cut still tells. */
const repeatAfter = minutes(10);
const path = "control/node.json";

/** How one round ended. */
type Round = { readonly done: true; readonly node: string } | { readonly done: false; readonly why: string };

export class Enroller {
  readonly #parts: EnrollerParts;

  constructor(parts: EnrollerParts) {
    this.#parts = parts;
  }

  /** The UUID this node was given before, if any. */
  async known(): Promise<string | undefined> {
    const bytes = await this.#parts.disk.read(path);
    if (bytes === undefined) return undefined;
    try {
      const { node } = JSON.parse(new TextDecoder().decode(bytes)) as { node?: unknown };
      return typeof node === "string" ? node : undefined;
    } catch (error) {
      this.#parts.log.warn("the node's stored UUID is unreadable; asking for it again", { error });
      return undefined;
    }
  }

  /** Resolves with the node's UUID, which may take for ever; rejects only when `signal` says so. */
  async enrol(signal: AbortSignal): Promise<string> {
    const { clock, random, log, config } = this.#parts;
    let said = { why: "", at: Number.NEGATIVE_INFINITY };
    for (let failures = 1; ; failures++) {
      const round = await this.#round(signal);
      if (round.done) return round.node;
      if (round.why !== said.why || clock.monotonic() - said.at >= repeatAfter) {
        said = { why: round.why, at: clock.monotonic() };
        log.warn(round.why, { controller: config.baseUrl, serial: config.softSerial || config.serial });
      }
      await sleep(clock, millis(backoffDelay(backoff, failures, random)), signal);
    }
  }

  /**
   * Asks a controller that no longer knows this node how it is called now. Whoever was deleted asks to be let
   * in again, as at its first start: nobody has to walk up to the box. Undefined: it is not let in.
   */
  async askAgain(signal: AbortSignal): Promise<string | undefined> {
    const now = await this.#askUuid(signal);
    if (now !== undefined) return now;
    await this.#register(signal);
    return await this.#askUuid(signal);
  }

  async #askUuid(signal: AbortSignal): Promise<string | undefined> {
    const { client, disk } = this.#parts;
    const payload = toBinary(uuidApi.UuidRequestSchema, create(uuidApi.UuidRequestSchema));
    const answer = await client.post("uuid", payload, {}, signal);
    if (answer.status !== 200) return undefined;
    const node = fromBinary(uuidApi.UuidResponseSchema, answer.payload).uuid.toLowerCase();
    if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(node))
      throw new Error(`the controller's answer names no UUID: ${JSON.stringify(node)}`);
    if (node !== (await this.known()))
      await disk.writeDurable(path, new TextEncoder().encode(JSON.stringify({ node })));
    return node;
  }

  async #round(signal: AbortSignal): Promise<Round> {
    try {
      await this.#parts.client.fetchCerts(signal);
      const registered = await this.#register(signal);
      // The answer to register decides nothing: a controller that knows our certificate lets us in all the
      // same.
      const node = await this.#askUuid(signal);
      return node === undefined ? { done: false, why: explain(registered) } : { done: true, node };
    } catch (error) {
      signal.throwIfAborted();
      return { done: false, why: `the controller cannot be asked: ${describeError(error)}` };
    }
  }

  async #register(signal: AbortSignal): Promise<number | undefined> {
    const { client, config, identity } = this.#parts;
    if (config.onboarding === undefined) return undefined;
    const message = create(register.ZRegisterMsgSchema, {
      pemCert: base64Text(new TextDecoder().decode(identity.device.pem)),
      serial: config.serial,
      softSerial: config.softSerial,
    });
    const payload = toBinary(register.ZRegisterMsgSchema, message);
    return (await client.post("register", payload, { answer: "plain" }, signal)).status;
  }
}

function explain(registered: number | undefined): string {
  switch (registered) {
    case undefined:
      return "waiting for approval: the controller does not know this box, and there is no onboarding pair";
    case 200:
    case 201:
      return "waiting for approval: the controller has registered this box and not admitted it yet";
    case 403:
      return "waiting for approval: the controller does not admit this onboarding certificate and serial";
    case 409:
      return "waiting for approval: another box has registered with this onboarding certificate and serial";
    default:
      return `waiting for approval: the controller answers register with ${registered}`;
  }
}
