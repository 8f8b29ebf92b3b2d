/**
 * How much may be evaluated where everybody else waits for it. What costs says little about how long some things
 * take, so that both are looked at; who takes more is begun anew where nobody waits.
 */
import type { Overload } from "./overloads.ts";

/** What is evaluated takes longer than it may here: it comes to the same elsewhere. */
export class TooHeavyError extends Error {
  override name = "TooHeavyError";

  constructor() {
    super("what is evaluated takes too long to be waited for");
  }
}

/** The time is looked at every so many steps: three of them can compare two whole objects. */
const stepsUnseen = 8;
/** To look at a longer text takes so long that the time is looked at next. */
const longText = 100_000;
/** Characters or items that one call may look at or make, counted as often as it may: some 10 ms. */
const looksMax = 2_000_000;
/** What may look at each character once for each of another text, or makes as many, and is charged for less. */
const manyLooks = new Set(["indexOf", "lastIndexOf", "replace", "split", "join", "flatten"]);
/** It makes as many as it is told for next to nothing. */
const rangeMax = 100_000n;

export class Slice {
  readonly #isOver: () => boolean;
  #left: number;
  #steps = 0;

  constructor(cost: number, isOver: () => boolean) {
    this.#left = cost;
    this.#isOver = isOver;
  }

  spend(cost: number): void {
    this.#left -= cost;
    if (this.#left < 0) throw new TooHeavyError();
    if (++this.#steps % stepsUnseen === 0 && this.#isOver()) throw new TooHeavyError();
  }

  /** Before a call that nothing can stop is made. */
  checkCall({ name }: Overload, args: readonly unknown[]): void {
    if (args.some((arg) => typeof arg === "string" && arg.length > longText)) this.#steps = stepsUnseen - 1;
    if (name === "lists.range" && (args[0] as bigint) > rangeMax) throw new TooHeavyError();
    if (!manyLooks.has(name)) return;
    const looks = args.reduce<number>((product, arg) => product * Math.max(1, sizeWithin(arg)), 1);
    if (looks > looksMax) throw new TooHeavyError();
  }
}

/** Of a list, what its items hold; texts are taken by their units, of which there are no fewer than characters. */
function sizeWithin(value: unknown): number {
  if (!Array.isArray(value)) return ownSize(value);
  let size = 0;
  for (const item of value) {
    size += ownSize(item);
    if (size > looksMax) break;
  }
  return size;
}

function ownSize(value: unknown): number {
  return typeof value === "string" || Array.isArray(value) ? value.length : 1;
}
