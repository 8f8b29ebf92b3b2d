/** Objects and patches for them by chance, as the structs in main.go have them. */
import { below, type Random } from "@selvedge/base";

type Json = Record<string, unknown>;

export interface PatchCase {
  readonly original: Json;
  readonly patch: Json;
}

export function randomPatch(random: Random): PatchCase {
  const maker = new Maker(random);
  return { original: maker.thing(), patch: maker.patch() };
}

class Maker {
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  #chance(of: number): boolean {
    return below(this.#random, of) === 0;
  }

  #pick<T>(values: readonly T[]): T {
    return values[below(this.#random, values.length)] as T;
  }

  /** Some, each once, in any order. */
  #some<T>(values: readonly T[]): T[] {
    const left = values.filter(() => !this.#chance(3));
    const out: T[] = [];
    while (left.length > 0) out.push(...left.splice(below(this.#random, left.length), 1));
    return out;
  }

  #members(members: Readonly<Record<string, () => unknown>>, often = 2): Json {
    const taken = Object.entries(members).filter(() => !this.#chance(often));
    return Object.fromEntries(taken.map(([name, make]) => [name, make()]));
  }

  #part(name: string): Json {
    const more = this.#members({
      image: () => this.#pick(["1", "2"]),
      tags: () => Object.fromEntries(this.#some(["x", "y"]).map((key) => [key, this.#pick(["1", "2"])])),
      ports: () => this.#some([1, 2, 3]).map((port) => ({ port, label: this.#pick(["a", "b"]) })),
      args: () => this.#some(["p", "q"]),
    });
    return { name, ...more };
  }

  #rollout(): Json {
    return this.#members({
      type: () => this.#pick(["A", "B"]),
      max: () => below(this.#random, 3),
      pause: () => "p",
    });
  }

  thing(): Json {
    return this.#members(
      {
        parts: () => this.#some(["a", "b", "c", "d"]).map((name) => this.#part(name)),
        names: () => this.#some(["k", "l", "m"]),
        whole: () => this.#some(["a", "b"]).map((name) => this.#part(name)),
        strategy: () => this.#rollout(),
        fixed: () => this.#rollout(),
        labels: () => Object.fromEntries(this.#some(["x", "y", "z"]).map((key) => [key, "1"])),
        size: () => below(this.#random, 3),
      },
      5,
    );
  }

  patch(): Json {
    const patch = this.#members({
      parts: () => this.#patchedParts(),
      names: () => this.#some(["l", "m", "n"]),
      whole: () => this.#some(["a", "c"]).map((name) => this.#part(name)),
      strategy: () => this.#patchedRollout(),
      fixed: () => (this.#chance(6) ? null : this.#rollout()),
      labels: () => this.#patchedLabels(),
      size: () => this.#pick([1, null]),
    });
    // What is both added and taken out comes to nothing certain.
    if (this.#chance(4))
      patch["$deleteFromPrimitiveList/names"] = this.#some(patch["names"] ? ["k"] : ["k", "l"]);
    if (this.#chance(3)) {
      patch["$setElementOrder/names"] = this.#order(["k", "l", "m", "n"], patch["names"], (item) => item);
    }
    const replaces = JSON.stringify(patch["parts"] ?? "").includes('{"$patch":"replace"}');
    if (!replaces && this.#chance(2)) {
      const names = this.#order(["a", "b", "c", "d", "e"], patch["parts"], (item) => (item as Json)["name"]);
      patch["$setElementOrder/parts"] = names.map((name) => ({ name }));
    }
    return patch;
  }

  /** An order that names all that the patch has, mostly as the patch has it: any other is refused. */
  #order(
    all: readonly (string | number)[],
    list: unknown,
    keyOf: (item: unknown) => unknown,
  ): (string | number)[] {
    const given = Array.isArray(list)
      ? list.filter((item) => (item as Json)["$patch"] === undefined).map(keyOf)
      : [];
    const known = given.filter((key) => key !== undefined) as (string | number)[];
    const order = [...known];
    for (const key of this.#some(all.filter((one) => !known.includes(one)))) {
      order.splice(below(this.#random, order.length + 1), 0, key);
    }
    return this.#chance(10) ? order.reverse() : order;
  }

  #patchedLabels(): unknown {
    if (this.#chance(8)) return { $patch: this.#pick(["delete", "replace"]), w: "1" };
    return Object.fromEntries(this.#some(["x", "y", "w"]).map((key) => [key, this.#pick(["1", "2", null])]));
  }

  #patchedRollout(): unknown {
    const rollout = this.#rollout();
    if (!this.#chance(2)) return rollout;
    return { ...rollout, $retainKeys: this.#chance(5) ? ["type"] : Object.keys(rollout) };
  }

  #patchedParts(): unknown {
    if (this.#chance(10)) return null;
    const parts: Json[] = this.#some(["b", "c", "d", "e"]).map((name) => this.#patchedPart(name));
    if (this.#chance(10)) parts.push({ $patch: "replace" });
    return parts;
  }

  #patchedPart(name: string): Json {
    if (this.#chance(5)) return { name, $patch: "delete" };
    if (this.#chance(30)) return { image: "no name" };
    const part = this.#part(name);
    if (this.#chance(6)) part["image"] = null;
    if (this.#chance(5)) {
      const order = this.#order([1, 2, 3], part["ports"], (item) => (item as Json)["port"]);
      part["$setElementOrder/ports"] = order.map((port) => ({ port }));
    }
    return part;
  }
}
