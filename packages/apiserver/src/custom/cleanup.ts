/** A definition goes when the last object of its kind has gone. */
import type { Condition, KindDefinition } from "@selvedge/apimachinery";
import type { ObjectRegistry } from "../rest/object-registry.ts";
import { removeAll } from "../rest/remove-all.ts";
import { type CustomResourceDefinition, cleanupFinalizer, conditionOf, setCondition } from "./definition.ts";
import { definitionKind } from "./definition-kind.ts";

const fieldManager = "kube-apiserver";

/** Whether nothing is left; then the definition is let go. `kind` is undefined where there never were any. */
export async function removeInstances(
  objects: ObjectRegistry,
  definition: CustomResourceDefinition,
  kind: KindDefinition | undefined,
  time: string,
): Promise<boolean> {
  const type = "Terminating";
  const before = conditionOf(definition, type);
  if (kind !== undefined) {
    const reason = "InstanceDeletionInProgress";
    const message = "CustomResource deletion is in progress";
    const begun = before?.reason === reason || before?.status === "False";
    const going = begun
      ? definition
      : await tell(objects, definition, { type, status: "True", reason, message }, time);
    await removeAll(objects, kind, {});
    if ((await objects.listStored(kind, { limit: 1 })).items.length > 0) return false;
    const done = { reason: "InstanceDeletionCompleted", message: "removed all instances" };
    const told =
      before?.status === "False"
        ? going
        : await tell(objects, going, { type, status: "False", ...done }, time);
    await letGo(objects, told);
    return true;
  }
  const never = { reason: "NeverEstablished", message: "resource was never established" };
  const told =
    before?.status === "False"
      ? definition
      : await tell(objects, definition, { type, status: "False", ...never }, time);
  await letGo(objects, told);
  return true;
}

async function tell(
  objects: ObjectRegistry,
  definition: CustomResourceDefinition,
  condition: Condition,
  time: string,
): Promise<CustomResourceDefinition> {
  const next = { ...definition };
  setCondition(next, condition, time);
  return await objects.updateStatus(definitionKind, next, { fieldManager });
}

async function letGo(objects: ObjectRegistry, definition: CustomResourceDefinition): Promise<void> {
  const { metadata } = definition;
  const finalizers = (metadata.finalizers ?? []).filter((one) => one !== cleanupFinalizer);
  const next = { ...definition, metadata: { ...metadata, finalizers } };
  await objects.update(definitionKind, next, { fieldManager });
}
