import type { Condition, KubeObject, LabelSelector } from "@selvedge/apimachinery";
import {
  atomic,
  byKeys,
  flag,
  int32,
  int64,
  type Message,
  message,
  needed,
  numbers,
  object,
  objects,
  pointer,
  set,
  text,
  texts,
  time,
} from "../fields.ts";
import { labelSelector } from "../meta-fields.ts";
import { podTemplateSpec } from "../pod/pod-fields.ts";
import type { PodTemplateSpec } from "../pod/pod-types.ts";

export interface Job extends KubeObject {
  apiVersion: "batch/v1";
  kind: "Job";
  spec: JobSpec;
  status?: JobStatus;
}

export interface JobSpec {
  parallelism?: number;
  completions?: number;
  activeDeadlineSeconds?: number;
  podFailurePolicy?: { rules?: PodFailureRule[] };
  successPolicy?: { rules?: SuccessRule[] };
  backoffLimit?: number;
  backoffLimitPerIndex?: number;
  maxFailedIndexes?: number;
  selector?: LabelSelector;
  manualSelector?: boolean;
  template: PodTemplateSpec;
  ttlSecondsAfterFinished?: number;
  completionMode?: "NonIndexed" | "Indexed";
  suspend?: boolean;
  podReplacementPolicy?: "TerminatingOrFailed" | "Failed";
  managedBy?: string;
}

export interface PodFailureRule {
  action: "FailJob" | "FailIndex" | "Ignore" | "Count";
  onExitCodes?: { containerName?: string; operator: "In" | "NotIn"; values?: number[] };
  onPodConditions?: { type: string; status?: string }[];
}

export interface SuccessRule {
  succeededIndexes?: string;
  succeededCount?: number;
}

export interface JobCondition extends Condition {
  lastProbeTime?: string | null;
}

export interface JobStatus {
  conditions?: JobCondition[];
  startTime?: string | null;
  completionTime?: string | null;
  active?: number;
  ready?: number;
  terminating?: number;
  succeeded?: number;
  failed?: number;
  completedIndexes?: string;
  failedIndexes?: string;
  uncountedTerminatedPods?: { succeeded?: string[]; failed?: string[] };
}

const onExitCodes: Message = message("Which ends of containers a rule is about.", {
  containerName: text(1, "Only this container; all when not said.", pointer),
  operator: text(2, "In: one of the values; NotIn: none of them.", needed),
  values: numbers(
    3,
    "Exit codes, 1 to 255 of them.",
    { ...set, items: { type: "integer", format: "int32" } },
    needed,
  ),
});

const onPodCondition: Message = message("Which condition of a Pod a rule is about.", {
  type: text(1, "The condition's type.", needed),
  status: text(2, "Its status. True when not said.", needed),
});

const podFailureRule: Message = message("What a Pod's failure means.", {
  action: text(1, "FailJob, FailIndex, Ignore or Count.", needed),
  onExitCodes: object(2, onExitCodes, "Which ends of containers it is about.", pointer),
  onPodConditions: objects(
    3,
    onPodCondition,
    "Which conditions of the Pod it is about: one is enough.",
    atomic,
  ),
});

const podFailurePolicy: Message = message("What a Pod's failure means: the first rule that fits decides.", {
  rules: objects(1, podFailureRule, "The rules, at most 20.", atomic, needed),
});

const successRule: Message = message("Which successes are enough.", {
  succeededIndexes: text(1, "Indexes that must have succeeded: 1,3-5.", pointer),
  succeededCount: int32(2, "How many of them; all when not said.", pointer),
});

const successPolicy: Message = message("When an Indexed Job has succeeded before all its indexes have.", {
  rules: objects(1, successRule, "The rules, at most 20: one that is met is enough.", atomic, needed),
});

export const jobSpec: Message = message("Pods that run until so many of them have succeeded.", {
  parallelism: int32(1, "How many run at a time. 1 when not said.", pointer),
  completions: int32(2, "How many must succeed; when not said, one success ends the Job.", pointer),
  activeDeadlineSeconds: int64(3, "How long it may take in all, from its start.", pointer),
  podFailurePolicy: object(11, podFailurePolicy, "What a Pod's failure means.", pointer),
  successPolicy: object(16, successPolicy, "When it has succeeded before all indexes have.", pointer),
  backoffLimit: int32(7, "How many failures before it counts as failed. 6 when not said.", pointer),
  backoffLimitPerIndex: int32(12, "How many failures of one index before that index has failed.", pointer),
  maxFailedIndexes: int32(13, "How many indexes may fail before it counts as failed.", pointer),
  selector: object(
    4,
    labelSelector,
    "Which Pods are its own; made by the server unless manualSelector.",
    pointer,
  ),
  manualSelector: flag(5, "Whether the selector and the template's labels are yours to keep apart.", pointer),
  template: object(
    6,
    podTemplateSpec,
    "What the Pods are made from; restartPolicy Never or OnFailure.",
    needed,
  ),
  ttlSecondsAfterFinished: int32(8, "How long it is kept after its end; for ever when not said.", pointer),
  completionMode: text(9, "NonIndexed, or Indexed: each completion has a number of its own.", pointer),
  suspend: flag(10, "Whether no Pods run for now.", pointer),
  podReplacementPolicy: text(
    14,
    "TerminatingOrFailed: a Pod that is going is replaced at once; Failed: when it has ended.",
    pointer,
  ),
  managedBy: text(15, "Who runs it, when it is not this controller.", pointer),
});

const jobCondition: Message = message("One thing that is true or not.", {
  type: text(1, "What: Complete, Failed, Suspended, FailureTarget or SuccessCriteriaMet.", needed),
  status: text(2, "True, False or Unknown.", needed),
  lastProbeTime: time(3, "When it was last looked at."),
  lastTransitionTime: time(4, "Since when."),
  reason: text(5, "Why, as one word."),
  message: text(6, "Why, for people."),
});

const uncountedTerminatedPods: Message = message("Pods that have ended and are not in the counts yet.", {
  succeeded: texts(1, "UIDs of Pods that succeeded.", set),
  failed: texts(2, "UIDs of Pods that failed.", set),
});

export const jobStatus: Message = message("How far it is.", {
  conditions: objects(1, jobCondition, "What is true or not about it.", {
    ...byKeys("type"),
    "x-kubernetes-list-type": "atomic",
  }),
  startTime: time(2, "When it began; anew when it was resumed.", pointer),
  completionTime: time(3, "When it succeeded.", pointer),
  active: int32(4, "Pods that wait or run."),
  ready: int32(9, "Pods that are ready.", pointer),
  terminating: int32(11, "Pods that are going.", pointer),
  succeeded: int32(5, "Pods that succeeded."),
  failed: int32(6, "Pods that failed."),
  completedIndexes: text(7, "Indexes that have succeeded: 1,3-5."),
  failedIndexes: text(10, "Indexes that have failed for good.", pointer),
  uncountedTerminatedPods: object(
    8,
    uncountedTerminatedPods,
    "Pods that are not in the counts yet.",
    pointer,
  ),
});
