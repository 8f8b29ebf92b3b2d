import { toBinary } from "@bufbuild/protobuf";
import { type Clock, describeError, type Log, seconds } from "@selvedge/base";
import { scepProxy } from "@selvedge/eve-api";
import { BusyError, type ConfigBook, type DeviceResponse, type NodeId } from "../ports.ts";
import { decodeConfig } from "../render/node-config.ts";
import { message, type Refused, refusal, unreadable, unusable } from "./answers.ts";
import { parse } from "./reports.ts";
import { type ScepAsk, type ScepHeard, scepAnswer, scepAsk } from "./scep-plan.ts";

/** Asks an authority; rejects when nobody answers, or too much. Follows no redirections. */
export type ScepHttp = (ask: ScepAsk, signal: AbortSignal) => Promise<ScepHeard>;

export interface ScepProxyOptions {
  readonly book: ConfigBook;
  readonly http: ScepHttp;
  readonly clock: Clock;
  readonly log: Log;
  readonly seal: (payload: Uint8Array) => Uint8Array;
}

/** A node waits longer for us than this. */
const answerWithin = seconds(20);
/** Questions on their way at once: a fleet that renews at once asks again. */
const askingMax = 64;
/** Of one node: it asks for one certificate after another. */
const nodeMax = 2;

/**
 * Asks certificate authorities for nodes that cannot reach them. A node names a profile of its configuration,
 * never an address: what is asked is what an administrator wrote.
 */
export class ScepProxy {
  readonly #options: ScepProxyOptions;
  readonly #asking = new Map<NodeId, number>();
  #all = 0;

  constructor(options: ScepProxyOptions) {
    this.#options = options;
  }

  async answer(node: NodeId, payload: Uint8Array): Promise<DeviceResponse | Refused> {
    const { book, log, seal } = this.#options;
    const asked = parse(scepProxy.SCEPProxyRequestSchema, payload);
    if (asked === undefined) return unreadable("SCEPProxyRequest");
    const current = book.current(node);
    const profiles = current === undefined ? [] : decodeConfig(current.config).scepProfiles;
    const profile = profiles.find(({ profileName }) => profileName === asked.scepProfileName);
    if (profile?.useControllerProxy !== true) {
      const name = JSON.stringify(asked.scepProfileName.slice(0, 64));
      const message = `this node has no SCEP profile ${name} that is asked through the controller`;
      return { status: 403, reason: "payload", message };
    }
    const ask = scepAsk(asked, profile);
    if (typeof ask === "string") return unusable(ask);
    try {
      const heard = await this.#ask(node, ask);
      return message(200, seal(toBinary(scepProxy.SCEPProxyResponseSchema, scepAnswer(asked, heard))));
    } catch (error) {
      if (error instanceof BusyError) throw error;
      const why = describeError(error);
      log.warn("a certificate authority cannot be asked", { node, profile: profile.profileName, why });
      return refusal({ status: 502, reason: "payload", message: `${ask.url.origin}: ${why}` });
    }
  }

  async #ask(node: NodeId, ask: ScepAsk): Promise<ScepHeard> {
    const { http, clock } = this.#options;
    const own = this.#asking.get(node) ?? 0;
    if (own >= nodeMax || this.#all >= askingMax) throw new BusyError("too many questions for authorities");
    this.#asking.set(node, own + 1);
    this.#all++;
    const late = new AbortController();
    const timer = clock.setTimer(answerWithin, () => late.abort(new Error("no answer in time")));
    try {
      const heard = await http(ask, late.signal);
      if (heard.status >= 300 && heard.status < 400)
        throw new Error(`it sends us elsewhere (${heard.status}), and only the profile's url is asked`);
      return heard;
    } finally {
      timer.cancel();
      this.#all--;
      const left = (this.#asking.get(node) ?? 1) - 1;
      if (left > 0) this.#asking.set(node, left);
      else this.#asking.delete(node);
    }
  }
}
