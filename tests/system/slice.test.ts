/**
 * The whole path on real parts, once for all: starting takes a while, so the scenarios share one system and
 * run in this order.
 *
 *   the demo · apps talk to each other · an app asks the API · an app that runs is given files · what a user types
 *   into kubectl, with the oldest and the newest · the engine is killed · the controller is silent · the box reboots
 *   alone · the cable is cut · down leaves nothing
 */
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { get } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, before, describe, it } from "node:test";
import {
  checkout,
  LocalSystem,
  realNodesMissing,
  run,
} from "../../packages/harness/src/real/local-system.ts";
import { waitFor } from "../../packages/harness/src/real/wait.ts";
import { kubectl, kubectlMissing } from "../kubectl.ts";
import { describeApi } from "./api-scenarios.ts";
import { type HostTraces, hostTraces, leftOver } from "./host-traces.ts";
import { KubectlSession } from "./kubectl-session.ts";
import { describeNetwork } from "./network-scenarios.ts";
import { describePatches } from "./patch-scenarios.ts";

const skip = realNodesMissing() || (await kubectlMissing("1.35")) || (await kubectlMissing("1.32"));
const manifest = join(checkout, "examples", "hello.yaml");

let system: LocalSystem;
let traces: HostTraces;
let scratch: string;
let newest: KubectlSession;
let oldest: KubectlSession;

/** The one running Pod of the example. */
async function helloPod(): Promise<string> {
  return await waitFor("a ready Pod", async () => {
    const lines = await newest.ok("get", "pods", "-l", "app=hello", "-o", podColumns, "--no-headers");
    const ready = lines.split("\n").filter((line) => /\bTrue\b/.test(line) && line.includes("<none>"));
    return ready.length === 1 ? ready[0]?.split(/\s+/)[0] : undefined;
  });
}
const podColumns =
  'custom-columns=N:.metadata.name,R:.status.conditions[?(@.type=="Ready")].status,D:.metadata.deletionTimestamp';

/** Seconds since the app's machine started, as it says itself. */
async function uptime(pod: string): Promise<number> {
  return Number((await newest.ok("exec", pod, "--", "cat", "/proc/uptime")).split(" ")[0]);
}

async function machines(): Promise<number[]> {
  return (await system.machinePids()).sort((one, other) => one - other);
}

describe("the first slice, on real parts", { skip }, () => {
  before(async () => {
    traces = await hostTraces();
    scratch = await mkdtemp(join(tmpdir(), "selvedge-slice-"));
    system = await LocalSystem.up({ nodes: 1 });
    newest = new KubectlSession((await kubectl("1.35")) ?? "", system);
    oldest = new KubectlSession((await kubectl("1.32")) ?? "", system);
  });

  after(async () => {
    await system?.[Symbol.asyncDispose]();
    await rm(scratch, { recursive: true, force: true });
  });

  it("demo ends with the app's page, and does so again", async () => {
    for (let turn = 0; turn < 2; turn++) {
      const { stdout } = await system.demo();
      assert.match(stdout, /Hello from node-1/);
      assert.match(stdout, new RegExp(`https://127\\.0\\.0\\.1:${system.port}`));
      assert.ok(stdout.includes(system.kubeconfig));
    }
    assert.equal((await machines()).length, 1);
  });

  it("up again is the same system", async () => {
    const before = [await system.controllerPid(), await system.enginePid()];
    await system.command(["up", "--detach", "--dir", system.dir, "--port", String(system.port)]);
    assert.deepEqual([await system.controllerPid(), await system.enginePid()], before);
  });

  describeNetwork(() => ({ system, session: newest }));
  describeApi(() => ({ session: newest, pod: helloPod }));
  describePatches(() => ({ session: newest, labels: { app: "hello" }, pod: helloPod }));

  for (const version of ["1.32", "1.35"] as const) {
    const session = (): KubectlSession => (version === "1.32" ? oldest : newest);

    it(`kubectl ${version}: get, describe, explain, events, wait, rollout status`, async () => {
      const kubectl = session();
      assert.match(await kubectl.ok("get", "nodes", "-o", "wide"), /^node-1 +Ready .* 10\.213\.\d+\.10 /m);
      assert.match(
        await kubectl.ok("apply", "-f", manifest),
        /daemonset\.apps\/hello (configured|unchanged)/,
      );
      const pod = await helloPod();
      assert.match(
        await kubectl.ok("get", "pods", "-o", "wide"),
        new RegExp(`^${pod} +1/1 +Running .* node-1 `, "m"),
      );
      const described = await kubectl.ok("describe", "pod", pod);
      assert.match(described, /^Node: +node-1\//m);
      assert.match(described, /Image ID: +\S+\/hello@sha256:/);
      assert.match(described, /^ +Normal +\w+ /m, "events are shown");
      assert.match(await kubectl.ok("get", "events"), new RegExp(`pod/${pod}`));
      await kubectl.ok("wait", "--for=condition=Ready", "pod", "-l", "app=hello", "--timeout=60s");
      assert.match(
        await kubectl.ok("rollout", "status", "daemonset/hello", "--timeout=60s"),
        /successfully rolled out/,
      );
      assert.match(await kubectl.ok("explain", "edgenode.spec"), /FIELDS:/);
    });

    it(`kubectl ${version}: logs -f, exec, cp, port-forward`, async () => {
      const kubectl = session();
      const pod = await helloPod();
      await using logs = kubectl.follow("logs", "-f", pod);
      await logs.until(/hello: serving on port 8080/);
      await using forward = kubectl.follow("port-forward", "daemonset/hello", ":8080");
      const [, port] = await forward.until(/Forwarding from 127\.0\.0\.1:(\d+)/);
      assert.match(await fetchText(Number(port), `agent-${version}`), /Hello from node-1/);
      await logs.until(new RegExp(`hello: page for agent-${version}`));
      const failed = await kubectl.run("exec", pod, "--", "sh", "-c", "exit 7");
      assert.equal(failed.code, 7);
      const terminal = await kubectl.inTerminal(
        "exec",
        "-it",
        pod,
        "--",
        "sh",
        "-c",
        "test -t 0 && echo on a tty",
      );
      assert.match(terminal.stdout, /on a tty/);
      await writeFile(join(scratch, "there"), "x".repeat(300_000));
      await kubectl.ok("cp", join(scratch, "there"), `${pod}:/tmp/there`);
      await kubectl.ok("cp", `${pod}:/tmp/there`, join(scratch, "back"));
      assert.equal(await readFile(join(scratch, "back"), "utf8"), "x".repeat(300_000));
    });
  }

  it("set image rolls, seen by get pods -w", async () => {
    const old = await helloPod();
    await system.command(["pack", "--demo", "--output", join(scratch, "hello2")]);
    await system.push(join(scratch, "hello2"), "selvedge.internal/hello:2");
    await using watch = newest.follow("get", "pods", "-o", "wide", "-w");
    await newest.ok("set", "image", "daemonset/hello", "web=selvedge.internal/hello:2");
    await newest.ok("rollout", "status", "daemonset/hello", "--timeout=180s");
    const pod = await helloPod();
    assert.notEqual(pod, old);
    await watch.until(new RegExp(`${pod} +1/1 +Running`));
    assert.match(
      await newest.ok("get", "pod", pod, "-o", "jsonpath={.spec.containers[0].image}"),
      /hello:2$/,
    );
  });

  it("kill -9 of the engine leaves the app's uptime unbroken", async () => {
    const pod = await helloPod();
    const [before, running, engine] = [await uptime(pod), await machines(), await system.enginePid()];
    process.kill(engine ?? 0, "SIGKILL");
    await waitFor("another engine", async () => {
      const pid = await system.enginePid();
      return pid !== undefined && pid !== engine ? true : undefined;
    });
    const later = await waitFor("exec to work again", () => uptime(pod));
    assert.ok(later > before, `${later} s after ${before} s`);
    assert.deepEqual(await machines(), running);
    // The new engine believes in readiness once its first probe has passed.
    assert.equal(await helloPod(), pod);
    assert.match(await newest.ok("get", "pod", pod), /1\/1 +Running +0 /);
  });

  it("a silent controller troubles no app; a change made afterwards arrives", async () => {
    const pod = await helloPod();
    const [running, controller] = [await machines(), (await system.controllerPid()) ?? 0];
    process.kill(controller, "SIGKILL");
    await waitFor("the controller to be back", async () =>
      (await newest.run("get", "nodes")).code === 0 ? true : undefined,
    );
    assert.deepEqual(await machines(), running);
    assert.ok((await waitFor("exec to work again", () => uptime(pod))) > 0);
    await newest.ok("set", "env", "daemonset/hello", "TURN=after-controller");
    await newest.ok("rollout", "status", "daemonset/hello", "--timeout=180s");
    assert.equal(
      (await newest.ok("exec", await helloPod(), "--", "sh", "-c", "echo $TURN")).trim(),
      "after-controller",
    );
  });

  it("a box that reboots while the controller is silent brings its apps back", async () => {
    const controller = (await system.controllerPid()) ?? 0;
    const before = await machines();
    process.kill(controller, "SIGSTOP");
    try {
      const engine = (await system.enginePid()) ?? 0;
      const { namespace } = await system.node();
      const { stdout } = await run("ip", ["netns", "pids", namespace]);
      const swtpm = await system.pids((args) => /swtpm$/.test(args[0] ?? ""));
      const inside = stdout.split(/\s+/).filter(Boolean).map(Number);
      for (const pid of new Set([engine, ...inside, ...before]))
        if (!swtpm.includes(pid)) process.kill(pid, "SIGKILL");
      const bridges = JSON.parse(
        (await run("ip", ["-n", namespace, "-j", "link", "show", "type", "bridge"])).stdout || "[]",
      );
      for (const { ifname } of bridges) await run("ip", ["-n", namespace, "link", "delete", ifname]);
      await waitFor("the app's machine to run again", async () => {
        const now = await machines();
        return now.length === 1 && !before.includes(now[0] ?? 0) ? true : undefined;
      });
    } finally {
      process.kill(controller, "SIGCONT");
    }
    const pod = await helloPod();
    await waitFor("exec to work again", () => uptime(pod));
  });

  it("a change made while the cable is cut arrives when it is whole again", async () => {
    const running = await machines();
    await system.setCable(0, "down");
    await newest.ok("set", "env", "daemonset/hello", "TURN=after-cut");
    assert.deepEqual(await machines(), running);
    await system.setCable(0, "up");
    await newest.ok("rollout", "status", "daemonset/hello", "--timeout=180s");
    assert.equal(
      (await newest.ok("exec", await helloPod(), "--", "sh", "-c", "echo $TURN")).trim(),
      "after-cut",
    );
  });

  it("delete takes the Pod and its machine away", async () => {
    await newest.ok("delete", "-f", manifest, "--timeout=120s");
    await waitFor("no machine to run", async () => ((await machines()).length === 0 ? true : undefined));
    await waitFor("no Pod", async () => {
      return (await newest.run("get", "pods")).stderr.includes("No resources found") ? true : undefined;
    });
  });

  it("down leaves no process, namespace, link, mount or control group", async () => {
    await newest.ok("apply", "-f", manifest);
    await waitFor("a machine", async () => ((await machines()).length === 1 ? true : undefined));
    await leavesNothing(() => system.down());
  });

  it("down leaves nothing when what started it was killed", async () => {
    await system.command(["up", "--detach", "--dir", system.dir, "--port", String(system.port)]);
    await waitFor("a machine", async () => ((await machines()).length === 1 ? true : undefined));
    const { supervisor } = JSON.parse(await readFile(join(system.dir, "up.json"), "utf8"));
    process.kill(supervisor.pid, "SIGKILL");
    await leavesNothing(() => system.down());
  });
});

/** Compares the machine with what it was before; other systems may come and go on it meanwhile. */
async function leavesNothing(down: () => Promise<unknown>): Promise<void> {
  const [{ plan }, pids] = [
    JSON.parse(await readFile(join(system.dir, "up.json"), "utf8")),
    await system.pids(() => true),
  ];
  assert.ok(pids.length >= 4, "controller, engine, TPM, machine");
  await down();
  assert.deepEqual(await system.alive(pids), []);
  const names = [system.dir, plan.bridge, plan.natTable];
  assert.deepEqual(leftOver(traces, await hostTraces(), names), {});
}

async function fetchText(port: number, agent: string): Promise<string> {
  return await new Promise((resolve, reject) => {
    get({ host: "127.0.0.1", port, path: "/", headers: { "user-agent": agent } }, (answer) => {
      text(answer).then(resolve, reject);
    }).on("error", reject);
  });
}
