/** What the rules of a custom kind's schema say of an object that is written: at once, or later. Pure. */
import {
  type FieldError,
  fieldErrorText,
  hasRules,
  ruleFaults,
  type Schema,
  type Slice,
  TooHeavyError,
} from "@selvedge/apimachinery";

/** An object of a custom kind, by whose schema it is asked about. */
export interface RuledObject {
  readonly schema: Schema;
  readonly object: unknown;
  readonly old: unknown;
}

/** An object that is in order but for what its rules may say. */
export interface WaitingObject extends RuledObject {
  /** What else is wrong. */
  readonly errors: readonly FieldError[];
}

/** Who asks the rules that take too long to be asked at once. */
export interface Patience {
  slice(): Slice;
  wait(object: WaitingObject): void;
}

/** What kinds of faults leave a value that rules were not made for. */
const blocking = new Set([
  ...["FieldValueNotSupported", "FieldValueRequired", "FieldValueTooLong", "FieldValueTooMany"],
  "FieldValueTypeInvalid",
]);

/** `found`: what the schema says is wrong. Undefined: it takes too long here. */
export function askRules(
  { schema, object, old }: RuledObject,
  found: readonly FieldError[],
  slice: Slice | undefined,
): readonly FieldError[] | undefined {
  if (!hasRules(schema)) return [];
  if (found.some(({ type }) => blocking.has(type))) return [unasked];
  try {
    return ruleFaults(schema, object, old, slice);
  } catch (error) {
    if (!(error instanceof TooHeavyError)) throw error;
    return undefined;
  }
}

const unasked: FieldError = {
  ...{ type: "FieldValueInvalid", field: "<nil>", value: null },
  detail:
    "some validation rules were not checked because the object was invalid; correct the existing errors to " +
    "complete validation",
};

/** Each fault once. */
export function distinct(errors: readonly FieldError[]): readonly FieldError[] {
  return [...new Map(errors.map((error) => [fieldErrorText(error), error])).values()];
}
