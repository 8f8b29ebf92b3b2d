import { type Clock, describeError, type Log, type Millis, seconds } from "@selvedge/base";
import type { PortSpec } from "../../desired.ts";
import { familyOf } from "../address.ts";
import type { WayDriver, WayLink, WayQuestion } from "./way-driver.ts";
import type { Way } from "./way-plan.ts";
import { remoteText } from "./way-spec.ts";
import { type Answer, doubts, judge, type Verdict } from "./way-state.ts";
import type { WayPortStatus } from "./way-status.ts";

/** As EVE asks: gateways often, because they are near; who is remote seldom, because it costs. */
export const askEvery: Millis = seconds(15);
export const remoteEvery: Millis = seconds(150);
/** A gateway answers at once; a server beyond a modem takes its time. */
const nearLimit = seconds(1);
const remoteLimit = seconds(3);

export interface Asked {
  readonly verdict: Verdict;
  readonly at: Millis;
}

export interface WayRoundInputs {
  readonly links: ReadonlyMap<string, WayLink>;
  /** Bridges that speak for a card. */
  readonly cards: ReadonlyMap<string, string>;
  readonly before: ReadonlyMap<string, Asked>;
  readonly signal: AbortSignal;
}

export interface WayRoundParts {
  readonly driver: WayDriver;
  readonly clock: Clock;
  readonly log: Log;
}

interface Question {
  /** Tells it from others. */
  readonly key: string;
  readonly every: Millis;
  /** A change of mind of who was steady for long is believed at once. */
  readonly sudden: boolean;
  /** False: there is no need to ask. */
  readonly possible: boolean;
  ask(): Promise<Answer>;
}

/** One round of questions: nobody is asked the same twice, however many ways want to know. */
export class WayRound {
  /** What is known after it; nothing of what was not wanted. */
  readonly asked: Map<string, Asked> = new Map();
  readonly #parts: WayRoundParts;
  readonly #inputs: WayRoundInputs;
  readonly #running = new Map<string, Promise<Verdict>>();

  constructor(parts: WayRoundParts, inputs: WayRoundInputs) {
    this.#parts = parts;
    this.#inputs = inputs;
  }

  async ask(way: Way): Promise<WayPortStatus[]> {
    return await Promise.all(way.ports.map((port) => this.#askBy(port, way)));
  }

  async #askBy(port: PortSpec, { family, gateway: own, choice }: Way): Promise<WayPortStatus> {
    const { name, cost } = port;
    const card = this.#inputs.cards.get(port.interface) ?? port.interface;
    const link = this.#inputs.links.get(card);
    const mine = (it: string): boolean => familyOf(it) === family;
    const address = link?.addresses.find(mine)?.split("/")[0] ?? "";
    const gateways = own === "" ? (link?.gateways.filter(mine) ?? []) : [own];
    const [gateway = ""] = gateways;
    const possible = link?.up === true && address !== "" && gateway !== "";
    const from = { card, family, address, gateway };
    const key = `${name} ${card} ${family}`;
    const there = await this.#judge({
      ...{ key: `${key} ${own}`, every: askEvery, sudden: true, possible },
      ask: async () => ({ kind: "answered", ms: 0 }),
    });
    const status = { name, card, gateways, there };
    const near =
      choice.gatewayMaxCost === undefined || cost > choice.gatewayMaxCost
        ? undefined
        : await this.#judge({
            ...{ key: `${key} via ${gateway}`, every: askEvery, sudden: true, possible },
            ask: () => this.#put({ ...from, remote: { method: "icmp", host: gateway } }, nearLimit),
          });
    const { remote } = choice;
    if (remote === undefined) return near === undefined ? status : { ...status, gateway: near };
    const every = near !== undefined && doubts(near) ? askEvery : remoteEvery;
    const far = await this.#judge({
      ...{ key: `${key} ${own} ${remoteText(remote)}`, every, sudden: false, possible },
      ask: () => this.#put({ ...from, remote }, remoteLimit),
    });
    return near === undefined ? { ...status, remote: far } : { ...status, gateway: near, remote: far };
  }

  #judge(question: Question): Promise<Verdict> {
    const { key } = question;
    const running = this.#running.get(key);
    if (running !== undefined) return running;
    const judged = this.#judged(question);
    this.#running.set(key, judged);
    return judged;
  }

  async #judged({ key, every, sudden, possible, ask }: Question): Promise<Verdict> {
    const before = this.#inputs.before.get(key);
    const at = this.#parts.clock.monotonic();
    const pause = before !== undefined && doubts(before.verdict) ? askEvery : every;
    // Who is gone is gone at once; others are asked when it is time.
    const due = before === undefined || at - before.at >= pause || (!possible && before.verdict.up);
    const answer = due && possible ? await ask() : ({ kind: "impossible" } as const);
    const now = due ? { verdict: judge(before?.verdict, answer, sudden), at } : before;
    this.asked.set(key, now);
    return now.verdict;
  }

  async #put(question: Omit<WayQuestion, "limitMs">, limitMs: Millis): Promise<Answer> {
    const { driver, clock } = this.#parts;
    const from = clock.monotonic();
    try {
      await driver.ask({ ...question, limitMs }, this.#inputs.signal);
      return { kind: "answered", ms: clock.monotonic() - from };
    } catch (error) {
      this.#inputs.signal.throwIfAborted();
      this.#parts.log.debug("a way was asked in vain", { ...question, error: describeError(error) });
      return { kind: "silent" };
    }
  }
}
