import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { below, SeededRandom } from "@selvedge/base";
import {
  type DaemonSet,
  type Deployment,
  daemonSetKind,
  deploymentKind,
  type Pod,
  podKind,
} from "@selvedge/kinds";
import { ObjectWorld } from "../test/object-world.ts";
import { isGoing, isReady } from "./objects/pods.ts";

const template = (app: string, image: string): Deployment["spec"]["template"] => ({
  metadata: { labels: { app } },
  spec: { terminationGracePeriodSeconds: 1, containers: [{ name: "main", image }] },
});

/** What the user wants at the moment. */
interface Wanted {
  replicas: number;
  web: number;
  agent: number;
}

/** One thing that a user, a node or bad luck does. Returns what it was, for the message of a failure. */
async function happen(world: ObjectWorld, random: SeededRandom, wanted: Wanted): Promise<string> {
  const nodes = [...world.nodes.values()];
  const node = nodes[below(random, nodes.length)];
  const pods = (await world.objects.list<Pod>(podKind)).items;
  const pod = pods[below(random, Math.max(1, pods.length))];
  switch (below(random, 9)) {
    case 0: {
      const spec = { template: template("web", `web:${++wanted.web}`) };
      await world.objects.patch(deploymentKind, "web", "default", "merge", { spec });
      return `deployment to web:${wanted.web}`;
    }
    case 1: {
      const spec = { template: template("agent", `agent:${++wanted.agent}`) };
      await world.objects.patch(daemonSetKind, "agent", "default", "merge", { spec });
      return `daemon set to agent:${wanted.agent}`;
    }
    case 2:
      wanted.replicas = 1 + below(random, 5);
      await world.objects.patch(deploymentKind, "web", "default", "merge", {
        spec: { replicas: wanted.replicas },
      });
      return `scale to ${wanted.replicas}`;
    case 3:
      if (node !== undefined) node.online = !node.online;
      return `${node?.name} ${node?.online ? "comes" : "goes"}`;
    case 4:
      if (pod !== undefined) await world.objects.delete(podKind, pod.metadata.name, "default");
      return `delete ${pod?.metadata.name}`;
    case 5:
      if (pod !== undefined) {
        await world.objects.delete(podKind, pod.metadata.name, "default", { gracePeriodSeconds: 0 });
      }
      return `delete ${pod?.metadata.name} by force`;
    case 6:
      await world.restart();
      return "the controller restarts";
    case 7:
      await world.pass(below(random, 300));
      return "time passes";
    default:
      for (const one of nodes) await one.act();
      return "nodes act";
  }
}

async function checkWorld(world: ObjectWorld, wanted: Wanted, story: string): Promise<void> {
  const pods = (await world.objects.list<Pod>(podKind)).items;
  const of = (app: string): Pod[] => pods.filter(({ metadata }) => metadata.labels?.["app"] === app);
  const images = (app: string): string[] => of(app).map(({ spec }) => spec.containers[0]?.image ?? "");
  assert.deepEqual(images("web"), Array(wanted.replicas).fill(`web:${wanted.web}`), story);
  assert.deepEqual(images("agent"), Array(world.nodes.size).fill(`agent:${wanted.agent}`), story);
  assert.deepEqual(
    of("agent")
      .map(({ spec }) => spec.nodeName)
      .sort(),
    [...world.nodes.keys()].sort(),
    story,
  );
  assert.ok(
    pods.every((pod) => isReady(pod) && !isGoing(pod)),
    story,
  );
  for (const node of world.nodes.values()) {
    const mine = pods.filter(({ spec }) => spec.nodeName === node.name).map(({ metadata }) => metadata.uid);
    assert.deepEqual([...node.apps.keys()].sort(), mine.sort(), `${node.name}: ${story}`);
  }
  const deployment = await world.objects.get<Deployment>(deploymentKind, "web", "default");
  const set = await world.objects.get<DaemonSet>(daemonSetKind, "agent", "default");
  assert.equal(deployment.status?.availableReplicas, wanted.replicas, story);
  assert.equal(set.status?.numberAvailable, world.nodes.size, story);
  assert.equal(set.status?.updatedNumberScheduled, world.nodes.size, story);
}

/** A few at every run; `SELVEDGE_SEEDS=500` for a night. */
describe("all reconcilers together", () => {
  const seeds = Number(process.env["SELVEDGE_SEEDS"] ?? 8);
  for (let seed = 1; seed <= seeds; seed++) {
    it(`reach what is wanted whatever happens (seed ${seed})`, async () => {
      const random = new SeededRandom(seed);
      await using world = await ObjectWorld.start(seed);
      for (const name of ["a", "b", "c"]) await world.addNode(name);
      const wanted: Wanted = { replicas: 2, web: 1, agent: 1 };
      const base = { apiVersion: "apps/v1" as const };
      await world.create(deploymentKind, {
        ...{ ...base, kind: "Deployment", metadata: { name: "web", namespace: "default" } },
        spec: { replicas: 2, selector: { matchLabels: { app: "web" } }, template: template("web", "web:1") },
      } as Deployment);
      await world.create(daemonSetKind, {
        ...{ ...base, kind: "DaemonSet", metadata: { name: "agent", namespace: "default" } },
        spec: { selector: { matchLabels: { app: "agent" } }, template: template("agent", "agent:1") },
      } as DaemonSet);
      const story: string[] = [];
      for (let step = 0; step < 14; step++) {
        story.push(await happen(world, random, wanted));
        for (let turn = below(random, 6); turn > 0; turn--) {
          await new Promise((resolve) => setImmediate(resolve));
        }
      }
      for (const node of world.nodes.values()) node.online = true;
      await world.converge();
      await world.pass(400);
      await checkWorld(world, wanted, `seed ${seed}: ${story.join("; ")}`);
    });
  }
});
