import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Job, type JobSpec, jobKind, type Pod, podKind } from "@selvedge/kinds";
import { ObjectWorld } from "../../../test/object-world.ts";

type Behaviour = "well" | "fails" | "succeeds";

/** A world of one node whose containers behave by the name of their image. */
async function worldOf(): Promise<ObjectWorld> {
  const world = await ObjectWorld.start();
  const node = await world.addNode("box");
  for (const behaves of ["well", "fails", "succeeds"] as const) node.broken.set(behaves, behaves);
  return world;
}

function jobOf(image: Behaviour, spec: Partial<JobSpec> = {}): Job {
  const containers = [{ name: "main", image }];
  return {
    ...{ apiVersion: "batch/v1", kind: "Job", metadata: { name: "j", namespace: "default" } },
    spec: { template: { spec: { restartPolicy: "Never", containers } }, ...spec },
  };
}

const read = (world: ObjectWorld): Promise<Job> => world.objects.get<Job>(jobKind, "j", "default");
const podsOf = async (world: ObjectWorld): Promise<Pod[]> => (await world.objects.list<Pod>(podKind)).items;
const said = ({ status }: Job): string[] =>
  (status?.conditions ?? [])
    .filter((one) => one.status === "True")
    .map(({ type, reason }) => `${type}: ${reason}`);

describe("a Job", () => {
  const ends: readonly (readonly [string, Job, readonly string[], Partial<NonNullable<Job["status"]>>])[] = [
    [
      "completes",
      jobOf("succeeds"),
      ["SuccessCriteriaMet: CompletionsReached", "Complete: CompletionsReached"],
      { succeeded: 1 },
    ],
    [
      "completes so many, so many at a time",
      jobOf("succeeds", { completions: 5, parallelism: 2 }),
      ["SuccessCriteriaMet: CompletionsReached", "Complete: CompletionsReached"],
      { succeeded: 5 },
    ],
    [
      "gives up after its limit of failures",
      jobOf("fails", { backoffLimit: 2 }),
      ["FailureTarget: BackoffLimitExceeded", "Failed: BackoffLimitExceeded"],
      { failed: 3 },
    ],
    [
      "has a deadline",
      jobOf("well", { activeDeadlineSeconds: 60 }),
      ["FailureTarget: DeadlineExceeded", "Failed: DeadlineExceeded"],
      { failed: 1 },
    ],
    [
      "completes by index",
      jobOf("succeeds", { completionMode: "Indexed", completions: 4, parallelism: 2 }),
      ["SuccessCriteriaMet: CompletionsReached", "Complete: CompletionsReached"],
      { succeeded: 4, completedIndexes: "0-3" },
    ],
    [
      "fails by index",
      jobOf("fails", { completionMode: "Indexed", completions: 2, parallelism: 2, backoffLimitPerIndex: 1 }),
      ["FailureTarget: FailedIndexes", "Failed: FailedIndexes"],
      { failed: 4, failedIndexes: "0,1" },
    ],
    [
      "succeeds early by its policy",
      jobOf("succeeds", {
        ...{ completionMode: "Indexed", completions: 9, parallelism: 1 },
        successPolicy: { rules: [{ succeededIndexes: "0,1" }] },
      }),
      ["SuccessCriteriaMet: SuccessPolicy", "Complete: SuccessPolicy"],
      { succeeded: 2 },
    ],
    [
      "fails at once by its policy",
      jobOf("fails", {
        podFailurePolicy: { rules: [{ action: "FailJob", onExitCodes: { operator: "In", values: [1] } }] },
      }),
      ["FailureTarget: PodFailurePolicy", "Failed: PodFailurePolicy"],
      { failed: 1 },
    ],
  ];
  for (const [what, job, conditions, counts] of ends) {
    it(what, async () => {
      await using world = await worldOf();
      await world.create(jobKind, job);
      await world.converge();
      await world.pass(900);
      const { status, ...ended } = await read(world);
      assert.deepEqual(said({ ...ended, status: status ?? {} }), conditions);
      const shown = Object.fromEntries(
        Object.keys(counts).map((name) => [name, status?.[name as keyof typeof status]]),
      );
      assert.deepEqual(shown, counts);
      assert.deepEqual([status?.active, status?.uncountedTerminatedPods], [undefined, {}]);
      for (const pod of await podsOf(world)) assert.deepEqual(pod.metadata.finalizers ?? [], []);
    });
  }

  it("ignores failures that its policy ignores", async () => {
    await using world = await worldOf();
    const rules = [{ action: "Ignore" as const, onExitCodes: { operator: "In" as const, values: [1] } }];
    await world.create(jobKind, jobOf("fails", { backoffLimit: 0, podFailurePolicy: { rules } }));
    await world.converge();
    await world.pass(120);
    const { status } = await read(world);
    assert.deepEqual([status?.failed, said(await read(world))], [undefined, []]);
    assert.ok((await podsOf(world)).length >= 3);
  });

  it("is suspended and resumed", async () => {
    await using world = await worldOf();
    await world.create(jobKind, jobOf("well", { parallelism: 2, completions: 2 }));
    await world.converge();
    assert.equal((await podsOf(world)).length, 2);
    const started = (await read(world)).status?.startTime;
    assert.ok(started);
    await world.pass(60);
    await world.objects.patch(jobKind, "j", "default", "merge", { spec: { suspend: true } });
    await world.converge();
    const asleep = await read(world);
    assert.deepEqual(
      [said(asleep), asleep.status?.startTime, asleep.status?.failed],
      [["Suspended: JobSuspended"], started, undefined],
    );
    assert.equal((await podsOf(world)).length, 0);
    await world.objects.patch(jobKind, "j", "default", "merge", { spec: { suspend: false } });
    await world.converge();
    const awake = await read(world);
    assert.deepEqual([said(awake), awake.status?.active, awake.status?.ready], [[], 2, 2]);
    assert.ok(Date.parse(awake.status?.startTime ?? "") > Date.parse(started));
  });

  it("lets an index wait for its own failures alone", async () => {
    await using world = await worldOf();
    const indexed = { completionMode: "Indexed" as const, completions: 3, parallelism: 3 };
    await world.create(jobKind, jobOf("fails", { ...indexed, backoffLimitPerIndex: 5 }));
    await world.converge();
    await world.pass(12);
    assert.equal((await podsOf(world)).length, 6);
  });

  it("gives each Pod its index", async () => {
    await using world = await worldOf();
    await world.create(jobKind, jobOf("well", { completionMode: "Indexed", completions: 2, parallelism: 2 }));
    await world.converge();
    const pods = (await podsOf(world)).sort((left, right) =>
      left.metadata.name < right.metadata.name ? -1 : 1,
    );
    assert.deepEqual(
      pods.map(({ spec }) => spec.hostname),
      ["j-0", "j-1"],
    );
    assert.match(pods[1]?.metadata.name ?? "", /^j-1-[a-z0-9]{5}$/);
    assert.equal(pods[1]?.metadata.labels?.["batch.kubernetes.io/job-completion-index"], "1");
    assert.equal(pods[0]?.spec.containers[0]?.env?.[0]?.name, "JOB_COMPLETION_INDEX");
  });

  it("goes when its time is over, and lets its Pods go", async () => {
    await using world = await worldOf();
    await world.create(jobKind, jobOf("succeeds", { ttlSecondsAfterFinished: 100 }));
    await world.converge();
    await world.pass(60);
    assert.equal((await podsOf(world)).length, 1);
    await world.pass(90);
    assert.deepEqual(
      [(await podsOf(world)).length, (await world.objects.list(jobKind)).items.length],
      [0, 0],
    );
  });

  it("leaves nothing held when it is deleted, its Pods with it or not", async () => {
    for (const propagationPolicy of ["Background", "Foreground", "Orphan"] as const) {
      await using world = await worldOf();
      await world.create(jobKind, jobOf("well"));
      await world.converge();
      await world.objects.delete(jobKind, "j", "default", { propagationPolicy });
      await world.converge();
      await world.pass(60);
      const left = await podsOf(world);
      assert.equal(left.length, propagationPolicy === "Orphan" ? 1 : 0, propagationPolicy);
      for (const pod of left) assert.deepEqual(pod.metadata.finalizers ?? [], []);
    }
  });

  it("counts every end once, over restarts of the controller", async () => {
    await using world = await worldOf();
    await world.create(jobKind, jobOf("succeeds", { completions: 7, parallelism: 3 }));
    for (let turn = 0; turn < 12; turn++) {
      for (let tick = 0; tick < turn * 3; tick++) await new Promise((resolve) => setImmediate(resolve));
      await world.nodes.get("box")?.act();
      await world.restart();
    }
    await world.converge();
    const { status } = await read(world);
    assert.equal(status?.succeeded, 7);
    assert.equal((await podsOf(world)).length, 7);
  });
});
