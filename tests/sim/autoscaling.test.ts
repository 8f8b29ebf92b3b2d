/** An autoscaler follows what machines use, from the meter on the box to the Pods that come and go. */
import { it } from "node:test";
import type { KubeObject } from "@selvedge/apimachinery";
import { minutes } from "@selvedge/base";
import {
  type HorizontalPodAutoscaler,
  horizontalPodAutoscalerKind,
  type Pod,
  podKind,
} from "@selvedge/kinds";
import { registryHost, World } from "../../packages/harness/src/index.ts";

const labels = { app: "busy" };
const container = {
  ...{ name: "main", image: `${registryHost}/app:1`, command: ["serve"] },
  resources: { requests: { cpu: "100m" } },
};
const busy = {
  ...{ apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "busy", namespace: "default" } },
  spec: {
    selector: { matchLabels: labels },
    template: {
      metadata: { labels },
      spec: { terminationGracePeriodSeconds: 5, containers: [container] },
    },
  },
} as KubeObject;
const autoscaler = {
  ...{ apiVersion: "autoscaling/v2", kind: "HorizontalPodAutoscaler" },
  metadata: { name: "busy", namespace: "default" },
  spec: {
    scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "busy" },
    ...{ minReplicas: 1, maxReplicas: 3 },
    metrics: [
      {
        type: "Resource",
        resource: { name: "cpu", target: { type: "Utilization", averageUtilization: 50 } },
      },
    ],
    behavior: { scaleDown: { stabilizationWindowSeconds: 60 } },
  },
} as KubeObject;

async function runs(world: World, count: number): Promise<void> {
  await world.until(`${count} Pods that run, and their mean`, async () => {
    const pods = await world.list<Pod>(podKind);
    const [{ status } = {}] = await world.list<HorizontalPodAutoscaler>(horizontalPodAutoscalerKind);
    const isKnown = status?.currentReplicas === count && (status.currentMetrics ?? []).length === 1;
    const all = pods.length === count && pods.every((pod) => pod.status?.phase === "Running");
    return all && isKnown && world.node().hypervisor.machines().length === count;
  });
}

it("is two machines while one is busy for two, and one again when it rests", async () => {
  await using world = await World.make(1);
  await world.apply(busy);
  await world.apply(autoscaler);
  await runs(world, 1);
  const [machine] = world.node().hypervisor.machines();
  // 90 of 100 are nearly twice as much as is wanted; shared by two they are within what is borne.
  machine?.works(90);
  await runs(world, 2);
  await world.killController();
  await world.live(minutes(10));
  await runs(world, 2);
  machine?.works(0);
  await runs(world, 1);
});
