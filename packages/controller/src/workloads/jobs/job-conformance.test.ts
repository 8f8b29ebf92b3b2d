/** Kubernetes' conformance tests of indexed Jobs and their policies, by their names, step by step. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Job, type JobSpec, jobKind, type Pod, type PodFailureRule, podKind } from "@selvedge/kinds";
import { ObjectWorld } from "../../../test/object-world.ts";

const metadata = { name: "j", namespace: "default" };

function indexed(spec: Partial<JobSpec>): Job {
  const template = { spec: { restartPolicy: "Never" as const, containers: [{ name: "c", image: "i:1" }] } };
  return {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata,
    spec: { template, completionMode: "Indexed", ...spec },
  };
}

type Behaviour = "well" | "fails" | "succeeds";

interface Row {
  readonly name: string;
  readonly spec: Partial<JobSpec>;
  /** What the Pod of an index does. */
  readonly does: (index: number) => Behaviour;
  readonly conditions: readonly string[];
  readonly status: Partial<NonNullable<Job["status"]>>;
}

const failOdd = (index: number): Behaviour => (index % 2 === 1 ? "fails" : "succeeds");
const runOthers = (index: number): Behaviour => (index === 0 ? "succeeds" : "well");
const failIndex: PodFailureRule = { action: "FailIndex", onExitCodes: { operator: "In", values: [1] } };
const two = { parallelism: 2, completions: 2 };

const rows: readonly Row[] = [
  {
    name: "Ensure that all indexes are executed for an indexed job with backoffLimitPerIndex despite some failing",
    ...{ spec: { parallelism: 2, completions: 4, backoffLimitPerIndex: 1 }, does: failOdd },
    conditions: ["FailureTarget: FailedIndexes", "Failed: FailedIndexes"],
    status: { failedIndexes: "1,3", completedIndexes: "0,2", failed: 4, succeeded: 2 },
  },
  {
    name: "Mark indexes as failed when the FailIndex action is matched in podFailurePolicy",
    spec: { ...two, backoffLimitPerIndex: 1, podFailurePolicy: { rules: [failIndex] } },
    does: failOdd,
    conditions: ["FailureTarget: FailedIndexes", "Failed: FailedIndexes"],
    status: { failedIndexes: "1", completedIndexes: "0", failed: 1, succeeded: 1 },
  },
  {
    name: "Terminate job execution when the maxFailedIndexes is exceeded",
    spec: { parallelism: 1, completions: 4, backoffLimitPerIndex: 0, maxFailedIndexes: 0 },
    does: () => "fails",
    conditions: ["FailureTarget: MaxFailedIndexesExceeded", "Failed: MaxFailedIndexesExceeded"],
    status: { failedIndexes: "0", failed: 1 },
  },
  {
    name: "Ensure that job with successPolicy succeeded when all indexes succeeded",
    spec: { ...two, successPolicy: { rules: [{ succeededIndexes: "0-1" }] } },
    does: () => "succeeds",
    conditions: ["SuccessCriteriaMet: SuccessPolicy", "Complete: SuccessPolicy"],
    status: { completedIndexes: "0,1", succeeded: 2 },
  },
  {
    name: "Ensure that job with successPolicy succeededCount rule succeeded even when some indexes remain pending",
    spec: { ...two, successPolicy: { rules: [{ succeededCount: 1 }] } },
    does: runOthers,
    conditions: ["SuccessCriteriaMet: SuccessPolicy", "Complete: SuccessPolicy"],
    status: { completedIndexes: "0", succeeded: 1 },
  },
  {
    name: "Ensure that job with successPolicy succeededIndexes rule succeeded even when some indexes remain pending",
    spec: { ...two, successPolicy: { rules: [{ succeededIndexes: "0" }] } },
    does: runOthers,
    conditions: ["SuccessCriteriaMet: SuccessPolicy", "Complete: SuccessPolicy"],
    status: { completedIndexes: "0", succeeded: 1 },
  },
];

const podsOf = async (world: ObjectWorld): Promise<Pod[]> => (await world.objects.list<Pod>(podKind)).items;
const read = (world: ObjectWorld): Promise<Job> => world.objects.get<Job>(jobKind, "j", "default");

describe("conformance: Jobs", () => {
  for (const { name, spec, does, conditions, status } of rows) {
    it(name, async () => {
      await using world = await ObjectWorld.start();
      const node = await world.addNode("box");
      node.behavesAs = (app) => does(Number(/-(\d+)-[a-z0-9]+$/.exec(app)?.[1]));
      await world.create(jobKind, indexed(spec));
      await world.converge();
      await world.pass(900);
      const { status: ended } = await read(world);
      const said = (ended?.conditions ?? []).filter((one) => one.status === "True");
      assert.deepEqual(
        said.map(({ type, reason }) => `${type}: ${reason}`),
        conditions,
      );
      for (const [field, value] of Object.entries(status)) {
        assert.equal(ended?.[field as keyof typeof ended], value, field);
      }
      assert.equal(ended?.active, undefined);
      for (const pod of await podsOf(world)) assert.deepEqual(pod.metadata.finalizers ?? [], []);
    });
  }

  it("Ensure pod failure policy allows to ignore failure matching on the DisruptionTarget condition", async () => {
    await using world = await ObjectWorld.start();
    const node = await world.addNode("box");
    const onPodConditions = [{ type: "DisruptionTarget", status: "True" as const }];
    const rules = [{ action: "Ignore" as const, onPodConditions }];
    await world.create(
      jobKind,
      indexed({ parallelism: 3, completions: 3, backoffLimit: 2, podFailurePolicy: { rules } }),
    );
    await world.converge();
    const before = await podsOf(world);
    assert.equal(before.length, 3);
    for (const pod of before) {
      const condition = { ...onPodConditions[0], reason: "EvictionByEvictionAPI", lastTransitionTime: null };
      const conditions = [...(pod.status?.conditions ?? []), condition];
      await world.objects.patch(
        podKind,
        pod.metadata.name,
        "default",
        "merge",
        { status: { conditions } },
        {
          subresource: "status",
        },
      );
      await world.objects.delete(podKind, pod.metadata.name, "default");
    }
    node.behavesAs = () => "succeeds";
    await world.converge();
    await world.pass(300);
    const { status } = await read(world);
    assert.deepEqual([status?.succeeded, status?.failed], [3, undefined]);
    assert.equal(status?.conditions?.at(-1)?.type, "Complete");
  });

  it("counts the ends it waits for of Pods that never ran", async () => {
    await using world = await ObjectWorld.start();
    await world.addNode("box");
    const container = { name: "c", image: "i:1", envFrom: [{ configMapRef: { name: "absent" } }] };
    const template = { spec: { restartPolicy: "Never" as const, containers: [container] } };
    const onPodConditions = [{ type: "DisruptionTarget", status: "True" as const }];
    const rules = [{ action: "Ignore" as const, onPodConditions }];
    await world.create(jobKind, indexed({ ...two, podFailurePolicy: { rules }, template }));
    await world.converge();
    const before = (await podsOf(world)).map(({ metadata }) => metadata.name);
    assert.equal(before.length, 2);
    for (const name of before) await world.objects.delete(podKind, name, "default");
    await world.converge();
    await world.pass(120);
    const after = (await podsOf(world)).map(({ metadata }) => metadata.name);
    assert.deepEqual([after.length, after.filter((name) => before.includes(name))], [2, []]);
  });
});
