import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before as beforeAll, describe, it } from "node:test";
import { ext } from "@selvedge/eve-api";
import type { AppStatus } from "../src/observed.ts";
import { counter } from "./app-engine.ts";
import { AppWorld, skip } from "./app-world.ts";

const { ALWAYS, ON_FAILURE, NEVER } = ext.RestartPolicy;
const sh = (script: string): string[] => ["sh", "-c", script];
const main = (status: AppStatus | undefined) => status?.report.containers[0];
const isReady = (status: AppStatus | undefined): boolean => main(status)?.ready === true;

describe("apps in real machines", { skip, timeout: 900_000 }, () => {
  let world: AppWorld;
  beforeAll(async () => {
    world = await AppWorld.open();
  });
  after(async () => {
    await world[Symbol.asyncDispose]();
  });

  it("runs init containers, then all others, in one machine, with files, secrets and shared volumes", async () => {
    const id = world.apply("web", {
      restartPolicy: ALWAYS,
      secrets: Buffer.from(JSON.stringify({ values: { pw: "s3cret" }, files: {} })),
      volumes: [
        {
          name: "config",
          source: {
            case: "files",
            value: { files: [{ path: "a/b.txt", content: Buffer.from("text"), mode: 0o644 }] },
          },
        },
        { name: "data", source: { case: "emptyDir", value: {} } },
      ],
      initContainers: [
        {
          name: "setup",
          command: sh("echo setup; echo from-init > /data/x"),
          volumeMounts: [{ volume: "data", mountPath: "/data" }],
        },
      ],
      containers: [
        {
          name: "main",
          command: sh(
            'echo $(GREETING) "$PW"; cat /etc/app/a/b.txt /data/x; id; hostname; echo oops >&2; ' +
              'trap "echo bye; exit 0" TERM; while :; do sleep 0.2; done',
          ),
          env: [
            { name: "GREETING", source: { case: "value", value: "hello" } },
            { name: "PW", source: { case: "secretKey", value: "pw" } },
          ],
          volumeMounts: [
            { volume: "config", mountPath: "/etc/app" },
            { volume: "data", mountPath: "/data" },
          ],
          securityContext: { runAsUser: 101n, readOnlyRootFilesystem: true },
        },
        {
          name: "side",
          command: sh("httpd -f -p 8080 -h /www"),
          readiness: {
            action: {
              action: { case: "httpGet", value: { port: 8080, path: "/index.html", scheme: "HTTP" } },
            },
            periodSeconds: 1,
            timeoutSeconds: 5,
          },
        },
      ],
    });
    const status = await world.until(id, (it) => it?.report.containers.every(({ ready }) => ready) === true);
    assert.equal(status?.report.phase, "Running");
    const setup = status.report.initContainers[0]?.state?.state;
    assert.equal(setup?.case === "terminated" && setup.value.reason, "Completed");
    const lines = await world.untilLog(id, /oops/);
    assert.ok(lines.includes("setup: setup"), lines.join("\n"));
    assert.ok(lines.includes("main: hello s3cret"));
    assert.ok(
      lines.some((line) => /main: textfrom-init/.test(line)),
      lines.join("\n"),
    );
    assert.ok(
      lines.some((line) => /uid=101\(web\) gid=102\(web\) groups=.*300\(extra\)/.test(line)),
      lines.join("\n"),
    );
    assert.ok(lines.includes("main: web"), "hostname");
    const reasons = status.report.events.map(({ reason, container }) => `${reason} ${container}`);
    for (const wanted of ["Pulled main", "Created main", "Started main"])
      assert.ok(reasons.includes(wanted), reasons.join());

    world.remove(id);
    await world.until(id, (it) => it === undefined);
    assert.deepEqual(await world.hypervisor.list(), []);
  });

  it("adopts what runs after kill -9, and loses no line", async () => {
    const folder = mkdtempSync(join(tmpdir(), "sva-"));
    const engine = spawn(process.execPath, [join(import.meta.dirname, "app-engine.ts"), folder], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const ended = once(engine, "exit").then(() => assert.fail("the engine ended by itself"));
    const [before] = (await Promise.race([once(engine.stdout, "data"), ended])) as [Buffer];
    ended.catch(() => {});
    engine.kill("SIGKILL");
    await once(engine, "exit");
    await using next = await AppWorld.open({ folder });
    const id = next.apply("counter", counter);
    const adopted = main(await next.until(id, isReady));
    const text = (_key: string, it: unknown): unknown => (typeof it === "bigint" ? `${it}` : it);
    assert.equal(JSON.stringify(adopted?.state, text), before.toString().trim(), "uptime is unbroken");
    assert.equal(adopted?.restartCount, 0);
    const last = 200;
    await next.untilLog(id, new RegExp(`line ${last}$`));
    const numbers = (await next.logLines(id)).map((line) => Number(line.split(" ").at(-1)));
    assert.deepEqual(numbers.slice(0, last), [...Array(last).keys()]);
  });

  it("keeps containers apart, and joins them where a Pod does", async () => {
    const script = [
      "ps | grep -q '[h]ttpd -f' && echo sees the other || echo alone",
      "nc 127.0.0.1 8080 </dev/null && echo same network",
      "cat /part/x; (echo no > /part/y) 2>/dev/null || echo cannot write",
      "cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/cpu.max",
      "[ -e /dev/vda ] || echo no disks; ls /dev/shm",
      "echo end; exec sleep 1000",
    ].join("; ");
    const data = { name: "data", source: { case: "emptyDir" as const, value: { memory: true } } };
    const id = world.apply("pod", {
      restartPolicy: ALWAYS,
      volumes: [data],
      containers: [
        {
          name: "side",
          command: sh(
            "mkdir /data/sub; echo shared > /data/sub/x; touch /dev/shm/both; exec httpd -f -p 8080 -h /www",
          ),
          volumeMounts: [{ volume: "data", mountPath: "/data" }],
          postStart: {
            action: {
              case: "exec",
              value: { command: sh("until [ -e /dev/shm/both ]; do sleep 0.1; done") },
            },
          },
        },
        {
          name: "main",
          command: sh(`until [ -e /dev/shm/both ]; do sleep 0.1; done; sleep 1; ${script}`),
          resources: { memoryLimitBytes: BigInt(32 * 2 ** 20), cpuLimitMillis: 500n },
          volumeMounts: [{ volume: "data", mountPath: "/part", subPath: "sub", readOnly: true }],
        },
      ],
    });
    const lines = (await world.untilLog(id, /main: end/)).filter((line) => line.startsWith("main: "));
    assert.deepEqual(
      lines.map((line) => line.slice("main: ".length)),
      [
        "alone",
        "same network",
        "shared",
        "cannot write",
        "33554432",
        "50000 100000",
        "no disks",
        "both",
        "end",
      ],
    );
    world.remove(id);
    await world.until(id, (it) => it === undefined);
  });

  it("restarts what fails with its code, ends what completes, and tells memory from error", async () => {
    const crash = world.apply("crash", {
      restartPolicy: ALWAYS,
      containers: [{ name: "main", command: sh("echo dying; exit 3") }],
    });
    const done = world.apply("done", {
      restartPolicy: ON_FAILURE,
      containers: [{ name: "main", command: sh("exit 0") }],
    });
    const hog = world.apply("hog", {
      restartPolicy: NEVER,
      containers: [
        {
          name: "main",
          command: sh("dd if=/dev/zero of=/dev/shm/x bs=1M count=200; yes | tail"),
          resources: { memoryLimitBytes: BigInt(24 * 2 ** 20) },
        },
      ],
    });
    const backedOff = await world.until(crash, (it) => {
      const state = main(it)?.state?.state;
      return state?.case === "waiting" && state.value.reason === "CrashLoopBackOff";
    });
    const last = main(backedOff)?.lastState?.state;
    assert.equal(last?.case === "terminated" && last.value.exitCode, 3);
    assert.equal(main(backedOff)?.restartCount, 1);
    const completed = await world.until(
      done,
      (it) => it?.report.phase === "Succeeded" && it.state === "halted",
    );
    const end = main(completed)?.state?.state;
    assert.equal(end?.case === "terminated" && end.value.reason, "Completed");
    const killed = await world.until(hog, (it) => it?.report.phase === "Failed" && it.state === "halted");
    const oom = main(killed)?.state?.state;
    assert.deepEqual(oom?.case === "terminated" && [oom.value.reason, oom.value.exitCode], [
      "OOMKilled",
      137,
    ]);
    for (const id of [crash, done, hog]) world.remove(id);
    for (const id of [crash, done, hog]) await world.until(id, (it) => it === undefined);
  });
});
