/**
 * Answers about long objects that need all of what they say: made in the threads that plan their writes, by the same
 * functions. What is short is made at once, and so is what no thread can have or has room for: who only reads is not
 * refused.
 */
import type { KindDefinition } from "@selvedge/apimachinery";
import type { Instant } from "@selvedge/base";
import { EvaluationLostError } from "../evaluation/evaluation-threads.ts";
import type { Evaluations } from "../evaluation/evaluations.ts";
import type { SaidKind } from "../evaluation/plan-tasks.ts";
import { type AnswerForm, inForm } from "./answer-forms.ts";
import { hasManyValues } from "./json-outline.ts";
import { longMin } from "./lazy-object.ts";
import type { Stored } from "./stored.ts";
import { keepValues, knownValues } from "./table.ts";

/** YAML takes some ten times as long to write as anything else. */
const longYamlMin = 16 * 1024;

type Made = string | Uint8Array;

export class LongAnswers {
  readonly #evaluations: Evaluations;
  readonly #said: (kind: KindDefinition) => SaidKind | undefined;

  /** `said`: by what a thread has a kind; undefined: it cannot have it. */
  constructor(evaluations: Evaluations, said: (kind: KindDefinition) => SaidKind | undefined) {
    this.#evaluations = evaluations;
    this.#said = said;
  }

  form(json: string, form: AnswerForm, kind?: KindDefinition): Made | Promise<Made> {
    if (!isLong(json, form) || !this.#evaluations.hasRoom) return inForm(json, form, kind);
    const said = kind && this.#said(kind);
    const isThere = kind === undefined || said !== undefined;
    return isThere ? this.#form(json, form, kind, said) : inForm(json, form, kind);
  }

  async #form(
    json: string,
    form: AnswerForm,
    kind: KindDefinition | undefined,
    said: SaidKind | undefined,
  ): Promise<Made> {
    try {
      return await this.#evaluations.form({ type: "form", json, form, kind: said });
    } catch (error) {
      if (!(error instanceof EvaluationLostError)) throw error;
      return inForm(json, form, kind);
    }
  }

  /** Has found what a long object's row in a table needs; undefined: it is known, or as quickly found at once. */
  look(stored: Stored, kind: KindDefinition, now: Instant): Promise<void> | undefined {
    if (kind.columns.length === 0 || !stored.isLong) return undefined;
    const known = knownValues(stored.object, now);
    if (known !== undefined || !this.#evaluations.hasRoom) return known?.found;
    const said = this.#said(kind);
    if (said === undefined) return undefined;
    return keepValues(stored.object, now, this.#look(stored, said, now));
  }

  async #look(stored: Stored, kind: SaidKind, now: Instant): Promise<readonly unknown[] | undefined> {
    try {
      return await this.#evaluations.values({ type: "values", kind, stored: stored.said, now });
    } catch (error) {
      if (!(error instanceof EvaluationLostError)) throw error;
      return undefined;
    }
  }
}

function isLong(json: string, form: AnswerForm): boolean {
  const isYaml = form === "yaml" || form === "yamlItems";
  return json.length > (isYaml ? longYamlMin : longMin) && hasManyValues(json);
}
