/** What `request` and `namespaceObject` are: upstream's types, and JSON as values of them. */
import { isObject, type JsonObject } from "../structural/walk.ts";
import { untypedValue } from "./json-values.ts";
import { parseTimestamp } from "./timestamps.ts";
import { bool, type CelType, dyn, int, listOf, mapOf, string, timestamp } from "./types.ts";
import { type MapValue, TimestampValue } from "./values.ts";

function record(name: string, fields: Readonly<Record<string, CelType>>): CelType {
  return { kind: "object", args: [], name: `kubernetes.${name}`, fields: new Map(Object.entries(fields)) };
}

const texts = listOf(string);
const kind = record("GroupVersionKind", { group: string, version: string, kind: string });
const resource = record("GroupVersionResource", { group: string, version: string, resource: string });
const userInfo = record("UserInfo", {
  ...{ username: string, uid: string, groups: texts, extra: mapOf(string, texts) },
});

export const requestType: CelType = record("AdmissionRequest", {
  ...{ kind, resource, subResource: string, requestKind: kind, requestResource: resource },
  ...{ requestSubResource: string, name: string, namespace: string, operation: string, userInfo },
  ...{ dryRun: bool, options: dyn },
});

const labels = mapOf(string, string);
const metadata = record("NamespaceMetadata", {
  ...{ name: string, generateName: string, namespace: string, labels, annotations: labels, UID: string },
  ...{ creationTimestamp: timestamp, deletionGracePeriodSeconds: int, deletionTimestamp: timestamp },
  ...{ generation: int, resourceVersion: string, finalizers: texts },
});
const condition = record("NamespaceCondition", {
  ...{ status: string, type: string, lastTransitionTime: timestamp, message: string, reason: string },
});

export const namespaceType: CelType = record("Namespace", {
  metadata,
  spec: record("NamespaceSpec", { finalizers: texts }),
  status: record("NamespaceStatus", { conditions: listOf(condition), phase: string }),
});

/** JSON as a value of the type; what the type does not name is not there. */
export function typedValue(type: CelType, value: unknown): unknown {
  if (type.fields !== undefined && isObject(value)) return new RecordValue(type, type.fields, value);
  if (type.kind === "list" && Array.isArray(value)) {
    return value.map((item) => typedValue(type.args[0] ?? dyn, item));
  }
  const nanos = type.kind === "timestamp" && typeof value === "string" ? parseTimestamp(value) : undefined;
  return nanos === undefined ? untypedValue(value) : new TimestampValue(nanos);
}

class RecordValue implements MapValue {
  readonly isMap = true;
  readonly typeName: string | undefined;
  readonly #fields: ReadonlyMap<string, CelType>;
  readonly #value: JsonObject;

  constructor({ name }: CelType, fields: ReadonlyMap<string, CelType>, value: JsonObject) {
    this.typeName = name;
    this.#fields = fields;
    this.#value = value;
  }

  get size(): number {
    return this.keys().length;
  }

  keys(): readonly string[] {
    return [...this.#fields.keys()].filter((key) => this.has(key));
  }

  has(key: unknown): boolean {
    return this.#fields.has(String(key)) && this.#value[String(key)] !== undefined;
  }

  get(key: unknown): unknown {
    const type = this.#fields.get(String(key));
    return type !== undefined && this.has(key) ? typedValue(type, this.#value[String(key)]) : undefined;
  }
}
