/** Semantic versions in rules. */
import type { FunctionTable } from "./overloads.ts";
import { EvaluationError, OpaqueValue } from "./values.ts";

interface Version {
  readonly numbers: readonly [bigint, bigint, bigint];
  readonly before: readonly string[];
}

const form =
  /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+[0-9A-Za-z.-]+)?$/;
const partOf = /^v?(\d+)(?:\.(\d+))?(?:\.(\d+))?((?:[-+]).*)?$/;

function parse(text: string, normalize: boolean): Version | undefined {
  const match = form.exec(normalize ? normalized(text) : text);
  if (match === null) return undefined;
  const [, major = "0", minor = "0", patch = "0", before] = match;
  const parts = before?.split(".") ?? [];
  if (parts.some((part) => /^0\d+$/.test(part))) return undefined;
  return { numbers: [BigInt(major), BigInt(minor), BigInt(patch)], before: parts };
}

/** `v1.02` is 1.2.0. */
function normalized(text: string): string {
  const match = partOf.exec(text);
  if (match === null) return text;
  const [, major = "0", minor = "0", patch, rest = ""] = match;
  // A short one is nothing but numbers.
  if (patch === undefined && rest !== "") return text;
  return `${[major, minor, patch ?? "0"].map((part) => BigInt(part)).join(".")}${rest}`;
}

function order(left: Version, right: Version): number {
  for (const [index, number] of left.numbers.entries()) {
    const other = right.numbers[index] ?? 0n;
    if (number !== other) return number < other ? -1 : 1;
  }
  // What comes before a version is less than it.
  if (left.before.length === 0 || right.before.length === 0) return right.before.length - left.before.length;
  for (const [index, part] of left.before.entries()) {
    const other = right.before[index];
    if (other === undefined) return 1;
    if (part === other) continue;
    const [a, b] = [/^\d+$/.test(part), /^\d+$/.test(other)];
    if (a && b) return BigInt(part) < BigInt(other) ? -1 : 1;
    if (a !== b) return a ? -1 : 1;
    return part < other ? -1 : 1;
  }
  return left.before.length - right.before.length;
}

function semver(version: Version): OpaqueValue {
  return new OpaqueValue("kubernetes.Semver", version, (other) => order(version, other as Version) === 0);
}

export function addSemver(table: FunctionTable): void {
  const read = (text: string, normalize: boolean): OpaqueValue => {
    const version = parse(text, normalize);
    if (version === undefined) throw new EvaluationError(`${JSON.stringify(text)} is no semantic version`);
    return semver(version);
  };
  table.add("semver(string) semver", (text: string) => read(text, false));
  table.add("semver(string, bool) semver", read);
  table.add("isSemver(string) bool", (text: string) => parse(text, false) !== undefined);
  table.add(
    "isSemver(string, bool) bool",
    (text: string, normalize: boolean) => parse(text, normalize) !== undefined,
  );
  const of = ({ value }: OpaqueValue): Version => value as Version;
  for (const [index, name] of (["major", "minor", "patch"] as const).entries()) {
    table.add(`semver.${name}() int`, (version: OpaqueValue) =>
      BigInt.asIntN(64, of(version).numbers[index] ?? 0n),
    );
  }
  const compare = (a: OpaqueValue, b: OpaqueValue): number => order(of(a), of(b));
  table.add("semver.compareTo(semver) int", (a: OpaqueValue, b: OpaqueValue) =>
    BigInt(Math.sign(compare(a, b))),
  );
  table.add("semver.isGreaterThan(semver) bool", (a: OpaqueValue, b: OpaqueValue) => compare(a, b) > 0);
  table.add("semver.isLessThan(semver) bool", (a: OpaqueValue, b: OpaqueValue) => compare(a, b) < 0);
}
