/** What can be posted to a Pod: where it runs, and that it should leave. */
import type { KindDefinition, KubeObject } from "@selvedge/apimachinery";
import type { DeleteQuery } from "./delete-plan.ts";
import { cloneObject, withMembers } from "./lazy-object.ts";
import type { ObjectRegistry } from "./object-registry.ts";
import { badRequest, conflict, invalid } from "./refusals.ts";
import type { WriteQuery } from "./write-query.ts";

interface PodPart {
  nodeName?: string;
  schedulingGates?: readonly unknown[];
  [field: string]: unknown;
}

/** A scheduler's decision: the Pod's node, once and for all. */
export async function bindPod(
  objects: ObjectRegistry,
  kind: KindDefinition,
  pod: { readonly name: string; readonly namespace: string | undefined },
  binding: Record<string, unknown>,
  options: WriteQuery,
): Promise<void> {
  const { name: node = "", kind: type = "Node" } = (binding["target"] ?? {}) as {
    name?: string;
    kind?: string;
  };
  const binder = { group: "", kind: "Binding" };
  if (type !== "Node") {
    const detail = 'supported values: "Node", "<empty>"';
    const error = { type: "FieldValueNotSupported", field: "target.kind", value: type, detail } as const;
    throw invalid(binder, pod.name, [error]);
  }
  if (node === "") {
    throw invalid(binder, pod.name, [{ type: "FieldValueRequired", field: "target.name", detail: "" }]);
  }
  await objects.change(kind, pod.name, pod.namespace, { ...options, subresource: "binding" }, (stored) => {
    const { nodeName, schedulingGates = [] } = (stored["spec"] ?? {}) as PodPart;
    const what = { ...kind, plural: "pods/binding" };
    if (stored.metadata.deletionTimestamp) {
      throw conflict(what, pod.name, `pod ${pod.name} is being deleted, cannot be assigned to a host`);
    }
    if (nodeName) throw conflict(what, pod.name, `pod ${pod.name} is already assigned to node "${nodeName}"`);
    if (schedulingGates.length > 0)
      throw conflict(what, pod.name, `pod ${pod.name} has non-empty .spec.schedulingGates`);
    return bound(stored, node);
  });
}

function bound(stored: KubeObject, node: string): KubeObject {
  const spec = (stored["spec"] ?? {}) as object;
  return withMembers(cloneObject(stored), { spec: withMembers(spec, { nodeName: node }) });
}

/** Deletes the Pod unless it is not the one that was meant. */
export async function evictPod(
  objects: ObjectRegistry,
  kind: KindDefinition,
  pod: { readonly name: string; readonly namespace: string | undefined },
  eviction: Record<string, unknown>,
  dryRun: boolean,
): Promise<void> {
  const { name } = (eviction["metadata"] ?? {}) as { name?: string };
  if (name && name !== pod.name) {
    throw badRequest(`name in URL does not match name in Eviction object: ${pod.name} ${name}`);
  }
  const asked = (eviction["deleteOptions"] ?? {}) as DeleteQuery & { readonly dryRun?: unknown };
  const dry = dryRun || (Array.isArray(asked.dryRun) && asked.dryRun.includes("All"));
  await objects.remove(kind, pod.name, pod.namespace, {
    ...{ ...asked, dryRun: dry, subresource: "eviction", beginDeletion: sayEvicted },
  });
}

interface Conditions {
  conditions?: { readonly type: string; readonly [field: string]: unknown }[];
}

/** In the same write that marks the Pod: whoever counts its end sees that it was not its own fault. */
function sayEvicted(pod: KubeObject, time: string): void {
  const status = (pod["status"] ?? {}) as Conditions;
  const others = (status.conditions ?? []).filter(({ type }) => type !== "DisruptionTarget");
  const message = "Eviction API: evicting";
  const condition = {
    ...{ type: "DisruptionTarget", status: "True", reason: "EvictionByEvictionAPI", message },
    ...{ lastProbeTime: null, lastTransitionTime: time },
  };
  pod["status"] = { ...status, conditions: [...others, condition] };
}
