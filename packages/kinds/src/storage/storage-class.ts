import type { FieldError, KindDefinition, KubeObject } from "@selvedge/apimachinery";
import { jsonEqual } from "@selvedge/base";
import { ageColumn, column, nameColumn } from "../columns.ts";
import { Faults, immutable } from "../faults.ts";
import {
  atomic,
  flag,
  kindMessage,
  type Message,
  mapAtomic,
  message,
  needed,
  objects,
  pointer,
  text,
  textMap,
  texts,
} from "../fields.ts";
import { builtIn } from "../kind.ts";

/** How volumes are made. */
export interface StorageClass extends KubeObject {
  apiVersion: "storage.k8s.io/v1";
  kind: "StorageClass";
  provisioner: string;
  parameters?: Record<string, string>;
  reclaimPolicy?: "Delete" | "Retain";
  mountOptions?: string[];
  allowVolumeExpansion?: boolean;
  volumeBindingMode?: "Immediate" | "WaitForFirstConsumer";
  allowedTopologies?: { matchLabelExpressions?: { key: string; values: string[] }[] }[];
}

/** The one maker of volumes there is: on the node where the claim's Pod runs. */
export const localProvisioner = "selvedge.dev/local";
/** The class that is always there, and the default one. */
export const localClass = "selvedge-local";
export const defaultClassAnnotation = "storageclass.kubernetes.io/is-default-class";

const topologyRequirement: Message = message("One requirement on one label of nodes.", {
  key: text(1, "The label's key.", needed),
  values: texts(2, "One of these values.", atomic, needed),
});

const topologyTerm: Message = message(
  "Nodes whose labels match.",
  {
    matchLabelExpressions: objects(1, topologyRequirement, "What their labels must be.", atomic),
  },
  mapAtomic,
);

const storageClass: Message = kindMessage("How volumes are made.", {
  provisioner: text(2, "Who makes them.", needed),
  parameters: textMap(3, "What the maker is told."),
  reclaimPolicy: text(
    4,
    "Delete: a volume goes with its claim; Retain: it stays. Delete when not said.",
    pointer,
  ),
  mountOptions: texts(5, "Kept.", atomic),
  allowVolumeExpansion: flag(6, "Whether claims may ask for more later.", pointer),
  volumeBindingMode: text(
    7,
    "Immediate, or WaitForFirstConsumer: made where its first Pod is placed.",
    pointer,
  ),
  allowedTopologies: objects(8, topologyTerm, "Nodes that may have them.", atomic),
});

export const storageClassKind: KindDefinition = builtIn(storageClass, {
  group: "storage.k8s.io",
  version: "v1",
  kind: "StorageClass",
  plural: "storageclasses",
  returnsDeleted: true,
  singular: "storageclass",
  shortNames: ["sc"],
  namespaced: false,
  hasGeneration: false,
  applyDefaults: (object) => {
    const made = object as StorageClass;
    made.reclaimPolicy ??= "Delete";
    made.volumeBindingMode ??= "Immediate";
  },
  validate: (object, old) => validate(object as StorageClass, old as StorageClass | undefined),
  columns: [
    {
      ...nameColumn,
      value: ({ metadata }) =>
        metadata.annotations?.[defaultClassAnnotation] === "true"
          ? `${metadata.name} (default)`
          : metadata.name,
    },
    column<StorageClass>("Provisioner", "Who makes them.", ({ provisioner }) => provisioner),
    column<StorageClass>(
      "ReclaimPolicy",
      "What becomes of a volume without its claim.",
      ({ reclaimPolicy }) => reclaimPolicy ?? "Delete",
    ),
    column<StorageClass>(
      "VolumeBindingMode",
      "When they are made.",
      ({ volumeBindingMode }) => volumeBindingMode ?? "Immediate",
    ),
    {
      name: "AllowVolumeExpansion",
      type: "string",
      description: "Whether claims may ask for more later.",
      value: (object) => (object as StorageClass).allowVolumeExpansion === true,
    },
    ageColumn,
  ],
});

function validate(made: StorageClass, old: StorageClass | undefined): FieldError[] {
  const faults = new Faults();
  if (!made.provisioner) faults.required("provisioner", "");
  else faults.key("provisioner", made.provisioner.toLowerCase());
  faults.oneOf("reclaimPolicy", made.reclaimPolicy, ["Delete", "Retain"]);
  faults.oneOf("volumeBindingMode", made.volumeBindingMode, ["Immediate", "WaitForFirstConsumer"]);
  checkTopologies(faults, made.allowedTopologies);
  if (old === undefined) return faults.errors;
  if (!jsonEqual(made.parameters, old.parameters))
    faults.forbidden("parameters", "updates to parameters are forbidden.");
  if (made.provisioner !== old.provisioner)
    faults.forbidden("provisioner", "updates to provisioner are forbidden.");
  if (made.reclaimPolicy !== old.reclaimPolicy) {
    faults.forbidden("reclaimPolicy", "updates to reclaimPolicy are forbidden.");
  }
  if (made.volumeBindingMode !== old.volumeBindingMode) {
    faults.invalid("volumeBindingMode", made.volumeBindingMode, immutable);
  }
  return faults.errors;
}

function checkTopologies(faults: Faults, terms: StorageClass["allowedTopologies"] = []): void {
  const seen: ReadonlyMap<string, ReadonlySet<string>>[] = [];
  for (const [index, { matchLabelExpressions: expressions = [] }] of terms.entries()) {
    const path = `allowedTopologies[${index}].matchLabelExpressions`;
    const said = new Map<string, ReadonlySet<string>>();
    for (const [place, { key, values = [] }] of expressions.entries()) {
      const at = `${path}[${place}]`;
      if (values.length === 0) faults.required(`${at}.values`);
      const known = new Set<string>();
      for (const [which, value] of values.entries()) {
        if (known.has(value)) faults.duplicate(`${at}.values[${which}]`, value);
        known.add(value);
      }
      if (said.has(key)) faults.duplicate(`${at}.key`, key);
      else said.set(key, known);
      faults.key(`${at}.key`, key);
    }
    // As upstream: one that says nothing is like one before it.
    if (said.size === 0 || seen.some((one) => isSame(one, said))) faults.duplicate(path, "");
    seen.push(said);
  }
}

function isSame(one: ReadonlyMap<string, ReadonlySet<string>>, other: typeof one): boolean {
  const agrees = ([key, values]: [string, ReadonlySet<string>]): boolean =>
    values.symmetricDifference(other.get(key) ?? new Set()).size === 0;
  return one.size === other.size && [...one].every(agrees);
}
