import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Millis, millis, type Timer } from "@selvedge/base";
import {
  type Deployment,
  deploymentKind,
  type EdgeNode,
  type Event,
  edgeNodeKind,
  eventKind,
  nodeKind,
  type Pod,
  type PodDisruptionBudget,
  type PodSpec,
  type PriorityClass,
  podDisruptionBudgetKind,
  podKind,
  priorityClassKind,
} from "@selvedge/kinds";
import { ManualClock } from "../../test/manual-clock.ts";
import { ObjectWorld } from "../../test/object-world.ts";
import { ensureStandardObjects } from "../standard-objects.ts";

/** A played box has four processors. */
function podOf(name: string, priorityClassName: string, cpu: number, more: Partial<PodSpec> = {}): Pod {
  return {
    ...{ apiVersion: "v1", kind: "Pod" },
    metadata: { name, namespace: "default", labels: { app: name } },
    spec: {
      ...{ priorityClassName, terminationGracePeriodSeconds: 30 },
      containers: [{ name: "main", image: "i:1", resources: { requests: { cpu: String(cpu) } } }],
      ...more,
    },
  };
}

async function fleet(...boxes: string[]): Promise<ObjectWorld> {
  const world = await ObjectWorld.start();
  for (const [name, value] of Object.entries({ low: 1, middle: 100, high: 1000 })) {
    const made = { apiVersion: "scheduling.k8s.io/v1", kind: "PriorityClass", metadata: { name }, value };
    await world.create(priorityClassKind, made as PriorityClass);
  }
  for (const name of boxes) await world.addNode(name);
  return world;
}

const read = (world: ObjectWorld, name: string): Promise<Pod> =>
  world.objects.get<Pod>(podKind, name, "default");

/** `name@node` of those that have one, `name>node` of those that are about to, and `name` of the others. */
async function places(world: ObjectWorld): Promise<string> {
  const { items } = await world.objects.list<Pod>(podKind, { namespace: "default" });
  const told = items.map(({ metadata, spec, status }) => {
    const goes = metadata.deletionTimestamp === undefined ? "" : "-";
    const at = spec.nodeName ? `@${spec.nodeName}` : "";
    return `${goes}${metadata.name}${at}${status?.nominatedNodeName ? `>${status.nominatedNodeName}` : ""}`;
  });
  return told.sort().join(" ");
}

async function said(world: ObjectWorld, name: string): Promise<string> {
  const { status } = await read(world, name);
  return status?.conditions?.find(({ type }) => type === "PodScheduled")?.message ?? "";
}

describe("a Pod that fits nowhere", () => {
  it("is given the room of one that is less important, which ends in its grace", async () => {
    await using world = await fleet("a");
    await world.create(podKind, podOf("old", "low", 3));
    await world.converge();
    await world.create(podKind, podOf("new", "high", 2));
    await world.settle();
    assert.equal(await places(world), "-old@a new>a");
    const { metadata, status } = await read(world, "old");
    assert.equal(metadata.deletionGracePeriodSeconds, 30);
    const target = status?.conditions?.find(({ type }) => type === "DisruptionTarget");
    assert.deepEqual(
      [target?.status, target?.reason, target?.message],
      ["True", "PreemptionByScheduler", "default-scheduler: preempting to accommodate a higher priority pod"],
    );
    const { items } = await world.objects.list<Event>(eventKind, { namespace: "default" });
    const event = items.find(({ reason }) => reason === "Preempted");
    const { uid } = (await read(world, "new")).metadata;
    assert.deepEqual(
      [event?.involvedObject.name, event?.type, event?.message],
      ["old", "Normal", `Preempted by pod ${uid} on node a`],
    );
    await world.converge();
    assert.equal(await places(world), "new@a");
    assert.equal((await read(world, "new")).status?.phase, "Running");
  });

  it("has its room kept from those less important, and not from those more so", async () => {
    await using world = await fleet("a");
    await world.create(podKind, podOf("old", "low", 4));
    await world.converge();
    await world.create(podKind, podOf("new", "middle", 3));
    await world.settle();
    await world.create(podKind, podOf("small", "low", 2));
    await world.settle();
    assert.equal(await places(world), "-old@a new>a small");
    await world.create(podKind, podOf("first", "high", 3));
    await world.settle();
    assert.equal(await places(world), "-old@a first>a new small");
    await world.converge();
    assert.equal(await places(world), "first@a new small");
    await world.objects.delete(podKind, "first", "default");
    await world.converge();
    assert.equal(await places(world), "new@a small");
    assert.match(await said(world, "small"), /^0\/1 nodes are available: 1 Insufficient cpu\.$/);
  });

  it("ends no more of a Deployment than must be, and those wait", async () => {
    await using world = await fleet("a", "b");
    const { metadata, spec } = podOf("web", "low", 2, { terminationGracePeriodSeconds: 1 });
    await world.create<Deployment>(deploymentKind, {
      ...{ apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "web", namespace: "default" } },
      spec: { replicas: 4, selector: { matchLabels: { app: "web" } }, template: { metadata, spec } },
    } as Deployment);
    await world.converge();
    const { items: before } = await world.objects.list<Pod>(podKind, { namespace: "default" });
    await world.create(podKind, podOf("new", "high", 2));
    await world.converge();
    const { items } = await world.objects.list<Pod>(podKind, { namespace: "default" });
    const uids = new Set(before.map((pod) => pod.metadata.uid));
    assert.equal(items.filter((pod) => uids.has(pod.metadata.uid)).length, 3);
    const waiting = items.filter((pod) => !pod.spec.nodeName);
    assert.deepEqual(
      waiting.map((pod) => pod.spec.priorityClassName),
      ["low"],
    );
    assert.equal(waiting[0]?.status?.nominatedNodeName, undefined);
  });

  it("breaks no budget in two goes that it would not have broken in one", async () => {
    await using world = await fleet("a", "b");
    for (const [name, box] of [
      ["x1", "a"],
      ["x2", "b"],
      ["y", "b"],
    ] as const) {
      const pod = podOf(name, name === "y" ? "middle" : "low", 2, { nodeName: box });
      if (name !== "y") pod.metadata.labels = { app: "x" };
      await world.create(podKind, pod);
    }
    await world.create<PodDisruptionBudget>(podDisruptionBudgetKind, {
      ...{
        apiVersion: "policy/v1",
        kind: "PodDisruptionBudget",
        metadata: { name: "x", namespace: "default" },
      },
      spec: { minAvailable: 1, selector: { matchLabels: { app: "x" } } },
    });
    await world.create(podKind, podOf("z", "high", 2, { nodeName: "a" }));
    await world.converge();
    await Promise.all(["new1", "new2"].map((name) => world.create(podKind, podOf(name, "high", 2))));
    await world.converge();
    const left = await places(world);
    assert.match(left, /^new1@. new2@. x[12]@. z@a$/);
  });

  it("says why nobody goes for it", async () => {
    await using world = await fleet("a");
    const never = { metadata: { name: "polite" }, value: 500, preemptionPolicy: "Never" };
    await world.create(priorityClassKind, {
      ...{ apiVersion: "scheduling.k8s.io/v1", kind: "PriorityClass" },
      ...never,
    } as PriorityClass);
    await world.create(podKind, podOf("old", "low", 3));
    await world.converge();
    await world.create(podKind, podOf("new", "polite", 2));
    await world.create(podKind, podOf("large", "high", 5));
    await world.create(podKind, podOf("least", "", 2));
    await world.converge();
    const short = "0/1 nodes are available: 1 Insufficient cpu.";
    assert.equal(
      await said(world, "new"),
      `${short} preemption: not eligible due to preemptionPolicy=Never.`,
    );
    assert.equal(await said(world, "large"), `${short} preemption: ${short}`);
    assert.equal(await said(world, "least"), short);
    assert.equal(await places(world), "large least new old@a");
  });

  it("ends nobody on a box that is away for days, until it is back", async () => {
    await using world = await fleet("a");
    await world.create(podKind, podOf("old", "low", 3));
    await world.converge();
    const box = world.nodes.get("a");
    assert.ok(box);
    box.online = false;
    await world.pass(300);
    await world.create(podKind, podOf("new", "high", 2, { tolerations: [{ operator: "Exists" }] }));
    await world.pass(3600);
    assert.equal(await places(world), "new old@a");
    assert.match(
      await said(world, "new"),
      /preemption: 0\/1 .* 1 Preemption is not helpful for scheduling\./,
    );
    box.online = true;
    await world.pass(60);
    assert.equal(await places(world), "new@a");
  });

  it("ends nobody on a box in maintenance, until that is over", async () => {
    await using world = await fleet("a");
    await world.create(podKind, podOf("old", "low", 3));
    await world.converge();
    const maintain = async (status: "True" | "False"): Promise<void> => {
      const box = await world.objects.get<EdgeNode>(edgeNodeKind, "a");
      const conditions = [{ type: "MaintenanceMode", status, reason: "UserRequested", message: "" }];
      await world.objects.updateStatus(edgeNodeKind, { ...box, status: { ...box.status, conditions } });
      await world.settle();
    };
    await maintain("True");
    await world.create(podKind, podOf("new", "high", 2));
    await world.settle();
    assert.equal(await places(world), "new old@a");
    await maintain("False");
    await world.converge();
    assert.equal(await places(world), "new@a");
  });

  it("goes elsewhere when the box that makes room for it falls silent", async () => {
    await using world = await fleet("a", "b");
    await world.create(podKind, podOf("x", "low", 3, { nodeName: "a" }));
    await world.create(podKind, podOf("y", "middle", 3, { nodeName: "b" }));
    await world.converge();
    const box = world.nodes.get("a");
    assert.ok(box);
    box.online = false;
    await world.create(podKind, podOf("new", "high", 2));
    await world.settle();
    assert.equal(await places(world), "-x@a new>a y@b");
    await world.pass(300);
    assert.equal(await places(world), "-x@a new@b");
  });

  it("is not forgotten by a controller that starts anew in the middle", async () => {
    await using world = await fleet("a");
    await world.create(podKind, podOf("old", "low", 3));
    await world.converge();
    await world.create(podKind, podOf("new", "middle", 2));
    await world.settle();
    await world.restart();
    await world.create(podKind, podOf("other", "low", 3));
    await world.converge();
    assert.equal(await places(world), "new@a other");
  });

  it("counts what somebody says that nodes have", async () => {
    await using world = await fleet("a");
    const node = await world.objects.get(nodeKind, "a");
    const status = node["status"] as {
      capacity: Record<string, string>;
      allocatable: Record<string, string>;
    };
    status.capacity["example.com/dongle"] = status.allocatable["example.com/dongle"] = "3";
    await world.objects.updateStatus(nodeKind, node);
    const amounts = { "example.com/dongle": "2" };
    const resources = { requests: amounts, limits: amounts };
    const containers = [{ name: "main", image: "i:1", resources }];
    await world.create(podKind, podOf("old", "low", 0, { containers }));
    // What the box reports itself does not take it away.
    await world.pass(60);
    await world.create(podKind, podOf("equal", "low", 0, { containers }));
    await world.converge();
    assert.match(await said(world, "equal"), /1 Insufficient example\.com\/dongle\./);
    await world.create(podKind, podOf("new", "high", 0, { containers }));
    await world.converge();
    assert.equal(await places(world), "equal new@a");
  });
});

describe("decisions about many Pods", () => {
  it("give all else its turn in between", async () => {
    let spent = 0;
    const said: string[] = [];
    class BusyClock extends ManualClock {
      override monotonic(): Millis {
        return millis(super.monotonic() + spent);
      }
      override setTimer(delay: Millis, fire: () => void): Timer {
        if (delay === 0) said.push("rest");
        return super.setTimer(delay, fire);
      }
    }
    await using world = new ObjectWorld(1, undefined, new BusyClock());
    await ensureStandardObjects(world.objects);
    await world.run();
    for (const name of ["a", "b", "c"]) await world.create(podKind, podOf(name, "", 1));
    await world.settle();
    const { nodes } = world.running.caches;
    const list = nodes.list.bind(nodes);
    // As if the fleet were large.
    nodes.list = () => {
      spent += 20;
      said.push("look");
      return list();
    };
    await world.create(podKind, podOf("d", "", 1));
    await world.settle();
    assert.equal(said.filter((one) => one === "look").length, 4);
    assert.doesNotMatch(said.join(" "), /look look/);
  });
});
