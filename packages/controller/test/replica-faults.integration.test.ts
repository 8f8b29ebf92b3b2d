/**
 * Two replicas on PostgreSQL under load while everything dies in turn: what was acknowledged stays, and nobody who
 * watches misses an event or sees two out of order.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { after, before, describe, it, type TestContext } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { type Change, PostgresStore } from "@selvedge/apiserver";
import { Log, SystemClock } from "@selvedge/base";
import { type ConfigMap, configMapKind } from "@selvedge/kinds";
import type { KubeClient } from "../../harness/src/real/kube-client.ts";
import { PostgresServer, postgresMissing } from "../../harness/src/real/postgres-server.ts";
import { waitFor } from "../../harness/src/real/wait.ts";
import { ReplicaProcess } from "./replica-world.ts";

const clock = new SystemClock();
const space = `svg-rep-${process.pid}`;
/** Addresses nobody else on this machine has; the second replica is behind them. */
const [outside, inside] = ["10.213.77.1", "10.213.77.2"];
const missing = postgresMissing() ?? (process.getuid?.() === 0 ? undefined : "network namespaces need root");

const ip = (...args: string[]): unknown => execFileSync("ip", args, { stdio: "pipe" });

/** The load on one replica: writers that note what was acknowledged, and a watcher that goes on where it was. */
class Load {
  readonly replica: ReplicaProcess;
  readonly acknowledged = new Map<number, string>();
  readonly seen: { readonly revision: number; readonly type: string; readonly name: string }[] = [];
  /** When each write was acknowledged, for the longest time without one. */
  readonly times: number[] = [];
  readonly #stop = new AbortController();
  readonly #running: Promise<unknown>;
  #position: string;
  readonly #name: string;

  constructor(name: string, replica: ReplicaProcess, client: KubeClient, position: string) {
    this.replica = replica;
    this.#name = name;
    this.#position = position;
    this.#running = Promise.all([this.#watch(client), this.#write(client, 1), this.#write(client, 2)]);
  }

  /** Milliseconds without an acknowledged write after `since`, and until now none is due. */
  gapSince(since: number): number {
    const times = [since, ...this.times.filter((time) => time > since)];
    return Math.max(...times.slice(1).map((time, index) => time - (times[index] ?? time)), 0);
  }

  /** Resolves when the watcher has seen everything up to here. */
  async seenUntil(revision: number): Promise<void> {
    await waitFor(`the watcher on ${this.#name} to see revision ${revision}`, async () =>
      Number(this.#position) >= revision ? true : undefined,
    );
  }

  async end(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #write(client: KubeClient, writer: number): Promise<void> {
    for (let turn = 0; !this.#stop.signal.aborted; turn++) {
      const name = `${this.#name}-${writer}-${turn % 20}`;
      try {
        await this.#once(client, name, `${turn}`);
      } catch {
        // Down, or unknown: a client tries again, and only what was acknowledged counts.
        await wait(50);
      }
    }
  }

  async #once(client: KubeClient, name: string, text: string): Promise<void> {
    const known = await client.find<ConfigMap>(configMapKind, name, "default");
    const object = { apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace: "default" } } as const;
    const written =
      known === undefined
        ? await client.create<ConfigMap>(configMapKind, { ...object, data: { text } })
        : await client.update<ConfigMap>(configMapKind, { ...known, data: { text } });
    this.acknowledged.set(Number(written.metadata.resourceVersion), name);
    this.times.push(performance.now());
  }

  async #watch(client: KubeClient): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        const options = { namespace: "default", resourceVersion: this.#position, signal };
        for await (const { type, object } of client.watch(configMapKind, options)) {
          const { name, resourceVersion = "" } = object.metadata;
          this.#position = resourceVersion;
          if (type !== "BOOKMARK") this.seen.push({ revision: Number(resourceVersion), type, name });
        }
      } catch {
        if (!signal.aborted) await wait(50);
      }
    }
  }
}

describe("two replicas while everything dies", { skip: missing ?? false, timeout: 180_000 }, () => {
  const stack = new AsyncDisposableStack();
  let server: PostgresServer;
  let near: ReplicaProcess;
  let far: ReplicaProcess;
  let loads: Load[] = [];
  let url = "";
  let start = 0;

  before(async () => {
    ip("netns", "add", space);
    stack.defer(() => void ip("netns", "del", space));
    ip("link", "add", `${space}a`.slice(-15), "type", "veth", "peer", "name", "eth0", "netns", space);
    ip("addr", "add", `${outside}/30`, "dev", `${space}a`.slice(-15));
    ip("link", "set", `${space}a`.slice(-15), "up");
    for (const args of [
      ["addr", "add", `${inside}/30`, "dev", "eth0"],
      ["link", "set", "eth0", "up"],
      ["link", "set", "lo", "up"],
    ])
      ip("-n", space, ...args);
    server = stack.use(await PostgresServer.start(outside));
    url = await server.database("faults");
    near = stack.use(new ReplicaProcess(url, { host: outside }));
    far = stack.use(new ReplicaProcess(url, { host: inside, through: ["ip", "netns", "exec", space] }));
    await Promise.all([near.start(), far.start()]);
    const clients = [stack.use(await near.client()), stack.use(await far.client())] as const;
    const { metadata } = await clients[0].list(configMapKind, { namespace: "default", limit: 1 });
    start = Number(metadata.resourceVersion);
    loads = [new Load("near", near, clients[0], `${start}`), new Load("far", far, clients[1], `${start}`)];
  });
  after(() => stack.disposeAsync());

  /** Waits until every replica that should takes writes again, and says how long none did. */
  const recovered = async (context: TestContext, since: number, which = loads): Promise<void> => {
    for (const load of which) {
      await waitFor(
        "writes",
        async () => (load.times.some((time) => time > since + 50) ? true : undefined),
        60,
      );
    }
    const worst = Math.max(...which.map((load) => load.gapSince(since)));
    context.diagnostic(`longest time without an acknowledged write: ${Math.round(worst)} ms`);
  };
  const led = async (context: TestContext, replica: ReplicaProcess, since: number): Promise<void> => {
    await waitFor("a leader", async () => (replica.leads ? true : undefined), 60);
    context.diagnostic(`another replica led after ${Math.round(performance.now() - since)} ms`);
  };

  it("one is killed, then the other", async (context) => {
    for (const [dies, lives] of [
      [near, far],
      [far, near],
    ] as const) {
      const wasLeader = dies.leads;
      const since = performance.now();
      await dies.kill();
      await recovered(
        context,
        since,
        loads.filter(({ replica }) => replica === lives),
      );
      if (wasLeader) await led(context, lives, since);
      await dies.start();
      await recovered(context, performance.now());
    }
  });

  it("the database is killed and started again", async (context) => {
    const since = performance.now();
    await server.kill();
    await server.run();
    context.diagnostic(`the database itself took ${Math.round(performance.now() - since)} ms`);
    await recovered(context, since);
  });

  it("one is cut off from the database and the other", async (context) => {
    const nft = (...rules: string[]): unknown =>
      execFileSync("ip", ["netns", "exec", space, "nft", ...rules], { stdio: "pipe" });
    nft("add table inet cut");
    nft("add chain inet cut out { type filter hook output priority 0 ; }");
    nft(`add rule inet cut out tcp dport ${server.port} drop`);
    const since = performance.now();
    if (far.leads) await led(context, near, since);
    await waitFor("writes", async () =>
      loads[0]?.times.some((time) => time > since + 4000) ? true : undefined,
    );
    context.diagnostic(
      `the other: longest time without a write ${Math.round(loads[0]?.gapSince(since) ?? 0)} ms`,
    );
    const healed = performance.now();
    nft("delete table inet cut");
    await recovered(context, healed);
  });

  it("nothing acknowledged is lost, and every watcher saw all of it in order", async (context) => {
    const store = await PostgresStore.open({ url, clock, log: new Log("store", clock, () => {}) });
    stack.defer(() => store.close());
    const newest = await store.revision();
    for (const load of loads) await load.seenUntil(newest);
    for (const load of loads) await load.end();
    const all: Change[] = [];
    const cursor = store.subscribe("/configmaps/default/", start);
    while (cursor.revision < newest) all.push(...(await cursor.take()));
    const log = all.filter(({ revision }) => revision <= newest);
    const byRevision = new Map(log.map((change) => [change.revision, change.key.split("/").at(-1)]));
    let acknowledged = 0;
    for (const load of loads) {
      for (const [revision, name] of load.acknowledged) {
        if (revision <= newest) assert.equal(byRevision.get(revision), name, `revision ${revision} is lost`);
        acknowledged++;
      }
      const seen = load.seen.filter(({ revision }) => revision <= newest);
      const [saw, happened] = [
        seen.map(({ revision, type, name }) => `${revision} ${type} ${name}`),
        log.map(({ revision, key, previous }) => {
          const type = previous === undefined ? "ADDED" : "MODIFIED";
          return `${revision} ${type} ${key.split("/").at(-1)}`;
        }),
      ];
      const at = happened.findIndex((event, index) => event !== saw[index]);
      assert.equal(saw[at], happened[at], `event ${at} of ${happened.length}`);
      assert.equal(saw.length, happened.length);
    }
    context.diagnostic(
      `${acknowledged} acknowledged writes, ${log.length} events, each seen by both watchers`,
    );
    assert.ok(acknowledged > 100);
  });
});
