/** A list whose schema says that its order is nothing: a set, or items by their keys. */
export class SchemaList extends Array<unknown> {
  #keys: readonly string[] = [];

  static known(
    values: readonly unknown[],
    items: readonly unknown[],
    keyOf: (item: unknown) => string,
  ): SchemaList {
    const list = new SchemaList();
    for (const value of values) list.push(value);
    list.#keys = items.map(keyOf);
    return list;
  }

  /** What `map` and others make of it is an ordinary list. */
  static override get [Symbol.species](): ArrayConstructor {
    return Array;
  }

  /** The items by what they are known by. */
  get byKey(): ReadonlyMap<string, unknown> {
    return new Map(this.#keys.map((key, index) => [key, this[index]]));
  }

  /** This list's places with the other's values where it has them, and then what is new. */
  joined(other: readonly unknown[]): unknown {
    if (!(other instanceof SchemaList)) return [...this, ...other];
    const merged = new Map([...this.byKey, ...other.byKey]);
    const keys = [...merged.keys()];
    const list = new SchemaList();
    for (const key of keys) list.push(merged.get(key));
    list.#keys = keys;
    return list;
  }
}
