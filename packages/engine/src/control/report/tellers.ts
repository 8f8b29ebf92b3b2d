/** Who is told of the node: its controller, and the operator console where the configuration names one. */
import type { Clock, Log, Random } from "@selvedge/base";
import { Runner } from "@selvedge/reconcile";
import type { EngineStore } from "../../engine-store.ts";
import type { Disk } from "../../host/disk.ts";
import type { ControllerClient } from "../controller-client.ts";
import type { DeviceReport } from "./device-report.ts";
import { deviceKey, edgeviewKey, Reporter } from "./reporter.ts";

export interface TellersParts {
  readonly client: ControllerClient;
  /** Undefined while the configuration names none. */
  readonly standIn: () => ControllerClient | undefined;
  readonly device: DeviceReport;
  readonly store: EngineStore;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly node: () => string;
}

/** Reports about different things at once. */
const reportsAtOnce = 2;

export class Tellers implements AsyncDisposable {
  /** Tells the controller. */
  readonly reporter: Reporter;
  readonly #parts: TellersParts;
  readonly #runner: Runner;
  readonly #consoleReporter: Reporter;
  readonly #consoleRunner: Runner;
  #standIn: ControllerClient | undefined;
  readonly #unsubscribe: (() => void)[] = [];

  constructor(parts: TellersParts) {
    const { client, standIn: ask, device, ...rest } = parts;
    this.#parts = parts;
    const read = {
      device: () => device.device(),
      hardware: () => device.hardware(),
      timeSources: () => device.timeSources(),
    };
    this.reporter = new Reporter({ ...rest, ...read, client, kept: "control/told.json" });
    const post: ControllerClient["post"] = async (...request) => {
      const standIn = ask();
      if (standIn === undefined) throw new Error("the configuration names no operator console");
      return await standIn.post(...request);
    };
    this.#consoleReporter = new Reporter({
      ...{ ...rest, ...read, client: { post, isSilent: false }, log: rest.log.child("console") },
      kept: "control/told-console.json",
    });
    this.#runner = new Runner({ ...rest, reconciler: this.reporter, concurrency: reportsAtOnce });
    this.#consoleRunner = new Runner({ ...rest, reconciler: this.#consoleReporter, concurrency: 1 });
  }

  async load(): Promise<void> {
    await this.reporter.load();
    await this.#consoleReporter.load();
  }

  /** Begins to tell what changes in the store. */
  follow(): void {
    const { store } = this.#parts;
    const wake = (key: string): void => this.wake(key);
    this.#unsubscribe.push(
      store.desired.subscribe(() => this.tellAll()),
      store.apps.subscribe((id) => {
        wake(`app/${id}`);
        wake(deviceKey);
      }),
      store.networks.subscribe((id) => wake(`network/${id}`)),
      store.edgeview.subscribe(() => wake(edgeviewKey)),
      store.ports.subscribe(() => wake(deviceKey)),
      store.devices.subscribe(() => wake(deviceKey)),
      store.certificates.subscribe(() => wake(deviceKey)),
      store.patches.subscribe((id) => wake(`patch/${id}`)),
      store.posted.subscribe((key) => wake(`posted/${key}`)),
      store.nics.subscribe((key) => {
        wake(`app/${key.split("/")[0]}`);
        for (const id of store.networks.keys()) wake(`network/${id}`);
      }),
      store.volumes.subscribe((key) => wake(`volume/${key.split("#")[0]}`)),
      store.contents.subscribe((id) => {
        wake(`content/${id}`);
        for (const volume of store.desired.get()?.volumes ?? [])
          if (volume.contentId === id) wake(`volume/${volume.id}`);
        if (store.contents.get(id)?.phase !== "ready") return;
        wake(deviceKey);
        for (const key of this.reporter.keys()) if (key.startsWith("blob/")) wake(key);
      }),
    );
    this.tellAll();
  }

  wake(key: string): void {
    this.#runner.wake(key);
    if (this.#parts.standIn() !== undefined) this.#consoleRunner.wake(key);
  }

  /** The controller answers, perhaps again. */
  reached(): void {
    this.reporter.reached();
    this.#consoleReporter.reached();
    this.tellAll();
  }

  tellAll(): void {
    const standIn = this.#parts.standIn();
    // Another console knows nothing of what the one before was told.
    if (standIn !== this.#standIn) this.#consoleReporter.forget();
    this.#standIn = standIn;
    for (const key of this.reporter.keys()) this.wake(key);
  }

  /** The controller has forgotten, or may have; without a key, everything. */
  forget(key?: string): void {
    this.reporter.forget(key);
    this.#consoleReporter.forget(key);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const stop of this.#unsubscribe) stop();
    await this.#runner[Symbol.asyncDispose]();
    await this.#consoleRunner[Symbol.asyncDispose]();
  }
}
