/** Keys as ranges. No key holds a character below the space, so the least of them is a successor's mark. */
const least = "\u0001";

/** Keys from `from`, before `to`. */
export interface KeyRange {
  readonly from: string;
  readonly to: string;
}

/** All keys that begin with `prefix`, which ends with a slash or is empty; those after `after`, if given. */
export function below(prefix: string, after?: string): KeyRange {
  return { from: after === undefined ? prefix : behind(after), to: endOf(prefix) };
}

/** Where the keys after this one begin. */
export function behind(key: string): string {
  return `${key}${least}`;
}

/** The order of databases: that of bytes, which is not quite that of JavaScript. */
export function inOrder(one: string, other: string): number {
  return Buffer.compare(Buffer.from(one), Buffer.from(other));
}

/** What a subscription to `prefix` is about: all keys below it, or the one key that it is. */
export function followed(prefix: string): KeyRange {
  return isFolder(prefix) ? below(prefix) : { from: prefix, to: behind(prefix) };
}

export function matcherOf(prefix: string): (key: string) => boolean {
  return isFolder(prefix) ? (key) => key.startsWith(prefix) : (key) => key === prefix;
}

function isFolder(prefix: string): boolean {
  return prefix === "" || prefix.endsWith("/");
}

/** The first text after all that begin with `prefix`: of "a/" that is "a0", of all texts there is none. */
function endOf(prefix: string): string {
  return prefix === "" ? "\u{10ffff}" : `${prefix.slice(0, -1)}0`;
}
