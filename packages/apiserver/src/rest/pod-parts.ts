/** What can be posted to a Pod: where it runs, and that it should leave. */
import type { KindDefinition, KubeObject } from "@selvedge/apimachinery";
import { type Instant, toRfc3339 } from "@selvedge/base";
import type { DeleteQuery } from "./delete-plan.ts";
import { cloneObject, withMembers } from "./lazy-object.ts";
import type { ObjectRegistry } from "./object-registry.ts";
import { checkUid, conflict, invalid, invalidOptions } from "./refusals.ts";
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
  binding: KubeObject,
  { now, ...options }: WriteQuery & { readonly now: Instant },
): Promise<void> {
  const { name, namespace } = binding.metadata;
  const node = nodeOf(binding);
  await objects.change(kind, name, namespace, { ...options, subresource: "binding" }, (stored) => {
    checkMeant(kind, binding, stored);
    const { nodeName, schedulingGates = [] } = (stored["spec"] ?? {}) as PodPart;
    const what = { ...kind, plural: "pods/binding" };
    if (stored.metadata.deletionTimestamp) {
      throw conflict(what, name, `pod ${name} is being deleted, cannot be assigned to a host`);
    }
    if (nodeName) throw conflict(what, name, `pod ${name} is already assigned to node "${nodeName}"`);
    if (schedulingGates.length > 0)
      throw conflict(what, name, `pod ${name} has non-empty .spec.schedulingGates`);
    return bound(stored, node, binding.metadata.annotations, toRfc3339(now));
  });
}

function nodeOf({ metadata, target }: KubeObject): string {
  const { name = "", kind = "Node" } = (target ?? {}) as { name?: string; kind?: string };
  const binder = { group: "", kind: "Binding" };
  if (kind !== "Node") {
    const detail = 'supported values: "Node", "<empty>"';
    const error = { type: "FieldValueNotSupported", field: "target.kind", value: kind, detail } as const;
    throw invalid(binder, metadata.name, [error]);
  }
  if (name !== "") return name;
  throw invalid(binder, metadata.name, [{ type: "FieldValueRequired", field: "target.name", detail: "" }]);
}

/** The scheduler has seen the Pod that it speaks of, or that of this very revision. */
function checkMeant(kind: KindDefinition, binding: KubeObject, { metadata }: KubeObject): void {
  checkUid(kind, binding, metadata.uid);
  const { name, resourceVersion: asked } = binding.metadata;
  const is = metadata.resourceVersion;
  if (!asked || asked === is) return;
  const differs = `ResourceVersion in precondition: ${asked}, ResourceVersion in object meta: ${is}`;
  throw conflict(kind, name, `Precondition failed: ${differs}`);
}

function bound(
  stored: KubeObject,
  nodeName: string,
  annotations: Readonly<Record<string, string>> | undefined,
  time: string,
): KubeObject {
  const { nominatedNodeName: _hint, ...status } = (stored["status"] ?? {}) as Conditions;
  const { metadata } = stored;
  return withMembers(cloneObject(stored), {
    ...(annotations && {
      metadata: { ...metadata, annotations: { ...metadata.annotations, ...annotations } },
    }),
    spec: withMembers((stored["spec"] ?? {}) as object, { nodeName }),
    status: saying(status, { type: "PodScheduled", status: "True" }, time),
  });
}

/** Deletes the Pod unless it is not the one that was meant. */
export async function evictPod(
  objects: ObjectRegistry,
  kind: KindDefinition,
  pod: { readonly name: string; readonly namespace: string | undefined },
  eviction: Record<string, unknown>,
  dryRun: boolean,
): Promise<void> {
  const asked = (eviction["deleteOptions"] ?? {}) as DeleteQuery & { readonly dryRun?: unknown };
  if (Array.isArray(asked.dryRun) && asked.dryRun.some((one) => one !== "All")) {
    const error = { type: "FieldValueNotSupported", field: "dryRun", value: asked.dryRun } as const;
    throw invalidOptions("DeleteOptions", [{ ...error, detail: 'supported values: "All"' }]);
  }
  const dry = dryRun || (Array.isArray(asked.dryRun) && asked.dryRun.includes("All"));
  await objects.remove(kind, pod.name, pod.namespace, {
    ...{ ...asked, dryRun: dry, subresource: "eviction", beginDeletion: sayEvicted },
  });
}

interface Conditions {
  conditions?: { readonly type: string; readonly status?: string; readonly [field: string]: unknown }[];
  nominatedNodeName?: string;
}

/** In the same write that marks the Pod: whoever counts its end sees that it was not its own fault. */
function sayEvicted(pod: KubeObject, time: string): void {
  const reason = "EvictionByEvictionAPI";
  const condition = { type: "DisruptionTarget", status: "True", reason, message: "Eviction API: evicting" };
  pod["status"] = saying((pod["status"] ?? {}) as Conditions, condition, time);
}

/** The status with a condition in place of the one of its type: since when, that knows if nothing changes. */
function saying(
  status: Conditions,
  condition: { readonly type: string; readonly status: string; readonly [field: string]: unknown },
  time: string,
): Conditions {
  const { conditions = [] } = status;
  const before = conditions.find(({ type }) => type === condition.type);
  const since = before?.status === condition.status ? before["lastTransitionTime"] : time;
  const said = { ...condition, lastProbeTime: null, lastTransitionTime: since };
  return { ...status, conditions: [...conditions.filter((one) => one !== before), said] };
}
