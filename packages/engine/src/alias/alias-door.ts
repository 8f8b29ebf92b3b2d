/**
 * Answers for names of services that mean another host's: with that name, and with its addresses as the resolver of
 * the network has them that was asked. The resolvers themselves know an alias only of what they hold, so they ask here.
 */
import { type Clock, describeError, type Log, type Random, seconds } from "@selvedge/base";
import { lookAgain, type Outcome, type Reconciler, Runner, settled } from "@selvedge/reconcile";
import type { EngineStore } from "../engine-store.ts";
import { aliasNames, aliasPort } from "../network/alias-names.ts";
import { type AliasAnswer, answerMessage, codes, parseQuestion, recordTypes } from "./alias-message.ts";

export type Found =
  | { readonly kind: "addresses"; readonly addresses: NonNullable<AliasAnswer["addresses"]> }
  /** There is such a host, without an address of the family. */
  | { readonly kind: "none" }
  | { readonly kind: "unknown" }
  | { readonly kind: "failed" };

export interface NameSockets extends AsyncDisposable {
  /** Listens on these addresses and on no other; what is there already stays. No answer: the question is dropped. */
  listen(
    addresses: readonly string[],
    port: number,
    answer: (at: string, question: Uint8Array) => Promise<Uint8Array | undefined>,
  ): Promise<void>;
  /** Asks the resolver at an address. */
  find(resolver: string, name: string, family: "A" | "AAAA"): Promise<Found>;
}

export interface AliasDoorOptions {
  readonly store: EngineStore;
  readonly sockets: NameSockets;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** Resolvers ask each question once for all who wait for it; whoever is dropped asks again. */
const askedMax = 64;
/** An address that cannot be listened on, as while its bridge is made anew. */
const retryEvery = seconds(2);
const key = "aliases";

export class AliasDoor implements Reconciler<typeof key>, AsyncDisposable {
  readonly name = "aliases";
  readonly reads: readonly string[] = ["desired", "networks"];
  readonly writes: readonly string[] = [];
  readonly #options: AliasDoorOptions;
  readonly #runner: Runner<typeof key>;
  readonly #stops: (() => void)[] = [];
  #names: ReadonlyMap<string, string> = new Map();
  #asked = 0;

  constructor(options: AliasDoorOptions) {
    const log = options.log.child("aliases");
    this.#options = { ...options, log };
    this.#runner = new Runner<typeof key>({ ...options, log, reconciler: this });
  }

  get reconciler(): this {
    return this;
  }

  async start(): Promise<void> {
    const { store } = this.#options;
    const wake = (): void => this.#runner.wake(key);
    this.#stops.push(store.desired.subscribe(wake), store.networks.subscribe(wake));
    wake();
  }

  async reconcile(): Promise<Outcome> {
    const { store, sockets, log } = this.#options;
    const desired = store.desired.get();
    this.#names = aliasNames(desired?.services ?? []);
    const up = (desired?.networks ?? []).filter(
      ({ id, kind }) => this.#names.size > 0 && kind === "local" && store.networks.get(id)?.phase === "ready",
    );
    try {
      const gateways = up.map(({ gateway }) => gateway);
      await sockets.listen(gateways, aliasPort, (at, question) => this.answer(at, question));
      return settled;
    } catch (error) {
      log.warn("names of other hosts are not answered", { error: describeError(error) });
      return lookAgain("an address cannot be listened on", retryEvery);
    }
  }

  /** What a resolver is told; undefined: nothing. */
  async answer(resolver: string, message: Uint8Array): Promise<Uint8Array | undefined> {
    const question = parseQuestion(message);
    if (question === undefined || this.#asked >= askedMax) return undefined;
    const target = this.#names.get(question.name);
    if (target === undefined) return answerMessage(question, { code: codes.refused });
    const family = families.get(question.type);
    if (family === undefined) return answerMessage(question, { code: codes.ok, target });
    this.#asked++;
    try {
      const found = await this.#options.sockets.find(resolver, target, family);
      return answerMessage(question, answerOf(target, found));
    } finally {
      this.#asked--;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const stop of this.#stops) stop();
    await this.#runner[Symbol.asyncDispose]();
    await this.#options.sockets[Symbol.asyncDispose]();
  }
}

const families = new Map<number, "A" | "AAAA">([
  [recordTypes.A, "A"],
  [recordTypes.AAAA, "AAAA"],
]);

function answerOf(target: string, found: Found): AliasAnswer {
  switch (found.kind) {
    case "addresses":
      return { code: codes.ok, target, addresses: found.addresses };
    case "none":
      return { code: codes.ok, target };
    case "unknown":
      return { code: codes.unknown, target };
    case "failed":
      return { code: codes.failed };
  }
}
