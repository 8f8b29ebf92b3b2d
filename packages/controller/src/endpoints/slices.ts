import { jsonEqual } from "@selvedge/base";
import { type EndpointSlice, endpointSliceKind } from "@selvedge/kinds";
import type { Cluster } from "../objects/cluster.ts";

/** Makes what is stored what is wanted, with as few writes as that takes. */
export async function keepSlices(
  cluster: Cluster,
  stored: readonly EndpointSlice[],
  wanted: readonly EndpointSlice[],
): Promise<void> {
  const ordered = stored.toSorted((left, right) => (left.metadata.name < right.metadata.name ? -1 : 1));
  // The type of its addresses cannot be changed.
  const left = new Map(Map.groupBy(ordered, ({ addressType }) => addressType));
  for (const slice of wanted) await keepSlice(cluster, left.get(slice.addressType)?.shift(), slice);
  for (const slice of [...left.values()].flat()) await cluster.delete(endpointSliceKind, slice);
}

async function keepSlice(
  cluster: Cluster,
  stored: EndpointSlice | undefined,
  wanted: EndpointSlice,
): Promise<void> {
  if (stored === undefined) {
    await cluster.create(endpointSliceKind, wanted);
    return;
  }
  if (isSame(stored, wanted)) return;
  const { name, namespace } = stored.metadata;
  await cluster.change<EndpointSlice>(endpointSliceKind, name, namespace, (draft) => {
    draft.endpoints = wanted.endpoints ?? [];
    draft.ports = wanted.ports ?? [];
    draft.metadata.labels = { ...wanted.metadata.labels };
    return true;
  });
}

function isSame(stored: EndpointSlice, wanted: EndpointSlice): boolean {
  return (
    jsonEqual(stored.endpoints ?? [], wanted.endpoints ?? []) &&
    jsonEqual(stored.ports ?? [], wanted.ports ?? []) &&
    jsonEqual(stored.metadata.labels ?? {}, wanted.metadata.labels ?? {})
  );
}
