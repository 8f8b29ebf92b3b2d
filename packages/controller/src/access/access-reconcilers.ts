import type { ObjectRegistry } from "@selvedge/apiserver";
import type { Clock, Log, Random } from "@selvedge/base";
import type { Caches } from "../objects/caches.ts";
import type { Cluster } from "../objects/cluster.ts";
import type { Wired } from "../objects/wiring.ts";
import type { Pki } from "../pki/pki.ts";
import { AggregationReconciler, aggregationWakes } from "./aggregation-reconciler.ts";
import { CertificateReconciler, certificateWakes } from "./certificate-reconciler.ts";
import { NamespaceDefaultsReconciler, namespaceDefaultsWakes } from "./namespace-defaults-reconciler.ts";
import { TokenSecretReconciler, tokenSecretWakes } from "./token-secret-reconciler.ts";

export interface AccessReconcilersDeps {
  readonly cluster: Cluster;
  readonly caches: Caches;
  readonly registry: ObjectRegistry;
  readonly pki: Pki;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** What keeps roles, accounts and certificates as they should be. */
export function accessReconcilers(deps: AccessReconcilersDeps): Wired[] {
  const { cluster, caches, registry, pki, clock, random, log } = deps;
  const { clusterRoles, secrets, serviceAccounts, certificateRequests, namespaces, configMaps } = caches;
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
    {
      reconciler: new TokenSecretReconciler({
        ...{ cluster, registry, secrets, serviceAccounts, pki, clock, random },
      }),
      wakes: tokenSecretWakes(secrets),
    },
  ];
}
