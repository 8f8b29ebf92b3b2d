import type { KubeObject, OwnerReference } from "@selvedge/apimachinery";
import type { Clock } from "@selvedge/base";
import { isReason } from "@selvedge/client";
import { type Outcome, type Reconciler, settled } from "@selvedge/reconcile";
import type { Cluster } from "../objects/cluster.ts";
import type { Wired } from "../objects/wiring.ts";
import type { LooseKinds } from "./loose-kinds.ts";
import { type Entry, OwnerGraph } from "./owner-graph.ts";
import { isLeavingInForeground, type OwnerState, planOwned } from "./owner-plan.ts";

/** Dependents of one owner that are written at a time: while they go to the disk all else has its turn. */
const atOnce = 16;

/**
 * Deletes what belonged to what was deleted, and carries out `--cascade=foreground` and `=orphan`. The key
 * is the UID of the object to look at.
 */
export class OwnerCollector implements Reconciler {
  readonly name = "owner-collector";
  readonly reads: readonly string[] = ["metadata.ownerReferences"];
  readonly writes: readonly string[] = [
    "removal of dependents",
    "metadata.ownerReferences of orphans",
    "metadata.finalizers[foregroundDeletion, orphan]",
  ];
  readonly #cluster: Cluster;
  readonly #loose: LooseKinds;
  readonly #graph: OwnerGraph;

  constructor(cluster: Cluster, loose: LooseKinds, clock: Clock) {
    this.#cluster = cluster;
    this.#loose = loose;
    this.#graph = new OwnerGraph(cluster, loose, clock);
  }

  wired(): Wired {
    return { reconciler: this, wakes: [], connect: (wake) => this.#graph.follow(wake) };
  }

  async reconcile(uid: string, signal: AbortSignal): Promise<Outcome> {
    const entry = this.#graph.entry(uid);
    if (entry === undefined) return settled;
    const { object, kind } = entry;
    const dependents = this.#graph.dependents(uid);
    const owners: (readonly [OwnerReference, OwnerState])[] = [];
    for (const owner of object.metadata.ownerReferences ?? []) {
      owners.push([owner, await this.#stateOf(owner, object)]);
    }
    const step = planOwned(
      object,
      owners,
      dependents.map((dependent) => dependent.object),
    );
    switch (step.type) {
      case "nothing":
        break;
      case "remove":
        if (step.unblock) await this.#unblock(entry);
        await this.#cluster.delete(kind, object, { propagationPolicy: step.policy });
        break;
      case "forget-owners":
        await this.#forget(entry, step.uids);
        break;
      case "drop-finalizer":
        await this.#cluster.change(kind, object.metadata.name, object.metadata.namespace, (draft) => {
          if (draft.metadata.uid !== uid) return false;
          draft.metadata.finalizers = (draft.metadata.finalizers ?? []).filter(
            (one) => one !== step.finalizer,
          );
          return true;
        });
        break;
      case "orphan-dependents":
        // Each wakes this key once it is known to have let go: of users' kinds, that is told by a watch.
        await this.#each(dependents, (dependent) => this.#forget(dependent, [uid]), signal);
        break;
      case "remove-dependents":
        // Each goes by its own owners: one that has others as well only loses this one.
        await this.#each(
          dependents.filter(({ object: { metadata } }) => metadata.deletionTimestamp === undefined),
          async (dependent) => void (await this.reconcile(dependent.object.metadata.uid ?? "", signal)),
          signal,
        );
        break;
    }
    return settled;
  }

  /** Several at once: they go to the disk together. One that fails ends it, once those that were begun are through. */
  async #each(
    entries: readonly Entry[],
    act: (entry: Entry) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void> {
    const left = entries.values();
    const failures: unknown[] = [];
    const worker = async (): Promise<void> => {
      for (const entry of left) {
        if (failures.length > 0 || signal.aborted) return;
        await act(entry).catch((error: unknown) => failures.push(error));
      }
    };
    await Promise.all(Array.from({ length: atOnce }, worker));
    if (failures.length > 0) throw failures[0];
  }

  async #unblock({ kind, object }: Entry): Promise<void> {
    const { name, namespace, uid } = object.metadata;
    await this.#cluster.change(kind, name, namespace, (draft) => {
      if (draft.metadata.uid !== uid) return false;
      for (const owner of draft.metadata.ownerReferences ?? []) owner.blockOwnerDeletion = false;
      return true;
    });
  }

  async #forget({ kind, object }: Entry, uids: readonly string[]): Promise<void> {
    const { name, namespace, uid } = object.metadata;
    await this.#cluster.change(kind, name, namespace, (draft) => {
      if (draft.metadata.uid !== uid) return false;
      const kept = (draft.metadata.ownerReferences ?? []).filter((owner) => !uids.includes(owner.uid));
      if (kept.length > 0) draft.metadata.ownerReferences = kept;
      else delete draft.metadata.ownerReferences;
      return true;
    });
  }

  async #stateOf(owner: OwnerReference, dependent: KubeObject): Promise<OwnerState> {
    const known = this.#graph.entry(owner.uid)?.object ?? (await this.#ask(owner, dependent));
    if (known === undefined || known === "unknown") return known === undefined ? "gone" : "there";
    return isLeavingInForeground(known) ? "leaving-in-foreground" : "there";
  }

  /**
   * Asks the API server before anything is taken for gone. An owner of a kind that is not served is left
   * alone.
   */
  async #ask(owner: OwnerReference, dependent: KubeObject): Promise<KubeObject | "unknown" | undefined> {
    const ref = this.#loose.meant(owner);
    if (ref === undefined) return "unknown";
    try {
      const namespace = ref.namespaced ? dependent.metadata.namespace : undefined;
      const found = await this.#cluster.objects.get(ref, owner.name, namespace);
      return found.metadata.uid === owner.uid ? found : undefined;
    } catch (error) {
      if (isReason(error, "NotFound")) return undefined;
      throw error;
    }
  }
}
