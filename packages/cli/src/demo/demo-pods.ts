import { type DaemonSet, daemonSetKind, type Pod, podKind } from "@selvedge/kinds";
import type { KubeConnection } from "../kube.ts";

export interface DemoPod {
  readonly name: string;
  readonly node: string;
  /** Kubernetes' word for what it does: Running, ContainerCreating, ErrImagePull. */
  readonly state: string;
  readonly isReady: boolean;
}

/** The example app's Pods, and how many the DaemonSet wants. */
export async function demoPods(
  connection: KubeConnection,
): Promise<{ readonly pods: readonly DemoPod[]; readonly wanted: number }> {
  const { objects } = connection;
  const set = await objects.get<DaemonSet>(daemonSetKind, "hello", "default");
  const { items } = await objects.list<Pod>(podKind, { namespace: "default", labelSelector: "app=hello" });
  const pods = items
    .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
    .map(({ metadata, spec, status }) => ({
      name: metadata.name,
      node: spec.nodeName ?? "",
      state: stateOf(status),
      isReady: status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True") ?? false,
    }));
  return { pods, wanted: set.status?.desiredNumberScheduled ?? 0 };
}

function stateOf(status: Pod["status"]): string {
  const waiting = status?.containerStatuses
    ?.map(({ state }) => state?.waiting)
    .find((one) => one !== undefined);
  if (waiting?.reason !== undefined) {
    return waiting.message === undefined ? waiting.reason : `${waiting.reason}: ${waiting.message}`;
  }
  return status?.phase ?? "Pending";
}
