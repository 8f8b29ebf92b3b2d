import type { KubeObject } from "@selvedge/apimachinery";
import { type Clock, type Log, type Random, Turns } from "@selvedge/base";
import type { ChangeListener, KindRef } from "@selvedge/client";
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

  /** Resolves once all that is there has woken whom it concerns. */
  async start(table: readonly Wired[]): Promise<void> {
    checkWriters(table.map(({ reconciler }) => reconciler));
    // All hear of changes before the first is told of what is there: between, others have their turn.
    const all = table.flatMap((wired) => this.#run(wired));
    const turns = new Turns(this.#options.clock);
    for (const { kind, tell } of all) {
      const cache = this.#options.cluster.cache(kind);
      for (const { metadata } of cache.list()) {
        await turns.rest();
        if (this.#stack.disposed) return;
        const now = cache.get(metadata.name, metadata.namespace);
        if (now !== undefined) tell(undefined, now);
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }

  /** Returns how it is told of what is there. */
  #run({ reconciler, wakes, initial = [], connect, concurrency }: Wired): readonly Told[] {
    const { cluster, clock, random, log: parent } = this.#options;
    const log = parent.child(reconciler.name);
    const options = concurrency === undefined ? {} : { concurrency };
    const runner = this.#stack.use(new Runner({ reconciler, clock, random, log, ...options }));
    const told = wakes.map(({ kind, keys }): Told => {
      const tell: Told["tell"] = (before, after) => {
        try {
          for (const key of keys(before, after)) runner.wake(key);
        } catch (error) {
          const { name, namespace } = (after ?? before)?.metadata ?? {};
          log.error("cannot tell whom a change concerns", { kind: kind.plural, namespace, name, error });
        }
      };
      const stop = cluster.cache(kind).follow(tell);
      this.#stack.defer(() => void stop());
      return { kind, tell };
    });
    if (connect !== undefined) this.#stack.defer(connect((key) => runner.wake(key)));
    for (const key of initial) runner.wake(key);
    return told;
  }
}

interface Told {
  readonly kind: KindRef;
  readonly tell: ChangeListener<KubeObject>;
}
