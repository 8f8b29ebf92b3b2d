/**
 * Kinds that users bring. Follows the definitions in the store, on every replica, and serves what they say:
 *
 *   definition written ─► log ─► here: kinds served, discovery, OpenAPI ─► status: names accepted, established
 *   definition marked for deletion ─► here: its objects deleted ─► finalizer taken away
 *
 * All replicas write the same status, and the first one wins: a conflict is somebody else's success.
 */
import { type KindDefinition, readAs } from "@selvedge/apimachinery";
import {
  type Clock,
  describeError,
  jsonEqual,
  type Log,
  millis,
  type Random,
  SystemRandom,
  seconds,
  sleep,
  toRfc3339,
  uuid,
} from "@selvedge/base";
import { type DialService, HookClient } from "../admission/webhook/hook-client.ts";
import { Hearing } from "../rest/followers.ts";
import { prefixOf } from "../rest/kind-names.ts";
import type { ObjectRegistry } from "../rest/object-registry.ts";
import { readChange, Stored } from "../rest/stored.ts";
import { StatusError } from "../status-error.ts";
import {
  type Change,
  CompactedError,
  type Store,
  StoreTimeoutError,
  StoreUnavailableError,
  type Subscription,
} from "../store/store.ts";
import { TurnShare } from "../turn-share.ts";
import { removeInstances } from "./cleanup.ts";
import { planConditions, type TakenNames } from "./conditions-plan.ts";
import { conversionOf } from "./conversion-webhook.ts";
import { customKinds, terminatingKinds, untoldKinds } from "./custom-kind.ts";
import {
  type CustomResourceDefinition,
  cleanupFinalizer,
  conditionOf,
  type DefinitionNames,
  hasCondition,
} from "./definition.ts";
import { definitionKind } from "./definition-kind.ts";
import { definitionWarnings } from "./definition-warnings.ts";
import { terminatingGate } from "./terminating-gate.ts";

export interface CustomResourcesOptions {
  readonly objects: ObjectRegistry;
  /** The one that the objects are in. */
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  /** Tells questions to conversion webhooks apart; the system's when not given. */
  readonly random?: Random;
  /** Opens connections to conversion webhooks that are Services; they cannot be asked when not given. */
  readonly dial?: DialService;
}

interface Known {
  readonly stored: Stored;
  readonly definition: CustomResourceDefinition;
  /** What the kinds were made of: they stay the same, watches and all, while it does. */
  readonly made: string;
  readonly kinds: readonly KindDefinition[] | undefined;
  /** The same as they are served now. */
  readonly shown: readonly KindDefinition[] | undefined;
  readonly terminating: boolean;
  readonly established: boolean;
}

/** How often what waits for objects to go is looked at again. */
const retryAfter = seconds(1);
/** A replica that is further behind than this answers with what it knows. */
const catchUpMax = seconds(5);
const catchUpStep = millis(20);

export class CustomResources implements AsyncDisposable {
  readonly #options: CustomResourcesOptions;
  readonly #known = new Map<string, Known>();
  readonly #hooks: HookClient;
  readonly #random: Random;
  #log: Subscription | undefined;
  #closed = false;
  /** Changes are taken in by one at a time, in order. */
  #taking: Promise<void> = Promise.resolve();
  /** Hundreds may come together. */
  readonly #turns: TurnShare;
  /** A definition is written when its kinds are served as it says, here at least. */
  readonly #hearing: Hearing;
  #unfollow: (() => void) | undefined;
  /** Definitions that are looked at, and whether they are to be once more. */
  readonly #settling = new Map<string, boolean>();
  /** By definition the names that it is about to be given: of two that come together one has them. */
  readonly #claimed = new Map<string, DefinitionNames>();
  readonly #work = new Set<Promise<void>>();

  constructor(options: CustomResourcesOptions) {
    this.#options = options;
    const { clock, dial, random = new SystemRandom() } = options;
    this.#hooks = new HookClient({ clock, dial });
    this.#random = random;
    this.#turns = new TurnShare(clock);
    this.#hearing = new Hearing(clock);
    const { table, admission } = options.objects;
    table.serve([definitionKind]);
    table.catchUp = () => this.#catchUp();
    admission.add(terminatingGate, definitionWarnings);
  }

  /** Serves what is defined, and follows from there. */
  async start(): Promise<void> {
    await this.#list();
    this.#unfollow = this.#options.objects.followers.add(definitionKind, this.#hearing.until);
    this.#track(this.#follow());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#log?.close();
    this.#unfollow?.();
    this.#hearing.passed(Number.POSITIVE_INFINITY);
    this.#hooks[Symbol.dispose]();
    await Promise.all(this.#work);
  }

  async #list(): Promise<void> {
    const { store } = this.#options;
    const prefix = prefixOf(definitionKind, undefined);
    const { revision, rows } = await store.list(prefix);
    this.#log?.close();
    this.#log = store.subscribe(prefix, revision);
    const names = new Set(rows.map((row) => row.key.slice(prefix.length)));
    for (const name of [...this.#known.keys()]) if (!names.has(name)) this.#known.delete(name);
    for (const row of rows) {
      await this.#turns.next();
      this.#take(row.key.slice(prefix.length), new Stored(row, definitionKind));
    }
    this.#serve();
    this.#hearing.passed(revision);
    for (const name of names) this.#settleSoon(name);
  }

  async #follow(): Promise<void> {
    while (!this.#closed) {
      try {
        await this.#drain();
        if (!this.#closed) await this.#log?.wait();
      } catch (error) {
        if (this.#closed) return;
        // The database is away: what is known is served meanwhile.
        this.#options.log.warn("definitions cannot be read", { error: describeError(error) });
        await sleep(this.#options.clock, retryAfter);
      }
    }
  }

  /** Takes in all changes there are. */
  #drain(): Promise<void> {
    const next = this.#taking.then(() => this.#takeAll());
    this.#taking = next.catch(() => undefined);
    return next;
  }

  async #takeAll(): Promise<void> {
    for (;;) {
      const log = this.#log;
      if (log === undefined || this.#closed) return;
      await this.#turns.next();
      try {
        const changes = await log.take();
        if (changes.length === 0) return;
        this.#takeIn(changes);
        this.#hearing.passed(log.revision);
      } catch (error) {
        if (!(error instanceof CompactedError)) throw error;
        await this.#list();
      }
    }
  }

  #takeIn(changes: readonly Change[]): void {
    const prefix = prefixOf(definitionKind, undefined);
    const names = changes.map(({ key }) => key.slice(prefix.length));
    const had = names.map((name) => this.#acceptedNames(name));
    for (const [index, change] of changes.entries())
      this.#take(names[index] ?? "", readChange(change, definitionKind).now);
    this.#serve();
    for (const [index, name] of names.entries()) {
      this.#settleSoon(name);
      const before = had[index];
      if (before !== undefined && !jsonEqual(before, this.#acceptedNames(name))) this.#settleGroup(name);
    }
  }

  #acceptedNames(name: string): DefinitionNames | undefined {
    return this.#known.get(name)?.definition.status?.acceptedNames;
  }

  /** What was written before this was called is served when it returns. */
  async #catchUp(): Promise<void> {
    if (this.#log === undefined) return;
    const { store, clock } = this.#options;
    const target = await this.#newest(store);
    const until = clock.monotonic() + catchUpMax;
    for (;;) {
      if (target > 0) await this.#drain();
      if (this.#closed || (this.#log?.revision ?? target) >= target || clock.monotonic() > until) return;
      await sleep(clock, catchUpStep);
    }
  }

  /** A replica that cannot ask answers with what it knows. */
  async #newest(store: Store): Promise<number> {
    try {
      return await store.revision();
    } catch (error) {
      if (!(error instanceof StoreUnavailableError || error instanceof StoreTimeoutError)) throw error;
      return 0;
    }
  }

  #take(name: string, stored: Stored | undefined): void {
    if (stored === undefined) {
      this.#known.delete(name);
      return;
    }
    const before = this.#known.get(name);
    if (before !== undefined && before.stored.revision >= stored.revision) return;
    // All of it is looked at: member by member that takes three times as long.
    const whole = stored.isLong ? readAs(definitionKind, stored.json) : stored.object;
    const definition = whole as CustomResourceDefinition;
    const established = hasCondition(definition, "Established");
    const served = hasCondition(definition, "NamesAccepted") || established;
    const terminating = Boolean(definition.metadata.deletionTimestamp);
    const { spec, status } = definition;
    const made = JSON.stringify([definition.metadata.uid, served, spec, status?.acceptedNames]);
    const isSame = before?.made === made;
    const kinds = isSame ? before.kinds : served ? this.#kindsOf(definition) : undefined;
    const isShown = isSame && before.terminating === terminating && before.established === established;
    let shown = isShown ? before.shown : kinds;
    if (!isShown && terminating) shown &&= terminatingKinds(shown);
    if (!isShown && !established) shown &&= untoldKinds(shown);
    this.#known.set(name, { stored, definition, made, kinds, shown, terminating, established });
  }

  /** A definition that cannot be served must not keep the others from being. */
  #kindsOf(definition: CustomResourceDefinition): readonly KindDefinition[] | undefined {
    try {
      return customKinds(
        definition,
        conversionOf(definition, this.#hooks, () => uuid(this.#random)),
      );
    } catch (error) {
      const { name } = definition.metadata;
      this.#options.log.error("a custom kind cannot be served", { name, error: describeError(error) });
      return undefined;
    }
  }

  #serve(): void {
    const custom: KindDefinition[] = [definitionKind];
    for (const { shown } of this.#known.values()) custom.push(...(shown ?? []));
    const { table } = this.#options.objects;
    const now = table.all.slice(table.own.length);
    const same = now.length === custom.length && now.every((kind, index) => kind === custom[index]);
    if (!same) table.serve(custom);
  }

  /** Names that one definition gives up may be what another waits for. */
  #settleGroup(name: string): void {
    const group = name.slice(name.indexOf(".") + 1);
    for (const [other, { definition }] of this.#known) {
      const waits = !hasCondition(definition, "NamesAccepted") && definition.spec.group === group;
      if (other !== name && waits) this.#settleSoon(other);
    }
  }

  /** One at a time for each definition; whoever asks meanwhile has it looked at once more. */
  #settleSoon(name: string): void {
    if (this.#closed) return;
    const running = this.#settling.has(name);
    this.#settling.set(name, true);
    if (!running) this.#track(this.#settleUntilDone(name));
  }

  async #settleUntilDone(name: string): Promise<void> {
    try {
      while (this.#settling.get(name) === true && !this.#closed) {
        this.#settling.set(name, false);
        await this.#turns.next();
        await this.#settle(name);
      }
    } finally {
      this.#settling.delete(name);
    }
  }

  #track(work: Promise<void>): void {
    const done = work
      .catch((error: unknown) => {
        if (!this.#closed)
          this.#options.log.error("custom kinds are not followed", { error: describeError(error) });
      })
      .finally(() => this.#work.delete(done));
    this.#work.add(done);
  }

  async #settle(name: string): Promise<void> {
    const { objects, clock, log } = this.#options;
    const known = this.#known.get(name);
    if (known === undefined || this.#closed) return;
    const { definition } = known;
    const time = toRfc3339(clock.now());
    try {
      if (definition.metadata.deletionTimestamp) {
        if (!definition.metadata.finalizers?.includes(cleanupFinalizer)) return;
        const established = conditionOf(definition, "Established")?.status === "True";
        const kind = established ? keptKind(known.kinds) : undefined;
        const gone = await removeInstances(objects, definition, kind, time);
        if (!gone) this.#retry(name);
        return;
      }
      const next = planConditions(definition, this.#takenNames(definition), known.kinds !== undefined, time);
      if (next?.status?.acceptedNames) this.#claimed.set(name, next.status.acceptedNames);
      // It is answered when it is heard of here.
      if (next !== undefined) await objects.updateStatus(definitionKind, next, { fieldManager });
    } catch (error) {
      // Another replica was faster, or the definition has changed: its change comes here too.
      if (error instanceof StatusError && (error.reason === "Conflict" || error.reason === "NotFound"))
        return;
      log.warn("a custom kind cannot be settled", { name, error: describeError(error) });
      this.#retry(name);
    } finally {
      this.#claimed.delete(name);
    }
  }

  #retry(name: string): void {
    const { clock } = this.#options;
    if (!this.#closed) clock.setTimer(retryAfter, () => this.#settleSoon(name));
  }

  #takenNames({ metadata, spec }: CustomResourceDefinition): TakenNames {
    const resources = new Set<string>();
    const kinds = new Set<string>();
    const { table } = this.#options.objects;
    for (const kind of table.own) {
      if (kind.group !== spec.group) continue;
      for (const name of [kind.plural, kind.singular, ...(kind.shortNames ?? [])]) resources.add(name);
      for (const name of [kind.kind, `${kind.kind}List`]) kinds.add(name);
    }
    for (const [other, { definition }] of this.#known) {
      if (other === metadata.name || definition.spec.group !== spec.group) continue;
      for (const names of [definition.status?.acceptedNames, this.#claimed.get(other)]) {
        for (const name of [names?.plural, names?.singular, ...(names?.shortNames ?? [])])
          if (name) resources.add(name);
        for (const name of [names?.kind, names?.listKind]) if (name) kinds.add(name);
      }
    }
    return { resources, kinds };
  }
}

/** In the version they are kept in, objects can be taken away without asking anybody. */
function keptKind(kinds: readonly KindDefinition[] = []): KindDefinition | undefined {
  return kinds.find(({ version, view }) => view?.converter?.kept === version) ?? kinds[0];
}

const fieldManager = "kube-apiserver";
