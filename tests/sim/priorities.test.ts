/**
 * Apps of different importance come and go on boxes that are too small for all of them, while boxes are cut off and
 * the controller dies: in the end the most important ones run, and nobody went on a box that could not be told.
 */
import assert from "node:assert/strict";
import { below, type Millis, millis, minutes, seconds } from "@selvedge/base";
import { isReason } from "@selvedge/client";
import { type Node, nodeKind, type Pod, podKind } from "@selvedge/kinds";
import { registryHost, type World } from "../../packages/harness/src/index.ts";
import { worldsOf } from "./seeds.ts";

const { describe, inWorlds } = worldsOf(import.meta.filename);

/** The first is that of those that name none. */
const classes = ["", "system-cluster-critical", "system-node-critical"];
/** Processors of a box, in thousandths, are shared by few of these. */
const sizes = [0.3, 0.5, 0.8];

const millisOf = (text = "0"): number => (text.endsWith("m") ? Number.parseInt(text) : Number(text) * 1000);
const sizeOf = ({ spec }: Pod): number => millisOf(spec.containers[0]?.resources?.requests?.["cpu"]);
const rankOf = ({ spec }: Pod): number => spec.priority ?? 0;
const goes = ({ metadata }: Pod): boolean => metadata.deletionTimestamp !== undefined;

/** Of the most important, one is bound to its box as a DaemonSet's is: it tolerates that the box is silent. */
async function addPod(world: World, name: string, boundTo?: string): Promise<void> {
  const [node] = await world.list<Node>(nodeKind);
  const all = millisOf(node?.status?.allocatable?.["cpu"]);
  const share = sizes[below(world.random, sizes.length)] ?? 1;
  const requests = { cpu: `${Math.floor(all * share)}m` };
  const priorityClassName = boundTo === undefined ? classes[below(world.random, 2)] : classes[2];
  const image = `${registryHost}/app:1`;
  await world.objects.create<Pod>(podKind, {
    ...{ apiVersion: "v1", kind: "Pod", metadata: { name, namespace: "default" } },
    spec: {
      ...{ priorityClassName: priorityClassName ?? "", terminationGracePeriodSeconds: 5 },
      ...(boundTo !== undefined && {
        nodeSelector: { "kubernetes.io/hostname": boundTo },
        tolerations: [{ operator: "Exists" }],
      }),
      containers: [{ name: "main", image, command: ["serve"], resources: { requests } }],
    },
  });
}

async function removeOne(world: World): Promise<void> {
  const pods = await world.list<Pod>(podKind);
  const one = pods[below(world.random, pods.length)];
  if (one === undefined) return;
  await world.objects.delete(podKind, one.metadata.name, "default").catch((error: unknown) => {
    if (!isReason(error, "NotFound")) throw error;
  });
}

/** Those on a box that are not ending. */
async function staying(world: World, nodeName: string): Promise<string[]> {
  const pods = await world.list<Pod>(podKind);
  return pods.flatMap((pod) => (pod.spec.nodeName === nodeName && !goes(pod) ? [pod.metadata.name] : []));
}

/** What is against the state of things being the end of it, a line each. */
async function unfinished(world: World): Promise<string[]> {
  const pods = await world.list<Pod>(podKind);
  const nodes = await world.list<Node>(nodeKind);
  const on = (name: string): Pod[] => pods.filter(({ spec }) => spec.nodeName === name);
  const sum = (list: readonly Pod[]): number => list.reduce((all, pod) => all + sizeOf(pod), 0);
  return [
    ...pods.filter(goes).map(({ metadata }) => `${metadata.name} is ending`),
    ...pods.flatMap(({ metadata, spec, status }) =>
      spec.nodeName && status?.phase !== "Running" ? [`${metadata.name} does not run`] : [],
    ),
    ...pods.flatMap(({ metadata, status }) =>
      status?.nominatedNodeName ? [`${metadata.name} is about to be placed`] : [],
    ),
    ...nodes.flatMap(({ metadata: { name }, status }) => {
      const all = millisOf(status?.allocatable?.["cpu"]);
      const better = pods.filter((pod) => {
        const wanted = pod.spec.nodeSelector?.["kubernetes.io/hostname"] ?? name;
        if (wanted !== name) return false;
        const important = on(name).filter((other) => rankOf(other) >= rankOf(pod));
        return !pod.spec.nodeName && sum(important) + sizeOf(pod) <= all;
      });
      return [
        ...(sum(on(name)) > all ? [`${name} has too many`] : []),
        ...better.map((pod) => `${pod.metadata.name} waits, and could be on ${name}`),
      ];
    }),
    ...world.nodes.flatMap(({ name, hypervisor }) => {
      const [runs, should] = [hypervisor.machines().length, on(name).length];
      return runs === should ? [] : [`${name} runs ${runs} apps instead of ${should}`];
    }),
  ];
}

const aWhile = (world: World, most: Millis): Promise<void> => world.live(millis(world.random.next() * most));

describe("apps that are more important than others", () => {
  inWorlds(
    "are what runs in the end, and nobody goes for them where it cannot be told",
    async (world) => {
      let count = 0;
      const change = async (): Promise<void> => {
        await (world.random.next() < 0.8 ? addPod(world, `p${count++}`) : removeOne(world));
        await aWhile(world, seconds(8));
      };
      for (let step = 0; step < 6; step++) await change();
      world.cut(0);
      await world.live(minutes(10));
      const { name } = world.node(0);
      const before = await staying(world, name);
      for (let step = 0; step < 4; step++) {
        await addPod(world, `p${count++}`, world.random.next() < 0.5 ? name : undefined);
        await aWhile(world, minutes(30));
      }
      const after = await staying(world, name);
      assert.deepEqual(
        before.filter((pod) => !after.includes(pod)),
        [],
        "nobody went on the box that was cut off",
      );
      world.heal(0);
      await world.killController({ lost: millis(below(world.random, 1000)), down: seconds(5) });
      await world.until("the controller to be back", async () => true);
      for (let step = 0; step < 3; step++) await change();
      let left: string[] = [];
      const isOver = async (): Promise<boolean> => {
        left = await unfinished(world);
        return left.length === 0;
      };
      await world.until("the end", isOver, minutes(20)).catch((cause: unknown) => {
        throw new Error(left.join("\n"), { cause });
      });
    },
    { nodes: 2, seeds: 4 },
  );
});
