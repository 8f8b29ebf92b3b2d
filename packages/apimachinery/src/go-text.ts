/** Values as Go prints them: upstream's messages show them so, and people look for its messages. Pure. */
import { isInteger } from "@selvedge/base";

/** `map[metadata:map[labels:a]]`: with %v. */
export function goText(value: unknown): string {
  if (value === null || value === undefined) return "<nil>";
  if (Array.isArray(value)) return `[${value.map(goText).join(" ")}]`;
  if (typeof value !== "object") return String(value);
  const members = sorted(value).map(([name, member]) => `${name}:${goText(member)}`);
  return `map[${members.join(" ")}]`;
}

/** `map[string]interface {}{"a":1}`: with %#v. */
export function goSyntax(value: unknown): string {
  if (value === null || value === undefined) return "interface {}(nil)";
  if (Array.isArray(value)) return `${goType(value)}{${value.map(goSyntax).join(", ")}}`;
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value !== "object") return String(value);
  const members = sorted(value).map(([name, member]) => `${JSON.stringify(name)}:${goSyntax(member)}`);
  return `${goType(value)}{${members.join(", ")}}`;
}

/** `string`: with %T. */
export function goType(value: unknown): string {
  if (Array.isArray(value)) return "[]interface {}";
  if (typeof value === "object") return value === null ? "<nil>" : "map[string]interface {}";
  if (isInteger(value)) return "int64";
  if (typeof value === "number") return "float64";
  return typeof value === "boolean" ? "bool" : typeof value;
}

function sorted(value: object): [name: string, member: unknown][] {
  return Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1));
}
