import type { KindDefinition, KubeObject } from "@selvedge/apimachinery";
import type { Instant } from "@selvedge/base";

/** What `kubectl get` prints: the kind's columns, or name and age when it has none. */
export function tableOf(
  kind: KindDefinition,
  objects: readonly KubeObject[],
  resourceVersion: string,
  now: Instant,
): Record<string, unknown> {
  const cell = { description: "", format: "", priority: 0 };
  const columns = kind.columns.length > 0 ? kind.columns : undefined;
  return {
    kind: "Table",
    apiVersion: "meta.k8s.io/v1",
    metadata: { resourceVersion },
    columnDefinitions: columns?.map(({ value: _value, ...column }) => ({ ...cell, ...column })) ?? [
      { ...cell, name: "Name", type: "string", format: "name" },
      { ...cell, name: "Created At", type: "date" },
    ],
    rows: objects.map((object) => ({
      cells: columns?.map((column) => column.value(object, now)) ?? [
        object.metadata.name,
        object.metadata.creationTimestamp ?? null,
      ],
      object: { kind: "PartialObjectMetadata", apiVersion: "meta.k8s.io/v1", metadata: object.metadata },
    })),
  };
}
