import assert from "node:assert/strict";
import { it } from "node:test";
import { Log, millis, SystemClock, seconds, silentSink } from "@selvedge/base";
import { SimClock } from "../../../harness/src/sim-clock.ts";
import type { DesiredState } from "../desired.ts";
import { EngineStore } from "../engine-store.ts";
import type { Disk } from "../host/disk.ts";
import type { CardState, PortDriver } from "./port-driver.ts";
import { PortReconciler, portKey } from "./port-reconciler.ts";
import type { PortSpec } from "./port-spec.ts";

const told: PortSpec = { name: "wan", interface: "eth0", labels: [], uplink: true, cost: 0 };
const card: CardState = { up: true, mac: "", mtu: 1500, addresses: [], gateways: [], dns: [] };

for (const [what, choice, tried] of [
  ["every wire is tried", "enabled", ["eth0", "eth0 eth1"]],
  ["only that is tried", "disabled", ["eth0"]],
] as const)
  it(`when the port that was told leads nowhere, with network.fallback.any.eth ${choice} ${what}`, async () => {
    const store = new EngineStore();
    const applied: string[] = [];
    const driver: Partial<PortDriver> = {
      manages: true,
      apply: async (wishes) => {
        applied.push(wishes.map((it) => it.interface).join(" "));
        return new Map();
      },
      look: async () => new Map([...["eth0", "eth1", "wlan0"].map((name) => [name, card] as const)]),
      probe: async (name) => {
        if (name !== "eth1") throw new Error("no route");
      },
      askBeyond: async () => {},
      reconnect: async () => {},
    };
    const clock = new SystemClock();
    const reconciler = new PortReconciler({
      ...{ store, clock, driver: driver as PortDriver, log: new Log("test", clock, silentSink) },
      disk: { writeDurable: async () => {} } as unknown as Disk,
      secrets: { openPortSecret: async () => assert.fail() },
      credentials: { credential: () => undefined },
      settings: {
        ...{ number: () => 0, isOn: () => true, choice: () => choice },
        seconds: (key) => millis(key === "timer.port.testduration" ? 20_000 : 0),
      },
    });
    store.desired.set({ ports: [told] } as unknown as DesiredState);
    for (let step = 0; step < 2; step++) await reconciler.reconcile(portKey, new AbortController().signal);
    assert.deepEqual([...new Set(applied)], tried);
    const { configs, current } = store.ports.get()?.book ?? assert.fail("nothing is told of the ports");
    assert.equal(configs[current]?.lastSucceeded !== undefined, choice === "enabled");
  });

for (const [value, waited] of [
  ["5", 5],
  ["0", 15],
] as const)
  it(`a controller that does not answer by a port is waited for as timer.port.timeout ${value} has it`, async () => {
    const store = new EngineStore();
    const clock = new SimClock();
    const driver: Partial<PortDriver> = {
      manages: true,
      apply: async () => new Map(),
      look: async () => new Map([["eth0", card]]),
      probe: (_name, _proxy, signal) =>
        new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
      askBeyond: async () => {},
      reconnect: async () => {},
    };
    const reconciler = new PortReconciler({
      ...{ store, clock, driver: driver as PortDriver, log: new Log("test", clock, silentSink) },
      disk: { writeDurable: async () => {} } as unknown as Disk,
      secrets: { openPortSecret: async () => assert.fail() },
      credentials: { credential: () => undefined },
      settings: {
        ...{ number: () => 0, isOn: () => true, choice: () => "disabled" },
        seconds: (key) => seconds(key === "timer.port.timeout" ? Number(value) : 60),
      },
    });
    store.desired.set({ ports: [told] } as unknown as DesiredState);
    let isOver = false;
    const over = reconciler.reconcile(portKey, new AbortController().signal).then(() => {
      isOver = true;
    });
    await clock.passUntil(() => isOver, seconds(59));
    await over;
    assert.equal(clock.monotonic(), seconds(waited));
    assert.match(store.ports.get()?.book.configs[0]?.lastError ?? "", /does not answer by it: no answer in/);
  });
