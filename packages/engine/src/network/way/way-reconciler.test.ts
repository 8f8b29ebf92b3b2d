import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";
import { Log, millis, SystemClock, silentSink } from "@selvedge/base";
import type { DesiredState, PortSpec } from "../../desired.ts";
import { EngineStore } from "../../engine-store.ts";
import type { Disk } from "../../host/disk.ts";
import type { WayQuestion } from "./way-driver.ts";
import { WayReconciler, waysKey } from "./way-reconciler.ts";

const port = (name: string, cost: number): PortSpec => ({
  ...{ name, interface: `${name}0`, labels: ["out"], uplink: true, cost },
});
const network = (id: string): object => ({
  ...{ id, name: id, kind: "local", port: "uplink", subnet: "10.1.0.0/24", gateway: "10.1.0.1" },
  ...{ dhcpFirst: "10.1.0.2", dhcpLast: "10.1.0.9", dns: [], hosts: [] },
});
const link = (net: string): object => ({
  ...{ up: true, addresses: [`${net}.9/24`, "2001:db8::9/64"], gateways: [`${net}.1`], mtu: 1500 },
});

/** Two networks by two uplinks; the controller is asked by both, a gateway by the free one alone. */
class World {
  readonly store: EngineStore = new EngineStore();
  /** Cards by which nobody answers; those that ended with `!` have no carrier. */
  silent: readonly string[] = [];
  asked: string[] = [];
  kept: Uint8Array | undefined;
  #now = 0;
  #reconciler: WayReconciler;

  constructor() {
    this.store.desired.set({
      ...{ ports: [port("lte", 10), port("wan", 0)], networks: [network("n"), network("m")] },
    } as unknown as DesiredState);
    this.#reconciler = this.restart();
  }

  restart(): WayReconciler {
    const clock = Object.assign(new SystemClock(), { monotonic: () => millis(this.#now) });
    const disk = {
      read: async () => this.kept,
      writeDurable: async (_path: string, bytes: Uint8Array) => {
        this.kept = bytes;
      },
    } as unknown as Disk;
    const links = async () => {
      const up = (card: string): boolean => !this.silent.includes(`${card}!`);
      return new Map([
        ["lte0", { ...link("192.0.3"), up: up("lte0") }],
        ["wan0", { ...link("192.0.2"), up: up("wan0") }],
      ]) as never;
    };
    const ask = async ({ card, address, gateway, remote }: WayQuestion): Promise<void> => {
      this.asked.push(`${card} ${address} ${gateway} ${remote.method} ${remote.host}`);
      if (this.silent.includes(card)) throw new Error("nobody answers");
    };
    this.#reconciler = new WayReconciler({
      ...{ store: this.store, disk, clock, driver: { links, ask }, log: new Log("test", clock, silentSink) },
      controller: { method: "tcp", host: "controller", port: 443 },
    });
    return this.#reconciler;
  }

  /** The ports of both networks after each of some rounds, 15 seconds apart. */
  async rounds(count: number): Promise<string[]> {
    const ports: string[] = [];
    this.asked = [];
    for (let at = 0; at < count; at++) {
      await this.#reconciler.reconcile(waysKey, new AbortController().signal);
      this.#now += 15_000;
      ports.push([...new Set(this.store.ways.entries().map(([, row]) => row.port))].join());
    }
    return ports;
  }

  count(start: string): number {
    return this.asked.filter((it) => it.startsWith(start)).length;
  }
}

describe("questions by the ports of ways", () => {
  let world = new World();
  beforeEach(() => {
    world = new World();
  });

  it("are put once, however many networks want to know", async () => {
    assert.deepEqual(await world.rounds(1), ["wan"]);
    assert.deepEqual(world.asked.toSorted(), [
      "lte0 192.0.3.9 192.0.3.1 tcp controller",
      "wan0 192.0.2.9 192.0.2.1 icmp 192.0.2.1",
      "wan0 192.0.2.9 192.0.2.1 tcp controller",
    ]);
  });

  it("are put to gateways often, and to who is remote seldom", async () => {
    await world.rounds(20);
    assert.deepEqual([world.count("wan0 192.0.2.9 192.0.2.1 icmp"), world.count("lte0")], [20, 2]);
  });

  it("are put to who is remote as often while there is doubt", async () => {
    await world.rounds(1);
    world.silent = ["wan0"];
    assert.deepEqual(await world.rounds(6), ["wan", "wan", "wan", "wan", "lte", "lte"]);
    assert.equal(world.count("wan0 192.0.2.9 192.0.2.1 tcp"), 5, "the gateway's silence is doubt enough");
    assert.equal(world.count("lte0"), 0);
  });

  it("are not put where there is no carrier", async () => {
    await world.rounds(1);
    world.silent = ["wan0!"];
    assert.deepEqual(await world.rounds(2), ["lte", "lte"]);
    assert.equal(world.count("wan0"), 0);
    world.silent = [];
    assert.equal((await world.rounds(3)).at(-1), "lte", "who comes back is asked for a while first");
    assert.equal((await world.rounds(12)).at(-1), "wan");
  });

  it("end where nobody has a choice", async () => {
    await world.rounds(1);
    world.store.desired.set({ ports: [port("wan", 0)], networks: [network("n")] } as unknown as DesiredState);
    assert.deepEqual(await world.rounds(1), [""]);
    assert.deepEqual([world.asked, world.store.ways.keys()], [[], []]);
  });

  it("do not move a way because the engine begins again", async () => {
    await world.rounds(1);
    world.silent = ["wan0"];
    await world.rounds(8);
    world.restart();
    world.silent = ["wan0", "lte0"];
    assert.deepEqual(await world.rounds(1), ["lte"]);
  });
});
