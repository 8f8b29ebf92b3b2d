import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { ext } from "@selvedge/eve-api";
import type { AppStatus } from "../src/observed.ts";
import { AppWorld, skip } from "./app-world.ts";

const { ALWAYS, NEVER } = ext.RestartPolicy;
const sh = (script: string): string[] => ["sh", "-c", script];
const main = (status: AppStatus | undefined) => status?.report.containers[0];
const isReady = (status: AppStatus | undefined): boolean => main(status)?.ready === true;
const exec = (script: string) => ({ action: { case: "exec" as const, value: { command: sh(script) } } });
const events = (status: AppStatus | undefined): string =>
  (status?.report.events ?? []).map(({ reason, message }) => `${reason}: ${message}`).join("\n");

describe("the life of apps in real machines", { skip, timeout: 900_000 }, () => {
  let world: AppWorld;
  before(async () => {
    world = await AppWorld.open();
  });
  after(async () => {
    await world[Symbol.asyncDispose]();
  });

  it("restarts what fails its liveness probe, and waits for what has not started", async () => {
    const id = world.apply("sick", {
      restartPolicy: ALWAYS,
      terminationGraceSeconds: 1,
      volumes: [{ name: "data", source: { case: "emptyDir", value: {} } }],
      containers: [
        {
          name: "main",
          command: sh(
            "echo start; [ -e /data/ok ] || touch /data/ok /tmp/sick; touch /tmp/up; exec sleep 1000",
          ),
          volumeMounts: [{ volume: "data", mountPath: "/data" }],
          startup: { action: exec("[ -e /tmp/up ]"), periodSeconds: 1, timeoutSeconds: 5 },
          liveness: {
            action: exec("[ ! -e /tmp/sick ]"),
            periodSeconds: 1,
            failureThreshold: 2,
            timeoutSeconds: 5,
          },
        },
      ],
    });
    const status = await world.until(id, (it) => main(it)?.restartCount === 1 && isReady(it));
    assert.match(events(status), /Unhealthy: Liveness probe failed/);
    assert.match(events(status), /Killing: Container main failed liveness probe, will be restarted/);
    const last = main(status)?.lastState?.state;
    assert.equal(last?.case === "terminated" && last.value.exitCode, 137, "sleep as process 1 ignores TERM");
    world.remove(id);
    await world.until(id, (it) => it === undefined);
  });

  it("stops with hook, signal and grace, keeps data while inactive, and reports it halted", async () => {
    const script =
      'trap "echo got TERM; exit 0" TERM; echo up $(cat /data/count); echo x >> /data/count; ' +
      "while :; do sleep 0.1; done";
    const pod = {
      restartPolicy: ALWAYS,
      terminationGraceSeconds: 20,
      volumes: [{ name: "data", source: { case: "emptyDir" as const, value: {} } }],
      containers: [
        {
          name: "main",
          command: sh(script),
          volumeMounts: [{ volume: "data", mountPath: "/data" }],
          preStop: exec("echo hook > /proc/1/fd/1"),
        },
      ],
    };
    const id = world.apply("kept", pod);
    await world.until(id, isReady);
    await world.untilLog(id, /: up$/);
    world.apply("kept", pod, { active: false });
    const halted = await world.until(id, (it) => it?.state === "halted");
    const end = main(halted)?.state?.state;
    assert.deepEqual(end?.case === "terminated" && [end.value.exitCode, end.value.reason], [0, "Completed"]);
    assert.deepEqual((await world.logLines(id)).slice(-2), ["main: hook", "main: got TERM"], events(halted));
    assert.deepEqual(await world.hypervisor.list(), []);

    world.apply("kept", pod);
    await world.until(id, isReady);
    assert.ok((await world.untilLog(id, /up x$/)).length > 0, "what it wrote is still there");
    world.apply("kept", pod, { purgeCounter: 1 });
    const purged = await world.until(id, (it) => isReady(it) && main(it)?.restartCount === 2);
    await world.untilLog(id, /: up$/, 2);
    assert.equal(purged?.report.phase, "Running");
    world.remove(id);
    await world.until(id, (it) => it === undefined);
  });

  it("starts apps again after the box was restarted, and counts it", async () => {
    const id = world.apply("boots", {
      restartPolicy: ALWAYS,
      containers: [{ name: "main", command: sh("exec sleep 1000") }],
    });
    const once = world.apply("once", {
      restartPolicy: NEVER,
      containers: [{ name: "main", command: sh("exec sleep 1000") }],
    });
    await world.until(id, isReady);
    await world.until(once, isReady);
    await world.killEngine();
    for (const app of [id, once]) await world.hypervisor.kill(app);
    await world.startEngine("boot-2");
    const status = await world.until(id, (it) => main(it)?.restartCount === 1 && isReady(it));
    const last = main(status)?.lastState?.state;
    assert.deepEqual(last?.case === "terminated" && [last.value.reason, last.value.message], [
      "Unknown",
      "The node was restarted",
    ]);
    const failed = await world.until(once, (it) => it?.report.phase === "Failed");
    assert.equal(main(failed)?.restartCount, 0);
    for (const app of [id, once]) world.remove(app);
    for (const app of [id, once]) await world.until(app, (it) => it === undefined);
  });

  it("says why it cannot start: no memory, no virtualization, no secret, no program", async () => {
    const reason = (wanted: string) => (it: AppStatus | undefined) => {
      const state = main(it)?.state?.state;
      const last = main(it)?.lastState?.state;
      return (
        (state?.case === "waiting" && state.value.reason === wanted) ||
        (last?.case === "terminated" && last.value.reason === wanted)
      );
    };
    const containers = [{ name: "main", command: sh("exec sleep 1000") }];
    const big = world.apply("big", { restartPolicy: ALWAYS, containers }, { memoryBytes: 2 ** 40 });
    assert.match(events(await world.until(big, reason("OutOfMemory"))), /OutOfMemory: the app needs \d+ MiB/);
    if (world.hypervisor.emulated) {
      const proud = world.apply("proud", {
        restartPolicy: ALWAYS,
        emulation: ext.EmulationPolicy.REFUSE,
        containers,
      });
      assert.match(
        events(await world.until(proud, reason("NoHardwareVirtualization"))),
        /NoHardwareVirtualization: this node has no hardware virtualization/,
      );
    }
    const blind = world.apply("blind", {
      restartPolicy: ALWAYS,
      containers: [
        {
          name: "main",
          command: sh(":"),
          env: [{ name: "X", source: { case: "secretKey", value: "none" } }],
        },
      ],
    });
    const missing = await world.until(blind, reason("CreateContainerConfigError"));
    const state = main(missing)?.state?.state;
    assert.match(state?.case === "waiting" ? state.value.message : "", /couldn't find none for variable X/);
    const wrong = world.apply("wrong", {
      restartPolicy: ALWAYS,
      containers: [{ name: "main", command: ["/bin/nothing"] }],
    });
    const unstartable = await world.until(wrong, reason("StartError"));
    assert.match(events(unstartable), /exec: "\/bin\/nothing": no such file or directory/);
  });

  it("gives a volume the size it may have, on disk and in memory", async () => {
    const fill = (path: string): string =>
      `dd if=/dev/zero of=${path} bs=64k count=64 2>/dev/null; echo ${path} $(wc -c < ${path})`;
    const limited = (memory: boolean) => ({
      case: "emptyDir" as const,
      value: { memory, sizeLimitBytes: 2n * 1024n * 1024n },
    });
    const id = world.apply("greedy", {
      restartPolicy: NEVER,
      volumes: [
        { name: "disk", source: limited(false) },
        { name: "memory", source: limited(true) },
        { name: "free", source: { case: "emptyDir", value: {} } },
      ],
      containers: [
        {
          name: "main",
          command: sh(
            [fill("/disk/a/f"), fill("/memory/f"), fill("/free/f")]
              .join("; ")
              .replace(/^/, "mkdir /disk/a; "),
          ),
          volumeMounts: ["disk", "memory", "free"].map((volume) => ({ volume, mountPath: `/${volume}` })),
        },
      ],
    });
    await world.untilLog(id, /\/free\/f \d+$/);
    const sizes = (await world.logLines(id)).map((line) => Number(line.split(" ").at(-1)));
    const full = 2 * 1024 * 1024;
    assert.ok((sizes[0] ?? 0) > full / 2 && (sizes[0] ?? 0) <= full, `on disk: ${sizes}`);
    assert.deepEqual(sizes.slice(1), [full, 4 * 1024 * 1024]);
    world.remove(id);
    await world.until(id, (it) => it === undefined);
  });

  it("ends what outlives its deadline", async () => {
    const id = world.apply("late", {
      restartPolicy: NEVER,
      activeDeadlineSeconds: 5n,
      terminationGraceSeconds: 1,
      containers: [{ name: "main", command: sh("exec sleep 1000") }],
    });
    const status = await world.until(id, (it) => it?.state === "halted");
    assert.deepEqual([status?.report.phase, status?.report.reason], ["Failed", "DeadlineExceeded"]);
  });
});
