import type { Clock, Log } from "@selvedge/base";
import type { Caches } from "../objects/caches.ts";
import type { Cluster } from "../objects/cluster.ts";
import type { Wired } from "../objects/wiring.ts";
import type { Pki } from "../pki/pki.ts";
import { AggregationReconciler, aggregationWakes } from "./aggregation-reconciler.ts";
import { CertificateReconciler, certificateWakes } from "./certificate-reconciler.ts";
import { NamespaceDefaultsReconciler, namespaceDefaultsWakes } from "./namespace-defaults-reconciler.ts";

export interface AccessReconcilersDeps {
  readonly cluster: Cluster;
  readonly caches: Caches;
  readonly pki: Pki;
  readonly clock: Clock;
  readonly log: Log;
}

/** What keeps roles, accounts and certificates as they should be. */
export function accessReconcilers({ cluster, caches, pki, clock, log }: AccessReconcilersDeps): Wired[] {
  const { clusterRoles, serviceAccounts, certificateRequests, namespaces, configMaps } = caches;
  const authority = pki.rootCertificate;
  return [
    {
      reconciler: new AggregationReconciler(cluster, clusterRoles),
      wakes: aggregationWakes(clusterRoles),
    },
    {
      reconciler: new NamespaceDefaultsReconciler({
        ...{ cluster, namespaces, serviceAccounts, configMaps, authority },
      }),
      wakes: namespaceDefaultsWakes(),
    },
    {
      reconciler: new CertificateReconciler({
        ...{ cluster, requests: certificateRequests, pki, clock, log: log.child("certificates") },
      }),
      wakes: certificateWakes(),
    },
  ];
}
