import type { KubeObject } from "@selvedge/apimachinery";
import { type Clock, jsonEqual, type Log, toRfc3339 } from "@selvedge/base";
import { isReason } from "@selvedge/client";
import { type ConfigMap, configMapKind } from "@selvedge/kinds";
import { type Outcome, type Reconciler, settled } from "@selvedge/reconcile";
import type { Cluster } from "../objects/cluster.ts";
import { type Wired, wakeOn } from "../objects/wiring.ts";
import type { ControllerIdentity } from "./controller-identity.ts";

export interface RotationDeps {
  readonly cluster: Cluster;
  readonly clock: Clock;
  readonly log: Log;
  /** A Pki is one of these. */
  readonly pki: {
    readonly rootCertificate: string;
    readonly identity: ControllerIdentity;
    rotate(): Promise<void>;
    onRenewed(listener: () => void): () => void;
  };
}

/** Where everybody can see what nodes are to trust, and ask for new keys. */
const certificatesMap = { name: "controller-certificates", namespace: "kube-system" } as const;
/** Any value that was not acted on yet starts a rotation. */
const rotateAnnotation = "selvedge.dev/rotate";

/**
 * Shows the controller's own certificates as a ConfigMap, and rotates them when asked:
 *
 *   kubectl -n kube-system annotate configmap controller-certificates selvedge.dev/rotate=2026-08 --overwrite
 */
class RotationReconciler implements Reconciler {
  readonly name = "certificate-rotation";
  readonly reads: readonly string[] = ["ConfigMap controller-certificates"];
  readonly writes: readonly string[] = ["ConfigMap controller-certificates", "controller certificates"];
  readonly #deps: RotationDeps;

  constructor(deps: RotationDeps) {
    this.#deps = deps;
  }

  async reconcile(): Promise<Outcome> {
    const { cluster, clock, log, pki } = this.#deps;
    const { name, namespace } = certificatesMap;
    const found = cluster.cache<ConfigMap>(configMapKind).get(name, namespace);
    const asked = found?.metadata.annotations?.[rotateAnnotation];
    // A map that comes with the annotation was restored or copied: nobody asks now.
    const isNew = asked !== undefined && found?.data !== undefined && asked !== found.data["rotated"];
    if (isNew) {
      log.info("rotating the signing and encryption certificates", { asked });
      await pki.rotate();
    }
    const said = {
      "root.pem": `${pki.rootCertificate}\n`,
      "signing.pem": text(pki.identity.signing.pem),
      "encryption.pem": pki.identity.encryption.map(({ pem }) => text(pem)).join(""),
      "list-hash": pki.identity.certsHash,
      ...(asked !== undefined && { rotated: asked }),
    };
    const rotatedAt = isNew ? toRfc3339(clock.now()) : found?.data?.["rotated-at"];
    const data = { ...said, ...(rotatedAt !== undefined && { "rotated-at": rotatedAt }) };
    const changed = await cluster.change<ConfigMap>(configMapKind, name, namespace, (draft) => {
      const same = jsonEqual(draft.data ?? {}, data);
      draft.data = data;
      return !same;
    });
    if (changed !== undefined) return settled;
    const made: ConfigMap = { apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace }, data };
    try {
      await cluster.create(configMapKind, made);
    } catch (error) {
      if (!isReason(error, "AlreadyExists")) throw error;
    }
    return settled;
  }
}

export function rotation(deps: RotationDeps): Wired {
  const key = certificatesMap.name;
  const isIt = (object: KubeObject | undefined): boolean =>
    object?.metadata.name === key && object.metadata.namespace === certificatesMap.namespace;
  return {
    reconciler: new RotationReconciler(deps),
    wakes: [wakeOn<ConfigMap>(configMapKind, (before, after) => (isIt(before) || isIt(after) ? [key] : []))],
    initial: [key],
    connect: (wake) => deps.pki.onRenewed(() => wake(key)),
  };
}

function text(pem: Uint8Array): string {
  return `${new TextDecoder().decode(pem)}\n`;
}
