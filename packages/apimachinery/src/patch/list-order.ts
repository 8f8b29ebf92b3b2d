/** In what order the items of a merged list are. */
import { canonicalJson } from "@selvedge/base";
import { isObject } from "../structural/walk.ts";
import { PatchError } from "./patch-error.ts";

export function listIn(value: unknown, what: string): unknown[] {
  if (Array.isArray(value)) return value;
  throw new PatchError(`${what} must be a list`);
}

export class ListOrder {
  readonly #mergeKey: string | undefined;

  constructor(mergeKey: string | undefined) {
    this.#mergeKey = mergeKey;
  }

  /** What an item is known by: its key, or itself. */
  #identity(item: unknown): string {
    return canonicalJson(
      (this.#mergeKey !== undefined && isObject(item) ? item[this.#mergeKey] : item) ?? null,
    );
  }

  indexOf(list: readonly unknown[], item: unknown): number {
    const identity = this.#identity(item);
    return list.findIndex((one) => this.#identity(one) === identity);
  }

  #places(list: readonly unknown[]): ReadonlyMap<string, number> {
    const places = new Map<string, number>();
    for (const [index, item] of list.entries()) {
      const identity = this.#identity(item);
      if (!places.has(identity)) places.set(identity, index);
    }
    return places;
  }

  /**
   * The items that `wanted` names in its order; the others keep theirs, and stand before the first named one
   * that they stood before on the server.
   */
  merged(items: readonly unknown[], wanted: readonly unknown[], server: readonly unknown[]): unknown[] {
    const [named, before] = [this.#places(wanted), this.#places(server)];
    const placeIn = (places: ReadonlyMap<string, number>, item: unknown): number =>
      places.get(this.#identity(item)) ?? -1;
    const sorted = (list: unknown[], places: ReadonlyMap<string, number>): unknown[] =>
      list.sort((a, b) => placeIn(places, a) - placeIn(places, b));
    const own = sorted(
      items.filter((item) => placeIn(named, item) >= 0),
      named,
    );
    const others = sorted(
      items.filter((item) => placeIn(named, item) < 0),
      before,
    );
    const out: unknown[] = [];
    let at = 0;
    for (const item of others) {
      const place = placeIn(before, item);
      while (at < own.length) {
        const next = placeIn(before, own[at]);
        if (place >= 0 && next >= 0 && place < next) break;
        out.push(own[at++]);
      }
      out.push(item);
    }
    return [...out, ...own.slice(at)];
  }

  /** A patch whose items are in another order than it asks for is no patch. */
  check(items: readonly unknown[], wanted: readonly unknown[]): void {
    if (items.length === 0 || wanted.length === 0) return;
    let at = 0;
    for (const one of wanted) {
      if (at < items.length && this.#identity(items[at]) === this.#identity(one)) at++;
    }
    if (at >= items.length) return;
    const [list, order] = [JSON.stringify(items), JSON.stringify(wanted)];
    throw new PatchError(
      `The order in patch list:\n${list}\n doesn't match $setElementOrder list:\n${order}\n`,
    );
  }
}
