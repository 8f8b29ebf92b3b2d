/** Objects as the store has them: text, and what is made of it once however many ask. */
import {
  type KindConverter,
  type KindDefinition,
  type KindView,
  type KubeObject,
  readAs,
} from "@selvedge/apimachinery";
import { LruMap } from "@selvedge/base";
import type { SaidStored, SettledObject } from "../evaluation/plan-tasks.ts";
import type { Change, Row } from "../store/store.ts";
import { hasManyValues, outlineOf } from "./json-outline.ts";
import {
  assignMembers,
  cloneObject,
  isLazy,
  isLong,
  jsonOf,
  lazyObject,
  longMin,
  saidObject,
  withMembers,
} from "./lazy-object.ts";
import { checkSeen } from "./revision-text.ts";

/** What of a kind tells how its objects are read. */
type Reading = Pick<KindDefinition, "view" | "keepsIntegers">;

/** One state of one object. */
export class Stored {
  readonly key: string;
  readonly revision: number;
  readonly #value: string;
  readonly #kind: Reading;
  readonly #shown: KubeObject | undefined;
  #object: KubeObject | undefined;
  #json: string | undefined;
  #isLong: boolean | undefined;

  /** `shown`: the object as the view shows it, where only somebody else could make it. */
  constructor({ key, revision, value }: Row, kind: Reading, shown?: KubeObject) {
    this.key = key;
    this.revision = revision;
    this.#value = value;
    this.#kind = kind;
    if (shown !== undefined) shown.metadata.resourceVersion = `${revision}`;
    this.#shown = shown;
    this.#object = shown;
  }

  /** Shared by all who ask: look, do not touch. */
  get object(): KubeObject {
    this.#object ??= this.copy();
    return this.#object;
  }

  /** Whether it would be written in another version now: writing it as it is brings it there. */
  get isOutdated(): boolean {
    const { keptAs } = this.#kind.view ?? {};
    return keptAs !== undefined && !this.#value.startsWith(`{"apiVersion":${JSON.stringify(keptAs)},`);
  }

  /** Characters of its text, as it is kept. */
  get length(): number {
    return this.#value.length;
  }

  /** Whether what is made of it is made in a thread. */
  get isLong(): boolean {
    this.#isLong ??= this.#value.length > longMin && hasManyValues(this.#value);
    return this.#isLong;
  }

  /** Whether a thread has to be asked what its JSON is: its definition may say other things now than it did then. */
  get isUnsettled(): boolean {
    return this.#json === undefined && this.#isLazy && !this.#isAsShown && this.isLong;
  }

  /** A thread was asked. */
  settled({ object, isSame }: SettledObject): void {
    this.#object = saidObject(this.#kind, object);
    this.#json = jsonOf(this.#object);
    if (isSame) keepAsShown(this.#kind.view, this);
  }

  /** One that is read member by member. */
  get #isLazy(): boolean {
    if (this.#value.length <= longMin || this.#shown !== undefined) return false;
    const { view } = this.#kind;
    return view === undefined || (view.keptAs !== undefined && view.converter === undefined);
  }

  get #isAsShown(): boolean {
    const { view } = this.#kind;
    return view === undefined || asShown.get(view)?.get(this.key) === this.revision;
  }

  /** For a thread, which makes the same of it. */
  get said(): SaidStored {
    const { key, revision } = this;
    const isShown = this.#shown !== undefined;
    return { row: { key, revision, value: isShown ? JSON.stringify(this.#shown) : this.#value }, isShown };
  }

  /** An object of one's own. */
  copy(): KubeObject {
    if (this.#shown !== undefined) return cloneObject(this.#shown);
    if (this.#object !== undefined && this.#isLazy) return cloneObject(this.#object);
    const { view } = this.#kind;
    const outline = this.#isLazy ? outlineOf(this.#value) : undefined;
    const shows = outline !== undefined && this.#isAsShown ? undefined : view?.read;
    let object: KubeObject;
    if (outline !== undefined) object = lazyObject(this.#kind, this.#value, outline, shows);
    else {
      const stored = readAs(this.#kind, this.#value) as KubeObject;
      object = shows === undefined ? stored : shows(stored);
    }
    object.metadata.resourceVersion = `${this.revision}`;
    return object;
  }

  /** The object's JSON with its resourceVersion, made without reading it where it is shown as it is kept. */
  get json(): string {
    if (this.#kind.view !== undefined && !(this.#isLazy && this.#isAsShown)) {
      this.#json ??= jsonOf(this.object);
    }
    if (this.#json === undefined) {
      const at = this.#value.indexOf(opening);
      const insert = `"resourceVersion":"${this.revision}",`;
      this.#json =
        at < 0
          ? jsonOf(this.object)
          : `${this.#value.slice(0, at + opening.length)}${insert}${this.#value.slice(at + opening.length)}`;
    }
    return this.#json;
  }
}

const opening = '"metadata":{';

/**
 * By view the revisions of the rows that are shown as they are kept: what was planned by the very kind that shows
 * it, or was found to be so. A definition that changes makes other views.
 */
const asShown = new WeakMap<KindView, LruMap<string, number>>();
/** Of long ones: some hundred bytes each. */
const asShownMax = 1_000;

function keepAsShown(view: KindView | undefined, { key, revision }: Pick<Row, "key" | "revision">): void {
  if (view === undefined) return;
  const all = asShown.get(view) ?? new LruMap<string, number>(asShownMax);
  asShown.set(view, all);
  all.set(key, revision);
}

/**
 * Hears of a row that has just been written of an object as the kind shows it, and returns it for who goes on with it:
 * of what others have read on the way the text is at hand again.
 */
export function keepWritten(kind: KindDefinition, row: Row, object: KubeObject): KubeObject {
  const { group, version, view } = kind;
  if (row.value.length <= longMin) return object;
  if (view === undefined) return isLong(object) ? object : new Stored(row, kind).copy();
  if (view.keptAs === `${group}/${version}` && view.converter === undefined) keepAsShown(view, row);
  return object;
}

/** Rows as the kind shows them; a promise only where somebody else has to be asked. */
export function showRows(
  rows: readonly Row[],
  kind: Reading,
): readonly Stored[] | Promise<readonly Stored[]> {
  const { view } = kind;
  if (view?.converter === undefined) return rows.map((row) => new Stored(row, kind));
  return convertRows(rows, kind, view, view.converter);
}

export function showRow(row: Row, kind: Reading): Stored | Promise<Stored> {
  const { view } = kind;
  if (view?.converter === undefined) return new Stored(row, kind);
  return convertRows([row], kind, view, view.converter).then(([stored]) => stored as Stored);
}

async function convertRows(
  rows: readonly Row[],
  kind: Reading,
  view: KindView,
  { version, convert }: KindConverter,
): Promise<readonly Stored[]> {
  const kept = rows.map(({ value }) => readAs(kind, value) as KubeObject);
  const own = `${view.of.group}/${version}`;
  const others = kept.filter(({ apiVersion }) => apiVersion !== own);
  const shown = others.length === 0 ? [] : await convert(others, version);
  const byKept = new Map(others.map((object, index) => [object, shown[index]]));
  return rows.map((row, index) => new Stored(row, kind, byKept.get(kept[index] as KubeObject)));
}

/** The text to store of an object as the view shows it; a promise only where somebody else has to be asked. */
export function encodeKept(view: KindView | undefined, object: KubeObject): string | Promise<string> {
  const { converter } = view ?? {};
  if (converter === undefined || converter.kept === converter.version) return encodeAs(view, object);
  return converter.convert([object], converter.kept).then(([kept = object]) => encode(kept));
}

/** The text to store of an object as the view shows it. */
export function encodeAs(view: KindView | undefined, object: KubeObject): string {
  if (view === undefined) return encode(object);
  const isKeptAs = view.keptAs !== undefined && isLazy(object);
  return encode(isKeptAs ? withMembers(object, { apiVersion: view.keptAs }) : view.write(object));
}

/**
 * The text to store. The revision is the store's to give, and metadata comes early so that it can be put
 * in.
 */
function encode(object: KubeObject): string {
  if (isLazy(object)) return encodeLazy(object);
  const { apiVersion, kind, metadata, ...content } = object;
  return JSON.stringify({
    apiVersion,
    kind,
    metadata: { ...metadata, resourceVersion: undefined },
    ...content,
  });
}

function encodeLazy(object: KubeObject): string {
  const { apiVersion, kind, metadata } = object;
  const content = assignMembers({} as Partial<KubeObject>, object);
  for (const name of ["apiVersion", "kind", "metadata"] as const) delete content[name];
  const kept = withMembers(metadata, { resourceVersion: undefined });
  return jsonOf(assignMembers({}, { apiVersion, kind, metadata: kept }, content));
}

export interface ReadChange {
  readonly now: Stored | undefined;
  /** The state before, at the revision of the change: what a DELETED event carries. */
  readonly before: Stored | undefined;
}

/** By change and view; `asKept` stands for none. */
const readChanges = new WeakMap<Change, Map<KindView | typeof asKept, ReadChange>>();
const asKept = Symbol("as kept");

/** Has the states of changes made that only somebody else can make, all by one question. */
export async function convertChanges(changes: readonly Change[], kind: Reading): Promise<void> {
  const view = kind.view ?? asKept;
  const unread = changes.filter((change) => readChanges.get(change)?.has(view) !== true);
  const rows = unread.flatMap(({ key, revision, value, previous }) =>
    [value, previous].flatMap((text) => (text === undefined ? [] : [{ key, revision, value: text }])),
  );
  const shown = [...(await showRows(rows, kind))];
  for (const change of unread) {
    const next = (text: string | undefined): Stored | undefined =>
      text === undefined ? undefined : shown.shift();
    keepRead(change, view, { now: next(change.value), before: next(change.previous) });
  }
}

function keepRead(change: Change, view: KindView | typeof asKept, read: ReadChange): ReadChange {
  const views = readChanges.get(change) ?? new Map<KindView | typeof asKept, ReadChange>();
  readChanges.set(change, views.set(view, read));
  return read;
}

/** A change's two states, the same for every watcher of one view. */
export function readChange(change: Change, kind: Reading): ReadChange {
  const view = kind.view ?? asKept;
  const known = readChanges.get(change)?.get(view);
  if (known !== undefined) return known;
  const { key, revision, value, previous } = change;
  const of = (text: string | undefined): Stored | undefined =>
    text === undefined ? undefined : new Stored({ key, revision, value: text }, kind);
  return keepRead(change, view, { now: of(value), before: of(previous) });
}

export function revisionOf({ metadata }: KubeObject): number {
  return Number(metadata.resourceVersion);
}

/** The revision that the writer has seen, if they say one; "0" is as much as nothing. */
export function seenRevision({ metadata: { resourceVersion } }: KubeObject): string | undefined {
  return resourceVersion === "" || resourceVersion === "0" ? undefined : resourceVersion;
}

/** Whether the writer has seen something else than what is there; nobody is asked of what is not. */
export function isStale(said: KubeObject, stored: KubeObject | undefined): boolean {
  checkSeen(said);
  const seen = seenRevision(said);
  return seen !== undefined && stored !== undefined && seen !== stored.metadata.resourceVersion;
}
