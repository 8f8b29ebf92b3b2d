/**
 * What a node lives through, on real parts: its engine killed at any moment, its cable cut for three days.
 * The days pass on every clock that the node's software and the controller look at, an hour at a time; only
 * the guests' own go on at their pace, and tell that nothing was started again.
 */
import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { setTimeout } from "node:timers/promises";
import { hours, minutes, SeededRandom } from "@selvedge/base";
import { type ProcessUsage, processUsage } from "../../packages/harness/src/bench/process-meter.ts";
import { LocalSystem, realNodesMissing } from "../../packages/harness/src/real/local-system.ts";
import { MovedClock, movedClockMissing } from "../../packages/harness/src/real/moved-clock.ts";
import { waitFor } from "../../packages/harness/src/real/wait.ts";
import { kubectl, kubectlMissing } from "../kubectl.ts";
import { type Beat, beatingApp, beatingPod, beatsIn } from "./beats.ts";
import { KubectlSession } from "./kubectl-session.ts";

const skip = realNodesMissing() || movedClockMissing() || (await kubectlMissing("1.35"));

/** Changes during each of which the engine is killed once: more by SELVEDGE_SEEDS, when somebody has the time. */
const kills = Number(process.env["SELVEDGE_SEEDS"] ?? 2);
/** From a change to its app: what an engine does in that time, it is killed in the middle of. */
const changeMs = 6000;
const days = 3;
const image = "selvedge.internal/beat:1";
const mib = 2 ** 20;

let clock: MovedClock;
let system: LocalSystem;
let kube: KubectlSession;
/** Each part goes on from where the one before it left the node. */
let broken = false;

async function apply(name: string, turn: string): Promise<void> {
  const file = join(system.dir, `${name}.json`);
  await writeFile(file, beatingApp(name, image, turn));
  await kube.ok("apply", "-f", file);
}

async function beats(pod: string): Promise<Beat[]> {
  return beatsIn(await kube.ok("logs", pod));
}

interface Condition {
  readonly status: string;
  readonly reason: string;
  readonly message: string;
  readonly lastTransitionTime: string;
}

async function ready(of: "node" | "pod", name: string): Promise<Condition> {
  const path = 'jsonpath={.status.conditions[?(@.type=="Ready")]}';
  return JSON.parse(await kube.ok("get", of, name, "-o", path));
}

/** How often somebody in the node's network began to speak to somebody; where there was no way counts too. */
async function attempts(engine: number): Promise<number> {
  const lines = (await readFile(`/proc/${engine}/net/snmp`, "utf8")).split("\n").map((it) => it.split(" "));
  const value = (table: string, name: string): number => {
    const [names, values] = lines.filter(([first]) => first === `${table}:`);
    return Number(values?.[names?.indexOf(name) ?? -1] ?? 0);
  };
  return value("Tcp", "ActiveOpens") + value("Ip", "OutNoRoutes");
}

/** What the controller keeps of all logs. */
async function uploaded(): Promise<string> {
  const folder = join(system.dir, "controller", "logs");
  const files = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith(".log"));
  return (await Promise.all(files.map((name) => readFile(join(folder, name), "utf8")))).join("");
}

/** What the node keeps of a Pod's place in its network. */
async function leaseOf(pod: string): Promise<string> {
  const uid = await kube.ok("get", "pod", pod, "-o", "jsonpath={.metadata.uid}");
  const path = join((await system.node()).dir, "state", "network", "leases.json");
  const { leases } = JSON.parse(await readFile(path, "utf8")) as { leases: { appId: string }[] };
  return JSON.stringify(leases.find(({ appId }) => appId === uid));
}

describe("faults of a real node", { skip }, () => {
  before(async () => {
    clock = await MovedClock.make();
    system = await LocalSystem.up({ nodes: 1, env: clock.env });
    kube = new KubectlSession((await kubectl("1.35")) ?? "", system);
    const scratch = await mkdtemp(join(tmpdir(), "selvedge-faults-"));
    await system.command(["pack", "--demo", "--output", join(scratch, "image")]);
    await system.push(join(scratch, "image"), image);
    await rm(scratch, { recursive: true, force: true });
  });

  beforeEach(() => assert.equal(broken, false, "an earlier part of this node's life failed"));

  afterEach((context) => {
    broken ||= "passed" in context && context.passed !== true;
  });

  after(async () => {
    await system?.[Symbol.asyncDispose]();
    await clock?.[Symbol.asyncDispose]();
  });

  describeKills();
  describeCut();
});

function describeKills(): void {
  let steady: string;
  let machine: number;

  it("what an engine is killed in the middle of its successor ends: seed 0, a first app", async () => {
    await apply("steady", "always");
    await killAt(new SeededRandom(0).next() * changeMs);
    steady = await beatingPod(kube, "steady", "always");
    [machine = 0] = await system.machinePids();
  });

  for (let seed = 1; seed <= kills; seed++)
    it(`and so does it in a change, and what is not changed does not notice: seed ${seed}`, async () => {
      const before = (await beats(steady)).at(-1)?.count ?? 0;
      await apply("changed", `turn-${seed}`);
      await killAt(new SeededRandom(seed).next() * changeMs);
      await beatingPod(kube, "changed", `turn-${seed}`);
      assert.equal(await beatingPod(kube, "steady", "always"), steady);
      const machines = await system.machinePids();
      assert.equal(machines.length, 2);
      assert.ok(machines.includes(machine));
      await waitFor(
        "the next beat",
        async () => ((await beats(steady)).at(-1)?.count ?? 0) > before || undefined,
      );
    });
}

async function killAt(ms: number): Promise<void> {
  const engine = (await system.enginePid()) ?? 0;
  // The one thing here that is meant to be a moment, whatever is under way then.
  await setTimeout(ms);
  process.kill(engine, "SIGKILL");
  await waitFor("another engine", async () => {
    const pid = await system.enginePid();
    return pid !== undefined && pid !== engine ? true : undefined;
  });
}

function describeCut(): void {
  const cut = { steady: "", changed: "", engine: 0, at: 0, lease: "", machines: [0] };
  let usage: ProcessUsage;
  const turn = "after-cut";

  it("a cable is cut: the node is not Ready, since when and why; its Pods are not thought dead", async () => {
    await apply("changed", "before-cut");
    [cut.steady, cut.changed] = [
      await beatingPod(kube, "steady", "always"),
      await beatingPod(kube, "changed", "before-cut"),
    ];
    cut.engine = (await system.enginePid()) ?? 0;
    cut.machines = await system.machinePids();
    cut.lease = await leaseOf(cut.steady);
    usage = await processUsage(cut.engine);
    await system.setCable(0, "down");
    cut.at = clock.now();
    const node = await untilSilent();
    assert.equal(node.reason, "NodeStatusUnknown");
    const [, since = ""] =
      /not been heard since (\S+), .* no power, no network or no engine/.exec(node.message) ?? [];
    const silent = Date.parse(since) - cut.at;
    assert.ok(silent > -minutes(1) && silent < minutes(20), `since ${silent / 1000} s after the cut`);
    assert.ok(Date.parse(node.lastTransitionTime) >= cut.at);
    const pod = await waitFor("nobody to know of its Pods", async () => {
      const condition = await ready("pod", cut.steady);
      return condition.status === "Unknown" ? condition : undefined;
    });
    assert.equal(pod.reason, "NodeUnreachable");
  });

  it("three days pass: it asks all the time, within its bounds, and nothing is taken away", async () => {
    for (let hour = 1; hour <= 24 * days; hour++) await anHourPasses(hour);
    assert.equal((await ready("node", "node-1")).status, "Unknown");
    assert.equal(await kube.ok("get", "pods", "-o", "name"), `pod/${cut.changed}\npod/${cut.steady}\n`);
    assert.equal(await system.enginePid(), cut.engine);
    assert.deepEqual(await system.machinePids(), cut.machines);
    const grown = (await processUsage(cut.engine)).dirtyBytes - usage.dirtyBytes;
    assert.ok(grown < 24 * mib, `the engine keeps ${Math.round(grown / mib)} MiB more in memory`);
  });

  it("what was wanted meanwhile comes about when it is whole again, and nothing else happened", async () => {
    await apply("changed", turn);
    await system.setCable(0, "up");
    await untilHeard();
    const changed = await beatingPod(kube, "changed", turn);
    assert.notEqual(changed, cut.changed);
    const node = await ready("node", "node-1");
    assert.deepEqual([node.status, node.reason], ["True", "EngineReady"]);
    assert.ok(Date.parse(node.lastTransitionTime) >= cut.at + hours(24 * days));
    assert.equal(await beatingPod(kube, "steady", "always"), cut.steady);
    assert.match(await kube.ok("get", "pod", cut.steady), /1\/1 +Running +0 /);
    assert.equal(await system.enginePid(), cut.engine);
    assert.equal(await leaseOf(cut.steady), cut.lease);
  });

  it("nothing that was said in those days is lost", async () => {
    const said = await beats(cut.steady);
    assert.deepEqual(
      said.map(({ count }) => count),
      said.map((_, at) => at + 1),
      "each beat once",
    );
    const uptimes = said.map(({ uptime }) => uptime);
    assert.deepEqual(
      uptimes,
      uptimes.toSorted((one, other) => one - other),
    );
    let missing = "";
    // By its own clock: a node tells at its leisure what is in no hurry, and some of it in parts.
    for (let minute = 0; minute < 30; minute++) {
      await clock.advance(minutes(1));
      for (let looks = 0; looks < 20; looks++) {
        missing = await notUploaded(said);
        if (missing === "") return;
        await setTimeout(100);
      }
    }
    assert.fail(`the controller never had ${missing}`);
  });
}

/** What the controller does not keep yet: of the beats of the app that nobody changed, and of the engine's own log. */
async function notUploaded(said: readonly Beat[]): Promise<string> {
  const kept = await uploaded();
  if (!kept.includes("cannot get the configuration")) return "the engine's log of the cut";
  const mine = new Set(beatsIn(kept).flatMap(({ count, turn }) => (turn === "always" ? [count] : [])));
  const gone = said.filter(({ count }) => !mine.has(count));
  return gone.length === 0 ? "" : `${gone.length} of ${said.length} beats, from ${gone[0]?.count} on`;
}

/**
 * All clocks go on by an hour, and the engine has asked for its configuration and failed again. One that the step
 * finds in the middle of an attempt asks a minute later.
 */
async function anHourPasses(hour: number): Promise<void> {
  const engine = (await system.enginePid()) ?? 0;
  const before = await attempts(engine);
  await clock.advance(hours(1));
  for (let minute = 0; minute < 120; minute++) {
    for (let looks = 0; looks < 10; looks++) {
      if ((await attempts(engine)) > before) return;
      await setTimeout(100);
    }
    await clock.advance(minutes(1));
  }
  throw new Error(`the engine did not ask in hour ${hour}`);
}

/** Minute by minute, as long as its machines have nothing to wait for: soon an engine asks again. */
async function untilHeard(): Promise<void> {
  for (let minute = 0; minute < 30; minute++) {
    await clock.advance(minutes(1));
    for (let looks = 0; looks < 10; looks++) {
      if ((await ready("node", "node-1")).status === "True") return;
      await setTimeout(100);
    }
  }
  throw new Error("half an hour with its cable in, and the node is not Ready");
}

/** Minute by minute: a link that says nothing is asked first, then missed. */
async function untilSilent(): Promise<Condition> {
  for (let minute = 0; minute < 60; minute++) {
    await clock.advance(minutes(1));
    const condition = await ready("node", "node-1");
    if (condition.status === "Unknown") return condition;
  }
  throw new Error("an hour without a word, and the node counts as Ready");
}
