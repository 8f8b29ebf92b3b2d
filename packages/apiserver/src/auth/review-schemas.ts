/** What can be asked and how, for the kinds that are posted, answered and never stored. */
import {
  type KindDefinition,
  objectMetaMessage,
  type ProtobufField,
  type ProtobufMessage,
  type Schema,
} from "@selvedge/apimachinery";

const authorizationGroup = "authorization.k8s.io";
const authenticationGroup = "authentication.k8s.io";

/** A described object: its schema and its numbers on the wire. */
interface Part {
  readonly schema: Schema;
  readonly message: ProtobufMessage;
  readonly repeated?: true;
  /** A pointer in upstream's Go. */
  readonly pointer?: true;
}

type Row = readonly [
  number: number,
  description: string,
  type?: Part | "texts" | "flag" | "long" | "time" | "extra",
];

const wires = {
  texts: [
    { type: "array", items: { type: "string" }, "x-kubernetes-list-type": "atomic" },
    { type: "string", repeated: true },
  ],
  flag: [{ type: "boolean" }, { type: "bool" }],
  long: [
    { type: "integer", format: "int64" },
    { type: "int64", pointer: true },
  ],
  time: [{ type: "string", format: "date-time", nullable: true }, { type: "time" }],
  extra: [
    { type: "object", additionalProperties: { type: "array", items: { type: "string" } } },
    { type: "map", values: "texts" },
  ],
} as const satisfies Record<string, readonly [Schema, Omit<ProtobufField, "name">]>;

function part(
  description: string,
  rows: Readonly<Record<string, Row>>,
  required: readonly string[] = [],
): Part {
  const properties: Record<string, Schema> = {};
  const message: Record<number, ProtobufField> = {};
  for (const [name, [number, text, type]] of Object.entries(rows)) {
    if (typeof type === "object") {
      properties[name] = { ...type.schema, description: text };
      message[number] = {
        ...{ name, type: "message", message: type.message },
        ...(type.repeated && { repeated: true }),
        ...(type.pointer && { pointer: true }),
      };
    } else {
      const [schema, wire] =
        type === undefined ? [{ type: "string" } as const, { type: "string" } as const] : wires[type];
      properties[name] = { ...schema, description: text };
      message[number] = { name, ...wire };
    }
  }
  const needs = required.length === 0 ? {} : { required: [...required] };
  return { schema: { type: "object", description, ...needs, properties }, message };
}

function maybe(of: Part): Part {
  return { ...of, pointer: true };
}

function listOf(of: Part): Part & { readonly repeated: true } {
  const schema: Schema = { type: "array", items: of.schema, "x-kubernetes-list-type": "atomic" };
  return { schema, message: of.message, repeated: true };
}

const requirement = part(
  "One requirement on one field or label.",
  {
    key: [1, "Its name."],
    operator: [2, "How it is compared: In, NotIn, Exists, DoesNotExist."],
    values: [3, "What it is compared with.", "texts"],
  },
  ["key", "operator"],
);

function selector(what: string): Part {
  return part(`Which ${what} the request is limited to.`, {
    rawSelector: [1, "The selector as text."],
    requirements: [2, "The selector in parts.", listOf(requirement)],
  });
}

const resourceAttributes = part("A request for something with a name.", {
  namespace: [1, "The namespace; empty for all, or for what is in none."],
  verb: [2, "get, list, watch, create, update, patch, delete, …; * for all."],
  group: [3, "The API group; * for all."],
  version: [4, "The version; * for all."],
  resource: [5, "The resource; * for all."],
  subresource: [6, "The subresource."],
  name: [7, "The object's name; empty for all."],
  fieldSelector: [8, "What a list is limited to by fields.", maybe(selector("fields"))],
  labelSelector: [9, "What a list is limited to by labels.", maybe(selector("labels"))],
});
const nonResourceAttributes = part("A request for a path.", {
  path: [1, "The path."],
  verb: [2, "The verb: get, post, …"],
});
const selfAccess = part("What is asked.", {
  resourceAttributes: [1, "A request for something with a name.", maybe(resourceAttributes)],
  nonResourceAttributes: [2, "A request for a path.", maybe(nonResourceAttributes)],
});
const access = part("What is asked, and about whom.", {
  resourceAttributes: [1, "A request for something with a name.", maybe(resourceAttributes)],
  nonResourceAttributes: [2, "A request for a path.", maybe(nonResourceAttributes)],
  user: [3, "The user's name."],
  groups: [4, "The user's groups.", "texts"],
  extra: [5, "What else is known of the user.", "extra"],
  uid: [6, "The user's uid."],
});
const accessStatus = part(
  "The answer.",
  {
    allowed: [1, "Whether it is allowed.", "flag"],
    denied: [4, "Whether it is forbidden whatever else allows it.", "flag"],
    reason: [2, "Why."],
    evaluationError: [3, "What kept the answer from being sure."],
  },
  ["allowed"],
);
const rules = part("What is asked.", { namespace: [1, "The namespace."] });
const resourceRule = part(
  "What may be done with resources.",
  {
    verbs: [1, "What.", "texts"],
    apiGroups: [2, "Groups of the resources.", "texts"],
    resources: [3, "The resources.", "texts"],
    resourceNames: [4, "Names it is limited to.", "texts"],
  },
  ["verbs"],
);
const nonResourceRule = part(
  "What may be done with paths.",
  {
    verbs: [1, "What.", "texts"],
    nonResourceURLs: [2, "The paths.", "texts"],
  },
  ["verbs"],
);
const rulesStatus = part(
  "The answer.",
  {
    resourceRules: [1, "What may be done with resources.", listOf(resourceRule)],
    nonResourceRules: [2, "What may be done with paths.", listOf(nonResourceRule)],
    incomplete: [3, "Whether there may be more.", "flag"],
    evaluationError: [4, "Why there may be more."],
  },
  ["resourceRules", "nonResourceRules", "incomplete"],
);
const userInfo = part("Who somebody is.", {
  username: [1, "The name."],
  uid: [2, "The uid."],
  groups: [3, "The groups.", "texts"],
  extra: [4, "What else is known.", "extra"],
});
const selfStatus = part("The answer.", { userInfo: [1, "Who asks.", userInfo] });
const token = part("What is asked.", {
  token: [1, "The bearer token."],
  audiences: [2, "Whom it should be for, any of them; none means this server.", "texts"],
});
const tokenStatus = part("The answer.", {
  authenticated: [1, "Whether the token is good.", "flag"],
  user: [2, "Whose it is.", userInfo],
  error: [3, "Why it is not good."],
  audiences: [4, "Those asked for that it is good for.", "texts"],
});
const boundObject = part("What the token ends with: a Pod, a Secret or a Node.", {
  kind: [1, "Pod, Secret or Node."],
  apiVersion: [2, "v1."],
  name: [3, "Its name."],
  uid: [4, "Its uid."],
});
const tokenRequest = part("What is asked.", {
  audiences: [1, "Whom the token is for; none means this server.", "texts"],
  boundObjectRef: [3, "What it ends with.", maybe(boundObject)],
  expirationSeconds: [4, "How long it is good.", "long"],
});
const tokenRequestStatus = part("The answer.", {
  token: [1, "The token."],
  expirationTimestamp: [2, "Until when it is good.", "time"],
});

interface Scope {
  readonly namespaced?: boolean;
}

function review(
  kind: string,
  group: string,
  spec: Part | undefined,
  status: Part,
  scope: Scope = {},
): KindDefinition {
  return {
    ...{ group, version: "v1", kind, plural: `${kind.toLowerCase()}s`, singular: kind.toLowerCase() },
    ...{ namespaced: scope.namespaced ?? false, columns: [], hasGeneration: false },
    schema: {
      type: "object",
      description: "A question that is posted and answered.",
      ...(spec && { required: ["spec"] }),
      properties: { ...(spec && { spec: spec.schema }), status: status.schema },
    },
    protobuf: {
      1: { name: "metadata", type: "message", message: objectMetaMessage },
      ...(spec && { 2: { name: "spec", type: "message", message: spec.message } }),
      [spec === undefined ? 2 : 3]: { name: "status", type: "message", message: status.message },
    },
  };
}

export const selfSubjectAccessReview: KindDefinition = review(
  ...(["SelfSubjectAccessReview", authorizationGroup, selfAccess, accessStatus] as const),
);
export const subjectAccessReview: KindDefinition = review(
  ...(["SubjectAccessReview", authorizationGroup, access, accessStatus] as const),
);
export const localSubjectAccessReview: KindDefinition = review(
  ...(["LocalSubjectAccessReview", authorizationGroup, access, accessStatus] as const),
  { namespaced: true },
);
export const selfSubjectRulesReview: KindDefinition = review(
  ...(["SelfSubjectRulesReview", authorizationGroup, rules, rulesStatus] as const),
);
export const selfSubjectReview: KindDefinition = review(
  ...(["SelfSubjectReview", authenticationGroup, undefined, selfStatus] as const),
);
export const tokenReview: KindDefinition = review(
  ...(["TokenReview", authenticationGroup, token, tokenStatus] as const),
);
/** Posted to a ServiceAccount's `token`. */
export const tokenRequestKind: KindDefinition = review(
  ...(["TokenRequest", authenticationGroup, tokenRequest, tokenRequestStatus] as const),
  { namespaced: true },
);

/** All that is posted to be answered, and never kept. */
export const postedKinds: readonly KindDefinition[] = [
  ...[selfSubjectAccessReview, subjectAccessReview, localSubjectAccessReview, selfSubjectRulesReview],
  ...[selfSubjectReview, tokenReview, tokenRequestKind],
];
