import type { KindDefinition, KubeList, KubeObject, WatchEvent } from "@selvedge/apimachinery";
import { type Clock, type Random, toRfc3339, uuid } from "@selvedge/base";
import { AdmissionChain, type Subject } from "../admission.ts";
import { Evaluations } from "../evaluation/evaluations.ts";
import type { Store } from "../store/store.ts";
import { TurnShare } from "../turn-share.ts";
import { type DeleteOutcome, type DeleteQuery, planDelete } from "./delete-plan.ts";
import { Followers } from "./followers.ts";
import { generatedName } from "./generated-name.ts";
import { apiVersionOf, isNamespaceKind, type KindName, keyOf, listKindOf } from "./kind-names.ts";
import { KindTable } from "./kind-table.ts";
import { cloneObject, isLazy, isLong, withMembers } from "./lazy-object.ts";
import {
  type ListPiece,
  type ListQuery,
  listMetadata,
  listPieces,
  listStored,
  type StoredList,
} from "./listing.ts";
import { LongAnswers } from "./long-answers.ts";
import { namespaceLifecycle } from "./namespace-lifecycle.ts";
import { checkPlace, type PatchKind } from "./patching.ts";
import { Planner } from "./planner.ts";
import {
  alreadyExists,
  badRequest,
  checkUid,
  conflict,
  isTaken,
  notFound,
  unsaidRevision,
} from "./refusals.ts";
import { encodeKept, isStale, keepWritten, revisionOf, Stored, seenRevision, showRow } from "./stored.ts";
import { WaitingRules } from "./waiting-rules.ts";
import { eventsOf, openWatch, type WatchItem, type WatchQuery } from "./watching.ts";
import { isGone, type WriteContext } from "./write-plan.ts";
import type { WriteQuery, Written } from "./write-query.ts";

type RegistryContext = WriteContext & { readonly patience: WaitingRules };

/** A write that names no revision is tried again when another came between: of so many, all get through. */
const attemptsMax = 100;
/** How often a generated name may be taken already. */
const namesMax = 8;
const inProcess = "controller";

/** The objects of all kinds in one store, for callers in the same process and for the HTTP side alike. */
export class ObjectRegistry {
  readonly table: KindTable;
  /** What else has a say in writes. */
  readonly admission: AdmissionChain = new AdmissionChain();
  /** Who has to have heard of a write before it is answered. */
  readonly followers: Followers = new Followers();
  readonly turns: TurnShare;
  /** What users' expressions say of writes; to be disposed. */
  readonly evaluations: Evaluations;
  readonly planner: Planner;
  readonly answers: LongAnswers;
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #random: Random;

  constructor(kinds: readonly KindDefinition[], store: Store, clock: Clock, random: Random) {
    this.table = new KindTable(kinds);
    this.#store = store;
    this.#clock = clock;
    this.#random = random;
    this.turns = new TurnShare(clock);
    this.evaluations = new Evaluations({ clock, turns: this.turns });
    this.planner = new Planner(this.evaluations);
    this.answers = new LongAnswers(this.evaluations, (kind) => this.planner.said(kind));
    const namespaces = kinds.find(isNamespaceKind);
    if (namespaces !== undefined) {
      this.admission.add(namespaceLifecycle((name) => this.getStored(namespaces, name)));
    }
  }

  /** All that are served now. */
  get kinds(): readonly KindDefinition[] {
    return this.table.all;
  }

  /** The newest revision of all objects. */
  revision(): Promise<number> {
    return this.#store.revision();
  }

  async get<T extends KubeObject>(kind: KindName, name: string, namespace?: string): Promise<T> {
    return (await this.getStored(kind, name, namespace)).copy() as T;
  }

  /** As it is stored: for reading only. */
  async getStored(kind: KindName, name: string, namespace?: string): Promise<Stored> {
    const definition = this.table.served(kind);
    const row = await this.#store.get(keyOf(definition, name, namespace));
    if (row === undefined) throw notFound(kind, name);
    return showRow(row, definition);
  }

  async list<T extends KubeObject>(kind: KindName, query: ListQuery = {}): Promise<KubeList<T>> {
    const items: T[] = [];
    // Read while its piece is at hand: to read them all at once would hold up everybody else.
    for await (const { revision, items: some, end } of this.listPieces(kind, query)) {
      for (const stored of some) items.push(stored.copy() as T);
      if (end === undefined) continue;
      const metadata = listMetadata({ revision, items: [], ...end });
      return { apiVersion: apiVersionOf(kind), kind: listKindOf(kind), metadata, items };
    }
    throw new Error("a list has no end");
  }

  listStored(kind: KindName, query: ListQuery = {}): Promise<StoredList> {
    return listStored(this.#store, this.table.served(kind), query);
  }

  /** The same piece by piece, for lists of any length. */
  listPieces(kind: KindName, query: ListQuery = {}): AsyncGenerator<ListPiece> {
    return listPieces(this.#store, this.table.served(kind), query);
  }

  /** Without a resourceVersion (or with "0") it begins with what is there, as ADDED events. */
  async *watch<T extends KubeObject>(kind: KindName, query: WatchQuery): AsyncGenerator<WatchEvent<T>> {
    const definition = this.table.served(kind);
    for await (const items of await this.watchStored(kind, query)) {
      // Whoever wrote them hears of it first: most of it is then known.
      if (query.known !== undefined) await new Promise(setImmediate);
      for (const event of eventsOf<T>(definition, items, query)) yield event;
    }
  }

  watchStored(kind: KindName, query: WatchQuery): Promise<AsyncGenerator<readonly WatchItem[]>> {
    const definition = this.table.served(kind);
    const ending = this.table.ending(definition);
    return openWatch(this.#store, definition, { ...query, ending }, this.#clock);
  }

  async create<T extends KubeObject>(kind: KindName, object: T, asked: WriteQuery = {}): Promise<T> {
    // Parts of this program do not say how long it is.
    const options = isLong(object) ? { ...asked, isLong: true } : asked;
    const context = this.#context(kind, options);
    for (let attempt = 1; ; attempt++) {
      const wanted: KubeObject = cloneObject(object);
      const generated = !wanted.metadata.name && Boolean(wanted.metadata.generateName);
      try {
        return (await this.#create(kind, wanted, context, options)) as T;
      } catch (error) {
        if (!generated || !isTaken(error) || attempt >= namesMax) throw error;
      }
    }
  }

  async update<T extends KubeObject>(kind: KindName, object: T, options: WriteQuery = {}): Promise<T> {
    const { name, namespace } = object.metadata;
    const served = this.table.served(kind);
    // Parts of this program write a status as they have read it.
    const free = served.unconditionalUpdate || (options.subresource && options.user === undefined);
    return (await this.change(kind, name, namespace, options, (stored) => {
      checkUid(kind, object, stored.metadata.uid);
      // Only of what there is: what there is not is not found.
      if (!free && seenRevision(object) === undefined) throw unsaidRevision(served, name);
      if (isStale(object, stored)) throw conflict(kind, name);
      return object;
    })) as T;
  }

  updateStatus<T extends KubeObject>(kind: KindName, object: T, options: WriteQuery = {}): Promise<T> {
    return this.update(kind, object, { ...options, subresource: "status" });
  }

  async patch<T extends KubeObject>(
    kind: KindName,
    name: string,
    namespace: string | undefined,
    type: PatchKind,
    patch: unknown,
    options: WriteQuery = {},
  ): Promise<T> {
    if (type === "apply") return (await this.apply(kind, name, namespace, patch, options)).object as T;
    const definition = this.table.served(kind);
    const rules = { ...options, patch: { type, value: patch } };
    return (await this.change(kind, name, namespace, rules, async (stored, found) => {
      const wanted = await this.planner.patch(definition, found, type, patch, rules);
      checkPlace(wanted, name, namespace);
      if (isStale(wanted, stored)) throw conflict(kind, name);
      return wanted;
    })) as T;
  }

  /** Server-side apply: creates what is not there. */
  async apply(
    kind: KindName,
    name: string,
    namespace: string | undefined,
    patch: unknown,
    options: WriteQuery = {},
  ): Promise<Written> {
    const definition = this.table.served(kind);
    const { fieldManager: manager, force = false, subresource } = options;
    for (let attempt = 1; ; attempt++) {
      await this.turns.next();
      const context = { ...this.#context(kind, options), managed: true };
      const row = await this.#store.get(keyOf(definition, name, namespace));
      const found = row === undefined ? undefined : await showRow(row, definition);
      if (found !== undefined)
        await this.#prepare(found, { operation: "UPDATE", kind: definition, subresource });
      const stored = found?.object;
      if (stored === undefined && subresource !== undefined) throw notFound(kind, name);
      const request = { kind: definition, patch, manager, force, subresource, time: context.time };
      const applied = await this.planner.apply(request, found, options);
      if (isStale(patch as KubeObject, stored)) throw conflict(kind, name);
      if (found === undefined || stored === undefined) {
        try {
          return { object: await this.#create(kind, applied, context, options), created: true };
        } catch (error) {
          if (!isTaken(error) || attempt >= attemptsMax) throw error;
          continue;
        }
      }
      const next = await this.#admitted(found, applied, context, options, (wanted) =>
        this.planner.update(found, wanted, context),
      );
      if (options.dryRun || (next === stored && !found.isOutdated)) return { object: next, created: false };
      const object = await this.#write(context.kind, next, revisionOf(stored), options);
      if (object !== undefined) return { object, created: false };
      if (attempt >= attemptsMax) throw conflict(kind, name);
    }
  }

  async delete(kind: KindName, name: string, namespace?: string, options: DeleteQuery = {}): Promise<void> {
    await this.remove(kind, name, namespace, options);
  }

  /** Deletes, and tells whether it is gone and what it was. */
  async remove(
    kind: KindName,
    name: string,
    namespace?: string,
    options: DeleteQuery = {},
  ): Promise<DeleteOutcome> {
    const definition = this.table.served(kind);
    for (let attempt = 1; ; attempt++) {
      await this.turns.next();
      const found = await this.getStored(kind, name, namespace);
      await this.#prepare(found, { operation: "DELETE", kind: definition, subresource: options.subresource });
      const stored = found.copy();
      await this.#admitDeletion(definition, stored, options);
      const plan = planDelete(definition, stored, options, this.#clock.now());
      if (plan.type === "nothing") return { gone: false, object: stored, found: stored };
      const gone = plan.type === "delete" || isGone(plan.object);
      if (options.dryRun) return { gone, object: plan.object, found: stored };
      const expected = revisionOf(stored);
      const value = gone ? undefined : await encodeKept(definition.view, plan.object);
      const outcome = await this.#store.write(keyOf(definition, name, namespace), expected, value);
      if (outcome.type === "written") {
        await this.followers.told(definition, outcome.revision);
        const metadata = { ...plan.object.metadata, resourceVersion: `${outcome.revision}` };
        return { gone, object: withMembers(plan.object, { metadata }), found: stored };
      }
      if (options.preconditions?.resourceVersion || attempt >= attemptsMax) throw conflict(kind, name);
    }
  }

  async #create(
    kind: KindName,
    wanted: KubeObject,
    context: RegistryContext,
    options: WriteQuery,
  ): Promise<KubeObject> {
    const meta = wanted.metadata;
    if (!meta.name && meta.generateName) meta.name = generatedName(meta.generateName, this.#random);
    if (!kind.namespaced) delete meta.namespace;
    else if (!meta.namespace) throw badRequest("an empty namespace may not be set during creation");
    const made = await this.#admitted(undefined, wanted, context, options, (object, said) =>
      this.planner.create(object, uuid(this.#random), { ...context, said }),
    );
    const { name, namespace } = made.metadata;
    const written = options.dryRun
      ? (await this.#store.get(keyOf(context.kind, name, namespace))) === undefined && made
      : await this.#write(context.kind, made, 0, options);
    if (!written) throw alreadyExists(kind, name);
    return written;
  }

  /**
   * Reads, changes and writes, and again when another write came between: `change` is asked anew, and
   * refuses if it was about the state before. It is given the stored object to look at, and returns
   * another.
   */
  async change(
    kind: KindName,
    name: string,
    namespace: string | undefined,
    options: WriteQuery,
    change: (stored: KubeObject, found: Stored) => KubeObject | Promise<KubeObject>,
  ): Promise<KubeObject> {
    for (let attempt = 1; ; attempt++) {
      await this.turns.next();
      const found = await this.getStored(kind, name, namespace);
      const context = this.#context(kind, options);
      await this.#prepare(found, { ...context, operation: "UPDATE" });
      const stored = found.object;
      const next = await this.#admitted(
        found,
        await change(stored, found),
        context,
        options,
        (wanted, said) => this.planner.update(found, wanted, { ...context, said }),
      );
      if (options.dryRun || (next === stored && !found.isOutdated && !isGone(next))) return next;
      const outcome = await this.#write(context.kind, next, revisionOf(stored), options);
      if (outcome !== undefined) return outcome;
      if (attempt >= attemptsMax) throw conflict(kind, name);
    }
  }

  /** The object as it is stored now; undefined when another write came between. */
  async #write(
    kind: KindDefinition,
    object: KubeObject,
    expected: number,
    { wrote }: WriteQuery,
  ): Promise<KubeObject | undefined> {
    const { name, namespace } = object.metadata;
    const key = keyOf(kind, name, namespace);
    const kept = isGone(object) ? undefined : encodeKept(kind.view, object);
    const value = kept instanceof Promise ? await kept : kept;
    const outcome = await this.#store.write(key, expected, value);
    if (outcome.type === "conflict") return undefined;
    const { revision } = outcome;
    object.metadata.resourceVersion = `${revision}`;
    let written = object;
    if (value !== undefined) {
      written = keepWritten(kind, { key, revision, value }, object);
      wrote?.(new Stored({ key, revision, value }, kind));
    }
    await this.followers.told(kind, revision);
    return written;
  }

  /** Whoever outside is told of a long object is sent its text, which a thread may have to make. */
  #prepare(found: Stored, subject: Subject): Promise<void> | undefined {
    const isTold = subject.subresource === "scale" || this.admission.tells(subject);
    return isTold ? this.planner.settle(found, subject.kind) : undefined;
  }

  #context(kind: KindName, options: WriteQuery): RegistryContext {
    return {
      patience: new WaitingRules(this.evaluations),
      kind: this.table.served(kind),
      rules: options,
      manager: options.fieldManager || inProcess,
      subresource: options.subresource,
      time: toRfc3339(this.#clock.now()),
      ours: options.user === undefined,
    };
  }

  /** What `plan` makes of the object, when everybody with a say agrees. */
  async #admitted(
    found: Stored | undefined,
    wanted: KubeObject,
    { kind, subresource, patience }: RegistryContext,
    asked: WriteQuery,
    plan: (wanted: KubeObject, said: WriteContext["said"]) => KubeObject | Promise<KubeObject>,
  ): Promise<KubeObject> {
    const { dryRun = false, user, warn = () => undefined, annotate } = asked;
    const { name, namespace } = wanted.metadata;
    const old = found?.object;
    const operation = old === undefined ? "CREATE" : "UPDATE";
    const isLong = asked.isLong === true || found?.isLong === true;
    const who = { user, dryRun, warn, annotate, asked, isLong };
    const terms = { operation, kind, subresource, namespace, name, old, ...who } as const;
    await this.admission.ask("gate", { ...terms, object: wanted });
    let object = wanted;
    let said: WriteContext["said"];
    if (this.admission.mutates(terms) || (old === undefined && kind.completesNew === true)) {
      const prunes = this.admission.tells(terms);
      ({ object, said } = await this.planner.sent(terms, cloneObject(wanted), asked, prunes));
      await this.admission.ask("mutate", { ...terms, object });
    }
    // Many may have been waited for together.
    await this.turns.next();
    const made = await plan(object, said);
    await patience.settle(kind, made);
    if (old === undefined) await asked.mayMake?.();
    await this.admission.ask("validate", { ...terms, object: made });
    return made;
  }

  async #admitDeletion(kind: KindDefinition, old: KubeObject, query: DeleteQuery): Promise<void> {
    const { name, namespace } = old.metadata;
    const { dryRun = false, user, subresource, warn = () => undefined, annotate } = query;
    const terms = { operation: "DELETE", kind, subresource, namespace, name } as const;
    const who = { user, dryRun, warn, annotate, asked: query, isLong: isLazy(old) };
    const request = { ...terms, object: undefined, old, ...who };
    for (const phase of ["gate", "mutate", "validate"] as const) await this.admission.ask(phase, request);
  }
}
