import { type Instant, type Millis, toRfc3339Micro } from "@selvedge/base";
import { isReason } from "@selvedge/client";
import { type Lease, leaseKind } from "@selvedge/kinds";
import type { Cluster } from "../objects/cluster.ts";

const namespace = "kube-node-lease";

/**
 * The Lease that `kubectl describe node` shows. It is renewed as seldom as `lastSeen` is stored and says so
 * in its duration; nobody here decides anything by it.
 */
export async function keepLease(
  cluster: Cluster,
  nodeName: string,
  seen: Instant,
  duration: Millis,
): Promise<void> {
  const renewTime = toRfc3339Micro(seen);
  const leaseDurationSeconds = Math.ceil(duration / 1000);
  try {
    const known = await cluster.change<Lease>(leaseKind, nodeName, namespace, (draft) => {
      draft.spec = { ...draft.spec, holderIdentity: nodeName, leaseDurationSeconds, renewTime };
      return true;
    });
    if (known !== undefined) return;
    const spec = { holderIdentity: nodeName, leaseDurationSeconds, acquireTime: renewTime, renewTime };
    await cluster.create<Lease>(leaseKind, {
      ...{
        apiVersion: "coordination.k8s.io/v1",
        kind: "Lease",
        metadata: { name: nodeName, namespace },
        spec,
      },
    });
  } catch (error) {
    // An API server without that namespace, or one that is being deleted, has no leases: nothing depends on
    // them.
    if (!isReason(error, "NotFound") && !isReason(error, "Forbidden")) throw error;
  }
}

export async function dropLease(cluster: Cluster, nodeName: string): Promise<void> {
  const lease = {
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    metadata: { name: nodeName, namespace },
  };
  await cluster.delete(leaseKind, lease);
}
