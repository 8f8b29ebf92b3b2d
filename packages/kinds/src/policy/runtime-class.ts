import type { FieldError, KindDefinition, KubeObject } from "@selvedge/apimachinery";
import { jsonEqual } from "@selvedge/base";
import { ageColumn, column, nameColumn } from "../columns.ts";
import { Faults, immutable } from "../faults.ts";
import {
  atomic,
  kindMessage,
  type Message,
  message,
  needed,
  object,
  objects,
  pointer,
  quantityMap,
  text,
  textMap,
} from "../fields.ts";
import { builtIn } from "../kind.ts";
import type { Toleration } from "../pod/pod-types.ts";
import { toleration } from "../pod/scheduling-fields.ts";
import { checkAmounts } from "../pod/validate-resources.ts";
import { checkTolerations } from "../pod/validate-scheduling.ts";

/** How Pods are kept apart from the box and from each other. */
export interface RuntimeClass extends KubeObject {
  apiVersion: "node.k8s.io/v1";
  kind: "RuntimeClass";
  handler: string;
  overhead?: { podFixed?: Record<string, string> };
  scheduling?: { nodeSelector?: Record<string, string>; tolerations?: Toleration[] };
}

const overhead: Message = message("What a Pod takes besides what its containers ask for.", {
  podFixed: quantityMap(1, "How much of each."),
});

const scheduling: Message = message("Nodes that can.", {
  nodeSelector: textMap(1, "Labels a node must have.", { "x-kubernetes-map-type": "atomic" }),
  tolerations: objects(2, toleration, "Taints that do not matter.", atomic),
});

const runtimeClass: Message = kindMessage("How Pods are kept apart from the box and from each other.", {
  handler: text(2, "How: microvm. Never changes.", needed),
  overhead: object(3, overhead, "What a Pod takes besides what its containers ask for.", pointer),
  scheduling: object(4, scheduling, "Nodes that can.", pointer),
});

export const runtimeClassKind: KindDefinition = builtIn(runtimeClass, {
  group: "node.k8s.io",
  version: "v1",
  kind: "RuntimeClass",
  plural: "runtimeclasses",
  singular: "runtimeclass",
  createsOnUpdate: true,
  namespaced: false,
  hasGeneration: false,
  unconditionalUpdate: false,
  validate: (object, old) => validate(object as RuntimeClass, old as RuntimeClass | undefined),
  columns: [nameColumn, column<RuntimeClass>("Handler", "How.", ({ handler }) => handler), ageColumn],
});

function validate(
  { handler, overhead: more, scheduling: where }: RuntimeClass,
  old: RuntimeClass | undefined,
): FieldError[] {
  const faults = new Faults();
  faults.label("handler", handler);
  // Upstream checks these as those of a Pod, and says of them where they are there.
  checkAmounts(faults, "overhead.limits", more?.podFixed);
  faults.labels("scheduling.nodeSelector", where?.nodeSelector);
  const { tolerations = [] } = where ?? {};
  checkTolerations(faults, "scheduling.tolerations.tolerations", tolerations);
  for (const [index, one] of tolerations.entries()) {
    if (!tolerations.slice(0, index).some((other) => jsonEqual(one, other))) continue;
    const { key: Key = "", operator: Operator = "", value: Value = "", effect: Effect = "" } = one;
    const TolerationSeconds = one.tolerationSeconds ?? null;
    faults.duplicate(`scheduling.tolerations[${index}]`, { Key, Operator, Value, Effect, TolerationSeconds });
  }
  if (old !== undefined && handler !== old.handler) faults.invalid("handler", handler, immutable);
  return faults.errors;
}
