/**
 * A Pod that fits nowhere and is more important than others, over HTTP: the real server and reconcilers, boxes that
 * are played. The tests are named after Kubernetes' conformance tests of the same.
 */
import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";
import type { Pod, PodSpec } from "@selvedge/kinds";
import { ApiWorld, opensslMissing, type Reply, type RequestOptions } from "../../apiserver/test/api-world.ts";
import { ensureStandardObjects } from "../src/standard-objects.ts";
import { ManualClock } from "./manual-clock.ts";
import { ObjectWorld } from "./object-world.ts";

const dongle = "scheduling.example.com/dongle";
const pods = "/api/v1/namespaces/default/pods";

function spec(priorityClassName: string, dongles: number, more: Partial<PodSpec> = {}): PodSpec {
  const amounts = { [dongle]: String(dongles) };
  const containers = [{ name: "main", image: "i:1", resources: { requests: amounts, limits: amounts } }];
  return { priorityClassName, containers, ...more };
}

const named = (name: string): Partial<PodSpec> => ({
  affinity: {
    nodeAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: [{ matchFields: [{ key: "metadata.name", operator: "In", values: [name] }] }],
      },
    },
  },
});

describe("preemption over HTTP", { skip: opensslMissing() }, () => {
  let api: ApiWorld;
  let world: ObjectWorld;
  const ask = async (path: string, code: number, options: RequestOptions = {}): Promise<Reply["json"]> => {
    const reply = await api.send(path, options);
    assert.equal(reply.status, code, `${options.method ?? "GET"} ${path}: ${reply.text}`);
    return reply.json;
  };
  const post = (path: string, object: object): Promise<Reply["json"]> =>
    ask(path, 201, { method: "POST", body: JSON.stringify(object) });
  const patch = (path: string, body: object): Promise<Reply["json"]> =>
    ask(path, 200, {
      ...{ method: "PATCH", headers: { "content-type": "application/merge-patch+json" } },
      body: JSON.stringify(body),
    });
  const run = async (name: string, what: PodSpec, more: object = {}, at: string = pods): Promise<void> => {
    await post(at, { apiVersion: "v1", kind: "Pod", metadata: { name, ...more }, spec: what });
    await world.converge();
  };
  /** `name@node`, of those that are not ending. */
  const running = async (at: string = pods): Promise<string[]> => {
    const { items } = (await ask(at, 200)) as { readonly items: Pod[] };
    return items.flatMap(({ metadata, spec: { nodeName }, status }) =>
      metadata.deletionTimestamp === undefined && status?.phase === "Running"
        ? [`${metadata.name}@${nodeName}`]
        : [],
    );
  };

  before(async () => {
    api = await new ApiWorld().start();
    world = new ObjectWorld(1, api.objects, new ManualClock(Date.now()));
    await ensureStandardObjects(world.objects);
    await world.run();
    for (const name of ["box-1", "box-2"]) {
      await world.addNode(name, { box: name });
      const amounts = { [dongle]: "1000" };
      await patch(`/api/v1/nodes/${name}/status`, { status: { capacity: amounts, allocatable: amounts } });
    }
    for (const [name, value] of Object.entries({ p1: 1, p2: 2, p3: 3, p4: 4 })) {
      const kind = { apiVersion: "scheduling.k8s.io/v1", kind: "PriorityClass" };
      await post("/apis/scheduling.k8s.io/v1/priorityclasses", { ...kind, metadata: { name }, value });
    }
  });
  afterEach(async () => {
    for (const path of [pods, "/api/v1/namespaces/kube-system/pods"]) {
      await ask(`${path}?gracePeriodSeconds=0`, 200, { method: "DELETE" });
    }
    await world.converge();
  });
  after(async () => {
    await world[Symbol.asyncDispose]();
    await api[Symbol.asyncDispose]();
  });

  const fill = async (): Promise<void> => {
    await run("low", spec("p1", 700, named("box-1")));
    await run("middle", spec("p2", 700, named("box-2")));
    assert.deepEqual(await running(), ["low@box-1", "middle@box-2"]);
  };

  it("Scheduler, Basic Preemption", async () => {
    await fill();
    await run("preemptor", spec("p3", 700));
    assert.deepEqual(await running(), ["middle@box-2", "preemptor@box-1"]);
    const { status } = await ask(`${pods}/preemptor`, 200);
    assert.equal(status.nominatedNodeName, undefined);
  });

  it("Scheduler, Preemption for critical pod", async () => {
    await fill();
    const system = "/api/v1/namespaces/kube-system/pods";
    await run("critical", spec("system-cluster-critical", 700), {}, system);
    assert.deepEqual(await running(), ["middle@box-2"]);
    assert.deepEqual(await running(system), ["critical@box-1"]);
    await run("more-critical", spec("system-node-critical", 700, named("box-1")), {}, system);
    assert.deepEqual(await running(system), ["more-critical@box-1"]);
  });

  it("Verify the DisruptionTarget condition is added to the preempted pod", async () => {
    const finalizers = ["lab.example/kept"];
    await run("victim", spec("p1", 700, named("box-1")), { finalizers });
    await run("preemptor", spec("p4", 700, named("box-1")));
    const { metadata, status } = (await ask(`${pods}/victim`, 200)) as Pod;
    assert.ok(metadata.deletionTimestamp);
    assert.deepEqual(
      status?.conditions?.flatMap(({ type, status: is, reason }) =>
        type === "DisruptionTarget" ? [is, reason] : [],
      ),
      ["True", "PreemptionByScheduler"],
    );
    await patch(`${pods}/victim`, { metadata: { finalizers: null } });
    await world.converge();
    assert.deepEqual(await running(), ["preemptor@box-1"]);
  });

  it("Pod preemption verification", async () => {
    const sets = "/apis/apps/v1/namespaces/default/replicasets";
    const sizes = { rs1: 200, rs2: 300, rs3: 450 };
    const from = (await ask(pods, 200)).metadata.resourceVersion;
    for (const [at, [name, dongles]] of Object.entries(sizes).entries()) {
      const labels = { set: name };
      const template = { metadata: { labels }, spec: spec(`p${at + 1}`, dongles, named("box-1")) };
      const set = { replicas: 1, selector: { matchLabels: labels }, template };
      await post(sets, { apiVersion: "apps/v1", kind: "ReplicaSet", metadata: { name }, spec: set });
      await world.converge();
    }
    assert.equal((await running()).length, 3);
    await run("pod4", spec("p4", 500, named("box-1")));
    const left = await running();
    assert.ok(left.includes("pod4@box-1"), left.join());
    await run("last", { containers: [{ name: "main", image: "i:1" }] });
    const made: string[] = [];
    for await (const { type, object } of api.events(`${pods}?watch=1&resourceVersion=${from}`)) {
      if (object.metadata.name === "last") break;
      if (type === "ADDED") made.push(object.metadata.labels?.set ?? object.metadata.name);
    }
    // Those of the first two went once and are made again, and nobody of the third went.
    assert.deepEqual(made.sort(), ["pod4", "rs1", "rs1", "rs2", "rs2", "rs3"]);
    for (const name of Object.keys(sizes)) await ask(`${sets}/${name}`, 200, { method: "DELETE" });
  });
});
