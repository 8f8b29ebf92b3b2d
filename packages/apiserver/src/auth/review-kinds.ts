/** Questions that are posted and answered, and never stored. */
import {
  type KindDefinition,
  type KubeObject,
  objectMetaMessage,
  type ProtobufMessage,
  type Schema,
} from "@selvedge/apimachinery";
import type { Authorizer, Decision } from "./authorization.ts";
import { mastersGroup, type User } from "./user.ts";

/** A kind without objects: posting one answers it. */
export interface VirtualKind {
  readonly kind: KindDefinition;
  readonly answer: (object: KubeObject, asker: User) => Promise<Record<string, unknown>>;
}

export function reviewKinds(authorizer: Authorizer): VirtualKind[] {
  const access = async (spec: AccessSpec, user: User): Promise<Record<string, unknown>> => {
    const decision = await decide(authorizer, spec, user);
    return { allowed: decision.allowed, ...(decision.reason && { reason: decision.reason }) };
  };
  const subject = (spec: AccessSpec): User => ({ name: spec.user ?? "", groups: spec.groups ?? [] });
  return [
    {
      kind: review("SelfSubjectAccessReview", authorization, selfAccessSpec, accessStatus),
      answer: (object, asker) => access(specOf(object), asker),
    },
    {
      kind: review("SubjectAccessReview", authorization, accessSpec, accessStatus),
      answer: (object) => access(specOf(object), subject(specOf(object))),
    },
    {
      kind: review("LocalSubjectAccessReview", authorization, accessSpec, accessStatus, true),
      answer: (object) => access(specOf(object), subject(specOf(object))),
    },
    {
      kind: review("SelfSubjectRulesReview", authorization, rulesSpec, rulesStatus),
      answer: async (_object, asker) => rulesOf(asker),
    },
    {
      kind: review("SelfSubjectReview", authentication, {}, userStatus),
      answer: async (_object, asker) => ({ userInfo: userInfo(asker) }),
    },
  ];
}

interface AccessSpec {
  readonly resourceAttributes?: {
    readonly namespace?: string;
    readonly verb?: string;
    readonly group?: string;
    readonly version?: string;
    readonly resource?: string;
    readonly subresource?: string;
    readonly name?: string;
  };
  readonly nonResourceAttributes?: { readonly path?: string; readonly verb?: string };
  readonly user?: string;
  readonly groups?: readonly string[];
}

function specOf(object: KubeObject): AccessSpec {
  return (object["spec"] ?? {}) as AccessSpec;
}

async function decide(authorizer: Authorizer, spec: AccessSpec, user: User): Promise<Decision> {
  const { resourceAttributes: of, nonResourceAttributes: path } = spec;
  if (path !== undefined) {
    const asked = { type: "path", user, verb: path.verb ?? "", path: path.path ?? "" } as const;
    return await authorizer.authorize(asked);
  }
  const { verb = "", group = "", resource = "" } = of ?? {};
  return await authorizer.authorize({
    ...{ type: "resource", user, verb, group, resource },
    ...(of?.subresource && { subresource: of.subresource }),
    ...(of?.namespace && { namespace: of.namespace }),
    ...(of?.name && { name: of.name }),
  });
}

/** What `kubectl auth can-i --list` prints; only what holds everywhere is listed. */
function rulesOf({ groups }: User): Record<string, unknown> {
  const all = { verbs: ["*"], apiGroups: ["*"], resources: ["*"] };
  const reviews = {
    verbs: ["create"],
    apiGroups: [authorization, authentication],
    resources: ["selfsubjectaccessreviews", "selfsubjectrulesreviews", "selfsubjectreviews"],
  };
  const paths = [
    "/api",
    "/api/*",
    "/apis",
    "/apis/*",
    "/openapi",
    "/openapi/*",
    "/version",
    "/healthz",
    "/livez",
  ];
  const master = groups.includes(mastersGroup);
  return {
    resourceRules: master ? [all, reviews] : [reviews],
    nonResourceRules: [
      ...(master ? [{ verbs: ["*"], nonResourceURLs: ["*"] }] : []),
      { verbs: ["get"], nonResourceURLs: [...paths, "/readyz"] },
    ],
    incomplete: false,
  };
}

function userInfo({ name, groups, uid, extra }: User): Record<string, unknown> {
  const more = extra !== undefined && Object.keys(extra).length > 0 ? { extra } : {};
  return { username: name, ...(uid === undefined ? {} : { uid }), groups, ...more };
}

const authorization = "authorization.k8s.io";
const authentication = "authentication.k8s.io";

interface Part {
  readonly schema?: Readonly<Record<string, Schema>>;
  readonly message?: ProtobufMessage;
}

function review(kind: string, group: string, spec: Part, status: Part, namespaced = false): KindDefinition {
  const open: Schema = { type: "object", "x-kubernetes-preserve-unknown-fields": true };
  const parts = { ...(spec.schema && { spec }), status };
  const properties = Object.entries(parts).map(([name, part]) => {
    const described: Schema = { type: "object", properties: part.schema ?? {} };
    return [name, name === "status" ? { ...open, ...described } : described] as const;
  });
  return {
    ...{ group, version: "v1", kind, plural: `${kind.toLowerCase()}s`, singular: kind.toLowerCase() },
    ...{ namespaced, columns: [], hasGeneration: false },
    schema: { type: "object", properties: Object.fromEntries(properties) },
    protobuf: {
      1: { name: "metadata", type: "message", message: objectMetaMessage },
      ...(spec.message && { 2: { name: "spec", type: "message", message: spec.message } }),
    },
  };
}

const text: Schema = { type: "string" };
const texts: Schema = { type: "array", items: text };
const open: Schema = { type: "object", "x-kubernetes-preserve-unknown-fields": true };

function textFields(...names: readonly string[]): ProtobufMessage {
  return Object.fromEntries(names.map((name, index) => [index + 1, { name, type: "string" } as const]));
}

const resourceMessage: ProtobufMessage = textFields(
  ...["namespace", "verb", "group", "version", "resource", "subresource", "name"],
);
const pathMessage: ProtobufMessage = textFields("path", "verb");
const accessProperties = {
  resourceAttributes: open,
  nonResourceAttributes: { type: "object", properties: { path: text, verb: text } },
} as const;
const selfAccessSpec: Part = {
  schema: accessProperties,
  message: {
    1: { name: "resourceAttributes", type: "message", message: resourceMessage },
    2: { name: "nonResourceAttributes", type: "message", message: pathMessage },
  },
};
const accessSpec: Part = {
  schema: { ...accessProperties, user: text, groups: texts, uid: text, extra: open },
  message: {
    ...selfAccessSpec.message,
    3: { name: "user", type: "string" },
    4: { name: "groups", type: "string", repeated: true },
    6: { name: "uid", type: "string" },
  },
};
const accessStatus: Part = {
  schema: { allowed: { type: "boolean" }, denied: { type: "boolean" }, reason: text, evaluationError: text },
};
const rulesSpec: Part = { schema: { namespace: text }, message: textFields("namespace") };
const rulesStatus: Part = {
  schema: {
    resourceRules: { type: "array", items: open },
    nonResourceRules: { type: "array", items: open },
    incomplete: { type: "boolean" },
  },
};
const userStatus: Part = { schema: { userInfo: open } };
