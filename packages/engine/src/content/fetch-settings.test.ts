import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, it } from "node:test";
import { Log, minutes, SeededRandom, seconds, silentSink } from "@selvedge/base";
import { SimDisk } from "../../../harness/src/disk/sim-disk.ts";
import { SimImageBuilder } from "../../../harness/src/disk/sim-image-builder.ts";
import { SimClock } from "../../../harness/src/sim-clock.ts";
import type { ContentId, ContentSpec, DesiredState } from "../desired.ts";
import { EngineStore } from "../engine-store.ts";
import type { HttpRequest } from "../host/http.ts";
import type { PortsStatus } from "../observed.ts";
import { createContentDomain } from "./content-domain.ts";

const file = new TextEncoder().encode("a disk");
const id = "c" as ContentId;
const content: ContentSpec = {
  ...{ id, format: "raw", url: "x.img", maxSizeBytes: 0 },
  sha256: createHash("sha256").update(file).digest("hex"),
  datastores: [
    {
      ...{ id: "d", type: "https", fqdn: "files.example", path: "", region: "" },
      ...{ credentials: async () => undefined, certificates: [] },
    },
  ],
};

type Settings = Readonly<Record<string, string>>;
type Served = (signal: AbortSignal) => AsyncIterable<Uint8Array>;

const whole: Served = async function* () {
  yield file;
};
const wrong: Served = async function* () {
  yield new TextEncoder().encode("another");
};
/** One byte, and then nothing for ever. */
const silent: Served = async function* (signal) {
  yield file.subarray(0, 1);
  await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
};

/** A node that fetches one file; `served` is what the source sends. */
async function world(served: Served, settings: Settings, wanted: readonly ContentSpec[] = [content]) {
  const clock = new SimClock();
  const disk = new SimDisk({ random: new SeededRandom(1), capacityBytes: 2 ** 40, root: "/state" }).open();
  const store = new EngineStore();
  const it = { served, asked: [] as number[] };
  const http = {
    send: async ({ signal = new AbortController().signal, headers = {} }: HttpRequest) => {
      it.asked.push(clock.monotonic());
      const start = Number(/bytes=(\d+)/.exec(headers["range"] ?? "")?.[1] ?? 0);
      const range = { "content-range": `bytes ${start}-5/6` };
      const body = it.served(signal);
      return start === 0
        ? { status: 200, headers: {}, body }
        : { status: 206, headers: range, body: behind(body, start) };
    },
  };
  const sftp = { open: () => Promise.reject(new Error("no SFTP here")) };
  const domain = createContentDomain({
    ...{ store, disk, clock, http, sftp, random: new SeededRandom(1), architecture: "amd64" },
    ...{ log: new Log("test", clock, silentSink), images: new SimImageBuilder(disk) },
  });
  const want = (next: readonly ContentSpec[], now: Settings): void =>
    store.desired.set({
      ...{ apps: [], contents: next, settings: new Map(Object.entries(now)) },
    } as unknown as DesiredState);
  want(wanted, settings);
  await domain.start();
  const phase = (name: string) => () => store.contents.get(id)?.phase === name;
  return { ...{ clock, store, want, phase, it }, [Symbol.asyncDispose]: () => domain[Symbol.asyncDispose]() };
}

async function* behind(body: AsyncIterable<Uint8Array>, start: number): AsyncGenerator<Uint8Array> {
  for await (const chunk of body) yield chunk.subarray(start);
}

const portsAt = (...costs: readonly number[]): PortsStatus =>
  ({
    book: {
      configs: [{ ports: costs.map((cost) => ({ name: `p${cost}`, uplink: true, cost })) }],
      current: 0,
    },
    ...{ cards: {}, failed: [] },
  }) as unknown as PortsStatus;

describe("config items of downloads", () => {
  it("blob.download.max.retries: what is not what its hash says is fetched again so often", async () => {
    for (const [settings, requests] of [
      [{}, 6],
      [{ "blob.download.max.retries": "1" }, 2],
    ] as const) {
      await using node = await world(wrong, settings);
      assert(await node.clock.passUntil(node.phase("failed"), seconds(1)));
      assert.equal(node.it.asked.length, requests);
    }
  });

  it("timer.download.retry: no attempt is put off for longer, also where it waits already", async () => {
    await using node = await world(wrong, { "blob.download.max.retries": "1" });
    await node.clock.pass(minutes(90));
    assert(longest(node.it.asked) > seconds(300), `${longest(node.it.asked)}`);
    assert(longest(node.it.asked) <= seconds(601), `${longest(node.it.asked)}`);
    node.it.asked.length = 0;
    node.want([content], { "blob.download.max.retries": "1", "timer.download.retry": "60" });
    await node.clock.pass(minutes(10));
    assert(node.it.asked.length >= 18, `${node.it.asked.length} requests`);
  });

  it("timer.download.stalled: a source that sends nothing is given up, and asked for the rest", async () => {
    await using node = await world(silent, { "timer.download.stalled": "20" });
    await node.clock.pass(seconds(19));
    assert.equal(node.it.asked.length, 1);
    node.it.served = whole;
    assert(await node.clock.passUntil(node.phase("ready"), seconds(2)));
    assert.deepEqual(node.it.asked, [0, 20_000]);
  });

  it("network.download.max.cost: nothing is downloaded by a port that costs more", async () => {
    await using node = await world(whole, {}, []);
    node.store.ports.set(portsAt(9, 4));
    node.want([content], {});
    assert(await node.clock.passUntil(node.phase("failed"), seconds(1)));
    const status = node.store.contents.get(id);
    assert(status?.phase === "failed");
    assert.equal(status.reason, "NetworkTooCostly");
    assert.match(status.message, /^port p4, .* costs 4; network.download.max.cost is 0$/);
    await node.clock.pass(minutes(30));
    assert.equal(node.it.asked.length, 0);
    node.want([content], { "network.download.max.cost": "4" });
    assert(await node.clock.passUntil(node.phase("ready"), seconds(1)));
  });

  it("network.download.max.cost: a download stops when only such a port is left, and goes on later", async () => {
    await using node = await world(silent, {});
    assert(await node.clock.passUntil(node.phase("downloading"), seconds(1)));
    node.it.served = whole;
    node.store.ports.set(portsAt(9));
    assert(await node.clock.passUntil(node.phase("failed"), seconds(1)));
    node.store.ports.set(portsAt(9, 0));
    assert(await node.clock.passUntil(node.phase("ready"), seconds(1)));
    assert.equal(node.it.asked.length, 2);
  });

  it("timer.defer.content.delete: what is wanted no more is had again without asking its source", async () => {
    await using node = await world(whole, { "timer.defer.content.delete": "600" });
    assert(await node.clock.passUntil(node.phase("ready"), seconds(1)));
    node.want([], { "timer.defer.content.delete": "600" });
    await node.clock.pass(seconds(599));
    assert.equal(node.store.contents.get(id)?.phase, "ready");
    await node.clock.pass(seconds(2));
    assert.equal(node.store.contents.get(id), undefined);
  });
});

function longest(times: readonly number[]): number {
  return Math.max(...times.slice(1).map((at, index) => at - (times[index] ?? 0)));
}
