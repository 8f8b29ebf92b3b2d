/** The kinds that are served: those the program was made with, and those that come and go while it runs. */
import type { KindDefinition } from "@selvedge/apimachinery";
import type { KindName } from "./kind-names.ts";
import { unknownResource } from "./refusals.ts";

export class KindTable {
  readonly #own: readonly KindDefinition[];
  readonly #listeners = new Set<() => void>();
  #all: readonly KindDefinition[];
  #places: ReadonlyMap<string, readonly KindDefinition[]>;
  /** By view, where there is one: a kind that is shown as before is the same to who watches it. */
  readonly #endings = new WeakMap<object, AbortController>();

  /** Waits until the table knows what was known when it was asked: others come and go in the store. */
  catchUp: () => Promise<void> = async () => undefined;

  constructor(own: readonly KindDefinition[]) {
    this.#own = own;
    this.#all = own;
    this.#places = byPlace(own);
  }

  /** Another list each time it changes: what was made of it can be kept under it. */
  get all(): readonly KindDefinition[] {
    return this.#all;
  }

  /** Those the program was made with. */
  get own(): readonly KindDefinition[] {
    return this.#own;
  }

  /** One kind for each place where objects are kept: in the version they are kept in, where that matters. */
  get kept(): KindDefinition[] {
    const places = new Map<string, KindDefinition>();
    for (const kind of this.#all) {
      const { group, plural } = kind.view?.of ?? kind;
      const place = placeOf(group, plural);
      const isKept = kind.view?.converter?.kept === kind.version;
      if (isKept || !places.has(place)) places.set(place, kind);
    }
    return [...places.values()];
  }

  /** Tells when other kinds are served. Returns how to stop. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Serves these besides the program's own, in place of what was said last. */
  serve(others: readonly KindDefinition[]): void {
    const kept = new Set(others.map(identityOf));
    const gone = this.#all.slice(this.#own.length).filter((kind) => !kept.has(identityOf(kind)));
    this.#all = [...this.#own, ...others];
    this.#places = byPlace(this.#all);
    for (const kind of gone) this.#endings.get(identityOf(kind))?.abort();
    for (const listener of this.#listeners) listener();
  }

  /** As `find`; what is not served is refused. */
  served(kind: KindName): KindDefinition {
    const found = this.find(kind);
    if (found === undefined) throw unknownResource();
    return found;
  }

  /** The kind of that name: in that version, or else in the first that is served. */
  find({
    group,
    version,
    plural,
  }: Pick<KindName, "group" | "version" | "plural">): KindDefinition | undefined {
    const versions = this.#places.get(placeOf(group, plural));
    return versions?.find((kind) => kind.version === version) ?? versions?.[0];
  }

  /** Fires when the kind is no longer served as it is. */
  ending(kind: KindDefinition): AbortSignal {
    let ending = this.#endings.get(identityOf(kind));
    if (ending === undefined) {
      ending = new AbortController();
      this.#endings.set(identityOf(kind), ending);
    }
    return ending.signal;
  }
}

function identityOf(kind: KindDefinition): object {
  return kind.view ?? kind;
}

function placeOf(group: string, plural: string): string {
  return `${group}/${plural}`;
}

function byPlace(kinds: readonly KindDefinition[]): Map<string, KindDefinition[]> {
  const places = new Map<string, KindDefinition[]>();
  for (const kind of kinds) {
    const place = placeOf(kind.group, kind.plural);
    const versions = places.get(place);
    if (versions === undefined) places.set(place, [kind]);
    else versions.push(kind);
  }
  return places;
}
