import type { AppId } from "../desired.ts";
import type { AppUsage } from "../observed.ts";
import type { AppUsages } from "../ports.ts";
import type { AppInstance } from "./app-instance.ts";
import type { ContainerStats, Hypervisor } from "./hypervisor.ts";

export class MachineUsages implements AppUsages {
  readonly #instances: ReadonlyMap<AppId, AppInstance>;
  readonly #hypervisor: Hypervisor;

  constructor(parts: { instances: ReadonlyMap<AppId, AppInstance>; hypervisor: Hypervisor }) {
    this.#instances = parts.instances;
    this.#hypervisor = parts.hypervisor;
  }

  async usage(id: AppId): Promise<AppUsage | undefined> {
    const app = this.#instances.get(id);
    const usage = await this.#hypervisor.usage(id);
    if (app === undefined || usage === undefined) return undefined;
    const { guest } = app.machine;
    // A guest that does not answer still costs what its machine costs.
    const stats = guest?.connected === true ? await guest.stats().catch((): ContainerStats[] => []) : [];
    return {
      ...usage,
      memoryLimitBytes: app.record.machine?.memoryBytes ?? app.record.spec.memoryBytes,
      containers: stats.flatMap(({ container, cpuNanos, memoryBytes }) => {
        const name = app.record.containers[container - 1]?.name;
        return name === undefined ? [] : [{ name, cpuNanos, memoryBytes }];
      }),
    };
  }
}
