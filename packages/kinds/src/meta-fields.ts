import {
  atomic,
  byKeys,
  flag,
  int64,
  type Message,
  mapAtomic,
  message,
  needed,
  objects,
  pointer,
  raw,
  set,
  text,
  textMap,
  texts,
  time,
} from "./fields.ts";

const ownerReference: Message = message(
  "An object that this one goes with.",
  {
    kind: text(1, "Its kind.", needed),
    name: text(3, "Its name.", needed),
    uid: text(4, "Its UID.", needed),
    apiVersion: text(5, "Its group and version.", needed),
    controller: flag(6, "Whether it is the one that manages this one.", pointer),
    blockOwnerDeletion: flag(
      7,
      "Whether it waits for this one when it is deleted in the foreground.",
      pointer,
    ),
  },
  mapAtomic,
);

const managedFieldsEntry: Message = message("Fields that somebody has set.", {
  manager: text(1, "Who."),
  operation: text(2, "Apply or Update."),
  apiVersion: text(3, "The version they were written in."),
  time: time(4, "When.", pointer),
  fieldsType: text(6, "FieldsV1."),
  fieldsV1: raw(7, "The fields.", pointer),
  subresource: text(8, "The subresource that was written to."),
});

export const objectMeta: Message = message(
  "Who and what the Pods are: labels and annotations that each gets.",
  {
    name: text(1, "Ignored in a template: each Pod gets a name of its own."),
    generateName: text(2, "Ignored in a template."),
    namespace: text(3, "Ignored in a template: Pods live where their owner lives."),
    selfLink: text(4, "Not used any more."),
    uid: text(5, "Ignored in a template."),
    resourceVersion: text(6, "Ignored in a template."),
    generation: int64(7, "Ignored in a template."),
    creationTimestamp: time(8, "Ignored in a template.", { nullable: false }),
    deletionTimestamp: time(9, "Ignored in a template.", pointer),
    deletionGracePeriodSeconds: int64(10, "Ignored in a template.", pointer),
    labels: textMap(11, "What selectors find the Pods by."),
    annotations: textMap(12, "Notes that no selector sees."),
    ownerReferences: objects(
      13,
      ownerReference,
      "Ignored in a template: the owner is whoever makes the Pods.",
      byKeys("uid"),
    ),
    finalizers: texts(14, "Who has to agree before a Pod is gone.", {
      ...set,
      "x-kubernetes-patch-strategy": "merge",
    }),
    managedFields: objects(17, managedFieldsEntry, "Ignored in a template.", atomic),
  },
);

const labelSelectorRequirement: Message = message("One requirement on one label.", {
  key: text(1, "The label's key.", needed),
  operator: text(2, "How the value is compared: In, NotIn, Exists or DoesNotExist.", needed),
  values: texts(3, "The values to compare with; none for Exists and DoesNotExist.", atomic),
});

export const labelSelector: Message = message(
  "Finds objects by their labels. All that is said must be true; an empty selector finds everything.",
  {
    matchLabels: textMap(1, "Labels that must be there with exactly these values."),
    matchExpressions: objects(2, labelSelectorRequirement, "Further requirements on labels.", atomic),
  },
  mapAtomic,
);

export const localObjectReference: Message = message(
  "Another object in the same namespace.",
  {
    name: text(1, "Its name."),
  },
  mapAtomic,
);

/** What meta/v1 calls a Condition. */
export const condition: Message = message("One thing that is true or not.", {
  type: text(1, "What.", needed),
  status: text(2, "True, False or Unknown.", needed),
  observedGeneration: int64(3, "Generation this is about."),
  lastTransitionTime: time(4, "Since when.", needed),
  reason: text(5, "Why, as one word.", needed),
  message: text(6, "Why, for people.", needed),
});
