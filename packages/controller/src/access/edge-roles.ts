/** Roles for what only a fleet has: boxes, how they are let in, their figures and their images. */
import type { KubeObject } from "@selvedge/apimachinery";
import { aggregationLabel, type BootstrapObjects, bootstrapObjects, clusterRole } from "@selvedge/apiserver";
import { allKinds } from "@selvedge/kinds";

export const edgeGroup = "selvedge.dev";
/** Images in the registry: no objects, but `get` and `create` of them can be given like those of objects. */
export const imagesResource = "images";

const reads = ["get", "list", "watch"];
const all = ["*"];

/** Every role and binding that a start makes sure of. */
export function standardRoles(): BootstrapObjects {
  const standard = bootstrapObjects();
  return { ...standard, clusterRoles: [...standard.clusterRoles, ...edgeRoles()] };
}

function edgeRoles(): KubeObject[] {
  const namespaced = allKinds
    .filter((kind) => kind.group === edgeGroup && kind.namespaced)
    .map(({ plural }) => plural);
  // What became of them is read by those who write them, and written by the controller alone.
  const statuses = namespaced.map((plural) => `${plural}/status`);
  const figures = { apiGroups: ["metrics.k8s.io"], resources: ["pods"], verbs: reads };
  const own = (verbs: readonly string[], resources: readonly string[]): object => ({
    ...{ apiGroups: [edgeGroup], resources, verbs },
  });
  const fleet = [edgeGroup, "", "metrics.k8s.io", "coordination.k8s.io"] as const;
  const [edge, core, metrics, leases] = fleet;
  return [
    clusterRole("selvedge:aggregate-to-view", [figures, own(reads, [...namespaced, ...statuses])], {
      [aggregationLabel("view")]: "true",
    }),
    clusterRole("selvedge:aggregate-to-edit", [own(all, namespaced)], { [aggregationLabel("edit")]: "true" }),
    clusterRole("selvedge:fleet-viewer", [
      { apiGroups: [edge], resources: ["*"], verbs: reads },
      { apiGroups: [core], resources: ["nodes", "nodes/status", "nodes/proxy", "namespaces"], verbs: reads },
      { apiGroups: [metrics], resources: ["nodes"], verbs: reads },
      { apiGroups: [leases], resources: ["leases"], verbs: reads },
    ]),
    clusterRole("selvedge:fleet-admin", [
      { apiGroups: [edge], resources: ["*"], verbs: all },
      { apiGroups: [core], resources: ["nodes", "nodes/status", "nodes/proxy"], verbs: all },
      { apiGroups: [core], resources: ["namespaces"], verbs: reads },
      { apiGroups: [metrics], resources: ["nodes"], verbs: reads },
      { apiGroups: [leases], resources: ["leases"], verbs: reads },
    ]),
  ];
}
