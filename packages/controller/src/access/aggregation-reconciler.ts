import { cloneJson, jsonEqual } from "@selvedge/base";
import type { ObjectView } from "@selvedge/client";
import { type ClusterRole, clusterRoleKind } from "@selvedge/kinds";
import { type Outcome, type Reconciler, settled } from "@selvedge/reconcile";
import type { Cluster } from "../objects/cluster.ts";
import { type Wake, wakeOn } from "../objects/wiring.ts";
import { aggregatedRules, gives } from "./aggregation-plan.ts";

/** Keeps the rules of ClusterRoles that take them from others. The key is the role's name. */
export class AggregationReconciler implements Reconciler {
  readonly name = "clusterrole-aggregation";
  readonly reads: readonly string[] = ["ClusterRole"];
  readonly writes: readonly string[] = ["ClusterRole.rules (of an aggregating role)"];
  readonly #cluster: Cluster;
  readonly #roles: ObjectView<ClusterRole>;

  constructor(cluster: Cluster, roles: ObjectView<ClusterRole>) {
    this.#cluster = cluster;
    this.#roles = roles;
  }

  async reconcile(name: string): Promise<Outcome> {
    const role = this.#roles.get(name);
    if (role?.aggregationRule === undefined || role.metadata.deletionTimestamp !== undefined) return settled;
    const rules = aggregatedRules(role, this.#roles.list());
    if (jsonEqual(rules, role.rules ?? [])) return settled;
    await this.#cluster.change<ClusterRole>(clusterRoleKind, name, undefined, (draft) => {
      if (draft.aggregationRule === undefined || jsonEqual(draft.rules ?? [], rules)) return false;
      draft.rules = cloneJson(rules);
      return true;
    });
    return settled;
  }
}

/** A role concerns itself, and all that take their rules from it. */
export function aggregationWakes(roles: ObjectView<ClusterRole>): Wake[] {
  return [
    wakeOn<ClusterRole>(clusterRoleKind, (before, after) => {
      const changed = [before, after].filter((role) => role !== undefined);
      const takers = roles
        .list()
        .filter((role) => role.aggregationRule !== undefined && changed.some((one) => gives(one, role)));
      return [...new Set([...changed, ...takers].map(({ metadata }) => metadata.name))];
    }),
  ];
}
