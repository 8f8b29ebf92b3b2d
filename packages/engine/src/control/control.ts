/**
 * The engine's side of the conversation with a controller:
 *
 *   enrol ─► attest ─┬─ poll ─► accept ─► desired state
 *                    ├─ report ◄─ store
 *                    ├─ metrics, logs
 *                    └─ link: "changed", streams
 *
 * None of it is needed for the node to run: what was accepted before is believed at start, before any
 * network.
 */
import { type Clock, describeError, type Log, millis, type Random, seconds, sleep } from "@selvedge/base";
import { Runner } from "@selvedge/reconcile";
import type { DesiredState } from "../desired.ts";
import type { Cell, EngineStore } from "../engine-store.ts";
import type { HardwareProbe } from "../hardware/hardware.ts";
import type { Disk } from "../host/disk.ts";
import type { HttpClient } from "../host/http.ts";
import type { Identity } from "../identity/identity.ts";
import type { Operator } from "../operator/operator.ts";
import type { AppLogOutbox, AppStreams, AppUsages, HostFacts, LinkDialer } from "../ports.ts";
import { Attestation } from "./attestation.ts";
import { ConfigAcceptor } from "./config-acceptor.ts";
import { ConfigLoop } from "./config-loop.ts";
import { ControllerClient } from "./controller-client.ts";
import { ControllerTrust } from "./controller-trust.ts";
import { Enroller } from "./enroller.ts";
import type { EnrolmentConfig } from "./enrolment-config.ts";
import { LinkClient } from "./link-client.ts";
import { LocalServer } from "./local/local-server.ts";
import type { DeviceLog } from "./logs/device-log.ts";
import { LogUploader } from "./logs/log-uploader.ts";
import { DeviceReport } from "./report/device-report.ts";
import { MetricsLoop } from "./report/metrics.ts";
import type { NetworkCounters } from "./report/network-metrics.ts";
import type { NodeConditions } from "./report/node-conditions.ts";
import { deviceKey, Reporter } from "./report/reporter.ts";
import type { Secrets } from "./secrets.ts";
import type { Settings } from "./settings/settings.ts";

export interface ControlOptions {
  readonly store: EngineStore;
  /** What the controller wants, before the operator has had a say. */
  readonly accepted: Cell<DesiredState | undefined>;
  readonly settings: Settings;
  readonly operator: Operator;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly http: HttpClient;
  readonly linkDialer: LinkDialer;
  readonly config: EnrolmentConfig;
  readonly identity: Identity;
  readonly secrets: Secrets;
  readonly host: HostFacts;
  readonly hardware: HardwareProbe;
  readonly deviceLog: DeviceLog;
  readonly engineVersion: string;
  readonly firmwareVersion: string;
  /** What the app domain offers; missing on a node that runs no apps. */
  readonly apps:
    | { readonly streams: AppStreams; readonly usages: AppUsages; readonly logs: AppLogOutbox }
    | undefined;
  readonly network: NetworkCounters;
  /** What the node has to say of itself besides. */
  readonly conditions: NodeConditions;
}

/** How often the box is looked at for what tells nobody when it changes: its address, its disk. */
const lookAround = seconds(60);
/** A part of control that fails in a way nobody foresaw begins again after this. */
const restartPause = seconds(10);
/** Reports about different things at once. */
const reportsAtOnce = 2;

export class Control implements AsyncDisposable {
  readonly reporter: Reporter;
  readonly #options: ControlOptions;
  readonly #trust: ControllerTrust;
  readonly #acceptor: ConfigAcceptor;
  readonly #client: ControllerClient;
  readonly #enroller: Enroller;
  readonly #attestation: Attestation;
  readonly #settings: Settings;
  readonly #device: DeviceReport;
  readonly #link: LinkClient;
  readonly #poll: ConfigLoop;
  readonly #metrics: MetricsLoop;
  readonly #logs: LogUploader;
  readonly #local: LocalServer;
  readonly #runner: Runner;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>[] = [];
  readonly #unsubscribe: (() => void)[] = [];
  #node = "";
  #epoch: bigint | undefined;

  constructor(options: ControlOptions) {
    this.#options = options;
    const { store, disk, clock, random, http, config, identity, secrets, host, engineVersion, apps } =
      options;
    const log = options.log.child("control");
    const node = (): string => this.#node;
    const linkIsUp = (): boolean => this.#link.isUp;
    const common = { clock, random, log, node };
    this.#settings = options.settings;
    this.#trust = new ControllerTrust({ disk, clock, roots: config.roots });
    this.#acceptor = new ConfigAcceptor({
      disk,
      clock,
      log,
      secrets,
      trust: this.#trust,
      desired: options.accepted,
    });
    const client = new ControllerClient({
      ...common,
      http,
      config,
      identity,
      settings: this.#settings,
      trust: this.#trust,
    });
    this.#client = client;
    this.#enroller = new Enroller({ ...common, client, config, identity, disk });
    const { firmwareVersion, linkDialer: dialer, deviceLog } = options;
    this.#attestation = new Attestation({ ...common, client, identity, engineVersion, firmwareVersion });
    this.#poll = new ConfigLoop({
      ...{ ...common, client, linkIsUp },
      acceptor: this.#acceptor,
      attestation: this.#attestation,
      enroller: this.#enroller,
      settings: this.#settings,
      renamed: (now) => this.#renamed(now),
      onNews: () => this.#configNews(),
      onReached: () => this.#reached(),
    });
    this.#link = new LinkClient({
      ...{ ...common, dialer, client, config, engineVersion },
      streams: apps?.streams,
      onConfigHash: (hash) => this.#poll.changed(hash),
      onUp: () => this.#reached(),
      onDown: () => this.#poll.linkEnded(),
    });
    this.#device = new DeviceReport({
      ...{ ...common, ...options, acceptor: this.#acceptor, attestation: this.#attestation },
    });
    this.reporter = new Reporter({
      ...{ ...common, client, store, disk },
      device: () => this.#device.device(),
      hardware: () => this.#device.hardware(),
    });
    this.#runner = new Runner({ reconciler: this.reporter, clock, random, log, concurrency: reportsAtOnce });
    const settings = this.#settings;
    this.#metrics = new MetricsLoop({
      ...common,
      client,
      store,
      disk,
      host,
      settings,
      linkIsUp,
      usages: apps?.usages,
      network: options.network,
    });
    this.#local = new LocalServer({ ...common, ...options, log: log.child("local") });
    this.#logs = new LogUploader({ ...common, client, deviceLog, store, settings, outbox: apps?.logs });
  }

  /** Believes what was accepted before this start. Touches no network. */
  async load(): Promise<void> {
    const { identity, disk, log } = this.#options;
    if (identity.replaced) {
      log.warn("the key of the node that this disk belonged to is gone; this box is a new node");
      await disk.remove("control");
    }
    await this.#trust.load(log);
    await this.#settings.load(disk);
    await this.#options.operator.load();
    this.#node = (await this.#enroller.known()) ?? "";
    await this.#acceptor.load();
    this.#epoch = this.#acceptor.accepted?.epoch;
    await this.reporter.load();
  }

  start(): void {
    this.#go("operator", (signal) => this.#options.operator.run(signal));
    this.#go("local server", (signal) => this.#local.run(signal));
    this.#go("enrolment", (signal) => this.#converse(signal));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new Error("the engine stops"));
    for (const stop of this.#unsubscribe) stop();
    await this.#runner[Symbol.asyncDispose]();
    await Promise.allSettled(this.#running);
    // What was logged on the way down is read after the next start.
    await this.#options.deviceLog.rotate(this.#node, true).catch((error: unknown) => {
      this.#options.log.debug("the log's last lines were lost", { error });
    });
  }

  async #converse(signal: AbortSignal): Promise<void> {
    const { log, config, identity } = this.#options;
    if (this.#node === "") {
      log.info("asking to be let in", { controller: config.baseUrl, keys: identity.keys.place });
      this.#node = await this.#enroller.enrol(signal);
      log.info("this box is a node now", { node: this.#node });
    }
    this.#follow();
    this.#attestation.onChange(() => {
      this.#runner.wake(deviceKey);
      if (this.#attestation.state === "complete") this.#poll.poke();
    });
    this.#go("attestation", (inner) => this.#attestation.run(inner));
    this.#go("poll", (inner) => this.#poll.run(inner));
    this.#go("link", (inner) => this.#link.run(inner));
    this.#go("metrics", (inner) => this.#metrics.run(inner));
    this.#go("logs", (inner) => this.#logs.run(inner));
    this.#go("certificates", (inner) => this.#refreshCerts(inner));
    this.#options.operator.onChange(() => this.#runner.wake(deviceKey));
    this.#go("look around", (inner) => this.#lookAround(inner));
  }

  /** Wakes the reporter for what changes in the store. */
  #follow(): void {
    const { store } = this.#options;
    const wake = (key: string): void => this.#runner.wake(key);
    this.#unsubscribe.push(
      store.desired.subscribe(() => this.#tellAll()),
      store.apps.subscribe((id) => {
        wake(`app/${id}`);
        wake(deviceKey);
      }),
      store.networks.subscribe((id) => wake(`network/${id}`)),
      store.nics.subscribe((key) => {
        wake(`app/${key.split("/")[0]}`);
        for (const id of store.networks.keys()) wake(`network/${id}`);
      }),
      store.contents.subscribe((id) => {
        wake(`content/${id}`);
        for (const volume of store.desired.get()?.volumes ?? [])
          if (volume.contentId === id) wake(`volume/${volume.id}`);
        if (store.contents.get(id)?.phase === "ready") wake(deviceKey);
      }),
    );
    this.#tellAll();
  }

  #tellAll(): void {
    for (const key of this.reporter.keys()) this.#runner.wake(key);
  }

  /** The controller can be reached, perhaps again: what waits for that goes now. */
  #reached(): void {
    this.#options.operator.heard();
    this.#attestation.retry();
    this.#link.retry();
    this.#logs.poke();
    this.#tellAll();
  }

  #configNews(): void {
    const { accepted } = this.#acceptor;
    if (accepted !== undefined && this.#epoch !== undefined && accepted.epoch !== this.#epoch)
      this.reporter.forget();
    this.#epoch = accepted?.epoch;
    this.#tellAll();
  }

  #renamed(node: string): void {
    this.#node = node;
    this.#acceptor.forgetHash();
    this.reporter.forget();
    this.#tellAll();
  }

  async #lookAround(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    let beatAt = clock.monotonic();
    for (;;) {
      await sleep(clock, lookAround, signal);
      const beat = this.#settings.seconds("timer.deviceinfo.interval");
      // A controller without a link takes silence for death; ours sees the link.
      if (
        (!this.#link.isUp || this.#settings.isSet("timer.deviceinfo.interval")) &&
        clock.monotonic() - beatAt >= beat
      ) {
        beatAt = clock.monotonic();
        this.reporter.forget(deviceKey);
      }
      this.#runner.wake(deviceKey);
    }
  }

  async #refreshCerts(signal: AbortSignal): Promise<void> {
    const { clock, random, log } = this.#options;
    for (;;) {
      const span = this.#settings.seconds("timer.cert.interval");
      await sleep(clock, millis(span * (0.3 + 0.7 * random.next())), signal);
      try {
        await this.#client.fetchCerts(signal);
      } catch (error) {
        signal.throwIfAborted();
        log.warn("the controller's certificates could not be asked for", { error: describeError(error) });
      }
    }
  }

  /** Runs a part until the engine stops; one that throws is begun again. */
  #go(name: string, part: (signal: AbortSignal) => Promise<void>): void {
    const { clock, log } = this.#options;
    const { signal } = this.#stop;
    const run = async (): Promise<void> => {
      for (;;) {
        try {
          return await part(signal);
        } catch (error) {
          if (signal.aborted) return;
          log.error("a part of control failed and begins again", { part: name, error: describeError(error) });
        }
        try {
          await sleep(clock, restartPause, signal);
        } catch {
          // The engine stops.
          return;
        }
      }
    };
    this.#running.push(run());
  }
}
