/** Of an object whose entry in the configuration cannot be read: why, and whether anything is known of it. */
export interface Unread {
  readonly field: string;
  readonly message: string;
  /** It is what it was in the configuration before; else nothing is known of it but its name. */
  readonly goesOn: boolean;
}

/** The reason of what is not as the configuration says because that cannot be read. */
export const unreadable = "InvalidConfiguration";

export function unreadText({ field, message, goesOn }: Unread): string {
  return `${field}: ${message}${goesOn ? "; it stays as it was before" : ""}`;
}
