import type { KubeObject } from "@selvedge/apimachinery";
import { type Clock, seconds } from "@selvedge/base";
import type { KindRef } from "@selvedge/client";
import { type Namespace, namespaceKind, type Pod, podKind } from "@selvedge/kinds";
import { lookAgain, type Outcome, type Reconciler, settled } from "@selvedge/reconcile";
import type { Caches } from "../objects/caches.ts";
import type { Cluster } from "../objects/cluster.ts";
import { type ConditionSays, setCondition } from "../objects/conditions.ts";
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
    const left = await this.#emptyInOrder(name);
    await this.#say(name, left);
    if (left.length > 0) {
      const count = left.reduce((sum, { objects }) => sum + objects.length, 0);
      return lookAgain(`${count} objects remain`, lookAgainAfter);
    }
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

  /** Pods first: what guards them while they end, policies and secrets above all, goes when they are gone. */
  async #emptyInOrder(name: string): Promise<Remainder[]> {
    const kinds = this.#deps.contents();
    const arePods = ({ group, plural }: KindRef): boolean => group === "" && plural === podKind.plural;
    const left: Remainder[] = [];
    for (const kind of kinds.filter(arePods)) left.push(...(await this.#empty(kind, name)));
    if (left.length > 0) return left;
    for (const kind of kinds.filter((one) => !arePods(one))) left.push(...(await this.#empty(kind, name)));
    return left;
  }

  /** Deletes all objects of a kind; returns those that linger. */
  async #empty(kind: KindRef, namespace: string): Promise<Remainder[]> {
    const { cluster } = this.#deps;
    const { items } = await cluster.objects.list<KubeObject>(kind, { namespace });
    for (const object of items) {
      if (object.metadata.deletionTimestamp === undefined) {
        await cluster.delete(kind, object, { propagationPolicy: "Background" });
      }
    }
    if (items.length === 0) return [];
    const { items: objects } = await cluster.objects.list<KubeObject>(kind, { namespace });
    return objects.length === 0 ? [] : [{ kind, objects }];
  }

  async #say(name: string, left: readonly Remainder[]): Promise<void> {
    const { cluster, clock } = this.#deps;
    await cluster.changeStatus<Namespace>(namespaceKind, name, undefined, (draft) => {
      draft.status = { ...draft.status, phase: "Terminating" };
      draft.status.conditions ??= [];
      const { conditions } = draft.status;
      const changes = conditionsOf(left).map((says) => setCondition(conditions, says, clock.now()));
      return changes.includes(true);
    });
  }
}

interface Remainder {
  readonly kind: KindRef;
  readonly objects: readonly KubeObject[];
}

/** What upstream says of a namespace that goes, in its words. */
function conditionsOf(left: readonly Remainder[]): ConditionSays[] {
  const held = new Map<string, number>();
  for (const { objects } of left) {
    for (const one of objects.flatMap(({ metadata }) => metadata.finalizers ?? []))
      held.set(one, (held.get(one) ?? 0) + 1);
  }
  const resources = left.map(
    ({ kind, objects }) => `${kind.plural}.${kind.group} has ${objects.length} resource instances`,
  );
  const finalizers = [...held].sort().map(([one, count]) => `${one} in ${count} resource instances`);
  const no = (type: string, reason: string, message: string): ConditionSays => ({
    type,
    status: "False",
    reason,
    message,
  });
  return [
    no("NamespaceDeletionDiscoveryFailure", "ResourcesDiscovered", "All resources successfully discovered"),
    no(
      "NamespaceDeletionGroupVersionParsingFailure",
      "ParsedGroupVersions",
      "All legacy kube types successfully parsed",
    ),
    no(
      "NamespaceDeletionContentFailure",
      "ContentDeleted",
      "All content successfully deleted, may be waiting on finalization",
    ),
    left.length === 0
      ? no("NamespaceContentRemaining", "ContentRemoved", "All content successfully removed")
      : {
          ...{ type: "NamespaceContentRemaining", status: "True", reason: "SomeResourcesRemain" },
          message: `Some resources are remaining: ${resources.join(", ")}`,
        },
    finalizers.length === 0
      ? no(
          "NamespaceFinalizersRemaining",
          "ContentHasNoFinalizers",
          "All content-preserving finalizers finished",
        )
      : {
          ...{ type: "NamespaceFinalizersRemaining", status: "True", reason: "SomeFinalizersRemain" },
          message: `Some content in the namespace has finalizers remaining: ${finalizers.join(", ")}`,
        },
  ];
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
