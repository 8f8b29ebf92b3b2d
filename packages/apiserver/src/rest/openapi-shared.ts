/** The schemas that documents take as they need them: named values, discovery, answers, what is posted to parts. */
import { metaPrefix, metaSchemas } from "./openapi-meta.ts";

type Json = Readonly<Record<string, unknown>>;

const text = { type: "string" };
const name = { type: "string", default: "" };
const int32 = { type: "integer", format: "int32" };
const atomic = { "x-kubernetes-list-type": "atomic" };
const meta = (type: string): Json => ({ allOf: [{ $ref: `${metaPrefix}${type}` }] });
const list = (items: Json, more: Json = {}): Json => ({ type: "array", items, ...more });
const identified = { apiVersion: text, kind: text };

/** A type that no kind has a member of: `needed` are those of its members that are always there. */
function told(description: string, properties: Json, ...needed: readonly string[]): Json {
  return { description, type: "object", ...(needed.length > 0 && { required: needed }), properties };
}

function whole(type: string, schema: Json): readonly [string, Json] {
  const identity = { group: "", version: "v1", kind: type };
  return [`${metaPrefix}${type}`, { ...schema, "x-kubernetes-group-version-kind": [identity] }];
}

const groupVersions = list({ ...meta("GroupVersionForDiscovery"), default: {} }, atomic);
const addresses = list({ ...meta("ServerAddressByClientCIDR"), default: {} }, atomic);

const resource = told(
  "A kind of objects, or a part of them, and what can be done with it.",
  {
    categories: list(name, atomic),
    ...{ group: text, kind: name, name, namespaced: { type: "boolean", default: false } },
    shortNames: list(name, atomic),
    ...{ singularName: name, storageVersionHash: text, verbs: list(name), version: text },
  },
  ...["name", "singularName", "namespaced", "kind", "verbs"],
);

const status = told("How a request came out.", {
  ...{ ...identified, code: { ...int32, description: "As the HTTP status." } },
  details: { ...meta("StatusDetails"), ...atomic, description: "What it is about." },
  ...{ message: text, metadata: { ...meta("ListMeta"), default: {} }, reason: text },
  status: { ...text, description: "Success or Failure." },
});

const info = [
  "major",
  "minor",
  "gitVersion",
  "gitCommit",
  "gitTreeState",
  "buildDate",
  "goVersion",
  "compiler",
];
const emulated = ["emulationMajor", "emulationMinor", "minCompatibilityMajor", "minCompatibilityMinor"];
const always = [...info, "platform"];

export const versionInfo = "io.k8s.apimachinery.pkg.version.Info";

/** By name; `v2` is what is said in the older documents instead. */
export const sharedSchemas: Readonly<Record<string, Json>> = {
  ...(metaSchemas as Readonly<Record<string, Json>>),
  "io.k8s.apimachinery.pkg.api.resource.Quantity": {
    ...{ description: "An amount: 100m, 1.5Gi, 2e3.", oneOf: [{ type: "string" }, { type: "number" }] },
    v2: text,
  },
  "io.k8s.apimachinery.pkg.util.intstr.IntOrString": {
    description: "An integer, or a text: a name, a percentage.",
    format: "int-or-string",
    ...{ oneOf: [{ type: "integer" }, { type: "string" }], v2: text },
  },
  "io.k8s.apimachinery.pkg.runtime.RawExtension": { description: "JSON of any kind.", type: "object" },
  [`${metaPrefix}Time`]: {
    ...{ description: "A point in time, as RFC 3339 writes it.", type: "string", format: "date-time" },
  },
  [`${metaPrefix}MicroTime`]: {
    description: "A point in time, as RFC 3339 writes it, with microseconds.",
    ...{ type: "string", format: "date-time" },
  },
  [`${metaPrefix}FieldsV1`]: { description: "A set of fields, as a tree of their names.", type: "object" },
  ...Object.fromEntries(
    ["JSON", "JSONSchemaPropsOrArray", "JSONSchemaPropsOrBool", "JSONSchemaPropsOrStringArray"].map(
      (type) => [
        `io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.${type}`,
        { description: `${type.replace("Or", " or ")}, as the value is.` },
      ],
    ),
  ),
  ...Object.fromEntries([
    whole("Status", status),
    whole(
      "APIResourceList",
      told(
        "What there is in one version of a group.",
        {
          ...identified,
          groupVersion: name,
          resources: list({ ...meta("APIResource"), default: {} }, atomic),
        },
        ...["groupVersion", "resources"],
      ),
    ),
    whole(
      "APIGroup",
      told(
        "A group, and its versions.",
        {
          ...{ ...identified, name, preferredVersion: { ...meta("GroupVersionForDiscovery"), default: {} } },
          ...{ serverAddressByClientCIDRs: addresses, versions: groupVersions },
        },
        ...["name", "versions"],
      ),
    ),
    whole(
      "APIGroupList",
      told(
        "The groups there are.",
        { ...identified, groups: list({ ...meta("APIGroup"), default: {} }, atomic) },
        "groups",
      ),
    ),
    whole(
      "APIVersions",
      told(
        "The versions of the core group.",
        { ...identified, serverAddressByClientCIDRs: addresses, versions: list(name, atomic) },
        ...["versions", "serverAddressByClientCIDRs"],
      ),
    ),
  ]),
  [`${metaPrefix}APIResource`]: resource,
  [`${metaPrefix}GroupVersionForDiscovery`]: told(
    "A version of a group.",
    { groupVersion: name, version: name },
    ...["groupVersion", "version"],
  ),
  [`${metaPrefix}ServerAddressByClientCIDR`]: told(
    "Where clients in a range of addresses find the server.",
    { clientCIDR: name, serverAddress: name },
    ...["clientCIDR", "serverAddress"],
  ),
  [`${metaPrefix}StatusDetails`]: told("What a Status is about.", {
    causes: list({ ...meta("StatusCause"), default: {} }, atomic),
    ...{ group: text, kind: text, name: text, retryAfterSeconds: int32, uid: text },
  }),
  [`${metaPrefix}StatusCause`]: told("One of the things that are wrong.", {
    field: { ...text, description: "The field, as a path from the object." },
    ...{ message: text, reason: text },
  }),
  [`${metaPrefix}WatchEvent`]: told(
    "One event of a watch.",
    {
      object: {
        allOf: [{ $ref: "io.k8s.apimachinery.pkg.runtime.RawExtension" }],
        description: "The object, or the Status that ends the watch.",
      },
      type: { ...name, description: "ADDED, MODIFIED, DELETED, BOOKMARK or ERROR." },
    },
    ...["type", "object"],
  ),
  [versionInfo]: told(
    "Which version the server is of.",
    Object.fromEntries([...always.map((one) => [one, name]), ...emulated.map((one) => [one, text])]),
    ...always,
  ),
  "io.k8s.api.policy.v1.Eviction": {
    ...told("Asks for a Pod to be removed, unless a budget of disruptions is against it.", {
      ...identified,
      deleteOptions: { ...meta("DeleteOptions"), description: "How to delete it." },
      metadata: { ...meta("ObjectMeta"), default: {}, description: "Names the Pod." },
    }),
    "x-kubernetes-group-version-kind": [{ group: "policy", version: "v1", kind: "Eviction" }],
  },
  "io.k8s.api.core.v1.Binding": {
    ...told(
      "Gives a Pod its node.",
      {
        ...identified,
        metadata: { ...meta("ObjectMeta"), default: {}, description: "Names the Pod." },
        target: {
          allOf: [{ $ref: "io.k8s.api.core.v1.ObjectReference" }],
          default: {},
          description: "The node.",
        },
      },
      "target",
    ),
    "x-kubernetes-group-version-kind": [{ group: "", version: "v1", kind: "Binding" }],
  },
};
