import {
  type FieldError,
  fieldErrorText,
  type KindDefinition,
  type KubeObject,
} from "@selvedge/apimachinery";

/** What was wrong with a status before may stay as it is: whoever writes one knows only a part of it. */
export function statusErrors(
  { validateStatus }: KindDefinition,
  object: KubeObject,
  old: KubeObject,
): FieldError[] {
  const errors = validateStatus?.(object, old) ?? [];
  if (errors.length === 0) return errors;
  const before = new Set(validateStatus?.(old, old).map(fieldErrorText));
  return errors.filter((error) => !before.has(fieldErrorText(error)));
}
