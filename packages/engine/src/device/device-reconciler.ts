import { describeError, type Log, seconds } from "@selvedge/base";
import { lookAgain, type Outcome, type Reconciler, settled } from "@selvedge/reconcile";
import type { AppId } from "../desired.ts";
import type { EngineStore } from "../engine-store.ts";
import type { HardwareProbe } from "../hardware/hardware.ts";
import type { DeviceStatus } from "../observed.ts";
import type { DeviceDriver } from "./device-driver.ts";
import { pciSteps, planDevices } from "./device-plan.ts";

export interface DeviceParts {
  readonly store: EngineStore;
  readonly driver: DeviceDriver;
  readonly hardware: Pick<HardwareProbe, "inventory">;
  /** Machines that run. Missing where none can run. */
  readonly machines: { list(): Promise<readonly AppId[]> } | undefined;
  readonly log: Log;
}

/** Devices hang together, so one pass decides over all of them. */
export const deviceKey = "devices";
/** What is plugged in or pulled out is seen after this. */
const lookEvery = seconds(60);
/** A machine that ends lets go of its devices a moment later. */
const backEvery = seconds(2);

/** Gives apps the devices they name, and the box those that no app has any more. */
export class DeviceReconciler implements Reconciler<typeof deviceKey> {
  readonly name = "device";
  readonly reads: readonly string[] = ["desired", "apps"];
  readonly writes: readonly string[] = ["devices"];
  readonly #parts: DeviceParts;

  constructor(parts: DeviceParts) {
    this.#parts = parts;
  }

  async reconcile(_key: typeof deviceKey, signal: AbortSignal): Promise<Outcome> {
    const { store, driver, hardware, machines, log } = this.#parts;
    const desired = store.desired.get();
    const groups = desired?.devices ?? [];
    if (groups.length === 0) {
      for (const key of store.devices.keys()) store.devices.delete(key);
      return settled;
    }
    const inventory = await hardware.inventory();
    const rows = new Map(
      planDevices({
        groups,
        apps: (desired?.apps ?? [])
          .filter(({ active }) => active)
          .map(({ id, adapters = [] }) => ({ id, adapters })),
        running: new Set(await machines?.list()),
        before: (name) => store.devices.get(name),
        inventory,
      }),
    );
    const { lend, giveBack } = pciSteps(rows, inventory.pci);
    signal.throwIfAborted();
    let held = false;
    for (const device of giveBack) {
      const back = await driver.giveBack(device).catch((error: unknown) => {
        log.warn("a device cannot be given back to the box", { device: device.address, error });
        return false;
      });
      if (!back) held = true;
    }
    for (const address of lend)
      try {
        await driver.lend(address);
        log.info("a device goes to an app", { device: address });
      } catch (error) {
        refuse(rows, address, describeError(error));
      }
    for (const key of store.devices.keys()) if (!rows.has(key)) store.devices.delete(key);
    for (const [key, row] of rows) store.devices.set(key, row);
    return lookAgain("devices are plugged in and pulled out", held ? backEvery : lookEvery);
  }
}

function refuse(rows: Map<string, DeviceStatus>, address: string, reason: string): void {
  for (const [name, row] of rows)
    if (row.phase === "lent" && row.devices.some((it) => it.kind === "pci" && it.address === address))
      rows.set(name, { phase: "fault", members: row.members, reason });
}
