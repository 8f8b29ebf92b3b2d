import { type Column, humanDuration, type KindDefinition, type KubeObject } from "@selvedge/apimachinery";
import { between, type Instant, instant, seconds } from "@selvedge/base";
import { holdingLazy } from "./lazy-object.ts";

export type IncludeObject = "None" | "Metadata" | "Object";

/** Kinds without columns of their own, as upstream shows custom resources. */
const fallback: readonly Column[] = [
  { name: "Name", type: "string", format: "name", value: ({ metadata }) => metadata.name },
  { name: "Age", type: "date", value: ({ metadata }) => metadata.creationTimestamp ?? null },
];

/** What `kubectl get` prints; long objects in it are as unread as they were. */
export function tableOf(
  kind: KindDefinition,
  objects: readonly KubeObject[],
  metadata: unknown,
  now: Instant,
  include: IncludeObject,
): Record<string, unknown> {
  const columns = columnsOf(kind);
  return holdingLazy({
    kind: "Table",
    apiVersion: "meta.k8s.io/v1",
    metadata,
    columnDefinitions: columns.map(({ name, type, format = "", description = "", priority = 0 }) => ({
      ...{ name, type, format, description, priority },
    })),
    rows: holdingLazy(
      objects.map((object) => {
        const values = knownValues(object, now)?.values ?? valuesOf(kind, object, now);
        return holdingLazy({
          cells: columns.map((column, index) => cellOf(kind, column, values[index], now)),
          object: included(object, include),
        });
      }),
    ),
  });
}

function columnsOf({ columns }: KindDefinition): readonly Column[] {
  return columns.length > 0 ? columns : fallback;
}

/** What a kind's columns find in an object. */
export function valuesOf(kind: KindDefinition, object: KubeObject, now: Instant): readonly unknown[] {
  return columnsOf(kind).map((column) => column.value(object, now));
}

interface KnownValues {
  readonly at: Instant;
  readonly found: Promise<void>;
  values: readonly unknown[] | undefined;
}

/** Of objects that take long to be looked into, what somebody has found there. */
const known = new WeakMap<KubeObject, KnownValues>();

/** How old what somebody else has found may be: ages are shown in seconds. */
const ageMax = seconds(1);

export function knownValues(object: KubeObject, now: Instant): KnownValues | undefined {
  const one = known.get(object);
  return one !== undefined && Math.abs(between(one.at, now)) <= ageMax ? one : undefined;
}

/** Undefined: nothing was found out. */
export function keepValues(
  object: KubeObject,
  at: Instant,
  looking: Promise<readonly unknown[] | undefined>,
): Promise<void> {
  const found = looking.then((values) => {
    one.values = values;
  });
  const one: KnownValues = { at, found, values: undefined };
  known.set(object, one);
  return found;
}

/** Times are shown as how long ago they were. */
function cellOf(kind: KindDefinition, column: Column, value: unknown, now: Instant): unknown {
  if (column.type !== "date" || column.absolute) return value;
  if (value === null || value === "") return kind.custom ? null : "<unknown>";
  const at = Date.parse(String(value));
  return Number.isNaN(at) ? value : humanDuration(between(instant(at), now));
}

function included(object: KubeObject, include: IncludeObject): unknown {
  if (include === "None") return null;
  return include === "Object" ? object : partial(object);
}

/** An object's metadata and nothing else. */
export function partial(object: KubeObject): Record<string, unknown> {
  return holdingLazy({
    kind: "PartialObjectMetadata",
    apiVersion: "meta.k8s.io/v1",
    metadata: object.metadata,
  });
}
