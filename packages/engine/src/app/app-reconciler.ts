import { describeError, type Millis, millis } from "@selvedge/base";
import { lookAgain, type Outcome, type Reconciler, settled } from "@selvedge/reconcile";
import { type AppId, type AppSpec, type ContentId, type VolumeKey, volumeUses } from "../desired.ts";
import { VaultLockedError } from "../host/sealed-disk.ts";
import type { VolumeStatus } from "../observed.ts";
import type { AppContext } from "./app-context.ts";
import { hindranceEvent } from "./app-events.ts";
import { foldView, type MachineView } from "./app-fold.ts";
import { AppInstance } from "./app-instance.ts";
import { type AppInputs, type AppStep, planApp } from "./app-plan.ts";
import { type AppRecord, allContainers, newRecord } from "./app-record.ts";
import { reportApp } from "./app-report.ts";
import { asItWas, type Room, settledSize } from "./app-size.ts";
import { ContainerConfigError } from "./container-config.ts";
import { ProcessorBook } from "./processor-book.ts";
import { followAsked, holdOf, settleSnapshots } from "./snapshot-book.ts";

/** An app takes a few steps a container; more in one pass means that it goes round in a circle. */
const stepsMax = 100;
/**
 * A configuration error is mended by another configuration, a secret that cannot be opened perhaps by time.
 */
const configErrorAgain: Millis = millis(10_000);
/** A machine that cannot be put on its processors now can perhaps be later. */
const placeAgainMs = 10_000;

export class AppReconciler implements Reconciler<AppId> {
  readonly name = "app";
  readonly reads: readonly string[] = ["desired", "contents", "volumes", "nics", "devices"];
  readonly writes: readonly string[] = ["apps"];
  readonly instances: Map<AppId, AppInstance> = new Map();
  readonly #context: AppContext;
  readonly #processors: ProcessorBook;

  constructor(context: AppContext) {
    this.#context = context;
    this.#processors = new ProcessorBook(context, this.instances);
  }

  async reconcile(id: AppId, signal: AbortSignal): Promise<Outcome> {
    const { store, clock, hypervisor, facts } = this.#context;
    // Without a configuration nothing is known to be unwanted.
    if (store.desired.get() === undefined) return settled;
    const asked = this.#wanted(id);
    let app = this.instances.get(id);
    if (app === undefined) {
      if (asked === undefined) return await this.#clear(id);
      app = new AppInstance(this.#context, newRecord(asked, clock.now()));
      this.instances.set(id, app);
    }
    const wanted = asked && this.#follow(app, asked);
    await loadLogs(app);
    if (app.hostIp === "") app.hostIp = await facts.internalIp();
    for (let steps = 0; steps < stepsMax; steps++) {
      signal.throwIfAborted();
      const runs = (await hypervisor.list()).includes(id);
      await this.#observe(app, runs, signal);
      const placed = await this.#processors.follow(app, runs);
      const step = planApp(this.#inputs(app, wanted, runs));
      const told = step.do === "wait" ? hindranceEvent(app.record, step.reason, step.message) : undefined;
      if (told !== undefined) app.event(told);
      await app.save();
      if (step.do === "remove") return await this.#remove(app);
      this.#report(app, step, runs);
      if (step.do === "wait" || step.do === "rest")
        return again(step.do, placed ? step.againMs : Math.min(step.againMs ?? placeAgainMs, placeAgainMs));
      if (step.do === "connect" || step.do === "stop") {
        if (step.do === "connect") app.machine.connect(signal);
        else {
          if (wanted?.active === true && app.record.end === undefined) app.replaceMachine();
          await app.save();
          app.machine.stop();
        }
        this.#report(app, step, runs);
        return settled;
      }
      if (!(await this.#take(app, step))) {
        this.#report(app, step, runs);
        return again("container cannot be started", configErrorAgain);
      }
    }
    throw new Error(`app ${id} does not come to rest`);
  }

  /**
   * Takes over an app of an earlier engine, and tells of it at once: as it was left, ready only once a probe
   * has said so again. Whoever asks before the first pass must not hear that there is none.
   */
  async adopt(record: AppRecord, runs: boolean): Promise<void> {
    const app = new AppInstance(this.#context, record);
    await loadLogs(app);
    app.hostIp = await this.#context.facts.internalIp();
    this.instances.set(record.id, app);
    this.#report(app, { do: "connect" }, runs);
  }

  #wanted(id: AppId): AppSpec | undefined {
    return this.#context.store.desired.get()?.apps.find((app) => app.id === id);
  }

  /** Takes over what is asked for, as far as the rules for changes let it. */
  #follow(app: AppInstance, asked: AppSpec): AppSpec {
    const { store, clock } = this.#context;
    const before = app.record;
    const volume = (key: VolumeKey): VolumeStatus | undefined => store.volumes.get(key);
    const { record, wanted, refusal } = followAsked(before, asked, volume);
    const size = settledSize(record.spec, record.size, this.#room(app.id));
    app.record = settleSnapshots({ ...record, size }, asked.snapshots, volume, clock.now());
    if (refusal !== undefined && refusal !== app.refusal)
      app.event({ type: "Warning", reason: "ChangeRefused", message: refusal });
    app.refusal = refusal;
    if (record.spec !== before.spec) {
      app.faults.clear();
      app.machine.nudge();
    }
    return wanted;
  }

  async #observe(app: AppInstance, runs: boolean, signal: AbortSignal): Promise<void> {
    const { clock, facts, hypervisor } = this.#context;
    const { machine, record } = app;
    const containers = new Map(
      allContainers(record.spec).flatMap(({ index }) => {
        const run = machine.guest?.run(index);
        return run === undefined ? [] : [[index, run] as const];
      }),
    );
    const gone = record.machine !== undefined && !runs;
    const view: MachineView = {
      ...{ runs, containers, bootId: facts.bootId },
      connected: machine.connected || gone,
      lastWords: gone ? await hypervisor.lastWords(app.id) : "",
    };
    // What the guest told last is folded before the end of its machine is.
    if (gone && machine.guest !== undefined)
      app.record = foldView(app.record, { ...view, runs: true }, clock.now());
    app.record = foldView(app.record, view, clock.now());
    if (!runs) machine.forget();
    // Whoever hears that an app has ended may ask at once what it said.
    if (gone)
      await app.logs
        .flush()
        .catch((error: unknown) => this.#context.log.warn("logs are not complete", { app: app.id, error }));
    if (app.record !== record) app.logs.poke();
    await app.followRuns(signal);
    app.noteEvents();
  }

  #inputs(app: AppInstance, wanted: AppSpec | undefined, runs: boolean): AppInputs {
    const { store, facts, hypervisor } = this.#context;
    const unhealthy = new Map<number, string>();
    for (const { index } of allContainers(app.record.spec)) {
      const why = app.probes(index)?.unhealthy;
      if (why !== undefined) unhealthy.set(index, why);
    }
    return {
      wanted,
      record: app.record,
      started: new Set(
        allContainers(app.record.spec).flatMap(({ index }) => (isStarted(app, index) ? [index] : [])),
      ),
      machine: { runs, connected: app.machine.connected, asked: app.machine.asked },
      content: (id) => store.contents.get(id as ContentId),
      nic: (name) => app.nic(name),
      device: (name) => this.#context.store.devices.get(name),
      volume: (key) => store.volumes.get(key),
      volumeHolder: (key) => this.#volumeHolder(app.id, key),
      node: {
        architecture: facts.architecture,
        emulated: hypervisor.emulated,
        ...this.#room(app.id),
        freeProcessors: this.#processors.free(app.id),
        upMs: this.#context.upMs(),
        vault: this.#context.vault.state,
      },
      sinceEndMs: (index) => app.sinceEndMs(index),
      unhealthy,
      stopping: new Set(app.machine.stopping.keys()),
      faulty: new Set(app.faults.keys()),
      hold: holdOf(app.record.snapshots),
      launchWaitMs: app.machine.launchWaitMs,
      activeMs: app.activeMs,
    };
  }

  /** Another app whose machine still has the volume; it is not wanted there any more, or is about to end. */
  #volumeHolder(id: AppId, key: VolumeKey): AppId | undefined {
    for (const [other, app] of this.instances)
      if (other !== id && app.record.machine?.volumes.includes(key) === true) return other;
    return undefined;
  }

  #isTaken({ id, record }: AppInstance): boolean {
    return volumeUses(record.spec).some(
      ({ key, readOnly }) => !readOnly && this.#volumeHolder(id, key) !== undefined,
    );
  }

  #room(id: AppId): Room {
    const memoryBytes = this.#context.memoryForApps();
    let taken = 0;
    for (const [other, app] of this.instances)
      if (other !== id) taken += app.record.machine?.memoryBytes ?? 0;
    return { memoryBytes, freeMemoryBytes: memoryBytes - taken, cpus: this.#context.facts.cpus };
  }

  /** Takes a step that is done at once. False: the app's configuration does not let it. */
  async #take(app: AppInstance, step: AppStep): Promise<boolean> {
    switch (step.do) {
      case "launch": {
        const { spec, size } = app.record;
        const sized = step.asBefore === true ? asItWas(spec, size) : spec;
        const processors = this.#processors.choose(sized);
        // Another app may have taken a volume or a processor since this was planned; the next look says so.
        if (this.#isTaken(app) || processors === undefined) return true;
        // Its record has the memory before the first await, so that no two passes give it away.
        await app.launch(sized, processors);
        return true;
      }
      case "purge":
        await this.#context.hypervisor.remove(app.id);
        app.record = { ...app.record, purgeCounter: app.record.spec.purgeCounter };
        return true;
      case "finish":
        app.record = { ...app.record, end: step.end };
        if (step.end.reason !== "")
          app.event({ type: "Warning", reason: step.end.reason, message: step.end.message });
        return true;
      case "prepare":
        return await this.#configured(app, allContainers(app.record.spec), () => app.prepare());
      case "start": {
        const item = allContainers(app.record.spec)[step.index - 1];
        return await this.#configured(app, item === undefined ? [] : [item], () =>
          app.startContainer(step.index),
        );
      }
      case "stopContainer": {
        const own = app.probes(step.index)?.graceSeconds ?? 0;
        const message = step.why;
        const container = app.record.containers[step.index - 1]?.name ?? "";
        app.event({ type: "Normal", reason: "Killing", message, container });
        void app.machine.stopContainer(step.index, () => own || app.record.spec.pod.terminationGraceSeconds);
        return true;
      }
      default:
        return true;
    }
  }

  async #configured(
    app: AppInstance,
    items: readonly { container: { name: string }; index: number }[],
    work: () => Promise<void>,
  ): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      const message = describeError(error);
      const reason =
        error instanceof ContainerConfigError ? "CreateContainerConfigError" : "CreateContainerError";
      for (const { container, index } of items) {
        app.faults.set(index, { reason, message });
        app.event({
          type: "Warning",
          reason: "Failed",
          message: `Error: ${message}`,
          container: container.name,
        });
      }
      return false;
    }
  }

  #report(app: AppInstance, step: AppStep, runs: boolean): void {
    const { store, clock, hypervisor } = this.#context;
    const items = allContainers(app.record.spec);
    const ready = items.map(
      ({ index }) => [index, app.hookDone(index) && (app.probes(index)?.ready ?? false)] as const,
    );
    const started = items.map(({ index }) => [index, isStarted(app, index)] as const);
    const { status, record } = reportApp({
      record: app.record,
      step,
      machineRuns: runs,
      stoppingApp: app.machine.isStopping,
      goesOn: this.#wanted(app.id)?.active === true && app.record.end === undefined,
      content: (id) => store.contents.get(id as ContentId),
      ready: new Map(ready),
      started: new Map(started),
      faults: app.faults,
      room: this.#room(app.id),
      podIp: app.podIp,
      hostIp: app.hostIp,
      now: clock.now(),
      emulated: hypervisor.emulated,
      refusal: app.refusal,
      wish: this.#wanted(app.id)?.snapshots,
    });
    app.record = record;
    store.apps.set(app.id, status);
  }

  async #remove(app: AppInstance): Promise<Outcome> {
    await app.remove();
    this.instances.delete(app.id);
    this.#processors.forget(app.id);
    this.#context.store.apps.delete(app.id);
    return settled;
  }

  /** A machine without a record and without anybody who wants it: left over from a record that was lost. */
  async #clear(id: AppId): Promise<Outcome> {
    const { hypervisor, store, log } = this.#context;
    if ((await hypervisor.list()).includes(id)) log.warn("ending a machine nobody knows", { app: id });
    await hypervisor.remove(id);
    store.apps.delete(id);
    return settled;
  }
}

function isStarted(app: AppInstance, index: number): boolean {
  const runs = app.record.containers[index - 1]?.phase.kind === "running";
  return runs && app.hookDone(index) && (app.probes(index)?.started ?? false);
}

/** While the vault is locked nobody can read them; its opening wakes every app. */
async function loadLogs({ logs }: AppInstance): Promise<void> {
  try {
    await logs.load();
  } catch (error) {
    if (!(error instanceof VaultLockedError)) throw error;
  }
}

function again(reason: string, spanMs: number | undefined): Outcome {
  return spanMs === undefined ? settled : lookAgain(reason, millis(Math.max(10, spanMs)));
}
