import type {
  Condition,
  FieldError,
  KindDefinition,
  KubeObject,
  LabelSelector,
} from "@selvedge/apimachinery";
import { ageColumn, column, nameColumn, templateColumns } from "./columns.ts";
import { Faults } from "./faults.ts";
import {
  byKeys,
  flag,
  int32,
  int64,
  intOrString,
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
import { checkAtMostAll, checkShare, checkWorkload, defaultTemplate, isNothing } from "./workload-rules.ts";

export interface Deployment extends KubeObject {
  apiVersion: "apps/v1";
  kind: "Deployment";
  spec: DeploymentSpec;
  status?: DeploymentStatus;
}

export interface DeploymentSpec {
  replicas?: number;
  selector: LabelSelector;
  template: PodTemplateSpec;
  strategy?: DeploymentStrategy;
  minReadySeconds?: number;
  revisionHistoryLimit?: number;
  paused?: boolean;
  progressDeadlineSeconds?: number;
}

export interface DeploymentStrategy {
  type?: "RollingUpdate" | "Recreate";
  rollingUpdate?: { maxUnavailable?: number | string; maxSurge?: number | string };
}

export interface DeploymentCondition extends Condition {
  lastUpdateTime?: string;
}

export interface DeploymentStatus {
  observedGeneration?: number;
  replicas?: number;
  updatedReplicas?: number;
  readyReplicas?: number;
  availableReplicas?: number;
  unavailableReplicas?: number;
  terminatingReplicas?: number;
  collisionCount?: number;
  conditions?: DeploymentCondition[];
}

const rollingUpdateDeployment: Message = message("How many Pods change at a time.", {
  maxUnavailable: intOrString(
    1,
    "How many may be missing: a number or a percentage. 25% when not said.",
    pointer,
  ),
  maxSurge: intOrString(
    2,
    "How many more there may be: a number or a percentage. 25% when not said.",
    pointer,
  ),
});

const deploymentStrategy: Message = message("How Pods are replaced by new ones.", {
  type: text(1, "RollingUpdate, or Recreate: first all old ones go."),
  rollingUpdate: object(2, rollingUpdateDeployment, "How many Pods change at a time.", pointer),
});

const deploymentSpec: Message = message("So many Pods, anywhere they fit.", {
  replicas: int32(1, "How many Pods. 1 when not said.", pointer),
  selector: object(
    2,
    labelSelector,
    "Which Pods are its own; must match the template's labels, never changes.",
    { ...needed, ...pointer },
  ),
  template: object(3, podTemplateSpec, "What the Pods are made from.", needed),
  strategy: object(4, deploymentStrategy, "How Pods are replaced by new ones.", {
    "x-kubernetes-patch-strategy": "retainKeys",
  }),
  minReadySeconds: int32(5, "How long a Pod must be ready before it counts as available."),
  revisionHistoryLimit: int32(
    6,
    "How many former ReplicaSets are kept for kubectl rollout undo. 10 when not said.",
    pointer,
  ),
  paused: flag(7, "Whether changes of the template wait."),
  progressDeadlineSeconds: int32(
    9,
    "How long a change may go without progress before it counts as failed. 600 when not said.",
    pointer,
  ),
});

const deploymentCondition: Message = message("One thing that is true or not.", {
  type: text(1, "What: Available, Progressing or ReplicaFailure.", needed),
  status: text(2, "True, False or Unknown.", needed),
  lastUpdateTime: time(6, "When it was last said."),
  lastTransitionTime: time(7, "Since when."),
  reason: text(4, "Why, as one word."),
  message: text(5, "Why, for people."),
});

const deploymentStatus: Message = message("How far it is.", {
  observedGeneration: int64(1, "Generation this is about."),
  replicas: int32(2, "Pods there are."),
  updatedReplicas: int32(3, "Pods from the newest template."),
  readyReplicas: int32(7, "Pods that are ready."),
  availableReplicas: int32(4, "Pods that are available."),
  unavailableReplicas: int32(5, "Pods that are still missing."),
  terminatingReplicas: int32(9, "Pods that are about to end.", pointer),
  conditions: objects(6, deploymentCondition, "What is true or not about it.", byKeys("type")),
  collisionCount: int32(8, "How often the name of a ReplicaSet was taken.", pointer),
});

const deployment: Message = kindMessage(
  "So many Pods, anywhere they fit, replaced step by step when their template changes.",
  {
    spec: object(2, deploymentSpec, "What should run."),
    status: object(3, deploymentStatus, "How far it is."),
  },
);

export const deploymentKind: KindDefinition = builtIn(deployment, {
  group: "apps",
  version: "v1",
  kind: "Deployment",
  plural: "deployments",
  singular: "deployment",
  shortNames: ["deploy"],
  categories: ["all"],
  namespaced: true,
  subresources: {
    status: true,
    scale: { specReplicas: "spec.replicas", statusReplicas: "status.replicas", selector: "spec.selector" },
  },
  applyDefaults: (object) => applyDefaults(object as Deployment),
  validate: (object, old) => validate(object as Deployment, old as Deployment | undefined),
  validateStatus: countRules({
    counts: [
      ...["observedGeneration", "replicas", "updatedReplicas", "readyReplicas", "availableReplicas"],
      ...["unavailableReplicas", "collisionCount"],
    ],
    parts: ["updatedReplicas", "readyReplicas", "availableReplicas"],
    ready: "readyReplicas",
  }),
  columns: [
    nameColumn,
    column<Deployment>(
      "Ready",
      "Pods that are ready, of those wanted.",
      ({ spec, status }) => `${status?.readyReplicas ?? 0}/${spec.replicas ?? 1}`,
    ),
    column<Deployment>(
      "Up-to-date",
      "Pods from the newest template.",
      ({ status }) => status?.updatedReplicas ?? 0,
    ),
    column<Deployment>("Available", "Available Pods.", ({ status }) => status?.availableReplicas ?? 0),
    ageColumn,
    ...templateColumns,
  ],
});

function applyDefaults(deployment: Deployment): void {
  deployment.spec ??= { selector: {}, template: { spec: { containers: [] } } };
  const { spec } = deployment;
  defaultTemplate(spec);
  spec.replicas ??= 1;
  spec.strategy ??= {};
  spec.strategy.type ||= "RollingUpdate";
  if (spec.strategy.type === "RollingUpdate") {
    spec.strategy.rollingUpdate ??= {};
    spec.strategy.rollingUpdate.maxUnavailable ??= "25%";
    spec.strategy.rollingUpdate.maxSurge ??= "25%";
  }
  spec.revisionHistoryLimit ??= 10;
  spec.progressDeadlineSeconds ??= 600;
  deployment.status ??= {};
}

function validate({ spec }: Deployment, old: Deployment | undefined): FieldError[] {
  const faults = new Faults();
  faults.atLeastZero("spec.replicas", spec.replicas);
  checkWorkload(faults, spec, old?.spec, { inSelector: "deployment", kind: "ReplicaSet" });
  const { strategy = {}, progressDeadlineSeconds: deadline, minReadySeconds = 0 } = spec;
  const path = "spec.strategy.rollingUpdate";
  if (strategy.type === "Recreate" && strategy.rollingUpdate !== undefined) {
    faults.forbidden(path, "may not be specified when strategy `type` is 'Recreate'");
  } else if (strategy.type === "RollingUpdate" && strategy.rollingUpdate !== undefined) {
    const { maxUnavailable, maxSurge } = strategy.rollingUpdate;
    checkShare(faults, `${path}.maxUnavailable`, maxUnavailable);
    checkShare(faults, `${path}.maxSurge`, maxSurge);
    if (isNothing(maxUnavailable) && isNothing(maxSurge)) {
      faults.invalid(`${path}.maxUnavailable`, maxUnavailable, "may not be 0 when `maxSurge` is 0");
    }
    checkAtMostAll(faults, `${path}.maxUnavailable`, maxUnavailable);
  } else if (strategy.type !== "Recreate" && strategy.type !== "RollingUpdate") {
    const { type, rollingUpdate = null } = strategy;
    faults.oneOf("spec.strategy", { Type: type ?? "", RollingUpdate: rollingUpdate }, [
      "Recreate",
      "RollingUpdate",
    ]);
  }
  if (deadline !== undefined) {
    faults.atLeastZero("spec.progressDeadlineSeconds", deadline);
    if (deadline <= minReadySeconds) {
      faults.invalid("spec.progressDeadlineSeconds", deadline, "must be greater than minReadySeconds");
    }
  }
  return faults.errors;
}
