import type { FieldError, KindDefinition, KubeObject } from "@selvedge/apimachinery";
import { ageColumn, column, counts, nameColumn } from "../columns.ts";
import { Faults } from "../faults.ts";
import { flag, int32, kindMessage, type Message, needed, pointer, text } from "../fields.ts";
import { builtIn } from "../kind.ts";

export interface PriorityClass extends KubeObject {
  apiVersion: "scheduling.k8s.io/v1";
  kind: "PriorityClass";
  value: number;
  globalDefault?: boolean;
  description?: string;
  preemptionPolicy?: "Never" | "PreemptLowerPriority";
}

/** Higher ones are the system's own. */
const valueMax = 1_000_000_000;
/** Classes that always exist. */
export const systemClasses: Readonly<Record<string, number>> = {
  "system-node-critical": 2_000_001_000,
  "system-cluster-critical": 2_000_000_000,
};

const priorityClass: Message = kindMessage("How important Pods are: the more important are placed first.", {
  value: int32(2, "The higher, the more important.", { ...needed, default: 0 }),
  globalDefault: flag(3, "Whether Pods that name no class are of this one."),
  description: text(4, "What it is for."),
  preemptionPolicy: text(5, "PreemptLowerPriority, or Never: nobody goes for them.", pointer),
});

export const priorityClassKind: KindDefinition = builtIn(priorityClass, {
  group: "scheduling.k8s.io",
  version: "v1",
  kind: "PriorityClass",
  plural: "priorityclasses",
  singular: "priorityclass",
  shortNames: ["pc"],
  namespaced: false,
  hasGeneration: true,
  // As upstream: it has one, which nothing moves.
  keepsGeneration: () => true,
  applyDefaults: (object) => {
    (object as PriorityClass).preemptionPolicy ??= "PreemptLowerPriority";
  },
  validate: (object, old) => validate(object as PriorityClass, old as PriorityClass | undefined),
  columns: [
    nameColumn,
    counts<PriorityClass>("Value", "How important.", ({ value }) => value),
    {
      name: "Global-Default",
      type: "boolean",
      description: "Whether Pods that name no class are of this one.",
      value: (object) => (object as PriorityClass).globalDefault === true,
    },
    ageColumn,
    column<PriorityClass>(
      "PreemptionPolicy",
      "Whether others go for them.",
      ({ preemptionPolicy }) => preemptionPolicy ?? "",
    ),
  ],
});

function validate(
  { metadata, value, preemptionPolicy }: PriorityClass,
  old: PriorityClass | undefined,
): FieldError[] {
  const faults = new Faults();
  const isOwn = systemClasses[metadata.name] === value;
  if (metadata.name.startsWith("system-") && !isOwn) {
    faults.forbidden(
      "metadata.name",
      "priority class names with 'system-' prefix are reserved for system use only",
    );
  }
  if (value > valueMax && !isOwn) {
    faults.forbidden("value", `maximum allowed value of a user defined priority is ${valueMax}`);
  }
  faults.oneOf("preemptionPolicy", preemptionPolicy, ["Never", "PreemptLowerPriority"]);
  if (old === undefined) return faults.errors;
  if (value !== old.value) faults.forbidden("value", "may not be changed in an update.");
  if (preemptionPolicy !== old.preemptionPolicy)
    faults.forbidden("preemptionPolicy", "may not be changed in an update.");
  return faults.errors;
}
