/** Nodes that ask whether something changed, over connections they keep: against any EVE controller. */
import { Agent, request } from "node:https";
import { millis, SystemClock, sleep } from "@selvedge/base";
import { PollConnection, type PollTarget, rawRequest } from "../wire/poll-connection.ts";
import { type Exchange, type Onboarding, WireNode } from "../wire/wire-node.ts";
import { type Figure, quantile, round } from "./bench.ts";
import { processUsage } from "./process-meter.ts";

const clock = new SystemClock();
/** The controller bounds what one address may be refused; a fleet comes from many, and so do we. */
const addresses = 16;
const enrolAtOnce = 8 * addresses;
const enrolPause = millis(1000);
/**
 * Polls on their way at one time: enough to keep the controller busy, few enough to measure its time and
 * not a queue.
 */
export const pollsAtOnce = 32;
const measureMs = 5000;
/** Until a start's memory is collected. */
const settleMs = 20_000;
/** Where sizes are compared: a minute of each, as a collection of all memory is to be a small part of it. */
const [turns, turnMs] = [12, 5000];
/** At rest: less than this share of a processor in so many looks one after another. */
const [busyMax, calmLooks, lookMs] = [0.1, 2, 1000];
/** Whoever is busy longer is measured as it is. */
const looksMax = 120;
const http304 = 304;

export interface Load {
  readonly target: PollTarget;
  readonly pid: number;
  /**
   * Of each node: signed requests with the same content, two for each connection it may have. One sent again
   * and again is as before; two in turn never are.
   */
  readonly requests: (readonly Buffer[])[];
}

/** What a node sends when there are `size` of them. */
export function requestsOf(node: WireNode, size: number, host: string): readonly Buffer[] {
  const count = 2 * Math.ceil(pollsAtOnce / size);
  return Array.from({ length: count }, () => rawRequest(host, node.pollPath, node.pollBody()));
}

/**
 * Waits until a program does next to nothing by itself. What the coming of so many makes it write down is not what
 * their polls cost.
 */
export async function atRest(pid: number): Promise<void> {
  for (let calm = 0, looks = 0; calm < calmLooks && looks < looksMax; looks++) {
    const before = (await processUsage(pid)).cpuSeconds;
    await sleep(clock, millis(lookMs));
    const busy = ((await processUsage(pid)).cpuSeconds - before) / (lookMs / 1000);
    calm = busy < busyMax ? calm + 1 : 0;
  }
}

/** Enrols nodes until there are `size`. */
export async function enrolUpTo(
  size: number,
  { target, requests }: Load,
  onboarding: Onboarding,
  progress: (line: string) => void,
): Promise<void> {
  const agents = Array.from({ length: addresses }, (_, index) => {
    return new Agent({ keepAlive: true, ca: target.ca, localAddress: `127.0.1.${index + 1}` });
  });
  let next = requests.length;
  const worker = async (_: unknown, at: number): Promise<void> => {
    const exchange = exchangeOver(agents[at % addresses] as Agent, target);
    for (let index = next++; index < size; index = next++) {
      const node = await WireNode.make(`load-${index}`, clock.now());
      await node.enrol(exchange, onboarding, () => sleep(clock, enrolPause));
      requests[index] = requestsOf(node, size, target.host);
      if (index % 1000 === 999) progress(`${index + 1} nodes enrolled`);
    }
  };
  try {
    await Promise.all(Array.from({ length: Math.min(size, enrolAtOnce) }, worker));
  } finally {
    for (const agent of agents) agent.destroy();
  }
}

export function exchangeOver(agent: Agent, { host, port }: PollTarget): Exchange {
  return (method, path, body) =>
    new Promise((resolve, reject) => {
      const headers = { "content-type": "application/x-proto-binary", "content-length": body.length };
      const outgoing = request({ agent, host, port, method, path, headers }, (incoming) => {
        const parts: Buffer[] = [];
        incoming.on("data", (part: Buffer) => parts.push(part)).on("error", reject);
        incoming.on("end", () => resolve({ status: incoming.statusCode ?? 0, body: Buffer.concat(parts) }));
      });
      outgoing.on("error", reject).end(body);
    });
}

/** Which request a node sends next. */
export type PollKind = "same" | "verified";

/** Connections that are kept, and polls over them. A node has several when there are few nodes. */
export class KeptConnections implements Disposable {
  readonly #load: Load;
  readonly #connections: PollConnection[] = [];
  readonly #turn = new Map<number, number>();

  private constructor(load: Load) {
    this.#load = load;
  }

  static async open(load: Load): Promise<KeptConnections> {
    const kept = new KeptConnections(load);
    try {
      const count = Math.max(load.requests.length, pollsAtOnce);
      await each(count, async (index) => {
        kept.#connections[index] = await PollConnection.open(load.target);
      });
      return kept;
    } catch (error) {
      kept[Symbol.dispose]();
      throw error;
    }
  }

  get count(): number {
    return this.#connections.length;
  }

  async poll(index: number, kind: PollKind): Promise<void> {
    const { requests } = this.#load;
    const slot = 2 * Math.floor(index / requests.length);
    const next = kind === "same" ? 0 : slot + ((this.#turn.get(index) ?? 0) ^ 1);
    if (kind === "verified") this.#turn.set(index, next - slot);
    const made = requests[index % requests.length]?.[next] ?? Buffer.alloc(0);
    const status = await this.#connections[index]?.poll(made);
    if (status !== http304) throw new Error(`a poll was answered with ${status}`);
  }

  /** Every node once, so that what is measured next is not the first of anything. */
  async warm(): Promise<void> {
    await each(this.count, (index) => this.poll(index, "same"));
  }

  /**
   * Polls until what was there before is collected: a start leaves much behind, and it is the first polls, which need
   * memory, that have it swept up.
   */
  async settle(): Promise<void> {
    await pollFor(this.count, (index) => this.poll(index, "same"), settleMs);
  }

  async *measured(name: string, kind: PollKind): AsyncGenerator<Figure> {
    yield* measured(`${name}.${kind}`, this.count, this.#load.pid, (index) => this.poll(index, kind));
  }

  /** Adds a while of polls to what was measured of this fleet. */
  async measureInto(meter: PollMeter, kind: PollKind): Promise<void> {
    await this.warm();
    await meter.run(this.count, (index) => this.poll(index, kind), turnMs);
  }

  [Symbol.dispose](): void {
    for (const connection of this.#connections) connection[Symbol.dispose]();
  }
}

/** For each of them once, as many at once as polls are under way. */
export async function forEach<T>(items: readonly T[], act: (item: T) => Promise<void>): Promise<void> {
  await each(items.length, (index) => act(items[index] as T));
}

/** For every index once, as many at once as polls are under way. */
async function each(count: number, act: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let index = next++; index < count; index = next++) await act(index);
  };
  await Promise.all(Array.from({ length: Math.min(count, pollsAtOnce) }, worker));
}

/** Calls `poll` for every connection in turn for a while. */
export async function* measured(
  name: string,
  size: number,
  pid: number,
  poll: (index: number) => Promise<void>,
): AsyncGenerator<Figure> {
  const meter = new PollMeter(pid);
  await meter.run(size, poll, measureMs);
  yield* meter.figures(name);
}

/** Two fleets' polls, in turns: what the machine does besides is the same for both. */
export async function inTurns(
  fleets: readonly (readonly [KeptConnections, PollMeter])[],
  kind: PollKind,
): Promise<void> {
  for (let turn = 0; turn < turns; turn++) {
    for (const [connections, meter] of fleets) await connections.measureInto(meter, kind);
  }
}

/** What polls cost a controller, of all the whiles that were measured. */
export class PollMeter {
  readonly #pid: number;
  readonly #spans: number[] = [];
  #seconds = 0;
  #cpuSeconds = 0;
  #atOnce = 0;

  constructor(pid: number) {
    this.#pid = pid;
  }

  async run(size: number, poll: (index: number) => Promise<void>, spanMs: number): Promise<void> {
    this.#atOnce = Math.min(size, pollsAtOnce);
    const before = await processUsage(this.#pid);
    const start = clock.monotonic();
    for (const span of await pollFor(size, poll, spanMs)) this.#spans.push(span);
    this.#seconds += (clock.monotonic() - start) / 1000;
    this.#cpuSeconds += (await processUsage(this.#pid)).cpuSeconds - before.cpuSeconds;
  }

  /** CPU time of the controller for one poll, in microseconds. */
  get cpu(): number {
    return (this.#cpuSeconds / this.#spans.length) * 1e6;
  }

  *figures(name: string): Generator<Figure> {
    yield {
      name,
      value: round(this.#spans.length / this.#seconds, 0),
      unit: "1/s",
      note: `${this.#atOnce} at once`,
    };
    yield { name: `${name}.p99`, value: round(quantile(this.#spans, 0.99)), unit: "ms" };
    yield { name: `${name}.cpu`, value: round(this.cpu, 0), unit: "µs", note: "of the controller, per poll" };
  }
}

/** How long each poll took. */
async function pollFor(
  size: number,
  poll: (index: number) => Promise<void>,
  spanMs: number,
): Promise<readonly number[]> {
  const spans: number[] = [];
  const start = clock.monotonic();
  const workers = Math.min(size, pollsAtOnce);
  // Each worker has nodes of its own: one connection does not poll twice at once.
  const worker = async (first: number): Promise<void> => {
    for (let index = first; clock.monotonic() - start < spanMs; ) {
      const began = clock.monotonic();
      await poll(index);
      spans.push(clock.monotonic() - began);
      index = index + workers < size ? index + workers : first;
    }
  };
  await Promise.all(Array.from({ length: workers }, (_, first) => worker(first)));
  return spans;
}
