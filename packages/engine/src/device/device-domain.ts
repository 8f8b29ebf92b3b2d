import type { Clock, Random } from "@selvedge/base";
import { Runner } from "@selvedge/reconcile";
import { type DeviceParts, DeviceReconciler, deviceKey } from "./device-reconciler.ts";

export interface DeviceDomain extends AsyncDisposable {
  readonly reconciler: DeviceReconciler;
  start(): Promise<void>;
}

/** What it has of its own. */
export type DeviceOptions = Pick<DeviceParts, "driver" | "hardware" | "machines">;

export function createDeviceDomain(
  options: DeviceParts & { readonly clock: Clock; readonly random: Random },
): DeviceDomain {
  const { store, clock, random } = options;
  const log = options.log.child("device");
  const reconciler = new DeviceReconciler({ ...options, log });
  const runner = new Runner<typeof deviceKey>({ reconciler, clock, random, log });
  const stops: (() => void)[] = [];
  const wake = (): void => {
    if ((store.desired.get()?.devices ?? []).length > 0 || store.devices.keys().length > 0)
      runner.wake(deviceKey);
  };
  return {
    reconciler,
    async start() {
      stops.push(store.desired.subscribe(wake), store.apps.subscribe(wake));
      wake();
    },
    async [Symbol.asyncDispose]() {
      for (const stop of stops) stop();
      await runner[Symbol.asyncDispose]();
    },
  };
}
