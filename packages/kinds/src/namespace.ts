import { type Condition, dnsLabelFaults, type KindDefinition, type KubeObject } from "@selvedge/apimachinery";
import { ageColumn, column, nameColumn } from "./columns.ts";
import { Faults } from "./faults.ts";
import {
  atomic,
  byKeys,
  kindMessage,
  type Message,
  message,
  needed,
  object,
  objects,
  text,
  texts,
  time,
} from "./fields.ts";
import { builtIn, unqualified } from "./kind.ts";

export interface Namespace extends KubeObject {
  apiVersion: "v1";
  kind: "Namespace";
  spec?: { finalizers?: string[] };
  status?: { phase?: "Active" | "Terminating"; conditions?: Condition[] };
}

const namespaceSpec: Message = message("Who has to agree before the namespace is gone.", {
  finalizers: texts(1, "Their names.", atomic),
});

const namespaceCondition: Message = message("One thing that is true or not about the namespace.", {
  type: text(1, "What.", needed),
  status: text(2, "True, False or Unknown.", needed),
  lastTransitionTime: time(4, "Since when."),
  reason: text(5, "Why, as one word."),
  message: text(6, "Why, for people."),
});

const namespaceStatus: Message = message("How the namespace is.", {
  phase: text(1, "Active or Terminating."),
  conditions: objects(2, namespaceCondition, "Why its deletion takes long.", byKeys("type")),
});

const namespace: Message = kindMessage("A part of the API with names of its own.", {
  spec: object(2, namespaceSpec, "Who has to agree before it is gone."),
  status: object(3, namespaceStatus, "How it is."),
});

/** Lets selectors of namespaces name one. */
const nameLabel = "kubernetes.io/metadata.name";

export const namespaceKind: KindDefinition = builtIn(namespace, {
  group: "",
  version: "v1",
  kind: "Namespace",
  plural: "namespaces",
  singular: "namespace",
  shortNames: ["ns"],
  namespaced: false,
  // All of them at once is nothing that anybody means.
  verbs: ["create", "delete", "get", "list", "patch", "update", "watch"],
  subresources: { status: true },
  selectableFields: ["status.phase"],
  nameFaults: dnsLabelFaults,
  applyDefaults: ({ metadata }) => {
    if (metadata.name) metadata.labels = { ...metadata.labels, [nameLabel]: metadata.name };
  },
  hasGeneration: false,
  // Its finalizer.
  completesNew: true,
  validate: (object) => {
    const { finalizers = [] } = (object as Namespace).spec ?? {};
    const faults = new Faults();
    for (const [index, name] of finalizers.entries()) faults.key(`spec.finalizers[${index}]`, name);
    return [...faults.errors, ...unqualified(finalizers, "spec.finalizers")];
  },
  validateStatus: (object) => {
    const faults = new Faults();
    const { metadata, status: { phase = "" } = {} } = object as Namespace;
    const isLeaving = metadata.deletionTimestamp !== undefined;
    const [only, is] = isLeaving ? ["Terminating", "is not empty"] : ["Active", "is empty"];
    if (phase !== "" && phase !== only)
      faults.invalid("status.Phase", phase, `may only be '${only}' if \`deletionTimestamp\` ${is}`);
    return faults.errors;
  },
  columns: [
    nameColumn,
    column<Namespace>("Status", "Active or Terminating.", ({ status }) => status?.phase ?? ""),
    ageColumn,
  ],
});
