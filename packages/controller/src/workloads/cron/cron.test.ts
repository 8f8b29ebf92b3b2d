import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { instant, toRfc3339 } from "@selvedge/base";
import {
  type CronJob,
  type CronJobSpec,
  cronJobKind,
  eventKind,
  type Job,
  jobKind,
  parseCron,
} from "@selvedge/kinds";
import { ObjectWorld } from "../../../test/object-world.ts";
import { latestRun, planCronJob } from "./cron-plan.ts";

const at = (text: string): ReturnType<typeof instant> => instant(Date.parse(text));

describe("a schedule", () => {
  const rows: readonly (readonly [string, string | undefined, string, string | undefined])[] = [
    ["*/5 * * * *", undefined, "2026-01-01T00:00:00Z", "2026-01-01T00:05:00Z"],
    ["30 2 * * *", undefined, "2026-01-01T02:30:00Z", "2026-01-02T02:30:00Z"],
    ["0 0 1 */3 *", undefined, "2026-01-01T00:00:00Z", "2026-04-01T00:00:00Z"],
    ["0 12 * * mon-fri", undefined, "2026-01-02T12:00:00Z", "2026-01-05T12:00:00Z"],
    // The 13th, or a Friday: the 2nd of January is one.
    ["0 0 13 * 5", undefined, "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"],
    ["@hourly", undefined, "2026-01-01T00:30:00Z", "2026-01-01T01:00:00Z"],
    ["@every 90s", undefined, "2026-01-01T00:00:00.500Z", "2026-01-01T00:01:30Z"],
    ["0 0 30 2 *", undefined, "2026-01-01T00:00:00Z", undefined],
    ["0 9 * * *", "America/New_York", "2026-01-01T00:00:00Z", "2026-01-01T14:00:00Z"],
    ["0 9 * * *", "America/New_York", "2026-07-01T00:00:00Z", "2026-07-01T13:00:00Z"],
    // The clocks skip 2:30 on that day in Berlin.
    ["30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-30T00:30:00Z"],
  ];
  for (const [spec, zone, after, expected] of rows) {
    it(`${spec} ${zone ?? ""} is due after ${after} at ${expected}`, () => {
      const next = parseCron(spec, zone).next(at(after));
      assert.equal(next === undefined ? undefined : toRfc3339(next), expected);
    });
  }
  it("is found long after", () => {
    const schedule = parseCron("*/10 9 * * *");
    const { latest, missed } = latestRun(schedule, at("2020-01-01T00:00:00Z"), at("2026-01-01T08:00:00Z"));
    assert.equal(latest === undefined ? "" : toRfc3339(latest), "2025-12-31T09:50:00Z");
    assert.ok(missed > 100);
  });
  for (const wrong of ["* * * *", "61 * * * *", "a * * * *", "*/0 * * * *", "@often", "@every x"]) {
    it(`${wrong} is none`, () => assert.throws(() => parseCron(wrong), { name: "CronError" }));
  }
});

async function worldOf(image: string, spec: Partial<CronJobSpec> = {}): Promise<ObjectWorld> {
  const world = await ObjectWorld.start();
  const node = await world.addNode("box");
  for (const behaves of ["well", "fails", "succeeds"] as const) node.broken.set(behaves, behaves);
  const containers = [{ name: "main", image }];
  const template = { spec: { restartPolicy: "Never" as const, containers } };
  const cron: CronJob = {
    ...{ apiVersion: "batch/v1", kind: "CronJob", metadata: { name: "tick", namespace: "default" } },
    spec: { schedule: "*/10 * * * *", jobTemplate: { spec: { template } }, ...spec },
  };
  await world.create(cronJobKind, cron);
  return world;
}

const jobsOf = async (world: ObjectWorld): Promise<Job[]> => (await world.objects.list<Job>(jobKind)).items;
const read = (world: ObjectWorld): Promise<CronJob> =>
  world.objects.get<CronJob>(cronJobKind, "tick", "default");
/** Minutes since 1970 at which the world begins. */
const begin = Date.parse("2026-01-01T00:00:00Z") / 60_000;

describe("a CronJob", () => {
  it("is told that its day never comes", () => {
    const cron = { metadata: { name: "pi" }, spec: { schedule: "59 23 31 2 *" } } as CronJob;
    const { news, again } = planCronJob(cron, [], at("2026-01-01T00:00:00Z"));
    assert.deepEqual(
      [news.map(({ type, reason }) => `${type} ${reason}`), again],
      [["Warning InvalidSchedule"], undefined],
    );
  });

  const planOf = (spec: Partial<CronJobSpec>, jobs: readonly Job[] = []): ReturnType<typeof planCronJob> => {
    const jobTemplate = { spec: { template: { spec: { containers: [] } } } };
    const metadata = { name: "tick", creationTimestamp: "2026-07-01T00:00:00Z" };
    const cron = { metadata, spec: { schedule: "0 * * * *", jobTemplate, ...spec } } as unknown as CronJob;
    return planCronJob(cron, jobs, at("2026-07-01T01:00:30Z"));
  };
  for (const [timeZone, expected] of [
    [undefined, "2026-07-01T01:00:00Z"],
    ["Europe/Berlin", "2026-07-01T03:00:00+02:00"],
    ["America/St_Johns", "2026-06-30T22:00:00-02:30"],
  ] as const)
    it(`says on a Job when it was due, by the clock of ${timeZone}`, () => {
      const { create } = planOf(timeZone === undefined ? {} : { timeZone });
      const said = create?.metadata.annotations?.["batch.kubernetes.io/cronjob-scheduled-timestamp"];
      assert.equal(said, expected);
    });

  for (const concurrencyPolicy of ["Forbid", "Replace"] as const)
    it(`leaves a Job alone that somebody began by hand, though it says ${concurrencyPolicy}`, () => {
      const byHand = { metadata: { name: "now", uid: "u" } } as Job;
      const { create, remove, status, news } = planOf({ concurrencyPolicy }, [byHand]);
      assert.deepEqual([create?.metadata.name, remove, status.active], ["tick-29714460", [], undefined]);
      const message = "Saw a job that the controller did not create or forgot: now";
      assert.deepEqual(news, [{ type: "Warning", reason: "UnexpectedJob", message }]);
    });

  it("makes a Job when it is due, named after the minute, and keeps the last ones", async () => {
    await using world = await worldOf("succeeds", { successfulJobsHistoryLimit: 2 });
    await world.pass(3600 + 90);
    const names = (await jobsOf(world)).map(({ metadata }) => metadata.name).sort();
    assert.deepEqual(names, [`tick-${begin + 50}`, `tick-${begin + 60}`]);
    const { status } = await read(world);
    assert.deepEqual([status?.lastScheduleTime, status?.active], ["2026-01-01T01:00:00Z", undefined]);
    assert.ok(status?.lastSuccessfulTime);
    const told = (await world.objects.list(eventKind)).items as { message?: string }[];
    assert.ok(told.some(({ message }) => message === `Deleted job tick-${begin + 10}`));
  });

  for (const [policy, running] of [
    ["Allow", 3],
    ["Forbid", 1],
    ["Replace", 1],
  ] as const) {
    it(`lets ${running} run when runs meet and it says ${policy}`, async () => {
      await using world = await worldOf("well", { concurrencyPolicy: policy });
      await world.pass(1860);
      const jobs = await jobsOf(world);
      assert.equal(jobs.length, running);
      assert.equal((await read(world)).status?.active?.length, running);
      const last = policy === "Forbid" ? begin + 10 : begin + 30;
      assert.ok(jobs.some(({ metadata }) => metadata.name === `tick-${last}`));
    });
  }

  it("begins nothing while it is suspended, and makes up for the last run only", async () => {
    await using world = await worldOf("succeeds", { suspend: true });
    await world.pass(3000);
    assert.equal((await jobsOf(world)).length, 0);
    await world.objects.patch(cronJobKind, "tick", "default", "merge", { spec: { suspend: false } });
    await world.converge();
    assert.deepEqual(
      (await jobsOf(world)).map(({ metadata }) => metadata.name),
      [`tick-${begin + 50}`],
    );
  });

  it("leaves out a run for which it is too late", async () => {
    await using world = await worldOf("succeeds", { startingDeadlineSeconds: 60 });
    await world.stop();
    world.clock.jump(15 * 60_000);
    await world.run();
    await world.converge();
    assert.equal((await jobsOf(world)).length, 0);
    await world.pass(600);
    assert.equal((await jobsOf(world)).length, 1);
  });

  it("makes no run twice when the controller stops in between", async () => {
    await using world = await worldOf("succeeds");
    for (let turn = 0; turn < 8; turn++) {
      await world.pass(300);
      await world.restart();
    }
    await world.converge();
    const events = (await world.objects.list<Job>(jobKind)).items.map(({ metadata }) => metadata.name);
    assert.equal(new Set(events).size, events.length);
    assert.equal((await read(world)).status?.lastScheduleTime, "2026-01-01T00:40:00Z");
  });
});
