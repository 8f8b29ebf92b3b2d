import type {
  Condition,
  FieldError,
  KindDefinition,
  KubeObject,
  LabelSelector,
} from "@selvedge/apimachinery";
import { dnsLabelFaults } from "@selvedge/apimachinery";
import { jsonEqual } from "@selvedge/base";
import { ageColumn, column, nameColumn, templateColumns } from "./columns.ts";
import { Faults } from "./faults.ts";
import {
  atomic,
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
import { labelSelector, objectMeta } from "./meta-fields.ts";
import { podTemplateSpec } from "./pod/pod-fields.ts";
import type { PodTemplateSpec } from "./pod/pod-types.ts";
import { countRules } from "./status-rules.ts";
import { checkClaimSpec, defaultClaim } from "./storage/claim.ts";
import { type PersistentVolumeClaim, persistentVolumeClaim } from "./storage/claim-fields.ts";
import { checkAtMostAll, checkShare, checkWorkload, defaultTemplate, isNothing } from "./workload-rules.ts";

export interface StatefulSet extends KubeObject {
  apiVersion: "apps/v1";
  kind: "StatefulSet";
  spec: StatefulSetSpec;
  status?: StatefulSetStatus;
}

export interface StatefulSetSpec {
  replicas?: number;
  selector: LabelSelector;
  template: PodTemplateSpec;
  volumeClaimTemplates?: PersistentVolumeClaim[];
  serviceName?: string;
  podManagementPolicy?: "OrderedReady" | "Parallel";
  updateStrategy?: {
    type?: "RollingUpdate" | "OnDelete";
    rollingUpdate?: { partition?: number; maxUnavailable?: number | string };
  };
  revisionHistoryLimit?: number;
  minReadySeconds?: number;
  persistentVolumeClaimRetentionPolicy?: { whenDeleted?: Retention; whenScaled?: Retention };
  ordinals?: { start?: number };
}

export type Retention = "Retain" | "Delete";

export interface StatefulSetStatus {
  observedGeneration?: number;
  replicas: number;
  readyReplicas?: number;
  currentReplicas?: number;
  updatedReplicas?: number;
  currentRevision?: string;
  updateRevision?: string;
  collisionCount?: number;
  conditions?: Condition[];
  availableReplicas?: number;
}

const rollingUpdate: Message = message("How far a change goes.", {
  partition: int32(1, "Pods with a lower number keep the former template. 0 when not said.", pointer),
  maxUnavailable: intOrString(
    2,
    "How many may be missing during a change: a number or a percentage.",
    pointer,
  ),
});

const updateStrategy: Message = message("How a change of the template reaches Pods that run.", {
  type: text(1, "RollingUpdate, or OnDelete: only when you delete them."),
  rollingUpdate: object(2, rollingUpdate, "How far a change goes.", pointer),
});

const retentionPolicy: Message = message("What becomes of the claims.", {
  whenDeleted: text(1, "When the set is deleted: Retain or Delete. Retain when not said."),
  whenScaled: text(2, "When the set gets smaller: Retain or Delete. Retain when not said."),
});

const ordinals: Message = message("How Pods are numbered.", {
  start: int32(1, "The first number. 0 when not said.", { default: 0 }),
});

const claimTemplate: Message = {
  schema: { ...persistentVolumeClaim.schema, properties: templateProperties() },
  protobuf: {
    ...persistentVolumeClaim.protobuf,
    1: { name: "metadata", type: "message", message: objectMeta.protobuf },
  },
};

function templateProperties(): NonNullable<Message["schema"]["properties"]> {
  const apiVersion = { type: "string", description: "The version of the claim's schema." } as const;
  const kind = { type: "string", description: "PersistentVolumeClaim." } as const;
  return { apiVersion, kind, metadata: objectMeta.schema, ...persistentVolumeClaim.schema.properties };
}

const statefulSetSpec: Message = message("Numbered Pods, each with a name and volumes that stay its own.", {
  replicas: int32(1, "How many Pods. 1 when not said.", pointer),
  selector: object(
    2,
    labelSelector,
    "Which Pods are its own; must match the template's labels, never changes.",
    { ...needed, ...pointer },
  ),
  template: object(3, podTemplateSpec, "What the Pods are made from.", needed),
  volumeClaimTemplates: objects(4, claimTemplate, "What each Pod's own claims are made from.", atomic),
  serviceName: text(5, "The Service that names the Pods; never changes.", { default: "" }),
  podManagementPolicy: text(6, "OrderedReady: one after another; Parallel: all at once."),
  updateStrategy: object(7, updateStrategy, "How a change of the template reaches Pods that run."),
  revisionHistoryLimit: int32(
    8,
    "How many former templates are kept for kubectl rollout undo. 10 when not said.",
    pointer,
  ),
  minReadySeconds: int32(9, "How long a Pod must be ready before it counts as available."),
  persistentVolumeClaimRetentionPolicy: object(10, retentionPolicy, "What becomes of the claims.", pointer),
  ordinals: object(11, ordinals, "How Pods are numbered.", pointer),
});

const statefulSetCondition: Message = message("One thing that is true or not.", {
  type: text(1, "What.", needed),
  status: text(2, "True, False or Unknown.", needed),
  lastTransitionTime: time(3, "Since when."),
  reason: text(4, "Why, as one word."),
  message: text(5, "Why, for people."),
});

const statefulSetStatus: Message = message("How far it is.", {
  observedGeneration: int64(1, "Generation this is about."),
  replicas: int32(2, "Pods there are.", { ...needed, default: 0 }),
  readyReplicas: int32(3, "Pods that are ready."),
  currentReplicas: int32(4, "Pods from the former template."),
  updatedReplicas: int32(5, "Pods from the newest template."),
  currentRevision: text(6, "The revision of the former template."),
  updateRevision: text(7, "The revision of the newest template."),
  collisionCount: int32(9, "How often the name of a revision was taken.", pointer),
  conditions: objects(10, statefulSetCondition, "What is true or not about it.", byKeys("type")),
  availableReplicas: int32(11, "Pods that are available.", { default: 0 }),
});

const statefulSet: Message = kindMessage("Numbered Pods, each with a name and volumes that stay its own.", {
  spec: object(2, statefulSetSpec, "What should run."),
  status: object(3, statefulSetStatus, "How far it is."),
});

export const statefulSetKind: KindDefinition = builtIn(statefulSet, {
  group: "apps",
  version: "v1",
  kind: "StatefulSet",
  plural: "statefulsets",
  singular: "statefulset",
  shortNames: ["sts"],
  categories: ["all"],
  namespaced: true,
  nameFaults: (name) => dnsLabelFaults(name),
  subresources: {
    status: true,
    scale: { specReplicas: "spec.replicas", statusReplicas: "status.replicas", selector: "spec.selector" },
  },
  applyDefaults: (object) => applyDefaults(object as StatefulSet),
  validate: (object, old) => validate(object as StatefulSet, old as StatefulSet | undefined),
  validateStatus: countRules({
    counts: [
      ...["replicas", "readyReplicas", "currentReplicas", "updatedReplicas", "availableReplicas"],
      ...["observedGeneration", "collisionCount"],
    ],
    parts: ["readyReplicas", "currentReplicas", "updatedReplicas", "availableReplicas"],
    ready: "status.readyReplicas",
  }),
  columns: [
    nameColumn,
    column<StatefulSet>(
      "Ready",
      "Pods that are ready, of those wanted.",
      ({ spec, status }) => `${status?.readyReplicas ?? 0}/${spec.replicas ?? 1}`,
    ),
    ageColumn,
    ...templateColumns.filter(({ name }) => name !== "Selector"),
  ],
});

function applyDefaults(set: StatefulSet): void {
  set.spec ??= { selector: {}, template: { spec: { containers: [] } } };
  const { spec } = set;
  defaultTemplate(spec);
  spec.podManagementPolicy ||= "OrderedReady";
  spec.updateStrategy ??= {};
  const strategy = spec.updateStrategy;
  if (!strategy.type) {
    strategy.type = "RollingUpdate";
    strategy.rollingUpdate ??= {};
  }
  if (strategy.type === "RollingUpdate" && strategy.rollingUpdate !== undefined)
    strategy.rollingUpdate.partition ??= 0;
  spec.persistentVolumeClaimRetentionPolicy ??= {};
  spec.persistentVolumeClaimRetentionPolicy.whenDeleted ||= "Retain";
  spec.persistentVolumeClaimRetentionPolicy.whenScaled ||= "Retain";
  spec.replicas ??= 1;
  spec.revisionHistoryLimit ??= 10;
  for (const claim of spec.volumeClaimTemplates ?? []) {
    claim.apiVersion ??= "v1";
    claim.kind ??= "PersistentVolumeClaim";
    defaultClaim(claim);
  }
  set.status ??= { replicas: 0, availableReplicas: 0 };
}

function validate({ spec, metadata }: StatefulSet, old: StatefulSet | undefined): FieldError[] {
  const faults = new Faults();
  if (spec === old?.spec) return faults.errors;
  faults.atLeastZero("spec.replicas", spec.replicas);
  // What the selector may not become is said of the whole spec, as upstream does.
  checkWorkload(faults, { ...spec, template: withClaims(spec) }, undefined, {
    inSelector: "statefulset",
    kind: "StatefulSet",
  });
  if (!spec.podManagementPolicy) faults.required("spec.podManagementPolicy");
  else if (spec.podManagementPolicy !== "OrderedReady" && spec.podManagementPolicy !== "Parallel") {
    faults.invalid(
      "spec.podManagementPolicy",
      spec.podManagementPolicy,
      "must be 'OrderedReady' or 'Parallel'",
    );
  }
  checkStrategy(faults, spec);
  for (const field of ["whenDeleted", "whenScaled"] as const) {
    const path = `spec.persistentVolumeClaimRetentionPolicy.${field}`;
    faults.oneOf(path, spec.persistentVolumeClaimRetentionPolicy?.[field], ["Delete", "Retain"]);
  }
  if (spec.serviceName) faults.all("spec.serviceName", spec.serviceName, dnsLabelFaults(spec.serviceName));
  faults.atLeastZero("spec.ordinals.start", spec.ordinals?.start);
  for (const [index, claim] of (spec.volumeClaimTemplates ?? []).entries()) {
    const path = `spec.volumeClaimTemplates[${index}]`;
    faults.subdomain(`${path}.metadata.name`, claim.metadata?.name);
    if (old === undefined) checkClaimSpec(faults, `${path}.spec`, claim);
  }
  // The Pods' names become labels and host names.
  const longest = `${metadata.name}-${Math.max(0, (spec.replicas ?? 1) - 1)}`;
  if (old === undefined && longest.length > 63)
    faults.all("metadata.name", metadata.name, dnsLabelFaults(longest));
  if (old !== undefined && !jsonEqual(fixedPart(spec), fixedPart(old.spec))) {
    faults.forbidden("spec", `updates to statefulset spec for fields other than ${changeable} are forbidden`);
  }
  return faults.errors;
}

/** The template with the volumes that each Pod's own claims will be. */
function withClaims({ template, volumeClaimTemplates = [] }: StatefulSetSpec): PodTemplateSpec {
  const names = volumeClaimTemplates.map(({ metadata }) => metadata?.name ?? "").filter(Boolean);
  const others = (template.spec.volumes ?? []).filter(({ name }) => !names.includes(name));
  const own = names.map((name) => ({ name, persistentVolumeClaim: { claimName: name } }));
  return own.length === 0
    ? template
    : { ...template, spec: { ...template.spec, volumes: [...others, ...own] } };
}

const changeable =
  "'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', " +
  "'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds'";

function fixedPart(spec: StatefulSetSpec): unknown {
  const { selector, serviceName = "", podManagementPolicy, volumeClaimTemplates = [] } = spec;
  return { selector, serviceName, podManagementPolicy, volumeClaimTemplates };
}

function checkStrategy(faults: Faults, { updateStrategy: strategy = {} }: StatefulSetSpec): void {
  const path = "spec.updateStrategy";
  const { type, rollingUpdate: rolling } = strategy;
  if (type === "OnDelete") {
    if (rolling !== undefined)
      faults.invalid(`${path}.rollingUpdate`, rolling, "only allowed for updateStrategy 'RollingUpdate'");
  } else if (type !== "RollingUpdate") {
    faults.invalid(path, strategy, "must be 'RollingUpdate' or 'OnDelete'");
  } else if (rolling !== undefined) {
    faults.atLeastZero(`${path}.rollingUpdate.partition`, rolling.partition);
    if (rolling.maxUnavailable === undefined) return;
    checkShare(faults, `${path}.rollingUpdate.maxUnavailable`, rolling.maxUnavailable);
    checkAtMostAll(faults, `${path}.rollingUpdate.maxUnavailable`, rolling.maxUnavailable);
    if (isNothing(rolling.maxUnavailable)) {
      faults.invalid(`${path}.rollingUpdate.maxUnavailable`, rolling.maxUnavailable, "cannot be 0");
    }
  }
}
