import type { KindDefinition } from "@selvedge/apimachinery";
import { ageColumn, column, nameColumn } from "../columns.ts";
import {
  atomic,
  byKeys,
  int32,
  int64,
  kindMessage,
  type Member,
  type Message,
  message,
  needed,
  object,
  objects,
  pointer,
  quantity,
  text,
  time,
} from "../fields.ts";
import { builtIn } from "../kind.ts";
import { labelSelector } from "../meta-fields.ts";
import { countRules } from "../status-rules.ts";
import { defaultAutoscaler, targetsText, validateAutoscaler } from "./autoscaler-rules.ts";
import type { HorizontalPodAutoscaler } from "./autoscaler-types.ts";

export const reference: Message = message("An object of the namespace.", {
  kind: text(1, "Its kind.", needed),
  name: text(2, "Its name.", needed),
  apiVersion: text(3, "Its group and version."),
});
const identifier: Message = message("Which figure.", {
  name: text(1, "Its name.", needed),
  selector: object(2, labelSelector, "What tells it from others of the name.", pointer),
});
const target: Message = message("What the figure should be.", {
  type: text(1, "Utilization, Value or AverageValue.", needed),
  value: quantity(2, "The figure itself.", pointer),
  averageValue: quantity(3, "The figure by Pod.", pointer),
  averageUtilization: int32(4, "The figure by Pod, in percent of what its containers request.", pointer),
});
const current: Message = message("What the figure is.", {
  value: quantity(1, "The figure itself.", pointer),
  averageValue: quantity(2, "The figure by Pod.", pointer),
  averageUtilization: int32(3, "The figure by Pod, in percent of what its containers request.", pointer),
});

const resourceName = (number: number): Member => text(number, "cpu or memory.", needed);
const container = (number: number): Member => text(number, "The container's name.", needed);

/** The members of a figure, wished for or measured: they differ in their last part and in one number. */
function figures(part: "target" | "current", of: Message): Record<string, Member> {
  const one = (number: number): Record<string, Member> => ({
    [part]: object(number, of, "How much.", needed),
  });
  const described = { describedObject: object(part === "target" ? 1 : 3, reference, "Of which.", needed) };
  const metric = (number: number): Record<string, Member> => ({
    metric: object(number, identifier, "Which.", needed),
  });
  const ofObject = message("A figure of one object.", {
    ...described,
    ...one(2),
    ...metric(part === "target" ? 3 : 1),
  });
  return {
    type: text(1, "Resource, ContainerResource, Pods, Object or External.", needed),
    object: object(2, ofObject, "A figure of one object.", pointer),
    pods: object(3, message("A figure of the Pods.", { ...metric(1), ...one(2) }), "Of the Pods.", pointer),
    resource: object(
      4,
      message("What the Pods use.", { name: resourceName(1), ...one(2) }),
      "What the Pods use.",
      pointer,
    ),
    external: object(
      5,
      message("A figure of something else.", { ...metric(1), ...one(2) }),
      "A figure of something else.",
      pointer,
    ),
    containerResource: object(
      7,
      message("What one container of the Pods uses.", {
        ...{ name: resourceName(1), ...one(2), container: container(3) },
      }),
      "What one container of the Pods uses.",
      pointer,
    ),
  };
}

const policy: Message = message("How fast.", {
  type: text(1, "Pods or Percent.", needed),
  value: int32(2, "How many, or what share.", needed),
  periodSeconds: int32(3, "In how long, in seconds.", needed),
});
const rules: Message = message("How fast, and after how long.", {
  stabilizationWindowSeconds: int32(3, "How long what was recommended is looked back at.", pointer),
  selectPolicy: text(1, "Which policy counts: Max, Min, or Disabled.", pointer),
  policies: objects(2, policy, "How fast.", atomic),
  tolerance: quantity(4, "How far off the target nothing is done. 0.1 when not said.", pointer),
});
const behavior: Message = message("How fast, each way.", {
  scaleUp: object(1, rules, "When there is more to do.", pointer),
  scaleDown: object(2, rules, "When there is less.", pointer),
});

const autoscalerSpec: Message = message("What is scaled by what.", {
  scaleTargetRef: object(1, reference, "What is scaled.", needed),
  minReplicas: int32(2, "Never fewer. 1 when not said.", pointer),
  maxReplicas: int32(3, "Never more.", needed),
  metrics: objects(
    4,
    message("A figure.", figures("target", target)),
    "By what; the largest counts.",
    atomic,
  ),
  behavior: object(5, behavior, "How fast.", pointer),
});

const autoscalerCondition: Message = message("One thing that is true or not.", {
  type: text(1, "What: AbleToScale, ScalingActive or ScalingLimited.", needed),
  status: text(2, "True, False or Unknown.", needed),
  lastTransitionTime: time(3, "Since when."),
  reason: text(4, "Why, as one word."),
  message: text(5, "Why, for people."),
});

const autoscalerStatus: Message = message("What it has seen and done.", {
  observedGeneration: int64(1, "Generation this is about.", pointer),
  lastScaleTime: time(2, "When it last changed the number.", pointer),
  currentReplicas: int32(3, "How many there were."),
  desiredReplicas: int32(4, "How many there should be.", needed),
  currentMetrics: objects(5, message("A figure.", figures("current", current)), "The figures.", atomic),
  conditions: objects(6, autoscalerCondition, "What is true or not about it.", byKeys("type")),
});

const autoscaler: Message = kindMessage("So many Pods of something as what they use asks for.", {
  spec: object(2, autoscalerSpec, "What is scaled by what."),
  status: object(3, autoscalerStatus, "What it has seen and done."),
});

export const horizontalPodAutoscalerKind: KindDefinition = builtIn(autoscaler, {
  group: "autoscaling",
  version: "v2",
  kind: "HorizontalPodAutoscaler",
  plural: "horizontalpodautoscalers",
  singular: "horizontalpodautoscaler",
  shortNames: ["hpa"],
  categories: ["all"],
  namespaced: true,
  subresources: { status: true },
  hasGeneration: false,
  applyDefaults: (one) => defaultAutoscaler(one as HorizontalPodAutoscaler),
  validate: (one, old) =>
    validateAutoscaler(one as HorizontalPodAutoscaler, old as HorizontalPodAutoscaler | undefined),
  validateStatus: countRules({ counts: ["currentReplicas", "desiredReplicas"] }),
  columns: [
    nameColumn,
    column<HorizontalPodAutoscaler>(
      "Reference",
      "What is scaled.",
      ({ spec }) => `${spec.scaleTargetRef.kind}/${spec.scaleTargetRef.name}`,
    ),
    column<HorizontalPodAutoscaler>("Targets", "What it is and what it should be.", targetsText),
    column<HorizontalPodAutoscaler>(
      "MinPods",
      "Never fewer.",
      ({ spec }) => `${spec.minReplicas ?? "<unset>"}`,
    ),
    column<HorizontalPodAutoscaler>("MaxPods", "Never more.", ({ spec }) => spec.maxReplicas),
    column<HorizontalPodAutoscaler>(
      "Replicas",
      "How many there were.",
      ({ status }) => status?.currentReplicas ?? 0,
    ),
    ageColumn,
  ],
});
