/** Which item of a list was which before: told by keys, where the list has keys. */
import { canonicalJson } from "@selvedge/base";
import type { Schema } from "../schema.ts";
import { isObject } from "./walk.ts";

export class CorrelatedItems {
  readonly #keys: readonly string[];
  readonly #schema: Schema;
  #byKeys: Map<string, unknown> | undefined;
  readonly #old: unknown;

  constructor(schema: Schema, old: unknown) {
    this.#schema = schema;
    this.#old = old;
    this.#keys =
      schema["x-kubernetes-list-type"] === "map" ? (schema["x-kubernetes-list-map-keys"] ?? []) : [];
  }

  /** The item as it was; undefined when it is new, or nobody can tell. */
  of(item: unknown): unknown {
    if (this.#keys.length === 0 || !Array.isArray(this.#old)) return undefined;
    if (this.#byKeys === undefined) {
      this.#byKeys = new Map();
      for (const one of this.#old) this.#byKeys.set(this.#identity(one), one);
    }
    return this.#byKeys.get(this.#identity(item));
  }

  #identity(item: unknown): string {
    if (!isObject(item)) return canonicalJson(item);
    const defaults = this.#schema.items?.properties;
    return canonicalJson(this.#keys.map((key) => item[key] ?? defaults?.[key]?.default ?? null));
  }
}
