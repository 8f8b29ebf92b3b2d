/** apiregistration.k8s.io: which groups and versions are served, as tools ask for it. All of them are, here. */
import type { ComputedKind } from "@selvedge/apiserver";
import { type Clock, toRfc3339 } from "@selvedge/base";
import { type ApiService, apiServiceKind } from "@selvedge/kinds";

export interface ServedKind {
  readonly group: string;
  readonly version: string;
}

/** Upstream's: discovery has the higher first. */
const priorities: Readonly<Record<string, number>> = {
  "": 18_000,
  "apiregistration.k8s.io": 18_000,
  ...{ apps: 17_800, "events.k8s.io": 17_750, "authentication.k8s.io": 17_700 },
  ...{ "authorization.k8s.io": 17_600, autoscaling: 17_500, batch: 17_400, "certificates.k8s.io": 17_300 },
  ...{ "networking.k8s.io": 17_200, policy: 17_100, "rbac.authorization.k8s.io": 17_000 },
  ...{ "storage.k8s.io": 16_800, "apiextensions.k8s.io": 16_700, "admissionregistration.k8s.io": 16_700 },
  ...{ "scheduling.k8s.io": 16_600, "coordination.k8s.io": 16_500, "node.k8s.io": 16_300 },
  ...{ "discovery.k8s.io": 16_200, "flowcontrol.apiserver.k8s.io": 16_100 },
};
/** Of Kubernetes' own groups: v2 comes before v1. */
const versionPriorities: Readonly<Record<string, number>> = { v1: 15, v2: 30 };
/** Of everything else, as upstream has them for kinds that users bring. */
const [otherPriority, otherVersionPriority] = [1_000, 100];

/** Reviews: their kinds are no objects. */
const reviews: readonly ServedKind[] = ["authentication.k8s.io", "authorization.k8s.io"].map((group) => ({
  ...{ group, version: "v1" },
}));

export function apiServices(
  served: () => readonly ServedKind[],
  clock: Clock,
  onChange: NonNullable<ComputedKind["onChange"]>,
): ComputedKind {
  const since = toRfc3339(clock.now());
  const list = (): ApiService[] => {
    const all = [...served(), ...reviews, apiServiceKind];
    const names = new Map(all.map((one) => [`${one.version}.${one.group}`, one]));
    return [...names].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, one]) => apiService(name, one, since));
  };
  return {
    kind: apiServiceKind,
    get: (name) => list().find(({ metadata }) => metadata.name === name),
    list,
    onChange,
    whyNotWritten:
      "other API servers are not reached through this one, so what it serves is all there is; " +
      "install what brings an APIService without it",
  };
}

function apiService(name: string, { group, version }: ServedKind, since: string): ApiService {
  const priority = priorities[group];
  return {
    ...{ apiVersion: "apiregistration.k8s.io/v1", kind: "APIService" },
    metadata: {
      ...{ name, creationTimestamp: since },
      labels: { "kube-aggregator.kubernetes.io/automanaged": priority === undefined ? "true" : "onstart" },
    },
    spec: {
      ...(group !== "" && { group }),
      version,
      groupPriorityMinimum: priority ?? otherPriority,
      versionPriority: (priority && versionPriorities[version]) ?? otherVersionPriority,
    },
    status: {
      conditions: [
        {
          ...{ type: "Available", status: "True", lastTransitionTime: since, reason: "Local" },
          message: "Local APIServices are always available",
        },
      ],
    },
  };
}
