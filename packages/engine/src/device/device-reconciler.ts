import { describeError, type Log, seconds } from "@selvedge/base";
import { lookAgain, type Outcome, type Reconciler, settled } from "@selvedge/reconcile";
import type { AppId } from "../desired.ts";
import type { EngineStore } from "../engine-store.ts";
import type { Hardware, HardwareProbe, PciAddress } from "../hardware/hardware.ts";
import type { DeviceStatus } from "../observed.ts";
import type { DeviceDriver } from "./device-driver.ts";
import { type DeviceInputs, pciSteps, planDevices } from "./device-plan.ts";
import type { DeviceGroup } from "./device-spec.ts";
import { heldDevices, planParts, waitsForApps } from "./function-plan.ts";

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
    const { store, driver, machines, log } = this.#parts;
    const desired = store.desired.get();
    const groups = desired?.devices ?? [];
    if (groups.length === 0) {
      for (const key of store.devices.keys()) store.devices.delete(key);
      return settled;
    }
    const running: ReadonlySet<AppId> = new Set(await machines?.list());
    const { inventory, unparted } = await this.#partCards(groups, running, signal);
    const inputs: DeviceInputs = {
      groups,
      apps: (desired?.apps ?? [])
        .filter(({ active }) => active)
        .map(({ id, adapters = [], functions: wishes = {} }) => ({ id, adapters, wishes })),
      before: (name) => store.devices.get(name),
      ...{ running, inventory, unparted },
    };
    const rows = new Map(planDevices(inputs));
    const { lend, giveBack } = pciSteps(rows, inputs);
    signal.throwIfAborted();
    let held = false;
    for (const device of giveBack) {
      const back = await driver.giveBack(device).catch((error: unknown) => {
        log.warn("a device cannot be given back to the box", { device: device.address, error });
        return false;
      });
      if (!back) held = true;
    }
    for (const { dress, ...device } of lend)
      try {
        if (dress !== undefined && !(await driver.dress({ ...device, dress }))) {
          // Whose machine ends now has it a moment longer.
          replace(rows, device.address, (members) => ({ members, phase: "free" }));
          held = true;
          continue;
        }
        await driver.lend(device.address);
        log.info("a device goes to an app", { device: device.address });
      } catch (error) {
        const reason = describeError(error);
        replace(rows, device.address, (members) => ({ members, phase: "fault", reason }));
      }
    for (const key of store.devices.keys()) if (!rows.has(key)) store.devices.delete(key);
    for (const [key, row] of rows) store.devices.set(key, row);
    return lookAgain("devices are plugged in and pulled out", held ? backEvery : lookEvery);
  }

  /** Makes the functions that the configuration wants of cards, before anybody is given one. */
  async #partCards(
    groups: readonly DeviceGroup[],
    running: ReadonlySet<AppId>,
    signal: AbortSignal,
  ): Promise<{ readonly inventory: Hardware; readonly unparted: ReadonlyMap<PciAddress, string> }> {
    const { store, driver, hardware, log } = this.#parts;
    const inventory = await hardware.inventory();
    const rows = store.devices.keys().flatMap((key) => store.devices.get(key) ?? []);
    const plan = planParts(groups, inventory, heldDevices(rows, running));
    if (plan.part.length === 0) return { inventory, unparted: plan.faults };
    const unparted = new Map(plan.faults);
    for (const { name, card, count } of plan.part) {
      signal.throwIfAborted();
      try {
        if (await driver.part(card, count))
          log.info("a card is parted into functions", { device: card.address, count });
        else unparted.set(card.address, waitsForApps(name, count, card.functions?.made.length ?? 0));
      } catch (error) {
        unparted.set(card.address, `vflist of ${name}: ${describeError(error)}`);
      }
    }
    return { inventory: await hardware.inventory(), unparted };
  }
}

function replace(
  rows: Map<string, DeviceStatus>,
  address: PciAddress,
  by: (members: DeviceStatus["members"]) => DeviceStatus,
): void {
  for (const [name, row] of rows)
    if (row.phase === "lent" && row.devices.some((it) => it.kind === "pci" && it.address === address))
      rows.set(name, by(row.members));
}
