import type {
  Condition,
  FieldError,
  KindDefinition,
  KubeObject,
  LabelSelector,
} from "@selvedge/apimachinery";
import { ageColumn, counts, nameColumn, templateColumns } from "./columns.ts";
import { Faults } from "./faults.ts";
import {
  byKeys,
  int32,
  int64,
  kindMessage,
  type Message,
  message,
  needed,
  object,
  objects,
  pointer,
  text,
  time,
} from "./fields.ts";
import { builtIn } from "./kind.ts";
import { labelSelector } from "./meta-fields.ts";
import { podTemplateSpec } from "./pod/pod-fields.ts";
import type { PodTemplateSpec } from "./pod/pod-types.ts";
import { countRules } from "./status-rules.ts";
import { checkWorkload, defaultTemplate } from "./workload-rules.ts";

export interface ReplicaSet extends KubeObject {
  apiVersion: "apps/v1";
  kind: "ReplicaSet";
  spec: ReplicaSetSpec;
  status?: ReplicaSetStatus;
}

export interface ReplicaSetSpec {
  replicas?: number;
  minReadySeconds?: number;
  selector: LabelSelector;
  template?: PodTemplateSpec;
}

export interface ReplicaSetStatus {
  replicas: number;
  fullyLabeledReplicas?: number;
  readyReplicas?: number;
  availableReplicas?: number;
  terminatingReplicas?: number;
  observedGeneration?: number;
  conditions?: Condition[];
}

const replicaSetSpec: Message = message("So many Pods from one template.", {
  replicas: int32(1, "How many Pods. 1 when not said.", pointer),
  minReadySeconds: int32(4, "How long a Pod must be ready before it counts as available."),
  selector: object(
    2,
    labelSelector,
    "Which Pods are its own; must match the template's labels, never changes.",
    { ...needed, ...pointer },
  ),
  template: object(3, podTemplateSpec, "What the Pods are made from."),
});

const replicaSetCondition: Message = message("One thing that is true or not.", {
  type: text(1, "What: ReplicaFailure.", needed),
  status: text(2, "True, False or Unknown.", needed),
  lastTransitionTime: time(3, "Since when."),
  reason: text(4, "Why, as one word."),
  message: text(5, "Why, for people."),
});

const replicaSetStatus: Message = message("How far it is.", {
  replicas: int32(1, "Pods there are.", { ...needed, default: 0 }),
  fullyLabeledReplicas: int32(2, "Pods that have all labels of the template."),
  readyReplicas: int32(4, "Pods that are ready."),
  availableReplicas: int32(5, "Pods that are available."),
  terminatingReplicas: int32(7, "Pods that are about to end.", pointer),
  observedGeneration: int64(3, "Generation this is about."),
  conditions: objects(6, replicaSetCondition, "What is true or not about it.", byKeys("type")),
});

const replicaSet: Message = kindMessage("So many Pods from one template: one step of a Deployment.", {
  spec: object(2, replicaSetSpec, "What should run."),
  status: object(3, replicaSetStatus, "How far it is."),
});

export const replicaSetKind: KindDefinition = builtIn(replicaSet, {
  group: "apps",
  version: "v1",
  kind: "ReplicaSet",
  plural: "replicasets",
  singular: "replicaset",
  shortNames: ["rs"],
  categories: ["all"],
  namespaced: true,
  subresources: {
    status: true,
    scale: { specReplicas: "spec.replicas", statusReplicas: "status.replicas", selector: "spec.selector" },
  },
  applyDefaults: (object) => applyDefaults(object as ReplicaSet),
  validate: (object, old) => validate(object as ReplicaSet, old as ReplicaSet | undefined),
  validateStatus: countRules({
    counts: ["replicas", "fullyLabeledReplicas", "readyReplicas", "availableReplicas", "observedGeneration"],
    parts: ["fullyLabeledReplicas", "readyReplicas", "availableReplicas"],
    ready: "readyReplicas",
  }),
  columns: [
    nameColumn,
    counts<ReplicaSet>("Desired", "Pods wanted.", ({ spec }) => spec.replicas),
    counts<ReplicaSet>("Current", "Pods there are.", ({ status }) => status?.replicas),
    counts<ReplicaSet>("Ready", "Pods that are ready.", ({ status }) => status?.readyReplicas),
    ageColumn,
    ...templateColumns,
  ],
});

function applyDefaults(replicaSet: ReplicaSet): void {
  replicaSet.spec ??= { selector: {}, template: { spec: { containers: [] } } };
  const { spec } = replicaSet;
  defaultTemplate(spec);
  spec.replicas ??= 1;
  replicaSet.status ??= { replicas: 0 };
}

function validate({ spec }: ReplicaSet, old: ReplicaSet | undefined): FieldError[] {
  const faults = new Faults();
  faults.atLeastZero("spec.replicas", spec.replicas);
  checkWorkload(faults, spec, old?.spec, { inSelector: "deployment", kind: "ReplicaSet" });
  return faults.errors;
}
