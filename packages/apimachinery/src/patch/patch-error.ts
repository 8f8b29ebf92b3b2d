/** The patch does not fit the object, or is none; the message is for the user. */
export class PatchError extends Error {
  override name = "PatchError";
  /** It is more than is read. */
  readonly isTooLong: boolean;

  constructor(message: string, isTooLong = false) {
    super(message);
    this.isTooLong = isTooLong;
  }
}

/** A directive says something that none can mean. */
export class PatchFormatError extends PatchError {
  override name = "PatchFormatError";
}
