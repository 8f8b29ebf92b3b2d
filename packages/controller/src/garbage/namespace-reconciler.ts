import type { KubeObject } from "@selvedge/apimachinery";
import { type Clock, seconds } from "@selvedge/base";
import type { KindRef } from "@selvedge/client";
import { type Namespace, namespaceKind, type Pod, podKind } from "@selvedge/kinds";
import { lookAgain, type Outcome, type Reconciler, settled } from "@selvedge/reconcile";
import type { Caches } from "../objects/caches.ts";
import type { Cluster } from "../objects/cluster.ts";
import { setCondition } from "../objects/conditions.ts";
import { type Wake, wakeOn } from "../objects/wiring.ts";

export interface NamespaceDeps {
  readonly cluster: Cluster;
  readonly caches: Caches;
  readonly clock: Clock;
  /** Every kind with a namespace that the API server serves. */
  readonly contents: () => readonly KindRef[];
}

const finalizer = "kubernetes";
/** Pods wake the namespace when they go; other things that linger have somebody else's finalizer. */
const lookAgainAfter = seconds(5);
/** Names of what remains that fit into a message. */
const namedMax = 5;

/** Empties a namespace that is being deleted, then lets it go. The key is its name. */
export class NamespaceReconciler implements Reconciler {
  readonly name = "namespace";
  readonly reads: readonly string[] = ["Namespace", "everything in it"];
  readonly writes: readonly string[] = [
    "Namespace.spec.finalizers",
    "Namespace.status",
    "removal of contents",
  ];
  readonly #deps: NamespaceDeps;

  constructor(deps: NamespaceDeps) {
    this.#deps = deps;
  }

  async reconcile(name: string): Promise<Outcome> {
    const { cluster, caches } = this.#deps;
    const namespace = caches.namespaces.get(name);
    if (namespace?.metadata.deletionTimestamp === undefined) return settled;
    const left: string[] = [];
    for (const kind of this.#deps.contents()) left.push(...(await this.#empty(kind, name)));
    await this.#say(name, left);
    if (left.length > 0) return lookAgain(`${left.length} objects remain`, lookAgainAfter);
    await cluster.change<Namespace>(
      namespaceKind,
      name,
      undefined,
      (draft) => {
        const finalizers = draft.spec?.finalizers ?? [];
        if (!finalizers.includes(finalizer)) return false;
        draft.spec = { ...draft.spec, finalizers: finalizers.filter((one) => one !== finalizer) };
        return true;
      },
      { subresource: "finalize" },
    );
    return settled;
  }

  /** Deletes all objects of a kind; returns the names of those that linger. */
  async #empty(kind: KindRef, namespace: string): Promise<string[]> {
    const { cluster } = this.#deps;
    const { items } = await cluster.objects.list<KubeObject>(kind, { namespace });
    for (const object of items) {
      if (object.metadata.deletionTimestamp === undefined) {
        await cluster.delete(kind, object, { propagationPolicy: "Background" });
      }
    }
    if (items.length === 0) return [];
    const { items: left } = await cluster.objects.list<KubeObject>(kind, { namespace });
    return left.map(({ metadata }) => `${kind.plural}/${metadata.name}`);
  }

  async #say(name: string, left: readonly string[]): Promise<void> {
    const { cluster, clock } = this.#deps;
    await cluster.changeStatus<Namespace>(namespaceKind, name, undefined, (draft) => {
      draft.status = { ...draft.status, phase: "Terminating" };
      draft.status.conditions ??= [];
      const shown = left.slice(0, namedMax).join(", ");
      const more = left.length > namedMax ? ` and ${left.length - namedMax} more` : "";
      return setCondition(
        draft.status.conditions,
        left.length === 0
          ? {
              ...{ type: "NamespaceContentRemaining", status: "False", reason: "ContentRemoved" },
              message: "All content successfully removed",
            }
          : {
              ...{ type: "NamespaceContentRemaining", status: "True", reason: "SomeResourcesRemain" },
              message: `Some resources are remaining: ${shown}${more}`,
            },
        clock.now(),
      );
    });
  }
}

export function namespaceWakes(caches: Caches): Wake[] {
  return [
    wakeOn<Namespace>(namespaceKind, (_before, after) =>
      after?.metadata.deletionTimestamp === undefined ? [] : [after.metadata.name],
    ),
    wakeOn<Pod>(podKind, (before, after) => {
      const name = before?.metadata.namespace ?? "";
      const leaving = caches.namespaces.get(name)?.metadata.deletionTimestamp !== undefined;
      return after === undefined && leaving ? [name] : [];
    }),
  ];
}
