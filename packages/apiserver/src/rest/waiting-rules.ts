import type { KindDefinition, KubeObject, Slice } from "@selvedge/apimachinery";
import type { Evaluations } from "../evaluation/evaluations.ts";
import { distinct, type Patience, type WaitingObject } from "./asked-rules.ts";
import { invalid } from "./refusals.ts";

/** The rules of one write that are asked in a thread. */
export class WaitingRules implements Patience {
  readonly #evaluations: Evaluations;
  #object: WaitingObject | undefined;

  constructor(evaluations: Evaluations) {
    this.#evaluations = evaluations;
  }

  slice(): Slice {
    return this.#evaluations.slice();
  }

  wait(object: WaitingObject): void {
    this.#object = object;
  }

  /** Refuses what they find wrong. */
  async settle(kind: KindDefinition, { metadata }: KubeObject): Promise<void> {
    const waiting = this.#object;
    if (waiting === undefined) return;
    this.#object = undefined;
    const { errors, ...ruled } = waiting;
    const all = distinct([...errors, ...(await this.#evaluations.rules(ruled))]);
    if (all.length > 0) throw invalid(kind, metadata.name, all);
  }
}
