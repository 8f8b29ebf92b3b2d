/** An object as it was sent, before members of admission have had their say. Pure. */
import { type KindDefinition, type KubeObject, omitEmptyMeta, saidFields } from "@selvedge/apimachinery";
import type { FieldRules } from "./field-validation.ts";
import { fillDefaults, holdToKind, type Said } from "./write-plan.ts";

export interface Sent {
  readonly object: KubeObject;
  /**
   * Of a new one: what is its maker's. What members of admission put into it after this is nobody's. Of another: what
   * the server assigns, which is nobody's either.
   */
  readonly said: Said;
}

/** What was sent, as members of admission see it; `prunes`: for somebody outside, who sees what the kind knows. */
export function sentObject(
  kind: KindDefinition,
  object: KubeObject,
  old: KubeObject | undefined,
  rules: FieldRules,
  how: { readonly prunes: boolean; readonly isNew: boolean; readonly isPart?: boolean },
): Sent {
  const assigned = how.isPart === true ? undefined : kind.assigned?.(object);
  (how.prunes ? holdToKind : fillDefaults)(kind, object, old, rules);
  omitEmptyMeta(object);
  return { object, said: how.isNew ? saidFields(kind, object, assigned) : assigned };
}
