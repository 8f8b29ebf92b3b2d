import { type Instant, type Millis, seconds, toRfc3339Micro } from "@selvedge/base";
import type { Lease } from "@selvedge/kinds";

/** How long a leader may say nothing before another takes its place. */
const leaseSeconds = 3;
/** How often it says something: two of these may be lost. */
export const renewEvery: Millis = seconds(1);
/**
 * A leader that could not renew for so long stops acting. Sooner than others begin: they count from when they saw
 * the renewal, it counts from before it asked for it.
 */
export const actsFor: Millis = seconds(2.5);
/** How often the others look. */
export const lookEvery: Millis = seconds(0.5);

/** Where the other replicas reach the holder. */
export const addressAnnotation = "selvedge.dev/peer-address";

/** The lease as this replica sees it, and since when it has looked like that here. */
export interface SeenLease {
  readonly lease: Lease;
  readonly since: Millis;
}

/** Clocks of replicas are not compared: a lease is old when it has not changed for long before our own eyes. */
export function isOver({ lease, since }: SeenLease, now: Millis): boolean {
  return (
    !lease.spec?.holderIdentity || now - since >= (lease.spec.leaseDurationSeconds ?? leaseSeconds) * 1000
  );
}

export interface Candidate {
  readonly identity: string;
  readonly address: string;
}

/** The lease to write; undefined: somebody else holds it. */
export function planLease(
  seen: SeenLease | undefined,
  me: Candidate,
  now: { readonly at: Instant; readonly mono: Millis },
): Lease | undefined {
  const time = toRfc3339Micro(now.at);
  const holding = { holderIdentity: me.identity, leaseDurationSeconds: leaseSeconds, renewTime: time };
  const annotations = { [addressAnnotation]: me.address };
  if (seen === undefined) {
    const metadata = { name: leaseName, namespace: leaseNamespace, annotations };
    const spec = { ...holding, acquireTime: time, leaseTransitions: 0 };
    return { apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata, spec };
  }
  const { lease } = seen;
  const metadata = { ...lease.metadata, annotations: { ...lease.metadata.annotations, ...annotations } };
  if (lease.spec?.holderIdentity === me.identity)
    return { ...lease, metadata, spec: { ...lease.spec, ...holding } };
  if (!isOver(seen, now.mono)) return undefined;
  const leaseTransitions = (lease.spec?.leaseTransitions ?? 0) + 1;
  return { ...lease, metadata, spec: { ...lease.spec, ...holding, acquireTime: time, leaseTransitions } };
}

export const leaseName = "selvedge-controller";
export const leaseNamespace = "kube-system";
