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

  /** Refuses what they find wrong; undefined: none waits. */
  settle(kind: KindDefinition, object: KubeObject): Promise<void> | undefined {
    const waiting = this.#object;
    this.#object = undefined;
    return waiting && this.#ask(kind, object, waiting);
  }

  async #ask(
    kind: KindDefinition,
    { metadata }: KubeObject,
    { errors, ...ruled }: WaitingObject,
  ): Promise<void> {
    const all = distinct([...errors, ...(await this.#evaluations.rules(ruled))]);
    if (all.length > 0) throw invalid(kind, metadata.name, all);
  }
}
