/**
 * Stands in for nodes while Kubernetes' own conformance tests run: Nodes made by hand, and whoever says of the
 * Pods bound to them that they run, and lets them go when they are deleted. No container ever runs, so it serves
 * specs that are about objects; those that look into a container need real nodes. It knows of images only that
 * `:404` and `:non-existent` are none, and of commands that `exit 0` ends at once: upstream's specs mean that.
 */
import { isReason, type Objects } from "@selvedge/client";
import {
  type ContainerStatus,
  type Node,
  nodeKind,
  type Pod,
  type PodStatus,
  podKind,
} from "@selvedge/kinds";

const names = ["stand-in-1", "stand-in-2"];
const room = { cpu: "8", memory: "16Gi", pods: "110", "ephemeral-storage": "100Gi" };

export class StandInNodes implements AsyncDisposable {
  readonly #objects: Objects;
  readonly #stop = new AbortController();
  #following: Promise<void> | undefined;
  #addresses = 0;
  /** What was not done, to be said by whoever started this. */
  readonly faults: unknown[] = [];

  constructor(objects: Objects) {
    this.#objects = objects;
  }

  async start(): Promise<void> {
    for (const [index, name] of names.entries()) {
      const labels = { "kubernetes.io/hostname": name, "kubernetes.io/os": "linux" };
      const node: Node = { apiVersion: "v1", kind: "Node", metadata: { name, labels }, spec: {} };
      const made = await this.#objects.create<Node>(nodeKind, node);
      const now = new Date().toISOString();
      await this.#objects.updateStatus<Node>(nodeKind, {
        ...made,
        status: {
          ...{ capacity: room, allocatable: room },
          addresses: [
            { type: "InternalIP", address: `192.0.2.${index + 1}` },
            { type: "Hostname", address: name },
          ],
          conditions: [
            {
              type: "Ready",
              status: "True",
              reason: "StandIn",
              lastHeartbeatTime: now,
              lastTransitionTime: now,
            },
          ],
        },
      });
    }
    this.#following = this.#follow();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#following;
  }

  /** Lists, then watches, until it is stopped. */
  async #follow(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        const { items, metadata } = await this.#objects.list<Pod>(podKind);
        for (const pod of items) await this.#look(pod);
        const resourceVersion = metadata.resourceVersion ?? "";
        for await (const event of this.#objects.watch<Pod>(podKind, { resourceVersion, signal })) {
          if (event.type === "ERROR") break;
          if (event.type !== "DELETED" && event.type !== "BOOKMARK") await this.#look(event.object);
        }
      } catch (error) {
        if (!signal.aborted) this.faults.push(error);
      }
    }
  }

  async #look(pod: Pod): Promise<void> {
    if (!names.includes(pod.spec.nodeName ?? "")) return;
    try {
      if (pod.metadata.deletionTimestamp !== undefined) await this.#letGo(pod);
      else if (pod.status?.phase === "Pending" && !isMissing(pod)) await this.#run(pod);
      else if (pod.status?.phase === "Running" && isDone(pod)) await this.#end(pod, "Succeeded", 0);
    } catch (error) {
      // Gone, or changed meanwhile: then it is heard of again.
      if (!isReason(error, "NotFound") && !isReason(error, "Conflict")) this.faults.push(error);
    }
  }

  /** Its processes end, then nothing of it is left at the node. */
  async #letGo(pod: Pod): Promise<void> {
    const { name, namespace, uid } = pod.metadata;
    if (pod.status?.phase === "Running") await this.#end(pod, "Failed", 143);
    const preconditions = uid === undefined ? {} : { preconditions: { uid } };
    await this.#objects.delete(podKind, name, namespace, { gracePeriodSeconds: 0, ...preconditions });
  }

  async #end(pod: Pod, phase: "Succeeded" | "Failed", exitCode: number): Promise<void> {
    const reason = exitCode === 0 ? "Completed" : "Error";
    const containerStatuses = (pod.status?.containerStatuses ?? []).map((container): ContainerStatus => {
      return { ...container, state: { terminated: { exitCode, reason } }, ready: false, started: false };
    });
    const conditions = (pod.status?.conditions ?? []).map((condition) =>
      condition.type.endsWith("Ready") ? { ...condition, status: "False" as const } : condition,
    );
    const status: PodStatus = { ...pod.status, phase, containerStatuses, conditions };
    await this.#objects.updateStatus<Pod>(podKind, { ...pod, status });
  }

  async #run(pod: Pod): Promise<void> {
    const now = new Date().toISOString();
    const types = ["Initialized", "PodReadyToStartContainers", "ContainersReady", "Ready"];
    const said = types.map((type) => ({ type, status: "True" as const, lastTransitionTime: now }));
    // What others say of the Pod stays.
    const kept = (pod.status?.conditions ?? []).filter(({ type }) => !types.includes(type));
    const podIP = this.#nextAddress();
    const running = ({ name, image = "" }: { name: string; image?: string }): ContainerStatus => ({
      ...{ name, image, imageID: "stand-in", ready: true, started: true, restartCount: 0 },
      state: { running: { startedAt: now } },
    });
    const status: PodStatus = {
      ...pod.status,
      ...{ phase: "Running", conditions: [...kept, ...said], startTime: now },
      ...{ hostIP: "192.0.2.1", hostIPs: [{ ip: "192.0.2.1" }], podIP, podIPs: [{ ip: podIP }] },
      containerStatuses: pod.spec.containers.map(running),
    };
    await this.#objects.updateStatus<Pod>(podKind, { ...pod, status });
  }

  #nextAddress(): string {
    this.#addresses++;
    return `198.18.${this.#addresses >> 8}.${this.#addresses & 255}`;
  }
}

function isMissing({ spec }: Pod): boolean {
  return spec.containers.some(({ image }) => /:(404|non-existent)$/.test(image ?? ""));
}

function isDone({ spec }: Pod): boolean {
  return (
    spec.restartPolicy !== "Always" && spec.containers.every(({ command }) => command?.at(-1) === "exit 0")
  );
}
