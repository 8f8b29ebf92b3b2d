/** What is made in a thread of a long object for who asks for it in another form: texts in, bytes or values out. */
import type { Instant } from "@selvedge/base";
import { type AnswerForm, inForm } from "../rest/answer-forms.ts";
import { valuesOf } from "../rest/table.ts";
import { kindIn, type SaidKind, type SaidStored, storedIn } from "./plan-tasks.ts";

export interface FormTask {
  readonly type: "form";
  readonly json: string;
  readonly form: AnswerForm;
  readonly kind: SaidKind | undefined;
}

/** What the columns of a kind's table find in an object. */
export interface ValuesTask {
  readonly type: "values";
  readonly kind: SaidKind;
  readonly stored: SaidStored;
  readonly now: Instant;
}

export async function formed({ json, form, kind }: FormTask): Promise<Uint8Array> {
  const made = inForm(json, form, kind && (await kindIn(kind)));
  return typeof made === "string" ? new TextEncoder().encode(made) : made;
}

export async function lookedUp({ kind: said, stored, now }: ValuesTask): Promise<readonly unknown[]> {
  const kind = await kindIn(said);
  return valuesOf(kind, storedIn(stored, kind), now);
}
