import { describeError } from "@selvedge/base";
import type { ext } from "@selvedge/eve-api";
import { type AppId, type AppSpec, type ContentId, volumeUses } from "../desired.ts";
import type { ContentStatus, NicStatus } from "../observed.ts";
import { bringImage, rootOf } from "./added-image.ts";
import { type AppContext, appFolder } from "./app-context.ts";
import { type AppEventInput, withEvent } from "./app-events.ts";
import { guestNetwork, ipOf, mountVolumes, nicKey, placeVolumes, readyNics } from "./app-files.ts";
import { AppMachine } from "./app-machine.ts";
import { backoffLeft } from "./app-plan.ts";
import {
  type AppRecord,
  allContainers,
  type ContainerRecord,
  encodeRecord,
  essenceOf,
  type MachineRecord,
} from "./app-record.ts";
import { sizeOf, withSize } from "./app-size.ts";
import { containerStart, filesFingerprint, machineFingerprint, machineStart } from "./container-config.ts";
import type { ContainerStart, GuestOutput } from "./hypervisor.ts";
import { AppLogs, isMuted } from "./logs/app-logs.ts";
import { machineVolumes, rootContents } from "./machine-volumes.ts";
import { runAction } from "./probes/action.ts";
import type { ActionTarget } from "./probes/action-target.ts";
import { Prober } from "./probes/prober.ts";
import type { MachineProcessors } from "./processors.ts";
import { pullEvents } from "./pull-events.ts";
import { writeSeed } from "./seed/root-seed.ts";
import { openUserData, readUserData } from "./seed/user-data.ts";
import { forNewMachine, nextBackoff, scratchBytes } from "./start-plan.ts";

type ContainerFault = { readonly reason: string; readonly message: string };

/**
 * One app on this node: its record, its machine, its probes and its logs. The reconciler decides, this
 * acts.
 */
export class AppInstance {
  readonly context: AppContext;
  readonly machine: AppMachine;
  readonly logs: AppLogs;
  /** Why a container cannot be started, by its number. */
  readonly faults: Map<number, ContainerFault> = new Map();
  /** Why the newest specification is not followed. */
  refusal: string | undefined;
  readonly #probers = new Map<number, { attempt: number; prober: Prober }>();
  readonly #starts = new Map<number, ContainerStart>();
  readonly #ends = new Map<number, { attempt: number; at: number }>();
  /** By its number: which attempt of a container has been through its postStart hook. */
  readonly #hooks = new Map<number, number>();
  readonly #viewers = new Map<number, Set<(output: GuestOutput) => void>>();
  readonly #pulls = new Map<number, ContentStatus["phase"]>();
  /** By its number: of which attempt of a container it was told that the next one waits. */
  readonly #backedOff = new Map<number, number>();
  readonly #since: number;
  readonly #activeBefore: number;
  #saved = "";
  record: AppRecord;
  hostIp = "";

  constructor(context: AppContext, record: AppRecord) {
    this.context = context;
    this.record = record;
    this.#since = context.clock.monotonic();
    this.#activeBefore = record.activeMs;
    this.logs = new AppLogs(
      { ...context, disk: context.sealed, isMuted: () => isMuted(context.store, record.id) },
      `${appFolder(record.id)}/logs`,
      context.logsWritten,
    );
    this.machine = new AppMachine({
      context,
      record: () => this.record,
      event: (event) => this.event(event),
      output: (output) => {
        const name = this.record.containers[output.container - 1]?.name;
        if (name !== undefined) this.logs.push(name, output);
        for (const listener of this.#viewers.get(output.container) ?? []) listener(output);
      },
      target: (index) => this.target(index),
    });
    this.logs.attach((container, attempt, offset) =>
      this.machine.guest?.acknowledge(container, attempt, offset),
    );
  }

  get id(): AppId {
    return this.record.id;
  }

  get activeMs(): number {
    return this.#activeBefore + this.context.clock.monotonic() - this.#since;
  }

  event(event: AppEventInput): void {
    this.record = withEvent(this.record, event, this.context.clock.now());
  }

  /** What a container writes from now on, as it comes. */
  onOutput(index: number, listener: (output: GuestOutput) => void): () => void {
    const viewers = this.#viewers.get(index) ?? new Set();
    this.#viewers.set(index, viewers.add(listener));
    return () => viewers.delete(listener);
  }

  /** As last reported, for whoever asks for what is not there yet. */
  waitingReason(index: number): string {
    const report = this.context.store.apps.get(this.id)?.report;
    const all = [...(report?.initContainers ?? []), ...(report?.containers ?? [])];
    const state = all[index - 1]?.state?.state;
    return state?.case === "waiting" ? state.value.reason : "ContainerCreating";
  }

  /** Tells what can be told of images and of waits, each once. */
  noteEvents(): void {
    for (const { container, index } of allContainers(this.record.spec)) {
      const record = this.record.containers[index - 1];
      const content = this.context.store.contents.get(container.contentTreeId as ContentId);
      if (record?.attempt === 0 && record.phase.kind === "idle")
        for (const event of pullEvents(container.name, container.image, this.#pulls.get(index), content))
          this.event(event);
      if (content !== undefined) this.#pulls.set(index, content.phase);
      if (record === undefined || this.#backedOff.get(index) === record.attempt) continue;
      if (this.record.end !== undefined || backoffLeft(record, this.sinceEndMs(index)) <= 0) continue;
      this.#backedOff.set(index, record.attempt);
      const { name } = container;
      const message = `Back-off restarting failed container ${name} in pod ${this.record.spec.pod.name}`;
      this.event({ type: "Warning", reason: "BackOff", message, container: name });
    }
  }

  nic(name: string): NicStatus | undefined {
    return this.context.store.nics.get(`${this.id}/${name}`);
  }

  get podIp(): string {
    const [first] = this.record.spec.nics;
    const now = first === undefined ? "" : ipOf(this.context.store.nics.get(nicKey(this.record.spec, first)));
    return now || (this.record.machine?.podIp ?? "");
  }

  /** How long ago an attempt ended; of ends that an earlier engine saw, as long as we know of them. */
  sinceEndMs(index: number): number {
    const container = this.record.containers[index - 1];
    const now = this.context.clock.monotonic();
    if (container?.phase.kind !== "ended") return 0;
    const known = this.#ends.get(index);
    if (known?.attempt === container.attempt) return now - known.at;
    this.#ends.set(index, { attempt: container.attempt, at: now });
    return 0;
  }

  probes(index: number): Prober | undefined {
    return this.#probers.get(index)?.prober;
  }

  /** Whether the attempt that runs has been through its postStart hook. */
  hookDone(index: number): boolean {
    const item = allContainers(this.record.spec)[index - 1];
    return item?.container.postStart === undefined || this.#hooks.get(index) === this.#attempt(index);
  }

  target(index: number): ActionTarget | undefined {
    const { guest } = this.machine;
    if (guest === undefined) return undefined;
    const { user = "", env = [], cwd = "/" } = this.#starts.get(index) ?? {};
    return { guest, index, user, env, cwd, podIp: this.podIp };
  }

  /** Keeps what a crash must not lose. */
  async save(): Promise<void> {
    const essence = essenceOf(this.record);
    if (essence === this.#saved) return;
    this.record = { ...this.record, activeMs: this.activeMs };
    await this.context.disk.writeDurable(recordPath(this.id), encodeRecord(this.record));
    this.#saved = essence;
  }

  async launch(spec: AppSpec, processors: MachineProcessors): Promise<void> {
    const { store, hypervisor, facts } = this.context;
    const nics = readyNics(spec, (name) => this.nic(name));
    const contents = rootContents(spec);
    const images = new Map<string, string>(
      store.contents.entries().flatMap(([id, it]) => (it.phase === "ready" ? [[id as string, it.path]] : [])),
    );
    const machine: MachineRecord = {
      bootId: facts.bootId,
      fingerprint: machineFingerprint(spec),
      memoryBytes: spec.memoryBytes,
      podIp: ipOf(nics[0]),
      disks: contents,
      volumes: volumeUses(spec).map(({ key }) => key),
      processors: processors.own,
      prepared: false,
      filesFingerprint: "",
      goingOn: [],
    };
    this.machine.forget();
    const containers = this.record.containers.map(forNewMachine);
    this.record = { ...this.record, machine, size: sizeOf(spec), containers };
    this.event({ type: "Normal", reason: "MachineStarting", message: "Starting the app's machine" });
    await this.save();
    try {
      const boot = await machineVolumes(spec, this.context);
      await hypervisor.launch({
        ...boot,
        processors,
        id: this.id,
        memoryMib: Math.max(64, Math.ceil(spec.memoryBytes / 2 ** 20)),
        vcpus: Math.max(1, spec.vcpus),
        disks: contents.map((id) => images.get(id) ?? ""),
        scratchBytes: scratchBytes(spec),
        secret: this.context.vault.secretFor(`machine ${this.id}`),
        uid: nics[0]?.uid,
        nics: nics.map(({ tap, mac }) => ({ tap, mac })),
      });
    } catch (error) {
      this.machine.launchFailed();
      const message = `Failed to create pod sandbox: ${describeError(error)}`;
      this.event({ type: "Warning", reason: "FailedCreatePodSandBox", message });
      await hypervisor.kill(this.id);
    }
  }

  /** The machine makes way for another: what runs now is started again there, however it ends here. */
  replaceMachine(): void {
    const { machine, containers } = this.record;
    if (machine === undefined || this.machine.isStopping) return;
    const goingOn = containers
      .filter(({ phase, role }) => phase.kind === "running" && role !== "ephemeral")
      .map(({ name }) => name);
    this.record = { ...this.record, machine: { ...machine, goingOn } };
  }

  /** Network, volumes and files, before the first container starts, and again when files change. */
  async prepare(): Promise<void> {
    const { guest } = this.machine;
    const { spec, machine } = this.record;
    if (guest === undefined || machine === undefined) return;
    const secrets = await this.#secrets();
    if (!machine.prepared && spec.foreign?.vm === undefined)
      guest.setup(
        guestNetwork(
          spec,
          readyNics(spec, (name) => this.nic(name)),
        ),
      );
    placeVolumes(guest, spec, secrets);
    if (!machine.prepared && spec.foreign?.vm === undefined) {
      mountVolumes(guest, spec, machine.disks);
      const { secrets: opener } = this.context;
      this.record = { ...this.record, seeded: await writeSeed(guest, spec, this.record.seeded, opener) };
    }
    const prepared = { ...machine, prepared: true, filesFingerprint: filesFingerprint(spec) };
    this.record = { ...this.record, machine: prepared };
  }

  async startContainer(index: number): Promise<void> {
    const { guest } = this.machine;
    const before = this.record.containers[index - 1];
    if (guest === undefined || before === undefined) return;
    const again = before.phase.kind === "starting";
    const attempt = again ? before.attempt : before.attempt + 1;
    const start = await this.describeStart(index, attempt);
    if ("part" in start.root) await bringImage(this.context, this.record, index, start.root.part);
    this.faults.delete(index);
    if (!again) {
      const last = before.phase.kind === "ended" ? before.phase.end : before.last;
      const restarts = attempt === 1 ? 0 : before.restarts + 1;
      const backoffMs = nextBackoff(before, restarts);
      this.#update(index, { ...before, attempt, restarts, last, backoffMs, phase: { kind: "starting" } });
      const message = `Created container: ${before.name}`;
      this.event({ type: "Normal", reason: "Created", message, container: before.name });
      // Before the guest hears of it: an attempt must never be counted twice or not at all.
      await this.save();
    }
    this.machine.asked.set(index, attempt);
    this.#starts.set(index, start);
    guest.start(start);
  }

  async describeStart(index: number, attempt: number): Promise<ContainerStart> {
    const { machine, size } = this.record;
    const spec = withSize(this.record.spec, size);
    const item = allContainers(spec)[index - 1];
    if (item === undefined) throw new Error(`the app has no container ${index}`);
    if (spec.foreign?.vm !== undefined) return machineStart(index, attempt);
    const { container } = item;
    const content = this.context.store.contents.get(container.contentTreeId as ContentId);
    return containerStart({
      ...{ spec, container, index, attempt },
      root: rootOf(spec, machine?.disks ?? [], item),
      image: content?.phase === "ready" ? content.config : undefined,
      secrets: await this.#secrets(),
      foreign: (await readUserData(await openUserData(spec, this.context.secrets))).environment,
      podIp: this.podIp,
      hostIp: this.hostIp,
    });
  }

  /** Makes probes and hooks follow what runs: one set for each attempt. */
  async followRuns(signal: AbortSignal): Promise<void> {
    for (const { container, index } of allContainers(this.record.spec)) {
      const record = this.record.containers[index - 1];
      const runs = record?.phase.kind === "running" && this.machine.connected;
      const known = this.#probers.get(index);
      if (known !== undefined && (!runs || known.attempt !== record?.attempt)) {
        known.prober.close();
        this.#probers.delete(index);
      }
      if (!runs || record === undefined || this.#probers.has(index)) continue;
      // After a restart of the engine it is described anew; what the container runs with is the same.
      if (!this.#starts.has(index)) await this.#rememberStart(index, record.attempt);
      const target = this.target(index);
      if (target === undefined) continue;
      const changed = (): void => this.context.wake(this.id);
      const event = (it: AppEventInput): void => {
        this.event(it);
        changed();
      };
      const { clock } = this.context;
      const prober = new Prober({ clock, container, target, event, changed });
      this.#probers.set(index, { attempt: record.attempt, prober });
      if (container.postStart !== undefined)
        this.#runPostStart(index, container, container.postStart, signal);
    }
  }

  async close(): Promise<void> {
    for (const { prober } of this.#probers.values()) prober.close();
    this.#probers.clear();
    await this.machine.settle();
    await this.logs.close();
  }

  /** All that is kept of the app goes. */
  async remove(): Promise<void> {
    await this.close();
    await this.context.hypervisor.remove(this.id);
    await this.logs.remove();
    await this.context.disk.remove(appFolder(this.id));
  }

  /**
   * For what is run in a container that an earlier engine started. Without it, it runs as root in the root
   * folder.
   */
  async #rememberStart(index: number, attempt: number): Promise<void> {
    try {
      this.#starts.set(index, await this.describeStart(index, attempt));
    } catch (error) {
      this.context.log.warn("how a container was started is not known", {
        app: this.id,
        error: describeError(error),
      });
    }
  }

  #runPostStart(index: number, container: ext.Container, action: ext.ProbeAction, signal: AbortSignal): void {
    const attempt = this.#attempt(index);
    const target = this.target(index);
    if (this.#hooks.get(index) === attempt || target === undefined) return;
    const run = async (): Promise<void> => {
      const result = await runAction(action, target, this.context.clock, hookMaxMs, signal);
      if (signal.aborted) return;
      if (result.ok) this.#hooks.set(index, attempt);
      else {
        const message = `PostStartHook failed: ${result.message}`;
        this.event({ type: "Warning", reason: "FailedPostStartHook", message, container: container.name });
        if (this.#attempt(index) === attempt)
          await this.machine.stopContainer(index, () => this.record.spec.pod.terminationGraceSeconds);
      }
      this.context.wake(this.id);
    };
    void run();
  }

  #attempt(index: number): number {
    return this.record.containers[index - 1]?.attempt ?? 0;
  }

  #update(index: number, container: ContainerRecord): void {
    const containers = this.record.containers.map((it, at) => (at === index - 1 ? container : it));
    this.record = { ...this.record, containers };
  }

  /** Opened anew each time and kept nowhere. */
  async #secrets(): Promise<ext.AppSecrets | undefined> {
    const { secrets } = this.record.spec.pod;
    return secrets.length === 0 ? undefined : await this.context.secrets.openAppSecrets(secrets);
  }
}

/** A hook that hangs must not hold the app's end up for ever. */
const hookMaxMs = 600_000;

export function recordPath(id: AppId): string {
  return `${appFolder(id)}/app.json`;
}
