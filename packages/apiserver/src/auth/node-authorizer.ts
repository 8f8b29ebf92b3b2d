/**
 * A node may do what belongs to it: itself, its lease, the Pods that run on it, and what those Pods refer to.
 * Its certificate says `CN=system:node:NAME, O=system:nodes`.
 *
 *   node ── Pods on it ──┬─ ConfigMaps, Secrets, PersistentVolumeClaims (get)
 *                        └─ ServiceAccounts (get, token)
 */
import type { KubeObject } from "@selvedge/apimachinery";
import type { KindName } from "../rest/kind-names.ts";
import type { ObjectRegistry } from "../rest/object-registry.ts";
import { selectedField } from "../rest/selection.ts";
import { StatusError } from "../status-error.ts";
import type { Authorizer, Decision, ResourceAttributes } from "./authorization.ts";
import type { PolicyRule } from "./rbac/rules.ts";
import { allowsPath, allowsResource } from "./rbac/rules.ts";
import { nodeOf } from "./user.ts";

/** Pods, as they are now. */
export interface NodePods {
  /** Those of a node in one namespace. */
  podsOf(node: string, namespace: string): Promise<readonly KubeObject[]>;
  /** Whether the Pod is there and on the node. */
  isOn(node: string, namespace: string, name: string): Promise<boolean>;
}

const podName: KindName = { group: "", version: "v1", kind: "Pod", plural: "pods", namespaced: true };

/** Asks the objects themselves: nodes are few in any one namespace, and ask seldom. */
export function podsIn(objects: ObjectRegistry): NodePods {
  const nodeNameOf = (pod: KubeObject): unknown =>
    (pod["spec"] as { nodeName?: string } | undefined)?.nodeName;
  return {
    podsOf: async (node, namespace) => {
      const list = await objects.listStored(podName, { namespace, fieldSelector: `spec.nodeName=${node}` });
      return list.items.map(({ object }) => object);
    },
    isOn: async (node, namespace, name) => {
      try {
        return nodeNameOf((await objects.getStored(podName, name, namespace)).object) === node;
      } catch (error) {
        if (error instanceof StatusError && error.reason === "NotFound") return false;
        throw error;
      }
    },
  };
}

/** What a node may do whoever's it is: ask about others, tell what happened, ask for certificates. */
const general: readonly PolicyRule[] = [
  { verbs: ["create"], apiGroups: ["authentication.k8s.io"], resources: ["tokenreviews"] },
  {
    verbs: ["create"],
    apiGroups: ["authorization.k8s.io"],
    resources: ["subjectaccessreviews", "localsubjectaccessreviews"],
  },
  { verbs: ["get", "list", "watch"], apiGroups: [""], resources: ["services"] },
  { verbs: ["create", "patch", "update"], apiGroups: ["", "events.k8s.io"], resources: ["events"] },
  {
    verbs: ["create", "get", "list", "watch"],
    apiGroups: ["certificates.k8s.io"],
    resources: ["certificatesigningrequests"],
  },
  { verbs: ["get", "list", "watch"], apiGroups: ["node.k8s.io"], resources: ["runtimeclasses"] },
];
const leases = "kube-node-lease";

export function nodeAuthorizer(pods: NodePods): Authorizer {
  return {
    async authorize(attributes) {
      const node = nodeOf(attributes.user);
      if (node === undefined) return { allowed: false, reason: "" };
      if (attributes.type === "path") {
        const { verb, path } = attributes;
        return allow(general.some((rule) => allowsPath(rule, verb, path)));
      }
      if (general.some((rule) => allowsResource(rule, attributes))) return allow(true);
      return await own(node, attributes, pods);
    },
    rulesFor: (user) => ({
      rules: [],
      faults: nodeOf(user) === undefined ? [] : ["node authorizer does not support user rule resolution"],
    }),
  };
}

function allow(allowed: boolean): Decision {
  return { allowed, reason: "" };
}

function refuse(reason: string): Decision {
  return { allowed: false, reason };
}

const reads = ["get", "list", "watch"];

async function own(node: string, asked: ResourceAttributes, pods: NodePods): Promise<Decision> {
  const { group, resource, subresource = "" } = asked;
  const unrelated = refuse(`no relationship found between node '${node}' and this object`);
  const whole = subresource === "" ? resource : `${resource}/${subresource}`;
  switch (`${whole}.${group}`) {
    case "nodes.":
      return ownNode(node, asked);
    case "nodes/status.":
      return ["get", "patch", "update"].includes(asked.verb) && asked.name === node ? allow(true) : unrelated;
    case "leases.coordination.k8s.io":
      return ownLease(node, asked);
    case "pods.":
      return await ownPods(node, asked, pods);
    case "pods/status.":
    case "pods/eviction.": {
      const verbs = subresource === "status" ? ["patch", "update"] : ["create"];
      if (!verbs.includes(asked.verb)) return allow(false);
      return (await isOnNode(node, asked, pods)) ? allow(true) : unrelated;
    }
    case "configmaps.":
    case "secrets.":
    case "persistentvolumeclaims.":
      if (!reads.includes(asked.verb)) return refuse(`can only read resources of this type`);
      return (await refersTo(node, asked, pods)) ? allow(true) : unrelated;
    case "serviceaccounts.":
      if (asked.verb !== "get") return refuse("can only get individual resources of this type");
      return (await refersTo(node, asked, pods)) ? allow(true) : unrelated;
    case "serviceaccounts/token.":
      if (asked.verb !== "create") return refuse("can only create tokens for individual service accounts");
      return (await refersTo(node, asked, pods)) ? allow(true) : unrelated;
    default:
      return allow(false);
  }
}

function ownNode(node: string, { verb, name }: ResourceAttributes): Decision {
  // The name of what is made is in its body: NodeRestriction looks there.
  if (verb === "create") return allow(true);
  if (!["get", "list", "watch", "patch", "update"].includes(verb)) return allow(false);
  if (name === node) return allow(true);
  return refuse(`node '${node}' cannot read '${name ?? ""}', only its own Node object`);
}

function ownLease(node: string, { verb, name, namespace }: ResourceAttributes): Decision {
  if (namespace !== leases) return refuse(`can only access leases in the "${leases}" system namespace`);
  if (verb === "create") return allow(true);
  if (!["get", "patch", "update", "delete"].includes(verb)) return allow(false);
  return name === node
    ? allow(true)
    : refuse("can only access node lease with the same name as the requesting node");
}

async function ownPods(node: string, asked: ResourceAttributes, pods: NodePods): Promise<Decision> {
  const { verb, fieldSelector } = asked;
  if (verb === "list" || verb === "watch") {
    if (selectedField(fieldSelector, "spec.nodeName") === node) return allow(true);
    if (asked.name === undefined) {
      return refuse("can only list/watch pods with spec.nodeName field selector");
    }
  }
  if (!["get", "list", "watch", "delete"].includes(verb)) return allow(false);
  const isOwn = await isOnNode(node, asked, pods);
  return isOwn ? allow(true) : refuse(`no relationship found between node '${node}' and this object`);
}

function isOnNode(node: string, { namespace, name }: ResourceAttributes, pods: NodePods): Promise<boolean> {
  if (namespace === undefined || name === undefined) return Promise.resolve(false);
  return pods.isOn(node, namespace, name);
}

async function refersTo(node: string, asked: ResourceAttributes, pods: NodePods): Promise<boolean> {
  const { resource, namespace, name } = asked;
  // Without a namespace it would be all of them, which are not the node's.
  if (namespace === undefined || name === undefined) return false;
  const own = await pods.podsOf(node, namespace);
  return own.some((pod) => referencesOf(pod, resource).has(name));
}

/** Members of a Pod's spec whose `name` (or the like) is that of an object of the resource. */
const referrers: Readonly<Record<string, ReadonlySet<string>>> = {
  configmaps: new Set(["configMap", "configMapRef", "configMapKeyRef"]),
  secrets: new Set(["secret", "secretRef", "secretKeyRef", "imagePullSecrets", "nodePublishSecretRef"]),
  persistentvolumeclaims: new Set(["persistentVolumeClaim"]),
};

/** Names of the objects of a resource that the Pod's spec refers to, wherever it does. */
function referencesOf(pod: KubeObject, resource: string): ReadonlySet<string> {
  const spec = (pod["spec"] ?? {}) as Record<string, unknown>;
  const names = new Set<string>();
  if (resource === "serviceaccounts") {
    const { serviceAccountName } = spec as { serviceAccountName?: string };
    return names.add(serviceAccountName || "default");
  }
  collect(spec, referrers[resource] ?? new Set(), names);
  return names;
}

function collect(value: unknown, members: ReadonlySet<string>, names: Set<string>): void {
  if (typeof value !== "object" || value === null) return;
  for (const [member, inner] of Object.entries(value)) {
    if (members.has(member)) for (const one of Array.isArray(inner) ? inner : [inner]) addName(one, names);
    collect(inner, members, names);
  }
}

function addName(reference: unknown, names: Set<string>): void {
  const { name, secretName, claimName } = (reference ?? {}) as Readonly<Record<string, unknown>>;
  for (const one of [name, secretName, claimName]) if (typeof one === "string" && one !== "") names.add(one);
}
