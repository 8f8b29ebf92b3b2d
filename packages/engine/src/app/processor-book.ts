/** Gives apps that ask for it processors that no other app runs on, and keeps all others away from those. */
import { describeError } from "@selvedge/base";
import type { AppId, AppSpec } from "../desired.ts";
import type { AppContext } from "./app-context.ts";
import type { AppInstance } from "./app-instance.ts";
import { type MachineProcessors, sharedProcessors, spareProcessors } from "./processors.ts";

type Apps = ReadonlyMap<AppId, AppInstance>;

export class ProcessorBook {
  readonly #context: Pick<AppContext, "hypervisor" | "log" | "wake">;
  readonly #apps: Apps;
  /** Where each running machine was put; an engine that starts puts all of them anew. */
  readonly #placed = new Map<AppId, string>();
  #all: readonly number[] = [];
  #shared: string | undefined;

  constructor(context: Pick<AppContext, "hypervisor" | "log" | "wake">, apps: Apps) {
    this.#context = context;
    this.#apps = apps;
  }

  /** How many an app could still have for itself. */
  free(id: AppId): number {
    return spareProcessors(this.#all, this.#taken(id)).length;
  }

  /** For a machine that is about to start. Undefined: there are not as many as it needs. */
  choose({ id, vcpus, ownProcessors }: AppSpec): MachineProcessors | undefined {
    const taken = this.#taken(id);
    const own = ownProcessors === true ? spareProcessors(this.#all, taken).slice(0, vcpus) : [];
    if (ownProcessors === true && own.length < vcpus) return undefined;
    return { own, shared: sharedProcessors(this.#all, new Set([...taken, ...own])) };
  }

  /**
   * Puts the app's machine where it belongs, and wakes the others when that takes a place from or to them. False:
   * it is not there, and has to be tried again.
   */
  async follow(app: AppInstance, runs: boolean): Promise<boolean> {
    const { hypervisor, log } = this.#context;
    if (this.#all.length === 0) this.#all = await hypervisor.processors();
    this.#wakeOthers(app.id);
    if (!runs) {
      this.#placed.delete(app.id);
      return true;
    }
    const own = app.record.machine?.processors ?? [];
    const processors = { own, shared: sharedProcessors(this.#all, this.#taken()) };
    const key = JSON.stringify(processors);
    if (this.#placed.get(app.id) === key) return true;
    try {
      await hypervisor.place(app.id, processors);
      this.#placed.set(app.id, key);
      return true;
    } catch (error) {
      const message = `pin_cpu: the machine stays where it runs: ${describeError(error)}`;
      log.warn("a machine cannot be put on its processors", { app: app.id, error });
      app.event({ type: "Warning", reason: "ProcessorsNotBound", message });
      return false;
    }
  }

  forget(id: AppId): void {
    this.#placed.delete(id);
    this.#wakeOthers(id);
  }

  #wakeOthers(id: AppId): void {
    const shared = sharedProcessors(this.#all, this.#taken()).join();
    if (shared === this.#shared) return;
    const first = this.#shared === undefined;
    this.#shared = shared;
    if (!first) for (const other of this.#apps.keys()) if (other !== id) this.#context.wake(other);
  }

  #taken(but?: AppId): Set<number> {
    const others = [...this.#apps].filter(([id]) => id !== but);
    return new Set(others.flatMap(([, { record }]) => record.machine?.processors ?? []));
  }
}
