/**
 * The roles that every Kubernetes user takes for granted, by upstream's names. The rules of admin, edit and
 * view come from roles with a label, so that whoever adds a kind adds to them.
 */
import type { KubeObject } from "@selvedge/apimachinery";
import { authenticatedGroup, mastersGroup, serviceAccountsGroup, unauthenticatedGroup } from "../user.ts";
import { rbacGroup } from "./rbac-authorizer.ts";
import type { PolicyRule } from "./rules.ts";

export interface BootstrapObjects {
  readonly clusterRoles: readonly KubeObject[];
  readonly clusterRoleBindings: readonly KubeObject[];
}

const reads = ["get", "list", "watch"];
const writes = ["create", "delete", "deletecollection", "patch", "update"];
const both = [...writes, ...reads].sort();
const healthPaths = ["/livez", "/readyz", "/healthz"];
const publicPaths = [...healthPaths, "/version", "/version/"];
const documentPaths = ["/openapi", "/openapi/*", "/api", "/api/*", "/apis", "/apis/*"];
const issuer = ["/.well-known/openid-configuration", "/openid/v1/jwks"];

function rule(verbs: readonly string[], group: string, ...resources: readonly string[]): PolicyRule {
  return { apiGroups: [group], resources, verbs };
}

function paths(...nonResourceURLs: readonly string[]): PolicyRule {
  return { nonResourceURLs, verbs: ["get"] };
}

/** With `/status` and the like, where a kind has it. */
function parts(kinds: readonly string[], ...subresources: readonly string[]): string[] {
  return kinds.flatMap((kind) => [kind, ...subresources.map((one) => `${kind}/${one}`)]);
}

const scaled = ["deployments", "replicasets", "statefulsets"];
const workloads = ["daemonsets", ...scaled];

const view: readonly PolicyRule[] = [
  rule(
    reads,
    "",
    ...["configmaps", "endpoints", ...parts(["persistentvolumeclaims"], "status"), "pods"],
    ...["serviceaccounts", ...parts(["services"], "status")],
    ...parts(["replicationcontrollers"], "scale", "status"),
  ),
  rule(
    reads,
    "",
    ...["bindings", "events", "limitranges", "namespaces", "namespaces/status", "pods/log", "pods/status"],
    ...parts(["resourcequotas"], "status"),
  ),
  rule(reads, "discovery.k8s.io", "endpointslices"),
  rule(
    reads,
    "apps",
    "controllerrevisions",
    ...parts(workloads, "status"),
    ...scaled.map((kind) => `${kind}/scale`),
  ),
  rule(reads, "autoscaling", ...parts(["horizontalpodautoscalers"], "status")),
  rule(reads, "batch", ...parts(["cronjobs", "jobs"], "status")),
  rule(reads, "policy", ...parts(["poddisruptionbudgets"], "status")),
  rule(reads, "networking.k8s.io", ...parts(["ingresses"], "status"), "networkpolicies"),
];

const streams = ["pods/attach", "pods/exec", "pods/portforward", "pods/proxy"];

const edit: readonly PolicyRule[] = [
  rule(reads, "", ...streams, "secrets", "services/proxy"),
  rule(["impersonate"], "", "serviceaccounts"),
  rule(writes, "", "pods", ...streams),
  rule(["create"], "", "pods/eviction"),
  rule(
    writes,
    "",
    ...["configmaps", "events", "persistentvolumeclaims", "secrets", "serviceaccounts", "services"],
    ...["services/proxy", "replicationcontrollers", "replicationcontrollers/scale"],
  ),
  rule(["create"], "", "serviceaccounts/token"),
  rule(writes, "apps", "daemonsets", ...parts(scaled, "scale"), "deployments/rollback"),
  rule(writes, "autoscaling", "horizontalpodautoscalers"),
  rule(writes, "batch", "cronjobs", "jobs"),
  rule(writes, "policy", "poddisruptionbudgets"),
  rule(writes, "networking.k8s.io", "ingresses", "networkpolicies"),
  rule(both, "coordination.k8s.io", "leases"),
];

const admin: readonly PolicyRule[] = [
  rule(["create"], "authorization.k8s.io", "localsubjectaccessreviews"),
  rule(both, rbacGroup, "rolebindings", "roles"),
];

const signers = ["kube-apiserver-client", "kube-apiserver-client-kubelet"];

/** What each role allows, by its name. */
const rules: Readonly<Record<string, readonly PolicyRule[]>> = {
  "cluster-admin": [rule(["*"], "*", "*"), { nonResourceURLs: ["*"], verbs: ["*"] }],
  "system:discovery": [paths(...publicPaths, ...documentPaths)],
  "system:basic-user": [
    rule(["create"], "authorization.k8s.io", "selfsubjectaccessreviews", "selfsubjectrulesreviews"),
    rule(["create"], "authentication.k8s.io", "selfsubjectreviews"),
  ],
  "system:public-info-viewer": [paths(...publicPaths)],
  "system:monitoring": [
    paths("/metrics", "/metrics/slis", ...healthPaths, ...healthPaths.map((path) => `${path}/*`)),
  ],
  "system:service-account-issuer-discovery": [paths(...issuer.flatMap((path) => [path, `${path}/`]))],
  "system:auth-delegator": [
    rule(["create"], "authentication.k8s.io", "tokenreviews"),
    rule(["create"], "authorization.k8s.io", "subjectaccessreviews"),
  ],
  "system:node-bootstrapper": [
    rule(["create", "get", "list", "watch"], "certificates.k8s.io", "certificatesigningrequests"),
  ],
  ...Object.fromEntries(
    signers.map((signer) => [
      `system:certificates.k8s.io:${signer}-approver`,
      [
        {
          ...rule(["approve"], "certificates.k8s.io", "signers"),
          resourceNames: [`kubernetes.io/${signer}`],
        },
      ],
    ]),
  ),
};

const aggregated: Readonly<Record<string, readonly PolicyRule[]>> = { admin, edit, view };

/** Whose rules go on to whom: whoever may edit may view, whoever is admin may do both. */
const goesOn: Readonly<Record<string, string>> = { edit: "admin", view: "edit" };

/** The label of a role whose rules become rules of `admin`, `edit` or `view`. */
export function aggregationLabel(to: string): string {
  return `${rbacGroup}/aggregate-to-${to}`;
}

const bindings: readonly (readonly [role: string, ...groups: readonly string[]])[] = [
  ["cluster-admin", mastersGroup],
  ["system:discovery", authenticatedGroup],
  ["system:basic-user", authenticatedGroup],
  ["system:public-info-viewer", authenticatedGroup, unauthenticatedGroup],
  ["system:monitoring", "system:monitoring"],
  ["system:service-account-issuer-discovery", serviceAccountsGroup],
];

export function bootstrapObjects(): BootstrapObjects {
  return {
    clusterRoles: [
      ...Object.entries(rules).map(([name, allowed]) => clusterRole(name, allowed)),
      ...Object.keys(aggregated).map((name) => aggregatingRole(name)),
      ...Object.entries(aggregated).map(([name, allowed]) =>
        clusterRole(`system:aggregate-to-${name}`, allowed, { [aggregationLabel(name)]: "true" }),
      ),
    ],
    clusterRoleBindings: bindings.map(([role, ...groups]) => groupBinding(role, role, groups)),
  };
}

const bootstrapMeta = {
  annotations: { "rbac.authorization.kubernetes.io/autoupdate": "true" },
  labels: { "kubernetes.io/bootstrapping": "rbac-defaults" },
} as const;

/** A role that is kept as it should be at every start. */
export function clusterRole(
  name: string,
  allowed: readonly PolicyRule[],
  labels: Readonly<Record<string, string>> = {},
): KubeObject {
  return rbacObject("ClusterRole", name, { rules: allowed }, labels);
}

function aggregatingRole(name: string): KubeObject {
  const clusterRoleSelectors = [{ matchLabels: { [aggregationLabel(name)]: "true" } }];
  const to = goesOn[name];
  const labels = to === undefined ? {} : { [aggregationLabel(to)]: "true" };
  return rbacObject("ClusterRole", name, { aggregationRule: { clusterRoleSelectors } }, labels);
}

export function groupBinding(name: string, role: string, groups: readonly string[]): KubeObject {
  return rbacObject("ClusterRoleBinding", name, {
    roleRef: { apiGroup: rbacGroup, kind: "ClusterRole", name: role },
    subjects: groups.map((group) => ({ apiGroup: rbacGroup, kind: "Group", name: group })),
  });
}

function rbacObject(
  kind: string,
  name: string,
  fields: Readonly<Record<string, unknown>>,
  labels: Readonly<Record<string, string>> = {},
): KubeObject {
  return {
    apiVersion: `${rbacGroup}/v1`,
    kind,
    metadata: {
      name,
      labels: { ...bootstrapMeta.labels, ...labels },
      annotations: { ...bootstrapMeta.annotations },
    },
    ...structuredClone(fields),
  };
}
