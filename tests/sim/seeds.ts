/**
 * Runs a scenario in many worlds. A failure names its seed; SELVEDGE_SEED runs one alone, SELVEDGE_SEEDS
 * sets how many there are.
 *
 * The worlds of a file live in a thread of their own, one after another, or in several where they take long. The
 * test runner follows every promise of its own thread, and a world makes millions: there it would be four times as
 * slow.
 */
import { describe as group, it } from "node:test";
import { isMainThread, Worker } from "node:worker_threads";
import type { World, WorldOptions } from "../../packages/harness/src/index.ts";

export type Scenario = (world: World) => Promise<void>;

export interface Row {
  readonly scenario: Scenario;
  readonly options: WorldOptions;
}

/** To the thread: what to do. */
export interface Order {
  readonly what: string;
  readonly seed: number;
}

/** From the thread: what became of it. */
export interface Report {
  readonly failure: string | undefined;
}

export interface Worlds {
  describe(what: string, rows: () => void): void;
  inWorlds(what: string, scenario: Scenario, options?: WorldOptions & Seeds): void;
}

export interface Seeds {
  /** How many at most. */
  readonly seeds?: number;
  /** How many threads share them. */
  readonly threads?: number;
}

const one = process.env["SELVEDGE_SEED"];
const seedCount = Number(process.env["SELVEDGE_SEEDS"] ?? 200);
/**
 * Seeds that fail in different ways tell more than one does; after these it is clear that something is
 * wrong.
 */
const failuresMax = 3;
/**
 * In real time. Most worlds take less than a second; a thousand nodes behind all other tests take many minutes, and
 * what takes this long hangs.
 */
const hangsAfterMs = 3_300_000;
/** A world makes much that dies young; Node's default for it has the collector at work all the time. */
const youngMegabytes = 64;

/** What the thread knows of its file. */
export const rowsOfThread: Map<string, Row> = new Map<string, Row>();

export function worldsOf(file: string): Worlds {
  const threads: WorldThread[] = [];
  return {
    describe: (what, rows) => (isMainThread ? void group(what, rows) : rows()),
    inWorlds: (what, scenario, options = {}) => {
      if (!isMainThread) {
        rowsOfThread.set(what, { scenario, options });
        return;
      }
      const count = Math.min(options.seeds ?? seedCount, seedCount);
      const seeds =
        one === undefined ? Array.from({ length: count }, (_, index) => index + 1) : [Number(one)];
      while (threads.length < (options.threads ?? 1)) threads.push(new WorldThread(file));
      it(`${what} (${seeds.length} seeds)`, () => runSeeds(threads.slice(0, options.threads), what, seeds));
    },
  };
}

async function runSeeds(
  threads: readonly WorldThread[],
  what: string,
  seeds: readonly number[],
): Promise<void> {
  const failures: string[] = [];
  const left = seeds.values();
  const runIn = async (thread: WorldThread): Promise<void> => {
    // The threads take from one iterator, so each seed is one thread's.
    for (const seed of left) {
      if (failures.length >= failuresMax) return;
      const { failure } = await thread.run({ what, seed });
      if (failure === undefined) continue;
      failures.push(`seed ${seed} of "${what}"; run it alone with SELVEDGE_SEED=${seed}\n${failure}`);
    }
  };
  await Promise.all(threads.map(runIn));
  if (failures.length > 0) throw new Error(failures.join("\n\n"));
}

/** A thread of a file, from the first order on; a new one after one that broke. */
class WorldThread {
  readonly #file: string;
  #worker: Worker | undefined;

  constructor(file: string) {
    this.#file = file;
  }

  async run(order: Order): Promise<Report> {
    const worker = this.#worker ?? this.#start();
    const report = Promise.withResolvers<Report>();
    const fail = (failure: string): void => {
      this.#worker = undefined;
      void worker.terminate();
      report.resolve({ failure });
    };
    const onError = (error: unknown): void => fail(error instanceof Error ? `${error.stack}` : `${error}`);
    const timer = setTimeout(() => fail(`it hangs: nothing came of it in ${hangsAfterMs} ms`), hangsAfterMs);
    worker.ref();
    worker.once("message", report.resolve);
    worker.once("error", onError);
    worker.postMessage(order);
    try {
      return await report.promise;
    } finally {
      clearTimeout(timer);
      worker.off("message", report.resolve);
      worker.off("error", onError);
      // An idle thread does not keep the process.
      worker.unref();
    }
  }

  #start(): Worker {
    const worker = new Worker(new URL("./world-thread.ts", import.meta.url), {
      workerData: this.#file,
      execArgv: [],
      resourceLimits: { maxYoungGenerationSizeMb: youngMegabytes },
    });
    this.#worker = worker;
    return worker;
  }
}
