/** What goes wrong between us and a webhook. */
import { StatusError } from "../../status-error.ts";

/** Nobody has answered, or not as they should; the message is what upstream's client says. */
export class HookError extends Error {
  override name = "HookError";
}

/** What the client is told when something went wrong that is not theirs. */
export function internalError(why: string, cause?: unknown): StatusError {
  const message = `Internal error occurred: ${why}`;
  return new StatusError(500, "InternalError", message, { causes: [{ message: why }] }, { cause });
}
