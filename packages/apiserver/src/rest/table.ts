import { type Column, humanDuration, type KindDefinition, type KubeObject } from "@selvedge/apimachinery";
import { between, type Instant, instant } from "@selvedge/base";

export type IncludeObject = "None" | "Metadata" | "Object";

/** Kinds without columns of their own, as upstream shows custom resources. */
const fallback: readonly Column[] = [
  { name: "Name", type: "string", format: "name", value: ({ metadata }) => metadata.name },
  { name: "Age", type: "date", value: ({ metadata }) => metadata.creationTimestamp ?? null },
];

/** What `kubectl get` prints. */
export function tableOf(
  kind: KindDefinition,
  objects: readonly KubeObject[],
  metadata: unknown,
  now: Instant,
  include: IncludeObject,
): Record<string, unknown> {
  const columns = kind.columns.length > 0 ? kind.columns : fallback;
  return {
    kind: "Table",
    apiVersion: "meta.k8s.io/v1",
    metadata,
    columnDefinitions: columns.map(({ name, type, format = "", description = "", priority = 0 }) => ({
      ...{ name, type, format, description, priority },
    })),
    rows: objects.map((object) => ({
      cells: columns.map((column) => cellOf(kind, column, object, now)),
      object: included(object, include),
    })),
  };
}

/** Times are shown as how long ago they were. */
function cellOf(kind: KindDefinition, column: Column, object: KubeObject, now: Instant): unknown {
  const value = column.value(object, now);
  if (column.type !== "date") return value;
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
  return { kind: "PartialObjectMetadata", apiVersion: "meta.k8s.io/v1", metadata: object.metadata };
}
