import type { Clock } from "@selvedge/base";
import { jsonEqual } from "@selvedge/base";
import { keyOf, splitKey } from "@selvedge/client";
import { patchInfo } from "@selvedge/eve-api";
import {
  type ConfigMap,
  configMapKind,
  type PatchEnvelope,
  type Pod,
  patchEnvelopeKind,
  podKind,
  type Secret,
  secretKind,
} from "@selvedge/kinds";
import { type Outcome, type Reconciler, settled } from "@selvedge/reconcile";
import type { PatchUse } from "../ingest/patch-use.ts";
import type { StateBook } from "../ingest/state-book.ts";
import type { Caches } from "../objects/caches.ts";
import type { Cluster } from "../objects/cluster.ts";
import { type Wake, wakeOn } from "../objects/wiring.ts";
import { isForPod, patchFiles } from "../render/patches.ts";
import { type NodePatch, patchStatus } from "./patch-plan.ts";

export interface PatchDeps {
  readonly cluster: Cluster;
  readonly caches: Caches;
  readonly clock: Clock;
  readonly states: Pick<StateBook, "patch">;
  readonly patchUse: PatchUse;
}

const { EVE_PATCH_ENVELOPE_STATE: State } = patchInfo;

/** Says how far a patch envelope has come. The key is `namespace/name`. */
export class PatchReconciler implements Reconciler {
  readonly name = "patches";
  readonly reads: readonly string[] = ["PatchEnvelope", "Pod", "ConfigMap", "Secret", "what nodes say of it"];
  readonly writes: readonly string[] = ["PatchEnvelope.status"];
  readonly #deps: PatchDeps;

  constructor(deps: PatchDeps) {
    this.#deps = deps;
  }

  async reconcile(key: string): Promise<Outcome> {
    const { caches, cluster, clock, patchUse } = this.#deps;
    const { namespace, name } = splitKey(key);
    const envelope = caches.patches.get(name, namespace);
    if (envelope === undefined) return settled;
    const { version, faults } = patchFiles(envelope, {
      configMap: (space, map) => caches.configMaps.get(map, space),
      secret: (space, secret) => caches.secrets.get(secret, space),
    });
    const uid = envelope.metadata.uid ?? "";
    const pods = caches.pods
      .by("namespace", namespace)
      .filter((pod) => pod.spec.nodeName !== undefined && isForPod(envelope, pod));
    const nodes = [...new Set(pods.map(({ spec }) => spec.nodeName ?? ""))].sort();
    const inputs = {
      ...{ version, faults, apps: pods.length, now: clock.now() },
      nodes: nodes.map((node) => this.#on(node, uid, version)),
      fetched: pods.filter(({ metadata }) => patchUse.hasFetched(metadata.uid ?? "", uid, version)).length,
    };
    await cluster.changeStatus<PatchEnvelope>(patchEnvelopeKind, name, namespace, (draft) => {
      if (draft.metadata.uid !== uid) return false;
      const status = patchStatus({ envelope: draft, ...inputs });
      if (jsonEqual(draft.status ?? {}, status)) return false;
      draft.status = status;
      return true;
    });
    return settled;
  }

  #on(node: string, uid: string, version: string): NodePatch {
    const { caches, states } = this.#deps;
    const [edgeNode] = caches.edgeNodes.by("node", node);
    const said =
      edgeNode?.status?.nodeID === undefined ? undefined : states.patch(edgeNode.status.nodeID, uid);
    if (said === undefined || said.version !== version) return { node, state: undefined, errors: [] };
    const { state, errors } = said;
    if (state === State.PATCH_ERROR || errors.length > 0) return { node, state: "failed", errors };
    const isReady = state === State.PATCH_READY || state === State.PATCH_ACTIVE;
    return { node, state: isReady ? "ready" : "coming", errors };
  }
}

export function patchWakes(caches: Caches): Wake[] {
  return [
    wakeOn<PatchEnvelope>(patchEnvelopeKind, (_before, after) => (after === undefined ? [] : [keyOf(after)])),
    wakeOn<ConfigMap>(configMapKind, (before, after) => {
      const { name = "", namespace = "" } = (after ?? before)?.metadata ?? {};
      return caches.patches.by("configMap", `${namespace}/${name}`).map(keyOf);
    }),
    wakeOn<Secret>(secretKind, (before, after) => {
      const { name = "", namespace = "" } = (after ?? before)?.metadata ?? {};
      return caches.patches.by("secret", `${namespace}/${name}`).map(keyOf);
    }),
    wakeOn<Pod>(podKind, (before, after) => {
      const patches = caches.patches.by("namespace", (after ?? before)?.metadata.namespace ?? "");
      if (patches.length === 0) return [];
      const seen = (pod: Pod | undefined, patch: PatchEnvelope): unknown =>
        pod !== undefined && isForPod(patch, pod) && (pod.spec.nodeName ?? "");
      return patches.filter((patch) => seen(before, patch) !== seen(after, patch)).map(keyOf);
    }),
  ];
}

/** What nodes say wakes the envelope it is about. */
export function patchNews(
  caches: Caches,
  books: readonly { onPatch(listener: (uid: string) => void): () => void }[],
): (wake: (key: string) => void) => () => void {
  return (wake) => {
    const stops = books.map((book) =>
      book.onPatch((uid) => {
        for (const patch of caches.patches.by("uid", uid)) wake(keyOf(patch));
      }),
    );
    return () => {
      for (const stop of stops) stop();
    };
  };
}
