import type { KubeList, KubeObject } from "@selvedge/apimachinery";
import { type Clock, seconds } from "@selvedge/base";
import { type KindRef, type ListOptions, restAt } from "@selvedge/client";
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

/** Objects in memory at once, of however many there are. */
const pageSize = 250;
/** They go to the disk together. */
const atOnce = 16;

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
      const all = left.reduce((sum, { count }) => sum + count, 0);
      return lookAgain(`${all} objects remain`, lookAgainAfter);
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

  /** Deletes all objects of a kind; returns what there is to say of those that linger. */
  async #empty(kind: KindRef, namespace: string): Promise<Remainder[]> {
    let found = 0;
    for await (const items of this.#pages(kind, namespace)) {
      found += items.length;
      const left = items.filter(({ metadata }) => metadata.deletionTimestamp === undefined).values();
      const worker = async (): Promise<void> => {
        for (const object of left)
          await this.#deps.cluster.delete(kind, object, { propagationPolicy: "Background" });
      };
      await Promise.all(Array.from({ length: atOnce }, worker));
    }
    if (found === 0) return [];
    const remainder = { kind, count: 0, finalizers: new Map<string, number>() };
    for await (const items of this.#pages(kind, namespace)) {
      remainder.count += items.length;
      for (const one of items.flatMap(({ metadata }) => metadata.finalizers ?? []))
        remainder.finalizers.set(one, (remainder.finalizers.get(one) ?? 0) + 1);
    }
    return remainder.count === 0 ? [] : [remainder];
  }

  async *#pages(kind: KindRef, namespace: string): AsyncGenerator<readonly KubeObject[]> {
    for (let next: string | undefined = ""; next !== undefined; ) {
      const page: ListOptions = { namespace, limit: pageSize, ...(next !== "" && { continue: next }) };
      try {
        const { items, metadata }: KubeList<KubeObject> = await this.#deps.cluster.objects.list(kind, page);
        yield items;
        next = metadata.continue || undefined;
      } catch (error) {
        // More has gone since than the log keeps. Nothing comes any more: what is there now is as good as what was.
        next = restAt(error);
        if (next === undefined) throw error;
      }
    }
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
  readonly count: number;
  /** How many each finalizer holds. */
  readonly finalizers: ReadonlyMap<string, number>;
}

/** What upstream says of a namespace that goes, in its words. */
function conditionsOf(left: readonly Remainder[]): ConditionSays[] {
  const held = new Map<string, number>();
  for (const [one, count] of left.flatMap(({ finalizers }) => [...finalizers]))
    held.set(one, (held.get(one) ?? 0) + count);
  const resources = left.map(
    ({ kind, count }) => `${kind.plural}.${kind.group} has ${count} resource instances`,
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
