import {
  atomic,
  int32,
  int64,
  type Message,
  mapAtomic,
  message,
  needed,
  object,
  objects,
  pointer,
  text,
  texts,
} from "../fields.ts";
import { labelSelector } from "../meta-fields.ts";

const nodeSelectorRequirement: Message = message("One requirement on one label or field of a node.", {
  key: text(1, "The label's key, or metadata.name in matchFields.", { ...needed, default: "" }),
  operator: text(2, "In, NotIn, Exists, DoesNotExist, Gt or Lt.", { ...needed, default: "" }),
  values: texts(
    3,
    "The values to compare with: none for Exists and DoesNotExist, one whole number for Gt and Lt.",
    atomic,
  ),
});

const nodeSelectorTerm: Message = message(
  "Requirements that must all be met; an empty term matches no node.",
  {
    matchExpressions: objects(1, nodeSelectorRequirement, "Requirements on labels.", atomic),
    matchFields: objects(2, nodeSelectorRequirement, "Requirements on metadata.name.", atomic),
  },
  mapAtomic,
);

export const nodeSelector: Message = message(
  "Nodes that any of the terms matches.",
  {
    nodeSelectorTerms: objects(1, nodeSelectorTerm, "The terms.", atomic, needed),
  },
  mapAtomic,
);

const preferredSchedulingTerm: Message = message("Nodes that are liked better.", {
  weight: int32(1, "How much better, 1 to 100.", { ...needed, default: 0 }),
  preference: object(2, nodeSelectorTerm, "The nodes.", { ...needed, default: {} }),
});

const nodeAffinity: Message = message("Which nodes the Pod may run on, and which are liked better.", {
  requiredDuringSchedulingIgnoredDuringExecution: object(1, nodeSelector, "Nodes it may run on.", pointer),
  preferredDuringSchedulingIgnoredDuringExecution: objects(
    2,
    preferredSchedulingTerm,
    "Nodes that are liked better.",
    atomic,
  ),
});

const podAffinityTerm: Message = message("Pods near which, or away from which, this Pod is placed.", {
  labelSelector: object(1, labelSelector, "The Pods.", pointer),
  namespaces: texts(
    2,
    "Their namespaces; this Pod's own when neither this nor namespaceSelector is said.",
    atomic,
  ),
  topologyKey: text(3, "Label of nodes: near means an equal value.", needed),
  namespaceSelector: object(4, labelSelector, "Their namespaces, by labels.", pointer),
  matchLabelKeys: texts(5, "Keys whose values are taken from this Pod's own labels.", atomic),
  mismatchLabelKeys: texts(6, "Keys whose values must differ from this Pod's own labels.", atomic),
});

const weightedPodAffinityTerm: Message = message("A term with how much it counts.", {
  weight: int32(1, "How much, 1 to 100.", { ...needed, default: 0 }),
  podAffinityTerm: object(2, podAffinityTerm, "The term.", needed),
});

const podAffinity: Message = message("Pods near which this Pod is placed.", {
  requiredDuringSchedulingIgnoredDuringExecution: objects(
    1,
    podAffinityTerm,
    "Terms that must be met.",
    atomic,
  ),
  preferredDuringSchedulingIgnoredDuringExecution: objects(
    2,
    weightedPodAffinityTerm,
    "Terms that are liked better.",
    atomic,
  ),
});

const podAntiAffinity: Message = message("Pods away from which this Pod is placed.", {
  requiredDuringSchedulingIgnoredDuringExecution: objects(
    1,
    podAffinityTerm,
    "Terms that must be met.",
    atomic,
  ),
  preferredDuringSchedulingIgnoredDuringExecution: objects(
    2,
    weightedPodAffinityTerm,
    "Terms that are liked better.",
    atomic,
  ),
});

export const affinity: Message = message("Where the Pod wants to be.", {
  nodeAffinity: object(1, nodeAffinity, "By nodes.", pointer),
  podAffinity: object(2, podAffinity, "Near other Pods.", pointer),
  podAntiAffinity: object(3, podAntiAffinity, "Away from other Pods.", pointer),
});

export const toleration: Message = message("A taint of nodes that does not keep the Pod away.", {
  key: text(1, "The taint's key; empty with Exists tolerates all."),
  operator: text(2, "Exists, or Equal, which also compares the value. Equal when not said."),
  value: text(3, "The taint's value."),
  effect: text(4, "NoSchedule, PreferNoSchedule or NoExecute; all when not said."),
  tolerationSeconds: int64(5, "How long a NoExecute taint is tolerated; for ever when not said.", pointer),
});

export const topologySpreadConstraint: Message = message("Spreads Pods evenly over groups of nodes.", {
  maxSkew: int32(1, "How many Pods one group may have more than another.", { ...needed, default: 0 }),
  topologyKey: text(2, "Label whose values make the groups.", needed),
  whenUnsatisfiable: text(3, "DoNotSchedule or ScheduleAnyway.", needed),
  labelSelector: object(4, labelSelector, "The Pods that are counted.", pointer),
  minDomains: int32(5, "How many groups there must be at least.", pointer),
  nodeAffinityPolicy: text(6, "Whether nodes the Pod may not run on are counted: Honor or Ignore.", pointer),
  nodeTaintsPolicy: text(7, "Whether nodes with taints are counted: Honor or Ignore.", pointer),
  matchLabelKeys: texts(8, "Keys whose values are taken from this Pod's own labels.", atomic),
});
