import type { Condition, FieldError, KindDefinition, KubeObject } from "@selvedge/apimachinery";
import { ageColumn, column, counts, labelsText, nameColumn, templateColumns } from "./columns.ts";
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
  textMap,
  time,
} from "./fields.ts";
import { builtIn } from "./kind.ts";
import { podTemplateSpec } from "./pod/pod-fields.ts";
import type { PodTemplateSpec } from "./pod/pod-types.ts";
import { checkTemplate } from "./pod/validate-pod.ts";
import { countRules } from "./status-rules.ts";
import { checkOwnTemplate, defaultTemplate } from "./workload-rules.ts";

/** What there was before ReplicaSets, which it works like. */
export interface ReplicationController extends KubeObject {
  apiVersion: "v1";
  kind: "ReplicationController";
  spec: {
    replicas?: number;
    minReadySeconds?: number;
    selector?: Record<string, string>;
    template?: PodTemplateSpec;
  };
  status?: {
    replicas: number;
    fullyLabeledReplicas?: number;
    readyReplicas?: number;
    availableReplicas?: number;
    observedGeneration?: number;
    conditions?: Condition[];
  };
}

const spec: Message = message("So many Pods from one template.", {
  replicas: int32(1, "How many Pods. 1 when not said.", { ...pointer, default: 1 }),
  minReadySeconds: int32(4, "How long a Pod must be ready before it counts as available.", { default: 0 }),
  selector: textMap(2, "Labels of its own Pods; the template's when not said.", {
    "x-kubernetes-map-type": "atomic",
  }),
  template: object(3, podTemplateSpec, "What the Pods are made from.", pointer),
});

const condition: Message = message("One thing that is true or not.", {
  type: text(1, "What: ReplicaFailure.", needed),
  status: text(2, "True, False or Unknown.", needed),
  lastTransitionTime: time(3, "Since when."),
  reason: text(4, "Why, as one word."),
  message: text(5, "Why, for people."),
});

const status: Message = message("How far it is.", {
  replicas: int32(1, "Pods there are.", { ...needed, default: 0 }),
  fullyLabeledReplicas: int32(2, "Pods that have all labels of the template."),
  readyReplicas: int32(4, "Pods that are ready."),
  availableReplicas: int32(5, "Pods that are available."),
  observedGeneration: int64(3, "Generation this is about."),
  conditions: objects(6, condition, "What is true or not about it.", byKeys("type")),
});

const replicationController: Message = kindMessage(
  "So many Pods from one template; a Deployment does it better.",
  {
    spec: object(2, spec, "What should run."),
    status: object(3, status, "How far it is."),
  },
);

export const replicationControllerKind: KindDefinition = builtIn(replicationController, {
  group: "",
  version: "v1",
  kind: "ReplicationController",
  plural: "replicationcontrollers",
  singular: "replicationcontroller",
  shortNames: ["rc"],
  categories: ["all"],
  namespaced: true,
  subresources: {
    status: true,
    scale: { specReplicas: "spec.replicas", statusReplicas: "status.replicas", selector: "spec.selector" },
  },
  selectableFields: ["status.replicas"],
  leavesDependents: {},
  applyDefaults: (object) => {
    const one = object as ReplicationController;
    one.spec ??= {};
    defaultTemplate(one.spec);
    one.spec.replicas ??= 1;
    // The documents say a default that Go leaves out.
    if (one.spec.minReadySeconds === 0) delete one.spec.minReadySeconds;
    const labels = one.spec.template?.metadata?.labels;
    if (labels !== undefined) {
      if (Object.keys(one.spec.selector ?? {}).length === 0) one.spec.selector = { ...labels };
      if (Object.keys(one.metadata.labels ?? {}).length === 0) one.metadata.labels = { ...labels };
    }
    one.status ??= { replicas: 0 };
  },
  validate: (object) => validate(object as ReplicationController),
  validateStatus: countRules({
    counts: ["replicas", "fullyLabeledReplicas", "readyReplicas", "availableReplicas", "observedGeneration"],
    parts: ["fullyLabeledReplicas", "readyReplicas", "availableReplicas"],
    ready: "readyReplicas",
  }),
  columns: [
    nameColumn,
    counts<ReplicationController>("Desired", "Pods wanted.", (one) => one.spec.replicas),
    counts<ReplicationController>("Current", "Pods there are.", (one) => one.status?.replicas),
    counts<ReplicationController>("Ready", "Pods that are ready.", (one) => one.status?.readyReplicas),
    ageColumn,
    ...templateColumns.filter(({ name }) => name !== "Selector"),
    column<ReplicationController>(
      "Selector",
      "Labels of its Pods.",
      (one) => labelsText(one.spec.selector),
      1,
    ),
  ],
});

function validate({
  spec: { replicas, minReadySeconds, selector = {}, template },
}: ReplicationController): FieldError[] {
  const faults = new Faults();
  faults.atLeastZero("spec.minReadySeconds", minReadySeconds);
  faults.labels("spec.selector", selector);
  if (Object.keys(selector).length === 0) faults.required("spec.selector");
  faults.atLeastZero("spec.replicas", replicas);
  if (template === undefined) faults.required("spec.template");
  else {
    if (Object.keys(selector).length > 0)
      checkOwnTemplate(faults, "spec", { matchLabels: selector }, template);
    checkTemplate(faults, "spec.template", template);
  }
  return faults.errors;
}
