import { isReason, type ObjectView } from "@selvedge/client";
import {
  type ConfigMap,
  configMapKind,
  type Namespace,
  namespaceKind,
  type ServiceAccount,
  serviceAccountKind,
} from "@selvedge/kinds";
import { type Outcome, type Reconciler, settled } from "@selvedge/reconcile";
import type { Cluster } from "../objects/cluster.ts";
import { type Wake, wakeOn } from "../objects/wiring.ts";

export interface NamespaceDefaultsDeps {
  readonly cluster: Cluster;
  readonly namespaces: ObjectView<Namespace>;
  readonly serviceAccounts: ObjectView<ServiceAccount>;
  readonly configMaps: ObjectView<ConfigMap>;
  /** PEM of what the API server's certificate chains to. */
  readonly authority: string;
}

const account = "default";
const authorityMap = "kube-root-ca.crt";
const authorityKey = "ca.crt";

/** Gives every namespace what programs in it count on. The key is the namespace's name. */
export class NamespaceDefaultsReconciler implements Reconciler {
  readonly name = "namespace-defaults";
  readonly reads: readonly string[] = ["Namespace", "ServiceAccount", "ConfigMap"];
  readonly writes: readonly string[] = ["ServiceAccount default", "ConfigMap kube-root-ca.crt"];
  readonly #deps: NamespaceDefaultsDeps;

  constructor(deps: NamespaceDefaultsDeps) {
    this.#deps = deps;
  }

  async reconcile(name: string): Promise<Outcome> {
    const { namespaces, serviceAccounts } = this.#deps;
    const namespace = namespaces.get(name);
    if (namespace === undefined || namespace.metadata.deletionTimestamp !== undefined) return settled;
    try {
      if (serviceAccounts.get(account, name) === undefined) await this.#makeAccount(name);
      await this.#settleAuthority(name);
    } catch (error) {
      // It is there already, or the namespace has begun to go: the next change of either wakes us.
      const isLate = ["AlreadyExists", "NotFound", "Forbidden"].some((reason) => isReason(error, reason));
      if (!isLate) throw error;
    }
    return settled;
  }

  async #makeAccount(namespace: string): Promise<void> {
    const made = {
      apiVersion: "v1",
      kind: "ServiceAccount",
      metadata: { name: account, namespace },
    } as const;
    await this.#deps.cluster.create<ServiceAccount>(serviceAccountKind, made);
  }

  async #settleAuthority(namespace: string): Promise<void> {
    const { cluster, configMaps, authority } = this.#deps;
    const data = { [authorityKey]: `${authority}\n` };
    const stored = configMaps.get(authorityMap, namespace);
    if (stored === undefined) {
      const description = "The certificate that this cluster's API server can be checked with.";
      const annotations = { "kubernetes.io/description": description };
      await cluster.create<ConfigMap>(configMapKind, {
        ...{
          apiVersion: "v1",
          kind: "ConfigMap",
          metadata: { name: authorityMap, namespace, annotations },
          data,
        },
      });
      return;
    }
    if (stored.data?.[authorityKey] === data[authorityKey]) return;
    await cluster.change<ConfigMap>(configMapKind, authorityMap, namespace, (draft) => {
      draft.data = data;
      return true;
    });
  }
}

export function namespaceDefaultsWakes(): Wake[] {
  return [
    wakeOn<Namespace>(namespaceKind, (_before, after) => (after === undefined ? [] : [after.metadata.name])),
    wakeOn<ServiceAccount>(serviceAccountKind, (before, after) =>
      after === undefined && before?.metadata.name === account ? [before.metadata.namespace ?? ""] : [],
    ),
    wakeOn<ConfigMap>(configMapKind, (before, after) => {
      const { name, namespace = "" } = (after ?? before)?.metadata ?? { name: "" };
      return name === authorityMap ? [namespace] : [];
    }),
  ];
}
