/** What is served, as discovery, OpenAPI and routing see it: each kind with its verbs and subresources. */
import type { KindDefinition, SubresourceDefinition } from "@selvedge/apimachinery";
import { apiVersionOf } from "./kind-names.ts";
import { higherVersion } from "./version-order.ts";

export interface Resource {
  readonly kind: KindDefinition;
  readonly verbs: readonly string[];
  readonly subresources: readonly SubresourceDefinition[];
}

const storedVerbs = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];
/** In the order that upstream tells them of users' kinds. */
const customVerbs = ["delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"];
const partVerbs = ["get", "patch", "update"];

export function resourcesOf(
  kinds: readonly KindDefinition[],
  virtual: readonly KindDefinition[],
  computed: readonly KindDefinition[] = [],
): Resource[] {
  return [
    ...kinds
      .filter(({ untold }) => untold !== true)
      .map((kind) => ({
        kind,
        verbs: kind.verbs ?? (kind.custom ? customVerbs : storedVerbs),
        subresources: subresourcesOf(kind),
      })),
    ...virtual.map((kind) => ({ kind, verbs: ["create"], subresources: [] })),
    ...computed.map((kind) => ({ kind, verbs: kind.verbs ?? ["get", "list"], subresources: [] })),
  ];
}

const verbs: Readonly<Record<string, string>> = {
  ...{ GET: "get", HEAD: "get", POST: "create", PUT: "update", PATCH: "patch", DELETE: "delete" },
};

/** Whether a part of an object can be asked so; true of what is no part that is listed. */
export function takesMethod(kind: KindDefinition, subresource: string, method: string): boolean {
  // Who is behind it decides, of methods too that discovery has no verb for.
  if (subresource === "proxy") return true;
  const part = partOf(kind, subresource);
  return part === undefined || part.verbs.includes(verbs[method] ?? "");
}

/** The part of that name, as discovery lists it. */
export function partOf(kind: KindDefinition, subresource: string): SubresourceDefinition | undefined {
  return subresourcesOf(kind).find(({ name }) => name === subresource);
}

function subresourcesOf(kind: KindDefinition): SubresourceDefinition[] {
  const { status, scale, others = [] } = kind.subresources ?? {};
  const all = new Map<string, SubresourceDefinition>();
  if (status) all.set("status", { name: "status", kind: kind.kind, verbs: partVerbs });
  if (scale !== undefined) all.set("scale", scaleSubresource);
  if (kind.group === "" && kind.plural === "namespaces") {
    all.set("finalize", { name: "finalize", kind: kind.kind, verbs: ["update"] });
  }
  for (const other of others) all.set(other.name, other);
  return [...all.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

const scaleSubresource: SubresourceDefinition = {
  ...{ name: "scale", kind: "Scale", group: "autoscaling", version: "v1" },
  verbs: partVerbs,
};

export interface ApiGroup {
  readonly name: string;
  /** The preferred one first. */
  readonly versions: readonly { readonly version: string; readonly resources: readonly Resource[] }[];
}

/**
 * Groups in the order tools should prefer them: the core first, Kubernetes' own next, then others by name.
 */
export function groupsOf(resources: readonly Resource[]): ApiGroup[] {
  const names = [...new Set(resources.map(({ kind }) => kind.group))].sort(
    (a, b) => rankOf(a) - rankOf(b) || (a < b ? -1 : 1),
  );
  return names.map((name) => {
    const own = resources.filter(({ kind }) => kind.group === name);
    const versions = [...new Set(own.map(({ kind }) => kind.version))].sort(higherVersion);
    return {
      name,
      versions: versions.map((version) => ({
        version,
        resources: own
          .filter(({ kind }) => kind.version === version)
          .sort((a, b) => (a.kind.plural < b.kind.plural ? -1 : 1)),
      })),
    };
  });
}

const ranked = [
  "",
  "apiregistration.k8s.io",
  "apps",
  "events.k8s.io",
  "authentication.k8s.io",
  "authorization.k8s.io",
  "autoscaling",
];
const ranksAfter = ["batch", "certificates.k8s.io", "networking.k8s.io", "policy"];
const ranksLater = ["rbac.authorization.k8s.io", "storage.k8s.io", "admissionregistration.k8s.io"];
const ranksLast = ["apiextensions.k8s.io", "scheduling.k8s.io", "coordination.k8s.io", "node.k8s.io"];
const ranksNew = ["discovery.k8s.io", "resource.k8s.io", "flowcontrol.apiserver.k8s.io"];
const ranks = [...ranked, ...ranksAfter, ...ranksLater, ...ranksLast, ...ranksNew];

function rankOf(group: string): number {
  const rank = ranks.indexOf(group);
  return rank < 0 ? ranks.length : rank;
}

/** `/api/v1` or `/apis/apps/v1`. */
export function rootOf(kind: { readonly group: string; readonly version: string }): string {
  return `${kind.group === "" ? "/api" : "/apis"}/${apiVersionOf(kind)}`;
}
