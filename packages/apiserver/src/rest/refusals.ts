/** What clients are told when something cannot be, in upstream's words: tools and people look for them. */
import { type FieldError, fieldErrorBody, fieldErrorText, type KubeObject } from "@selvedge/apimachinery";
import { type StatusDetails, StatusError } from "../status-error.ts";
import {
  OutcomeUnknownError,
  StoreBusyError,
  StoreTimeoutError,
  StoreUnavailableError,
} from "../store/store.ts";
import { type KindName, resourceName } from "./kind-names.ts";

export function detailsOf(kind: KindName, name: string): StatusDetails {
  return { name, group: kind.group, kind: kind.plural };
}

export function notFound(kind: KindName, name: string): StatusError {
  return new StatusError(404, "NotFound", `${resourceName(kind)} "${name}" not found`, detailsOf(kind, name));
}

export function alreadyExists(kind: KindName, name: string): StatusError {
  const message = `${resourceName(kind)} "${name}" already exists`;
  return new StatusError(409, "AlreadyExists", message, detailsOf(kind, name));
}

export function isTaken(error: unknown): boolean {
  return error instanceof StatusError && error.reason === "AlreadyExists";
}

/** Whether the very object that was asked for is not there. */
export function isAbsent(error: unknown, kind: KindName, name: string): boolean {
  return error instanceof StatusError && error.message === notFound(kind, name).message;
}

/** A whole object says by its uid for which one it is meant; `there`: that of the one that is, "" of none. */
export function checkUid(
  kind: KindName,
  { metadata: { name, uid } }: KubeObject,
  there: string | undefined,
): void {
  if (!uid || uid === there) return;
  throw conflict(
    kind,
    name,
    `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${there}`,
  );
}

const modified =
  "the object has been modified; please apply your changes to the latest version and try again";

export function conflict(kind: KindName, name: string, why: string = modified): StatusError {
  const message = `Operation cannot be fulfilled on ${resourceName(kind)} "${name}": ${why}`;
  return new StatusError(409, "Conflict", message, detailsOf(kind, name));
}

export function badRequest(message: string, cause?: unknown): StatusError {
  return new StatusError(400, "BadRequest", message, undefined, cause === undefined ? undefined : { cause });
}

export function tooLarge(why: string): StatusError {
  return new StatusError(413, "RequestEntityTooLarge", `Request entity too large: ${why}`);
}

export function invalid(
  kind: { readonly group: string; readonly kind: string },
  name: string,
  errors: readonly FieldError[],
): StatusError {
  const causes = errors.map((error) => ({
    reason: error.type,
    message: fieldErrorBody(error),
    field: error.field,
  }));
  const texts = [...new Set(errors.map(fieldErrorText))];
  const qualified = kind.group === "" ? kind.kind : `${kind.kind}.${kind.group}`;
  const text = texts.length === 1 ? texts[0] : `[${texts.join(", ")}]`;
  const details = { ...(name && { name }), group: kind.group, ...(kind.kind && { kind: kind.kind }), causes };
  return new StatusError(422, "Invalid", `${qualified} "${name}" is invalid: ${text}`, details);
}

export function invalidField(
  kind: KindName,
  name: string,
  field: string,
  value: unknown,
  detail: string,
): StatusError {
  return invalid(kind, name, [{ type: "FieldValueInvalid", field, value, detail }]);
}

/** Upstream names the resource here, where it names the kind elsewhere. */
export function unsaidRevision(kind: KindName, name: string): StatusError {
  const said = { ...kind, kind: kind.plural };
  return invalidField(said, name, "metadata.resourceVersion", 0, "must be specified for an update");
}

/** For options in the query, which are checked as if they were an object. */
export function invalidOptions(kind: string, errors: readonly FieldError[]): StatusError {
  return invalid({ group: "meta.k8s.io", kind }, "", errors);
}

export function expired(message: string, continueWith?: string): StatusError {
  return new StatusError(410, "Expired", message, undefined, {
    ...(continueWith === undefined ? {} : { continue: continueWith }),
  });
}

/** `asked` as it was said, which may be more than our numbers hold; "exact": no waiting makes it better. */
export function tooLargeRevision(asked = "", current: number, how?: "exact"): StatusError {
  const message = `Too large resource version: ${BigInt(asked)}, current: ${current}`;
  const causes = [{ reason: "ResourceVersionTooLarge", message: "Too large resource version" }];
  const later = how === "exact" ? {} : { retryAfterSeconds: 1 };
  return new StatusError(504, "Timeout", `Timeout: ${message}`, { causes, ...later });
}

const storeRefusals = [
  [StoreUnavailableError, 503, "ServiceUnavailable"],
  [StoreBusyError, 429, "TooManyRequests"],
  [StoreTimeoutError, 504, "Timeout"],
  [OutcomeUnknownError, 504, "Timeout"],
] as const;

/** What a store that cannot do its work means to a client; undefined: something else went wrong. */
export function storeRefusal(error: unknown): StatusError | undefined {
  const found = storeRefusals.find(([type]) => error instanceof type);
  if (found === undefined || !(error instanceof Error)) return undefined;
  const [, code, reason] = found;
  return new StatusError(code, reason, error.message, { retryAfterSeconds: 1 }, { cause: error });
}

export function unknownResource(): StatusError {
  return new StatusError(404, "NotFound", "the server could not find the requested resource", {});
}

export function methodNotAllowed(why?: string): StatusError {
  const message = "the server does not allow this method on the requested resource";
  return new StatusError(405, "MethodNotAllowed", why === undefined ? message : `${message}: ${why}`, {});
}

export function unsupportedBody(accepted: readonly string[]): StatusError {
  const list = accepted.join(", ");
  const message = `the body of the request was in an unknown format - accepted media types include: ${list}`;
  return new StatusError(415, "UnsupportedMediaType", message);
}
