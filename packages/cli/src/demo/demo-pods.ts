import type { KubeConnection } from "../kube.ts";

export interface DemoPod {
  readonly name: string;
  readonly node: string;
  /** Kubernetes' word for what it does: Running, ContainerCreating, ErrImagePull. */
  readonly state: string;
  readonly isReady: boolean;
}

interface Pod {
  readonly metadata: { readonly name: string; readonly deletionTimestamp?: string };
  readonly spec: { readonly nodeName?: string };
  readonly status?: {
    readonly phase?: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
    readonly containerStatuses?: readonly {
      readonly state?: { readonly waiting?: { readonly reason?: string; readonly message?: string } };
    }[];
  };
}

/** The example app's Pods, and how many the DaemonSet wants. */
export async function demoPods(
  connection: KubeConnection,
): Promise<{ readonly pods: readonly DemoPod[]; readonly wanted: number }> {
  const set = await getJson<{ status?: { desiredNumberScheduled?: number } }>(
    connection,
    "/apis/apps/v1/namespaces/default/daemonsets/hello",
  );
  const list = await getJson<{ items: readonly Pod[] }>(
    connection,
    `/api/v1/namespaces/default/pods?labelSelector=${encodeURIComponent("app=hello")}`,
  );
  const pods = list.items
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

async function getJson<T>(connection: KubeConnection, path: string): Promise<T> {
  const answer = await connection.send("GET", path);
  if (answer.status !== 200) throw new Error(`the controller answers ${answer.status}: ${answer.body}`);
  return JSON.parse(answer.body) as T;
}
