/** The patch does not fit the object, or is none; the message is for the user. */
export class PatchError extends Error {
  override name = "PatchError";
}

/** A directive says something that none can mean. */
export class PatchFormatError extends PatchError {
  override name = "PatchFormatError";
}
