/** What members of admission see of a long object, and what is made of it for them: texts in, texts out. */
import { type KindDefinition, type KubeObject, readAs } from "@selvedge/apimachinery";
import { HookError } from "../admission/webhook/hook-error.ts";
import { patchedObject } from "../admission/webhook/patched-object.ts";
import { cutObject } from "../rest/lazy-object.ts";
import { withScale } from "../rest/scale.ts";
import { sentObject } from "../rest/sent-object.ts";
import { shownAs } from "../rest/shown-as.ts";
import type { Said } from "../rest/write-plan.ts";
import { StatusError } from "../status-error.ts";
import {
  kindIn,
  type Planned,
  refusalOf,
  rulesIn,
  type SaidKind,
  type SaidRules,
  type SaidStored,
  storedIn,
} from "./plan-tasks.ts";

export interface MutateTask {
  readonly type: "mutate";
  readonly kind: SaidKind;
  /** What its defaults look at; users' kinds have none such. */
  readonly old: SaidStored | undefined;
  /** The object, as JSON. */
  readonly object: string;
  readonly subresource: string | undefined;
  readonly step: MutationStep;
}

export type MutationStep =
  | {
      readonly type: "sent";
      readonly prunes: boolean;
      readonly isNew: boolean;
      readonly rules: SaidRules;
    }
  | { readonly type: "shown"; readonly matched: SaidKind }
  /** As a webhook has sent it. */
  | { readonly type: "patched"; readonly matched: SaidKind; readonly patch: string }
  /** As JSON. */
  | { readonly type: "scaled"; readonly scale: string };

/** `said`: what of a new object is its maker's, as JSON. */
export type Mutated =
  | (Planned & { readonly said?: string })
  | { readonly type: "fault"; readonly message: string };

export async function mutate(task: MutateTask): Promise<Mutated> {
  const kind = await kindIn(task.kind);
  const warnings: string[] = [];
  try {
    const { object, said } = await madeBy(task, kind, (text) => warnings.push(text));
    const made = { object: cutObject(object ?? {}), isSame: object === undefined, warnings };
    return { type: "made", ...made, ...(said !== undefined && { said: JSON.stringify(said) }) };
  } catch (error) {
    if (error instanceof HookError) return { type: "fault", message: error.message };
    if (!(error instanceof StatusError)) throw error;
    return { type: "refused", refusal: refusalOf(error), warnings };
  }
}

/** No object: nothing is another. */
async function madeBy(
  { object: text, old: said, subresource, step }: MutateTask,
  kind: KindDefinition,
  warn: (text: string) => void,
): Promise<{ readonly object: KubeObject | undefined; readonly said?: Said }> {
  const object = readAs(kind, text) as KubeObject;
  const old = said && storedIn(said, kind);
  switch (step.type) {
    case "sent":
      return sentObject(kind, object, old, { ...rulesIn(kind, step.rules), warn }, step);
    case "scaled":
      return { object: withScale(kind, object, JSON.parse(step.scale) as KubeObject) };
    default: {
      const matched = await kindIn(step.matched);
      const shown = await shownAs(matched, { kind, subresource }, object);
      if (step.type === "shown") return { object: shown };
      const { patch } = step;
      return { object: await patchedObject({ kind, matched, subresource, object, old, shown, patch }) };
    }
  }
}
