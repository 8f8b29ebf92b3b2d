import { type Clock, describeError, type Log, type Random, seconds } from "@selvedge/base";
import { lookAgain, type Outcome, type Reconciler, Runner, settled } from "@selvedge/reconcile";
import type { EngineStore } from "../engine-store.ts";
import { familyOf } from "../network/address.ts";
import { metadataPort } from "../network/metadata-address.ts";
import type { Vault } from "../ports.ts";
import type { MetadataAnswer, MetadataRequest } from "./exchange.ts";
import type { MetadataService } from "./metadata-service.ts";
import type { PatchBook } from "./patch-book.ts";
import type { PostedData } from "./posted-data.ts";

/** Serves on these addresses and on no other; what is there already stays. */
export interface MetadataListener extends AsyncDisposable {
  listen(
    addresses: readonly string[],
    port: number,
    answer: (request: MetadataRequest) => Promise<MetadataAnswer>,
  ): Promise<void>;
}

export interface MetadataDomainOptions {
  readonly store: EngineStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly listener: MetadataListener;
  readonly service: MetadataService;
  readonly patches: PatchBook;
  readonly posted: PostedData;
  readonly vault: Pick<Vault, "onChange">;
}

const metadataKey = "metadata";
/** An address that cannot be listened on, as while its bridge is made anew. */
const retryEvery = seconds(2);

/** Keeps the service where the networks are, and what it has to give as the configuration says. */
class MetadataReconciler implements Reconciler<typeof metadataKey> {
  readonly name = "metadata";
  readonly reads: readonly string[] = ["desired", "contents", "networks", "nics", "apps"];
  readonly writes: readonly string[] = ["patches", "posted"];
  readonly #parts: MetadataDomainOptions;

  constructor(parts: MetadataDomainOptions) {
    this.#parts = parts;
  }

  async reconcile(): Promise<Outcome> {
    const { store, listener, service, patches, posted, log } = this.#parts;
    const desired = store.desired.get();
    if (desired === undefined) return settled;
    await posted.sweep();
    await patches.refresh();
    const up = desired.networks.filter(
      ({ id, kind, subnet }) =>
        kind === "local" && familyOf(subnet) === "ip" && store.networks.get(id)?.phase === "ready",
    );
    try {
      const gateways = up.map(({ gateway }) => gateway);
      await listener.listen(gateways, metadataPort, (request) => service.answer(request));
      return settled;
    } catch (error) {
      log.warn("apps cannot reach the metadata service", { error: describeError(error) });
      return lookAgain("an address cannot be listened on", retryEvery);
    }
  }
}

export interface MetadataDomain extends AsyncDisposable {
  readonly reconciler: MetadataReconciler;
  start(): Promise<void>;
}

export function createMetadataDomain(options: MetadataDomainOptions): MetadataDomain {
  const { store, clock, random, listener, posted } = options;
  const log = options.log.child("metadata");
  const reconciler = new MetadataReconciler({ ...options, log });
  const runner = new Runner<typeof metadataKey>({ reconciler, clock, random, log });
  const wake = (): void => runner.wake(metadataKey);
  const stops: (() => void)[] = [];
  return {
    reconciler,
    async start() {
      await posted.load();
      // What a locked vault holds is told once it is open.
      stops.push(options.vault.onChange(() => void posted.load()));
      stops.push(store.desired.subscribe(wake), store.networks.subscribe(wake));
      stops.push(
        store.contents.subscribe(() => {
          if ((store.desired.get()?.patches ?? []).length > 0) wake();
        }),
      );
      wake();
    },
    async [Symbol.asyncDispose]() {
      for (const stop of stops) stop();
      await runner[Symbol.asyncDispose]();
      await listener[Symbol.asyncDispose]();
    },
  };
}
