/** The schemas that all kinds share, as OpenAPI components. */
import type { Schema } from "@selvedge/apimachinery";

export const metaPrefix = "io.k8s.apimachinery.pkg.apis.meta.v1.";
const scaling = "io.k8s.api.autoscaling.v1.";

const text = (description: string): Schema => ({ type: "string", description });
const texts = (description: string): Schema => ({
  type: "array",
  items: { type: "string", default: "" },
  description,
});
const textMap = (description: string): Schema => ({
  type: "object",
  additionalProperties: { type: "string", default: "" },
  description,
});
const integer = (description: string): Schema => ({ type: "integer", format: "int64", description });
const flag = (description: string): Schema => ({ type: "boolean", description });
const time = (description: string): Schema => ({ type: "string", format: "date-time", description });
/** Written by the name of what is meant: each version of the documents has its own way to say it. */
const reference = (name: string): { $ref: string } => ({ $ref: `${metaPrefix}${name}` });

const objectMeta = {
  description: "What every stored object has: its name, its labels, and what the server keeps about it.",
  type: "object",
  properties: {
    annotations: textMap("Free texts by key, for tools and people. Not queryable; kept when objects change."),
    creationTimestamp: time(
      "CreationTimestamp is a timestamp of when the object was created. Set by the server; cannot be changed.",
    ),
    deletionGracePeriodSeconds: integer(
      "How long the object may take to end after its deletion was asked for. Set by the server; can only " +
        "become shorter.",
    ),
    deletionTimestamp: time(
      "When the object will be gone. Set by the server once deletion is asked for and something still holds " +
        "the object: its grace period, or a finalizer.",
    ),
    finalizers: {
      ...texts("Who must act before the object may go. The object is removed once the list is empty."),
      "x-kubernetes-list-type": "set",
      "x-kubernetes-patch-strategy": "merge",
    },
    generateName: text(
      "A beginning for a name. When name is empty, the server makes one of this and five random characters.",
    ),
    generation: integer("Counts the changes of what is desired. Set by the server."),
    labels: textMap(
      "Short texts by key that say what the object belongs to. Selectors of lists, watches and other objects " +
        "match them.",
    ),
    managedFields: {
      description: "Which manager set which field, kept by the server for server-side apply.",
      type: "array",
      items: { allOf: [reference("ManagedFieldsEntry")], default: {} },
      "x-kubernetes-list-type": "atomic",
    },
    name: text("The object's name, unique among objects of its kind and namespace. Cannot be changed."),
    namespace: text(
      "The namespace the object is in; empty for kinds that have none. Cannot be changed once the object is there.",
    ),
    ownerReferences: {
      description: "The objects this one depends on. When all of them are gone, this one is removed as well.",
      type: "array",
      items: { allOf: [reference("OwnerReference")], default: {} },
      "x-kubernetes-list-type": "map",
      "x-kubernetes-list-map-keys": ["uid"],
      "x-kubernetes-patch-strategy": "merge",
      "x-kubernetes-patch-merge-key": "uid",
    },
    resourceVersion: text(
      "The store's revision at the object's last change. Clients send it back to say which state they have seen.",
    ),
    selfLink: text("No longer set by servers."),
    uid: text("Unlike the name, never given to another object. Set by the server."),
  },
};

const ownerReference = {
  description: "Names the owner of an object, in the same namespace or without one.",
  type: "object",
  required: ["apiVersion", "kind", "name", "uid"],
  properties: {
    apiVersion: { ...text("Group and version of the owner."), default: "" },
    blockOwnerDeletion: flag("With foreground deletion, the owner stays until this object is gone."),
    controller: flag("The owner is the one that manages this object."),
    kind: { ...text("Kind of the owner."), default: "" },
    name: { ...text("Name of the owner."), default: "" },
    uid: { ...text("UID of the owner."), default: "" },
  },
  "x-kubernetes-map-type": "atomic",
};

const managedFieldsEntry = {
  description: "What one manager set, in one way of writing.",
  type: "object",
  properties: {
    apiVersion: text("The version in which the fields are named."),
    fieldsType: text("How fieldsV1 is to be read: always FieldsV1."),
    fieldsV1: { allOf: [reference("FieldsV1")], description: "The fields, as a tree of their names." },
    manager: text("The name the manager gave as fieldManager."),
    operation: text("Apply, or Update for all other ways of writing."),
    subresource: text("The subresource that was written, if any."),
    time: time("When the manager last changed one of the fields."),
  },
};

const listMeta = {
  description: "What lists have.",
  type: "object",
  properties: {
    continue: text("When set, there is more: list again with this as `continue`."),
    remainingItemCount: integer("How many more there are, when the server knows."),
    resourceVersion: text("The revision at which the list is true."),
    selfLink: text("No longer set by servers."),
  },
};

const preconditions = {
  description: "What must be true for a deletion to happen.",
  type: "object",
  properties: { resourceVersion: text("The object's revision."), uid: text("The object's UID.") },
};

const deleteOptions = {
  description: "How to delete.",
  type: "object",
  properties: {
    apiVersion: text("v1"),
    dryRun: {
      ...texts("All: say what would happen, and change nothing."),
      "x-kubernetes-list-type": "atomic",
    },
    gracePeriodSeconds: integer("How long the object may take to end. 0 removes it at once."),
    ignoreStoreReadErrorWithClusterBreakingPotential: flag(
      "Delete what can no longer be read, whatever it holds.",
    ),
    kind: text("DeleteOptions"),
    orphanDependents: flag("Deprecated: use propagationPolicy."),
    preconditions: { allOf: [reference("Preconditions")], description: "What must be true." },
    propagationPolicy: text("What becomes of dependents: Orphan, Background or Foreground."),
  },
};

const scale = {
  description: "How many copies something has, and should have.",
  type: "object",
  properties: {
    apiVersion: text("autoscaling/v1"),
    kind: text("Scale"),
    metadata: {
      allOf: [reference("ObjectMeta")],
      default: {},
      description: "Standard object's metadata: name, namespace, labels, annotations.",
    },
    spec: { allOf: [{ $ref: `${scaling}ScaleSpec` }], default: {}, description: "What is desired." },
    status: { allOf: [{ $ref: `${scaling}ScaleStatus` }], default: {}, description: "What is." },
  },
  "x-kubernetes-group-version-kind": [{ group: "autoscaling", version: "v1", kind: "Scale" }],
};
const copies = { type: "integer", format: "int32", default: 0 };
const scaleSpec = {
  ...{ description: "How many copies something should have.", type: "object" },
  properties: { replicas: { ...copies, description: "How many copies." } },
};
const scaleStatus = {
  ...{ description: "How many copies something has.", type: "object", required: ["replicas"] },
  properties: {
    replicas: { ...copies, description: "How many copies there are." },
    selector: text("The label selector of the copies, as text."),
  },
};

export const metaSchemas: Readonly<Record<string, unknown>> = {
  [`${metaPrefix}DeleteOptions`]: deleteOptions,
  [`${metaPrefix}ListMeta`]: listMeta,
  [`${metaPrefix}ManagedFieldsEntry`]: managedFieldsEntry,
  [`${metaPrefix}ObjectMeta`]: objectMeta,
  [`${metaPrefix}OwnerReference`]: ownerReference,
  [`${metaPrefix}Patch`]: { description: "A patch, as its content type says.", type: "object" },
  [`${metaPrefix}Preconditions`]: preconditions,
  [`${scaling}Scale`]: scale,
  [`${scaling}ScaleSpec`]: scaleSpec,
  [`${scaling}ScaleStatus`]: scaleStatus,
};
