/** Field errors as upstream prints them. */
import type { FieldError } from "./kind-definition.ts";

const titles: Readonly<Record<FieldError["type"], string>> = {
  FieldValueRequired: "Required value",
  FieldValueInvalid: "Invalid value",
  FieldValueNotSupported: "Unsupported value",
  FieldValueDuplicate: "Duplicate value",
  FieldValueForbidden: "Forbidden",
  FieldValueTooLong: "Too long",
  FieldValueTooMany: "Too many",
  FieldValueNotFound: "Not found",
  FieldValueTypeInvalid: "Invalid value",
  InternalError: "Internal error",
};

/** `Invalid value: "Web": a lowercase RFC 1123 label must …`: an error without its field. */
export function fieldErrorBody({ type, value, detail }: FieldError): string {
  const bare =
    type === "FieldValueRequired" || type === "FieldValueForbidden" || type === "FieldValueTooLong";
  const shown = bare || type === "InternalError" || value === undefined ? "" : `: ${JSON.stringify(value)}`;
  return `${titles[type]}${shown}${detail === "" ? "" : `: ${detail}`}`;
}

export function fieldErrorText(error: FieldError): string {
  return `${error.field}: ${fieldErrorBody(error)}`;
}
