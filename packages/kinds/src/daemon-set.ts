import type {
  Condition,
  FieldError,
  KindDefinition,
  KubeObject,
  LabelSelector,
} from "@selvedge/apimachinery";
import { jsonEqual } from "@selvedge/base";
import { ageColumn, column, counts, labelsText, nameColumn, templateColumns } from "./columns.ts";
import { Faults } from "./faults.ts";
import {
  byKeys,
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

export interface DaemonSet extends KubeObject {
  apiVersion: "apps/v1";
  kind: "DaemonSet";
  spec: DaemonSetSpec;
  status?: DaemonSetStatus;
}

export interface DaemonSetSpec {
  selector: LabelSelector;
  template: PodTemplateSpec;
  updateStrategy?: DaemonSetUpdateStrategy;
  minReadySeconds?: number;
  revisionHistoryLimit?: number;
}

export interface DaemonSetUpdateStrategy {
  type?: "RollingUpdate" | "OnDelete";
  rollingUpdate?: { maxUnavailable?: number | string; maxSurge?: number | string };
}

export interface DaemonSetStatus {
  currentNumberScheduled: number;
  numberMisscheduled: number;
  desiredNumberScheduled: number;
  numberReady: number;
  observedGeneration?: number;
  updatedNumberScheduled?: number;
  numberAvailable?: number;
  numberUnavailable?: number;
  collisionCount?: number;
  conditions?: Condition[];
}

const rollingUpdateDaemonSet: Message = message("How many nodes change at a time.", {
  maxUnavailable: intOrString(
    1,
    "How many may be without a ready Pod: a number or a percentage. 1 when not said.",
    pointer,
  ),
  maxSurge: intOrString(
    2,
    "How many may have two Pods for a while: a number or a percentage. 0 when not said.",
    pointer,
  ),
});

const daemonSetUpdateStrategy: Message = message("How a change of the template reaches Pods that run.", {
  type: text(1, "RollingUpdate, or OnDelete: only when you delete them."),
  rollingUpdate: object(2, rollingUpdateDaemonSet, "How many nodes change at a time.", pointer),
});

const daemonSetSpec: Message = message("One Pod on each node that fits.", {
  selector: object(
    1,
    labelSelector,
    "Which Pods are its own; must match the template's labels, never changes.",
    { ...needed, ...pointer },
  ),
  template: object(2, podTemplateSpec, "What the Pods are made from.", needed),
  updateStrategy: object(3, daemonSetUpdateStrategy, "How a change of the template reaches Pods that run."),
  minReadySeconds: int32(4, "How long a Pod must be ready before it counts as available."),
  revisionHistoryLimit: int32(
    6,
    "How many former templates are kept for kubectl rollout undo. 10 when not said.",
    pointer,
  ),
});

const daemonSetCondition: Message = message("One thing that is true or not.", {
  type: text(1, "What.", needed),
  status: text(2, "True, False or Unknown.", needed),
  lastTransitionTime: time(3, "Since when."),
  reason: text(4, "Why, as one word."),
  message: text(5, "Why, for people."),
});

const daemonSetStatus: Message = message("How far it is.", {
  currentNumberScheduled: int32(1, "Nodes that have the Pod and should.", { ...needed, default: 0 }),
  numberMisscheduled: int32(2, "Nodes that have the Pod and should not.", { ...needed, default: 0 }),
  desiredNumberScheduled: int32(3, "Nodes that should have the Pod.", { ...needed, default: 0 }),
  numberReady: int32(4, "Nodes whose Pod is ready.", { ...needed, default: 0 }),
  observedGeneration: int64(5, "Generation this is about."),
  updatedNumberScheduled: int32(6, "Nodes whose Pod is from the newest template."),
  numberAvailable: int32(7, "Nodes whose Pod is available."),
  numberUnavailable: int32(8, "Nodes that should have an available Pod and have none."),
  collisionCount: int32(9, "How often the name of a revision was taken.", pointer),
  conditions: objects(10, daemonSetCondition, "What is true or not about it.", byKeys("type")),
});

const daemonSet: Message = kindMessage("One Pod on each node that fits: what runs on every box of a kind.", {
  spec: object(2, daemonSetSpec, "What should run where."),
  status: object(3, daemonSetStatus, "How far it is."),
});

const kind: KindDefinition = builtIn(daemonSet, {
  group: "apps",
  version: "v1",
  kind: "DaemonSet",
  plural: "daemonsets",
  singular: "daemonset",
  shortNames: ["ds"],
  categories: ["all"],
  namespaced: true,
  subresources: { status: true },
  applyDefaults: (object) => applyDefaults(object as DaemonSet),
  validate: (object, old) => validate(object as DaemonSet, old as DaemonSet | undefined),
  validateStatus: countRules({
    counts: [
      ...["currentNumberScheduled", "numberMisscheduled", "desiredNumberScheduled", "numberReady"],
      ...["observedGeneration", "updatedNumberScheduled", "numberAvailable", "numberUnavailable"],
      "collisionCount",
    ],
  }),
  columns: [
    nameColumn,
    counts<DaemonSet>(
      "Desired",
      "Nodes that should have the Pod.",
      ({ status }) => status?.desiredNumberScheduled,
    ),
    counts<DaemonSet>("Current", "Nodes that have the Pod.", ({ status }) => status?.currentNumberScheduled),
    counts<DaemonSet>("Ready", "Nodes whose Pod is ready.", ({ status }) => status?.numberReady),
    counts<DaemonSet>(
      "Up-to-date",
      "Nodes with the newest Pod.",
      ({ status }) => status?.updatedNumberScheduled,
    ),
    counts<DaemonSet>("Available", "Nodes whose Pod is available.", ({ status }) => status?.numberAvailable),
    column<DaemonSet>("Node Selector", "Labels a node must have.", ({ spec }) =>
      labelsText(spec.template?.spec?.nodeSelector),
    ),
    ageColumn,
    ...templateColumns,
  ],
});

/** After the defaults: the same amount, written otherwise, is no other template. */
export const daemonSetKind: KindDefinition = {
  ...kind,
  applyDefaults: (object, old) => {
    kind.applyDefaults?.(object, old);
    countTemplates(object as DaemonSet, old as DaemonSet | undefined);
  },
};

const templateCount = "deprecated.daemonset.template.generation";

/** How many templates there were: upstream has given it up, shows it still, and lets nobody else write it. */
function countTemplates({ metadata, spec }: DaemonSet, old: DaemonSet | undefined): void {
  const said = (old ?? { metadata }).metadata.annotations?.[templateCount] ?? "0";
  if (!/^[-+]?\d+$/.test(said)) return;
  const count = Math.max(1, Number(said));
  const isNew = old !== undefined && !jsonEqual(spec.template, old.spec.template);
  metadata.annotations = { ...metadata.annotations, [templateCount]: `${isNew ? count + 1 : count}` };
}

function applyDefaults(daemonSet: DaemonSet): void {
  daemonSet.spec ??= { selector: {}, template: { spec: { containers: [] } } };
  const { spec } = daemonSet;
  defaultTemplate(spec);
  spec.updateStrategy ??= {};
  const strategy = spec.updateStrategy;
  strategy.type ||= "RollingUpdate";
  if (strategy.type === "RollingUpdate") {
    strategy.rollingUpdate ??= {};
    strategy.rollingUpdate.maxUnavailable ??= 1;
    strategy.rollingUpdate.maxSurge ??= 0;
  }
  spec.revisionHistoryLimit ??= 10;
  daemonSet.status ??= {
    ...{ currentNumberScheduled: 0, numberMisscheduled: 0, desiredNumberScheduled: 0, numberReady: 0 },
  };
}

function validate({ metadata, spec }: DaemonSet, old: DaemonSet | undefined): FieldError[] {
  const faults = new Faults();
  const count = metadata.annotations?.[templateCount] ?? "1";
  if (!/^[-+]?\d+$/.test(count))
    faults.invalid(`metadata.annotations[${templateCount}]`, count, "must be a number");
  checkWorkload(faults, spec, old?.spec, { inSelector: "daemonset", kind: "DaemonSet" });
  const { updateStrategy: { type, rollingUpdate } = {} } = spec;
  if (type !== "RollingUpdate" && type !== "OnDelete") {
    faults.oneOf("spec.updateStrategy", spec.updateStrategy, ["RollingUpdate", "OnDelete"]);
  }
  if (type === "RollingUpdate" && rollingUpdate !== undefined) {
    const { maxUnavailable, maxSurge } = rollingUpdate;
    const path = "spec.updateStrategy.rollingUpdate";
    for (const [name, share] of Object.entries({ maxUnavailable, maxSurge })) {
      checkShare(faults, `${path}.${name}`, share);
      checkAtMostAll(faults, `${path}.${name}`, share);
    }
    if (!isNothing(maxUnavailable) && !isNothing(maxSurge)) {
      faults.invalid(`${path}.maxSurge`, maxSurge, "may not be set when maxUnavailable is non-zero");
    } else if (isNothing(maxUnavailable) && isNothing(maxSurge)) {
      faults.required(`${path}.maxUnavailable`, "cannot be 0 when maxSurge is 0");
    }
  }
  return faults.errors;
}
