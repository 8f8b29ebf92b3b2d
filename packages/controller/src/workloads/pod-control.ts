import type { KubeObject } from "@selvedge/apimachinery";
import { describeError } from "@selvedge/base";
import { ApiError } from "@selvedge/client";
import { type Pod, podKind } from "@selvedge/kinds";
import type { EventRecorder } from "../events/event-recorder.ts";
import type { Cluster } from "../objects/cluster.ts";

/** Writes of one pass that are on their way at once: they go to the disk together, and are told of in one go. */
const batchMax = 12;

/** What the API server said: its words stand for themselves. */
export function refusalText(error: unknown): string {
  return error instanceof ApiError ? error.message : describeError(error);
}

/** Makes and ends Pods in an owner's name, and tells of it. */
export class PodControl {
  readonly #cluster: Cluster;
  readonly #events: EventRecorder;
  readonly #component: string;

  constructor(cluster: Cluster, events: EventRecorder, component: string) {
    this.#cluster = cluster;
    this.#events = events;
    this.#component = component;
  }

  /**
   * Makes them all, or throws the first failure once what was begun has ended; the next pass sees what came
   * of it.
   */
  async create(owner: KubeObject, pods: readonly Pod[]): Promise<void> {
    await inBatches(pods, async (pod) => {
      try {
        const made = await this.#cluster.create<Pod>(podKind, pod);
        await this.#tell(owner, "Normal", "SuccessfulCreate", `Created pod: ${made.metadata.name}`);
      } catch (error) {
        await this.#tell(owner, "Warning", "FailedCreate", `Error creating: ${refusalText(error)}`);
        throw error;
      }
    });
  }

  async remove(owner: KubeObject, pods: readonly Pod[]): Promise<void> {
    await inBatches(pods, async (pod) => {
      await this.#cluster.delete(podKind, pod);
      await this.#tell(owner, "Normal", "SuccessfulDelete", `Deleted pod: ${pod.metadata.name}`);
    });
  }

  async #tell(owner: KubeObject, type: "Normal" | "Warning", reason: string, message: string): Promise<void> {
    await this.#events.record(owner, { type, reason, message, component: this.#component });
  }
}

/**
 * One at first and then twice as many each time, so that what cannot be is tried once and not by the hundred. Each is
 * begun in a turn of its own: to plan a Pod takes milliseconds.
 */
async function inBatches<T>(items: readonly T[], act: (item: T) => Promise<void>): Promise<void> {
  for (let at = 0, size = 1; at < items.length; at += size, size = Math.min(size * 2, batchMax)) {
    const failures: unknown[] = [];
    const begun: Promise<unknown>[] = [];
    for (const item of items.slice(at, at + size)) {
      begun.push(act(item).catch((error: unknown) => failures.push(error)));
      await new Promise(setImmediate);
    }
    await Promise.all(begun);
    if (failures.length > 0) throw failures[0];
  }
}
