/** Objects as the store has them: text, and what is made of it once however many ask. */
import type { KindView, KubeObject } from "@selvedge/apimachinery";
import type { Change, Row } from "../store/store.ts";

/** One state of one object. */
export class Stored {
  readonly key: string;
  readonly revision: number;
  readonly #value: string;
  readonly #view: KindView | undefined;
  #object: KubeObject | undefined;
  #json: string | undefined;

  constructor({ key, revision, value }: Row, view?: KindView) {
    this.key = key;
    this.revision = revision;
    this.#value = value;
    this.#view = view;
  }

  /** Shared by all who ask: look, do not touch. */
  get object(): KubeObject {
    this.#object ??= this.copy();
    return this.#object;
  }

  /** An object of one's own. */
  copy(): KubeObject {
    const stored = JSON.parse(this.#value) as KubeObject;
    const object = this.#view === undefined ? stored : this.#view.read(stored);
    object.metadata.resourceVersion = `${this.revision}`;
    return object;
  }

  /** The object's JSON with its resourceVersion, made without reading it where it is shown as it is kept. */
  get json(): string {
    if (this.#view !== undefined) this.#json ??= JSON.stringify(this.object);
    if (this.#json === undefined) {
      const at = this.#value.indexOf(opening);
      const insert = `"resourceVersion":"${this.revision}",`;
      this.#json =
        at < 0
          ? JSON.stringify(this.object)
          : `${this.#value.slice(0, at + opening.length)}${insert}${this.#value.slice(at + opening.length)}`;
    }
    return this.#json;
  }
}

const opening = '"metadata":{';

/** The text to store of an object as the view shows it. */
export function encodeAs(view: KindView | undefined, object: KubeObject): string {
  return encode(view === undefined ? object : view.write(object));
}

/**
 * The text to store. The revision is the store's to give, and metadata comes early so that it can be put
 * in.
 */
function encode(object: KubeObject): string {
  const { apiVersion, kind, metadata, ...content } = object;
  return JSON.stringify({
    apiVersion,
    kind,
    metadata: { ...metadata, resourceVersion: undefined },
    ...content,
  });
}

export interface ReadChange {
  readonly now: Stored | undefined;
  /** The state before, at the revision of the change: what a DELETED event carries. */
  readonly before: Stored | undefined;
}

/** By change and view; `asKept` stands for none. */
const readChanges = new WeakMap<Change, Map<KindView | typeof asKept, ReadChange>>();
const asKept = Symbol("as kept");

/** A change's two states, the same for every watcher of one view. */
export function readChange(change: Change, view?: KindView): ReadChange {
  let views = readChanges.get(change);
  if (views === undefined) {
    views = new Map();
    readChanges.set(change, views);
  }
  let read = views.get(view ?? asKept);
  if (read === undefined) {
    const { key, revision, value, previous } = change;
    const of = (text: string | undefined): Stored | undefined =>
      text === undefined ? undefined : new Stored({ key, revision, value: text }, view);
    read = { now: of(value), before: of(previous) };
    views.set(view ?? asKept, read);
  }
  return read;
}

/** The revision that the writer has seen, if they say one; "0" is as much as nothing. */
export function seenRevision({ metadata: { resourceVersion } }: KubeObject): string | undefined {
  return resourceVersion === "" || resourceVersion === "0" ? undefined : resourceVersion;
}

/** Whether the writer has seen something else than what is there. */
export function isStale(said: KubeObject, stored: KubeObject | undefined): boolean {
  const seen = seenRevision(said);
  return seen !== undefined && seen !== stored?.metadata.resourceVersion;
}
