import assert from "node:assert/strict";
import { it } from "node:test";
import { Log, millis, SystemClock, silentSink } from "@selvedge/base";
import type { DesiredState } from "../../desired.ts";
import { EngineStore } from "../../engine-store.ts";
import type { Disk } from "../../host/disk.ts";
import type { CardState, PortDriver, PortWish } from "../port-driver.ts";
import { PortReconciler, portKey } from "../port-reconciler.ts";
import type { PortSpec } from "../port-spec.ts";
import type { ModemProbe } from "./modem-probe.ts";

const modem = (more: Partial<PortSpec> = {}, probe?: ModemProbe): PortSpec => ({
  ...{ name: "lte", interface: "wwan0", labels: [], uplink: true, cost: 0, ...more },
  cellular: {
    ...{ apn: "internet", simSlot: 0, authentication: "none", roaming: true, family: "ipv4" },
    ...(probe === undefined ? {} : { probe }),
    secret: { kind: "clear", user: "", password: "" },
  },
});
const cable: PortSpec = { name: "wan", interface: "eth0", labels: [], uplink: true, cost: 10 };
const own: ModemProbe = { kind: "tcp", host: "10.9.9.9", port: 443 };

/** What leads to the controller, and what modems are answered by, as a test has it. */
class World {
  readonly store = new EngineStore();
  readonly said: string[] = [];
  reached = new Set(["eth0", "wwan0"]);
  answered = true;
  /** Where connecting anew helps. */
  healing = false;
  wishes: readonly PortWish[] = [];
  readonly #reconciler: PortReconciler;

  constructor() {
    const clock = new SystemClock();
    const card: CardState = { up: true, mac: "", mtu: 1500, addresses: [], gateways: [], dns: [] };
    const driver: PortDriver = {
      manages: true,
      apply: async (wishes) => {
        this.wishes = wishes;
        return new Map();
      },
      look: async () =>
        new Map([
          ["eth0", card],
          ["wwan0", card],
        ]),
      onLetIn: () => () => {},
      askAgain: async () => {},
      silence: async () => {},
      probe: async (name) => {
        if (!this.reached.has(name)) throw new Error("no route");
      },
      askBeyond: async (name, { probe }) => {
        this.said.push(`asked ${name} ${probe?.kind ?? "as all"}`);
        if (!this.answered) throw new Error("nobody answers");
      },
      reconnect: async (cards) => {
        this.said.push(`connected ${cards.join()} anew`);
        if (this.healing) this.answered = true;
      },
    };
    const disk = { writeDurable: async () => {} } as unknown as Disk;
    this.#reconciler = new PortReconciler({
      ...{ store: this.store, disk, driver, clock, log: new Log("test", clock, silentSink) },
      secrets: { openPortSecret: async () => ({ user: "", password: "" }) },
      credentials: { credential: () => undefined },
      settings: {
        number: () => 0,
        isOn: () => true,
        choice: () => "disabled",
        seconds: (key) => millis(key === "timer.port.testduration" ? 20_000 : 0),
      },
    });
  }

  async step(...ports: readonly PortSpec[]): Promise<void> {
    this.said.length = 0;
    this.store.desired.set({ ports } as unknown as DesiredState);
    await this.#reconciler.reconcile(portKey, new AbortController().signal);
  }

  get why(): string | undefined {
    return this.store.ports.get()?.cards["wwan0"]?.unanswered;
  }

  get first(): string | undefined {
    return this.wishes.toSorted((left, right) => left.metric - right.metric)[0]?.interface;
  }
}

it("a modem by which the controller was reached is asked nothing more", async () => {
  const world = new World();
  await world.step(modem(), cable);
  assert.deepEqual([world.said, world.why, world.first], [[], undefined, "wwan0"]);
});

it("one whose own probe fails is told, used last and connected anew, and the configuration stays", async () => {
  const world = new World();
  world.answered = false;
  await world.step(modem({}, own), cable);
  assert.deepEqual(world.said, ["asked wwan0 tcp", "connected wwan0 anew", "asked wwan0 tcp"]);
  assert.deepEqual([world.why, world.first], ["nobody answers", "eth0"]);
  assert.deepEqual([world.store.ports.get()?.failed, world.store.ports.get()?.book.current], [[], 0]);

  world.answered = true;
  await world.step(modem({}, own), cable);
  assert.deepEqual([world.said, world.why, world.first], [["asked wwan0 tcp"], undefined, "wwan0"]);
});

it("one that is well once it is connected anew is not told", async () => {
  const world = new World();
  Object.assign(world, { answered: false, healing: true });
  await world.step(modem({}, own), cable);
  assert.deepEqual([world.said.length, world.why, world.first], [3, undefined, "wwan0"]);
});

it("one that does not lead to the controller is asked as all are; that it leads elsewhere is no fault", async () => {
  const world = new World();
  world.reached.delete("wwan0");
  await world.step(modem(), cable);
  assert.deepEqual([world.said, world.why, world.first], [["asked wwan0 as all"], undefined, "eth0"]);
});

it("one for apps alone is asked too, and forgotten with its port", async () => {
  const world = new World();
  world.answered = false;
  await world.step(modem({ uplink: false }), cable);
  assert.deepEqual([world.said.length, world.why], [3, "nobody answers"]);
  await world.step(cable);
  assert.deepEqual([world.said, world.why], [[], undefined]);
});
