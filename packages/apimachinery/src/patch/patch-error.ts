/** The patch does not fit the object, or is none; the message is for the user. */
export class PatchError extends Error {
  override name = "PatchError";
}
