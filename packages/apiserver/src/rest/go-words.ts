/**
 * How Go says things of a strategic merge patch: upstream patches a tree of values and makes the kind's type of it
 * without JSON, so its words for a value of another type are others than a decoder's. Pure.
 */

const decoderWords =
  /^json: cannot unmarshal (\w+)(?: \S+)? into Go (?:struct field \S+|value) of type (.+)$/;
const kindsOfGo: Readonly<Record<string, string>> = { array: "slice", object: "map", number: "int64" };

/** What a decoder says of a value, in the words of who restores it from a tree. */
export function restoreFault(detail: string): string {
  const [, said = "", type = ""] = decoderWords.exec(detail) ?? [];
  if (type === "") return detail;
  const kind = kindsOfGo[said] ?? said;
  if (type.startsWith("map[") || type === "v1.ResourceList") return `cannot restore map from ${kind}`;
  if (type.startsWith("[]")) return `cannot restore slice from ${kind}`;
  if (type.includes(".")) return `cannot restore struct from: ${kind}`;
  return `cannot convert ${kind} to ${type}`;
}
