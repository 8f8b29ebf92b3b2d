import {
  atomic,
  int64,
  type Message,
  mapAtomic,
  message,
  needed,
  objects,
  pointer,
  refused,
  set,
  text,
  textMap,
  texts,
  time,
} from "./fields.ts";

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
    creationTimestamp: time(8, "Ignored in a template."),
    deletionTimestamp: time(9, "Ignored in a template."),
    deletionGracePeriodSeconds: int64(10, "Ignored in a template.", pointer),
    labels: textMap(11, "What selectors find the Pods by."),
    annotations: textMap(12, "Notes that no selector sees."),
    ownerReferences: refused(13, "Ignored in a template: the owner is whoever makes the Pods.", "array"),
    finalizers: texts(14, "Who has to agree before a Pod is gone.", {
      ...set,
      "x-kubernetes-patch-strategy": "merge",
    }),
    managedFields: refused(17, "Ignored in a template.", "array"),
  },
);

export const labelSelectorRequirement: Message = message("One requirement on one label.", {
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
