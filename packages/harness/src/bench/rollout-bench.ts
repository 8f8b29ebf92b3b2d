import { Agent } from "node:https";
import { SystemClock } from "@selvedge/base";
import type { config, LinkMux } from "@selvedge/eve-api";
import { type DaemonSet, daemonSetKind } from "@selvedge/kinds";
import type { KubeClient } from "../real/kube-client.ts";
import { waitFor } from "../real/wait.ts";
import { dialLink } from "../wire/wire-link.ts";
import type { Exchange, WireNode } from "../wire/wire-node.ts";
import { type Bench, type Figure, quantile, round } from "./bench.ts";
import type { ControllerProcess } from "./controller-process.ts";
import { atRest, exchangeOver, forEach } from "./poll-load.ts";
import { processUsage } from "./process-meter.ts";
import { RegisteredFleet } from "./registered-fleet.ts";

const clock = new SystemClock();
const size = 1000;
/** Seconds; a rollout that takes longer is not worth its figures. */
const patience = 120;
/** Connections that the nodes poll over: what they make of TLS is not what is measured. */
const connections = 64;
const imageOf = (version: number): string => `registry.example/web:${version}`;

/** One write that is for every node of a fleet with links, from the write to the last node that has been told. */
export const rolloutBench: Bench = {
  name: "rollout",
  summary: `a DaemonSet's image, changed for ${size} nodes with links`,
  missing: () => undefined,
  async *run(progress) {
    await using fleet = await RegisteredFleet.make();
    const { controller, nodes } = await fleet.start(size, size);
    await using _ = controller;
    progress(`${size} nodes`);
    await using linked = await LinkedFleet.open(controller, nodes);
    using client = await controller.client();
    await linked.told(client, 1);
    progress("all have the first image, and rest");
    await atRest(controller.pid);
    const before = (await processUsage(controller.pid)).cpuSeconds;
    const spans = await linked.told(client, 2);
    const seconds = (await processUsage(controller.pid)).cpuSeconds - before;
    yield* figures(spans);
    const cpu = {
      value: round((seconds * 1000) / size, 1),
      note: "of the controller, until the last is told",
    };
    yield { name: `rollout.${size}.cpu`, unit: "ms", ...cpu };
  },
};

function* figures(spans: readonly number[]): Generator<Figure> {
  const note = "from the write until a node has been given the configuration with it";
  for (const [name, share] of [
    ["p50", 0.5],
    ["p99", 0.99],
  ] as const) {
    const value = round(quantile(spans, share) / 1000);
    yield { name: `rollout.${size}.${name}`, value, unit: "s", note };
  }
  const value = round(Math.max(...spans) / 1000);
  yield { name: `rollout.${size}.all`, value, unit: "s", budget: 10, note };
}

/** Nodes that poll when their link says so, as ours do. */
class LinkedFleet implements AsyncDisposable {
  readonly #agent: Agent;
  readonly #exchange: Exchange;
  readonly #links: LinkMux[] = [];
  readonly #nodes: readonly WireNode[];
  #failure: unknown;
  #given: (node: WireNode, given: config.EdgeDevConfig) => void = () => {};

  private constructor(nodes: readonly WireNode[], agent: Agent, exchange: Exchange) {
    this.#nodes = nodes;
    this.#agent = agent;
    this.#exchange = exchange;
  }

  static async open(controller: ControllerProcess, nodes: readonly WireNode[]): Promise<LinkedFleet> {
    const target = await controller.deviceTarget();
    const agent = new Agent({ ca: target.ca, keepAlive: true, maxSockets: connections });
    const fleet = new LinkedFleet(nodes, agent, exchangeOver(agent, target));
    try {
      await forEach(nodes, async (node) => {
        await node.report(fleet.#exchange);
        const poll = fleet.#polling(node);
        fleet.#links.push(await dialLink(target, node, clock, poll));
      });
      await atRest(controller.pid);
      return fleet;
    } catch (error) {
      await fleet[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Says what all are to run; how long after that each had been told, in milliseconds. */
  async told(client: KubeClient, version: number): Promise<readonly number[]> {
    const spans = new Map<WireNode, number>();
    const began = clock.monotonic();
    this.#given = (node, { contentInfo }) => {
      const isIt = contentInfo.some(({ URL }) => URL.endsWith(`web:${version}`));
      if (isIt && !spans.has(node)) spans.set(node, clock.monotonic() - began);
    };
    await client.apply(daemonSetKind, daemonSet(version));
    const all = async (): Promise<true | undefined> => {
      if (this.#failure !== undefined) throw this.#failure;
      return spans.size === this.#nodes.length || undefined;
    };
    await waitFor(`${this.#nodes.length} nodes to be told`, all, patience);
    return [...spans.values()];
  }

  /** One poll at a time, and one more when the link says so meanwhile. */
  #polling(node: WireNode): () => void {
    let [running, again] = [false, false];
    const poll = async (): Promise<void> => {
      do {
        again = false;
        const given = await node.takeConfig(this.#exchange);
        if (given !== undefined) this.#given(node, given);
      } while (again);
      running = false;
    };
    return () => {
      again = true;
      if (running) return;
      running = true;
      poll().catch((error: unknown) => {
        this.#failure ??= error;
      });
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const link of this.#links) link.close("the measurement is over");
    this.#agent.destroy();
  }
}

/** No node runs it, so that none of the old ones is waited for: the new one comes beside it. */
function daemonSet(version: number): DaemonSet {
  const labels = { app: "web" };
  return {
    ...{ apiVersion: "apps/v1", kind: "DaemonSet", metadata: { name: "web", namespace: "default" } },
    spec: {
      selector: { matchLabels: labels },
      updateStrategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: "100%", maxUnavailable: 0 } },
      template: {
        metadata: { labels },
        spec: {
          // Secrets are sealed to a certificate, which these nodes do not send.
          automountServiceAccountToken: false,
          containers: [{ name: "web", image: imageOf(version), resources: { limits: { memory: "64Mi" } } }],
        },
      },
    },
  };
}
