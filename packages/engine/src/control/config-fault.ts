import type { Unread } from "../unread.ts";

/** A configuration, or one object of it, that cannot be read, and the field to mend. */
export class ConfigFault extends Error {
  override name = "ConfigFault";
  readonly field: string;

  constructor(field: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.field = field;
  }
}

export function isUuid(text: string): boolean {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text);
}

/** The items by their key; two with the same key are a fault. */
export function unique<T, K extends string>(
  field: string,
  items: readonly T[],
  keyOf: (item: T) => K,
): Map<K, T> {
  const map = new Map<K, T>();
  for (const item of items) {
    const key = keyOf(item);
    if (map.has(key)) throw new ConfigFault(field, `two of them are ${JSON.stringify(key)}`);
    map.set(key, item);
  }
  return map;
}

interface Named {
  readonly id: string;
  readonly unread?: Unread;
}

/** Objects of one kind, as a configuration lists them, and how one of them is read. */
interface Kind<I, T extends Named> {
  readonly field: string;
  readonly idField: string;
  readonly items: readonly I[];
  readonly idOf: (item: I) => string;
  /** Not there: all are. */
  readonly isOurs?: (item: I) => boolean;
  readonly read: (item: I, field: string) => T;
  /** As the configuration before had it. */
  readonly before: readonly T[] | undefined;
  /** What goes on in place of one that cannot be read: what was before it, or nothing but its name. */
  readonly kept: (before: T, item: I) => T;
  readonly blank: (item: I, id: string, unread: Unread) => T;
}

/**
 * Reads each object by itself, and is the only place that knows what becomes of one that cannot be read: it
 * stays as it was, and the field to mend goes with it. Only one without an id is a fault of the whole: nobody
 * could say which of the node's it is, and to go on without it would take that one away.
 */
export function readEach<I, T extends Named>(kind: Kind<I, T>): T[] {
  const { field, idField, items, isOurs = () => true, before = [] } = kind;
  const specs = new Map<string, T>();
  for (const [at, item] of items.entries()) {
    if (!isOurs(item)) continue;
    const [place, id] = [`${field}[${at}]`, kind.idOf(item).toLowerCase()];
    if (!isUuid(id)) throw new ConfigFault(`${place}.${idField}`, `${JSON.stringify(id)} is not a UUID`);
    try {
      if (specs.has(id)) throw new ConfigFault(`${place}.${idField}`, `another has ${id}, too`);
      specs.set(id, kind.read(item, place));
    } catch (error) {
      if (!(error instanceof ConfigFault)) throw error;
      const known = before.find((it) => it.id === id && it.unread?.goesOn !== false);
      const unread = { field: error.field, message: error.message, goesOn: known !== undefined };
      specs.set(
        id,
        known === undefined ? kind.blank(item, id, unread) : { ...kind.kept(known, item), unread },
      );
    }
  }
  return [...specs.values()];
}

/** What names an object of which nothing is known has its fault. */
export function refuseBlank(unread: Unread | undefined): void {
  if (unread?.goesOn === false) throw new ConfigFault(unread.field, unread.message);
}
