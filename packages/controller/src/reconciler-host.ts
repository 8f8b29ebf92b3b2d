import type { Clock, Log, Random } from "@selvedge/base";
import { checkWriters, Runner } from "@selvedge/reconcile";
import type { Cluster } from "./objects/cluster.ts";
import type { Wired } from "./objects/wiring.ts";

export interface ReconcilerHostOptions {
  readonly cluster: Cluster;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/**
 * Runs reconcilers: each is woken by the changes it asked for, and by everything that is there when it
 * starts.
 */
export class ReconcilerHost implements AsyncDisposable {
  readonly #options: ReconcilerHostOptions;
  readonly #stack = new AsyncDisposableStack();

  constructor(options: ReconcilerHostOptions) {
    this.#options = options;
  }

  start(table: readonly Wired[]): void {
    checkWriters(table.map(({ reconciler }) => reconciler));
    for (const wired of table) this.#run(wired);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }

  #run({ reconciler, wakes, initial = [], connect, concurrency }: Wired): void {
    const { cluster, clock, random, log } = this.#options;
    const runner = this.#stack.use(
      new Runner({
        ...{ reconciler, clock, random, log: log.child(reconciler.name) },
        ...(concurrency === undefined ? {} : { concurrency }),
      }),
    );
    const wake = (key: string): void => runner.wake(key);
    for (const { kind, keys } of wakes) {
      const stop = cluster.cache(kind).onChange((before, after) => {
        for (const key of keys(before, after)) wake(key);
      });
      this.#stack.defer(() => void stop());
    }
    if (connect !== undefined) {
      const stop = connect(wake);
      this.#stack.defer(stop);
    }
    for (const key of initial) wake(key);
  }
}
