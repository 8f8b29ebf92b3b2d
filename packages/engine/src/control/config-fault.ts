/** A configuration that cannot be accepted, and the field to mend. */
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
