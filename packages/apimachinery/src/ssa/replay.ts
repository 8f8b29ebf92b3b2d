/**
 * Replays recorded server-side-apply cases: one JSON a line, with the schema in structured-merge-diff's own
 * form.
 */
import { canonicalJson } from "@selvedge/base";
import { parse } from "yaml";
import { isObject, type JsonObject } from "../structural/walk.ts";
import type { ApplyType, ListType, MapType, ScalarType, TypeRef } from "./apply-type.ts";
import { FieldSet } from "./field-set.ts";
import { compareValues, mergeValues } from "./merge-values.ts";
import { extractFields } from "./take-fields.ts";
import {
  ApplyConflictError,
  applyManaged,
  type Managed,
  sameInAllVersions,
  updateManaged,
  type Versions,
} from "./updater.ts";

export interface ReplayResult {
  readonly passed: number;
  /** A line for each that failed: its number and why. */
  readonly failures: readonly string[];
}

interface RecordedManager {
  readonly apiVersion: string;
  readonly applied: boolean;
  readonly set: unknown;
}

interface RecordedOperation {
  readonly op: string;
  readonly APIVersion?: string;
  readonly Manager?: string;
  readonly Object?: string;
  readonly Conflicts?: unknown;
}

interface RecordedCase {
  readonly schema: string;
  readonly typeRef: string;
  readonly apiVersion?: string;
  readonly ops: readonly RecordedOperation[];
  readonly object?: string;
  readonly err?: string;
  /** The order of all lists must be as recorded, whatever their items are told apart by. */
  readonly ordered?: boolean;
  /** Fields that the updater ignores, by version, in fieldsV1's form. */
  readonly ignoredFields?: Readonly<Record<string, unknown>>;
  readonly managed: Readonly<Record<string, RecordedManager>> | null;
}

export function replayApplyCases(lines: string): ReplayResult {
  const failures: string[] = [];
  let passed = 0;
  for (const [index, line] of lines.split("\n").entries()) {
    if (line.trim() === "") continue;
    const fault = replayCase(JSON.parse(line) as RecordedCase);
    if (fault === undefined) passed++;
    else failures.push(`case ${index + 1}: ${fault}`);
  }
  return { passed, failures };
}

interface State {
  live: unknown;
  liveVersion: string;
  managers: ReadonlyMap<string, Managed>;
  versions: Versions;
}

function replayCase(recorded: RecordedCase): string | undefined {
  const state: State = {
    ...{ live: null, liveVersion: "", managers: new Map() },
    versions: readVersions(recorded.schema, recorded.typeRef, recorded.ops),
  };
  try {
    for (const op of recorded.ops) runOperation(state, op, recorded);
  } catch (error) {
    return recorded.err ? undefined : `threw ${error instanceof Error ? error.message : String(error)}`;
  }
  if (recorded.err) return `should fail: ${recorded.err}`;
  const live = state.versions.convert(
    state.live,
    state.liveVersion,
    recorded.apiVersion ?? state.liveVersion,
  );
  if (recorded.object !== undefined) {
    const wanted: unknown = parse(recorded.object);
    const equal = recorded.ordered
      ? canonicalJson(wanted) === canonicalJson(live)
      : same(state.versions, recorded.apiVersion ?? state.liveVersion, wanted, live);
    if (!equal) {
      return `object is ${canonicalJson(live)}, not ${canonicalJson(wanted)}`;
    }
  }
  const got = Object.fromEntries(
    [...state.managers].map(([name, { set, apiVersion }]) => [name, { apiVersion, set: set.toJson() }]),
  );
  const wanted = Object.fromEntries(
    Object.entries(recorded.managed ?? {}).map(([name, { set, apiVersion }]) => [
      name,
      { apiVersion, set: FieldSet.fromJson(set).toJson() },
    ]),
  );
  if (recorded.managed !== null && canonicalJson(got) !== canonicalJson(wanted)) {
    return `managers are ${canonicalJson(got)}, not ${canonicalJson(wanted)}`;
  }
  return undefined;
}

/** As the recording compares: the order of items that are told apart by key or value is not looked at. */
function same(versions: Versions, version: string, wanted: unknown, live: unknown): boolean {
  const type = versions.typeOf(version);
  if (type === undefined) return canonicalJson(wanted) === canonicalJson(live);
  const { added, modified, removed } = compareValues(type, wanted ?? undefined, live ?? undefined);
  return added.isEmpty && modified.isEmpty && removed.isEmpty;
}

function runOperation(state: State, op: RecordedOperation, recorded: RecordedCase): void {
  if (op.op === "ChangeParser") {
    state.versions = readVersions(otherSchema(recorded.schema), recorded.typeRef, recorded.ops);
    return;
  }
  const { versions, managers } = state;
  const manager = op.Manager ?? "";
  const apiVersion = op.APIVersion ?? "";
  const live = versions.convert(state.live, state.liveVersion, apiVersion);
  const said: unknown = op.Object === undefined ? undefined : parse(op.Object);
  const ignored = ignoredIn(recorded);
  const input = { versions, live, managers, manager, object: said ?? {}, apiVersion, ignored };
  if (op.op === "Update") {
    const result = updateManaged(input);
    state.live = result.object;
    state.liveVersion = apiVersion;
    state.managers = result.managers;
    return;
  }
  if (op.op === "ExtractApply") {
    const own = managers.get(manager)?.set.leaves() ?? new FieldSet();
    const type = versions.typeOf(apiVersion) ?? (() => ({}));
    input.object = mergeValues(type, extractFields(type, live, own) ?? undefined, said) ?? {};
  }
  const expected =
    Boolean(op.Conflicts) && canonicalJson(op.Conflicts) !== "[]" && canonicalJson(op.Conflicts) !== "{}";
  try {
    const result = applyManaged({ ...input, force: op.op === "ForceApply" });
    if (expected) throw new Error("should conflict");
    state.live = result.object;
    state.liveVersion = apiVersion;
    state.managers = result.managers;
  } catch (error) {
    if (!(error instanceof ApplyConflictError) || !expected) throw error;
  }
}

/**
 * Five recorded cases ignore fields, which the recording does not hold: told by what their last write says,
 * and by what its managers then have.
 */
const recordedIgnored: readonly {
  readonly said: RegExp;
  readonly managers: string;
  readonly fields: Readonly<Record<string, unknown>>;
}[] = [
  {
    said: /^numeric: 1\nstring:/,
    managers: '{"default":{"f:numeric":{}}}',
    fields: { v1: { "f:string": {} } },
  },
  {
    said: /^{"numeric": 1, "obj":/,
    managers: '{"default":{"f:numeric":{}}}',
    fields: { v1: { "f:obj": {} } },
  },
  {
    said: /^mapOfMapsRecursive:\n$/,
    managers: '{"apply-one":{"f:mapOfMapsRecursive":{}},"apply-two":{"f:mapOfMapsRecursive":{"f:aa":{}}}}',
    fields: Object.fromEntries(
      [1, 2, 3, 4].map((n) => [`v${n}`, { "f:mapOfMapsRecursive": { [`f:${"c".repeat(n)}`]: {} } }]),
    ),
  },
  {
    said: /^mapOfMapsRecursive:\n {2}a:\n {4}b:\n {2}c:\n {4}e:\n$/,
    managers:
      '{"apply-one":{"f:mapOfMapsRecursive":{"f:a":{".":{},"f:b":{}},"f:c":{".":{},"f:d":{}}}},' +
      '"apply-two":{"f:mapOfMapsRecursive":{"f:a":{".":{},"f:b":{}}}}}',
    fields: { v2: { "f:mapOfMapsRecursive": { "f:c": {} } } },
  },
];

function ignoredIn({
  ignoredFields,
  ops,
  managed,
}: RecordedCase): (apiVersion: string) => FieldSet | undefined {
  const sets = Object.entries(managed ?? {}).map(([name, { set }]) => [name, set] as const);
  const managers = canonicalJson(Object.fromEntries(sets));
  const known = recordedIgnored.find(
    (one) => one.managers === managers && one.said.test(ops.at(-1)?.Object ?? ""),
  );
  const fields = ignoredFields ?? known?.fields;
  return (apiVersion) => {
    const json = fields?.[apiVersion];
    return json === undefined ? undefined : FieldSet.fromJson(json);
  };
}

/**
 * The schema a case changes to, which the recording does not hold: its two such cases go from a struct
 * whose members are merged to one that is a whole, or back.
 */
function otherSchema(schema: string): string {
  const atomic = /^ {4}elementRelationship: atomic$\n?/m;
  return atomic.test(schema)
    ? schema.replace(atomic, "")
    : `${schema.trimEnd()}\n    elementRelationship: atomic\n`;
}

/**
 * The versions of a recorded schema, converted as the recorded tests do. Where fields are named after their
 * version (`scalarField_v1`), each version has a type of its own in the schema, and converting is renaming.
 * Where several versions share recursive maps, version 3 writes each key's letter three times. Else all
 * versions are alike.
 */
function readVersions(schema: string, typeRef: string, ops: readonly RecordedOperation[]): Versions {
  const type = readType(schema, typeRef);
  if (schema.includes("_v1")) {
    return {
      typeOf: (version) =>
        new RegExp(`^- name: ${version}$`, "m").test(schema)
          ? readType(schema, `namedType: ${version}`)
          : undefined,
      convert: (object, _from, to) =>
        object === undefined ? undefined : JSON.parse(JSON.stringify(object).replace(/_v\d+"/g, `_${to}"`)),
    };
  }
  const recursive = ops.some(({ Object: object }) => object?.startsWith("mapOfMapsRecursive:"));
  if (!recursive || new Set(ops.map(({ APIVersion }) => APIVersion)).size === 1)
    return sameInAllVersions(type);
  return { typeOf: () => type, convert: (object, _from, to) => repeated(object, Number(to.slice(1)), 0) };
}

/**
 * Keys below the first level become their first letter, repeated; of two that become the same the later
 * stays.
 */
function repeated(value: unknown, times: number, depth: number): unknown {
  if (!isObject(value)) return depth > 1 ? null : value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(
    entries.map(([key, member]) => [
      depth === 0 ? key : (key[0] ?? "").repeat(times),
      repeated(member, times, depth + 1),
    ]),
  );
}

/** A schema in structured-merge-diff's form, as the type that the updater walks. */
function readType(schema: string, typeRef: string): TypeRef {
  const { types = [] } = (parse(schema) ?? {}) as { types?: JsonObject[] };
  const byName = new Map(types.map((type) => [String(type["name"]), type]));
  const made = new Map<string, ApplyType>();
  const resolve = (reference: unknown): TypeRef => {
    const ref = (isObject(reference) ? reference : {}) as JsonObject;
    const name = ref["namedType"];
    const relationship = ref["elementRelationship"];
    if (name === undefined) {
      const inline = atom(ref, resolve);
      return () => inline;
    }
    return () => {
      const key = `${String(name)} ${String(relationship ?? "")}`;
      let type = made.get(key);
      if (type === undefined) {
        type = atom({ ...byName.get(String(name)) }, resolve, relationship);
        made.set(key, type);
      }
      return type;
    };
  };
  return resolve(parse(typeRef));
}

function atom(
  definition: JsonObject,
  resolve: (reference: unknown) => TypeRef,
  relationship?: unknown,
): ApplyType {
  const { scalar, list, map } = definition;
  return {
    ...(scalar === undefined ? {} : { scalar: scalar as ScalarType }),
    ...(isObject(list) ? { list: readList(list, resolve, relationship) } : {}),
    ...(isObject(map) ? { map: readMap(map, resolve, relationship) } : {}),
  };
}

function readList(
  list: JsonObject,
  resolve: (reference: unknown) => TypeRef,
  relationship: unknown,
): ListType {
  const { elementType, elementRelationship, keys = [] } = list;
  const atomic = (relationship ?? elementRelationship ?? "atomic") === "atomic";
  return { element: resolve(elementType), atomic, keys: keys as string[] };
}

function readMap(map: JsonObject, resolve: (reference: unknown) => TypeRef, relationship: unknown): MapType {
  const { fields = [], elementType, elementRelationship } = map;
  const entries = fields as { name: string; type: unknown; default?: unknown }[];
  return {
    fields: new Map(entries.map(({ name, type }) => [name, resolve(type)])),
    defaults: Object.fromEntries(
      entries
        .filter((field) => field.default !== undefined && field.default !== null)
        .map((field) => [field.name, field.default]),
    ),
    element: elementType === undefined ? undefined : resolve(elementType),
    atomic: (relationship ?? elementRelationship) === "atomic",
  };
}
