/** Schemas and writes by chance, small enough that writers meet: few names, few values. */
import { below, type Random } from "@selvedge/base";

export interface Recording {
  readonly schema: string;
  readonly typeRef: string;
  readonly apiVersion: string;
  readonly ops: readonly {
    readonly op: string;
    readonly APIVersion: string;
    readonly Manager: string;
    readonly Object: string;
  }[];
}

type Json = Record<string, unknown>;

/** One member of a type: how the reference implementation writes it, and values of it. */
interface Shape {
  readonly type: Json;
  readonly value: () => unknown;
}

const depthMax = 3;

export function randomRecording(random: Random): Recording {
  const shapes = new Shapes(random);
  const root = shapes.struct(0, false);
  const types = [
    { name: "root", ...root.type },
    untyped("__untyped_atomic_", true),
    untyped("__untyped_deduced_", false),
  ];
  const count = 2 + below(random, 6);
  const ops = Array.from({ length: count }, () => ({
    op: pick(random, ["Apply", "Apply", "ForceApply", "Update"]),
    ...{ APIVersion: "v1", Manager: pick(random, ["a", "b", "c"]) },
    Object: JSON.stringify(root.value()),
  }));
  return { schema: JSON.stringify({ types }), typeRef: "namedType: root", apiVersion: "v1", ops };
}

function pick<T>(random: Random, values: readonly T[]): T {
  return values[below(random, values.length)] as T;
}

/** What has no schema: as wholes, or member by member. */
function untyped(name: string, atomic: boolean): Json {
  const inner = { namedType: "__untyped_atomic_" };
  const own = { namedType: name };
  return {
    ...{ name, scalar: "untyped" },
    list: { elementType: inner, elementRelationship: "atomic" },
    map: { elementType: own, elementRelationship: atomic ? "atomic" : "separable" },
  };
}

class Shapes {
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  struct(depth: number, atomic: boolean): Shape {
    const names = ["a", "b", "c", "d", "e"].slice(0, 2 + below(this.#random, 4));
    const members = names.map((name) => [name, this.any(depth + 1)] as const);
    const fields = members.map(([name, { type }]) => ({ name, type }));
    return {
      type: { map: { fields, ...(atomic && { elementRelationship: "atomic" }) } },
      value: () =>
        Object.fromEntries(members.filter(() => this.#often()).map(([name, { value }]) => [name, value()])),
    };
  }

  any(depth: number): Shape {
    const kinds = ["text", "number", "flag", "whole", "set", "free"];
    if (depth < depthMax) kinds.push("keyed", "keyed", "map", "maps", "struct", "struct", "atom");
    switch (pick(this.#random, kinds)) {
      case "text":
        return this.#text();
      case "number":
        return { type: { scalar: "numeric" }, value: () => below(this.#random, 3) };
      case "flag":
        return { type: { scalar: "boolean" }, value: () => this.#often() };
      case "whole":
        return this.#list({ elementRelationship: "atomic" });
      case "set":
        return this.#list({ elementRelationship: "associative" });
      case "free":
        return { type: { namedType: "__untyped_deduced_" }, value: () => this.#free(depth) };
      case "keyed":
        return this.#keyed(depth);
      case "map":
        return this.#map(this.#text());
      case "maps":
        return this.#map(this.struct(depth + 1, false));
      case "atom":
        return this.struct(depth + 1, true);
      default:
        return this.struct(depth + 1, false);
    }
  }

  #often(): boolean {
    return below(this.#random, 3) > 0;
  }

  #text(): Shape {
    return { type: { scalar: "string" }, value: () => pick(this.#random, ["x", "y", "z"]) };
  }

  /** Some of a few, each once, in any order. */
  #some(values: readonly string[]): string[] {
    const left = values.filter(() => this.#often());
    const out: string[] = [];
    while (left.length > 0) out.push(...left.splice(below(this.#random, left.length), 1));
    return out;
  }

  #list(relationship: Json): Shape {
    const type = { list: { elementType: { scalar: "string" }, ...relationship } };
    return { type, value: () => this.#some(["p", "q", "r", "s"]) };
  }

  #keyed(depth: number): Shape {
    const inner = this.struct(depth + 1, false);
    const { fields } = (inner.type as { map: { fields: Json[] } }).map;
    const type = {
      list: {
        elementType: { map: { fields: [{ name: "key", type: { scalar: "string" } }, ...fields] } },
        ...{ elementRelationship: "associative", keys: ["key"] },
      },
    };
    return {
      type,
      value: () => this.#some(["k", "l", "m"]).map((key) => ({ key, ...(inner.value() as Json) })),
    };
  }

  #map(inner: Shape): Shape {
    const type = { map: { elementType: inner.type, elementRelationship: "separable" } };
    const value = (): unknown =>
      Object.fromEntries(this.#some(["u", "v", "w"]).map((key) => [key, inner.value()]));
    return { type, value };
  }

  #free(depth: number): unknown {
    switch (below(this.#random, depth > depthMax ? 2 : 4)) {
      case 0:
        return pick(this.#random, ["x", "y"]);
      case 1:
        return below(this.#random, 3);
      case 2:
        return this.#some(["p", "q"]);
      default:
        return Object.fromEntries(this.#some(["u", "v"]).map((key) => [key, this.#free(depth + 2)]));
    }
  }
}
