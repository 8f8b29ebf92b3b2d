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
import {
  type Clock,
  describeError,
  hours,
  type Log,
  type Millis,
  millis,
  type Random,
  seconds,
  sleep,
} from "@selvedge/base";
import type { DesiredState } from "../desired.ts";
import type { Cell, EngineStore } from "../engine-store.ts";
import type { HardwareProbe } from "../hardware/hardware.ts";
import type { Disk } from "../host/disk.ts";
import { type HttpClient, HttpError } from "../host/http.ts";
import type { Identity } from "../identity/identity.ts";
import type { VaultKey } from "../identity/vault-key.ts";
import type { FlowReports } from "../network/flow-book.ts";
import type { InfoBundle } from "../operator/info-bundle.ts";
import type { Operator } from "../operator/operator.ts";
import type { ApiLink, AppLogOutbox, AppStreams, AppUsages, HostFacts, LinkDialer } from "../ports.ts";
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
import { OperatorConsole } from "./operator-console.ts";
import { DeviceMeters } from "./report/device-meters.ts";
import { DeviceReport } from "./report/device-report.ts";
import { FlowUpload } from "./report/flow-upload.ts";
import { HealthLoop } from "./report/health-loop.ts";
import { MetricsLoop } from "./report/metrics.ts";
import type { NetworkCounters, PatchUsages } from "./report/network-metrics.ts";
import type { NodeConditions } from "./report/node-conditions.ts";
import { deviceKey, locationKey, type Reporter, timeSourcesKey } from "./report/reporter.ts";
import { RuntimeMeters } from "./report/runtime-figures.ts";
import { Tellers } from "./report/tellers.ts";
import type { Secrets } from "./secrets.ts";
import type { Settings } from "./settings/settings.ts";

export interface ControlOptions {
  readonly store: EngineStore;
  /** What the controller wants, before the operator has had a say. */
  readonly accepted: Cell<DesiredState | undefined>;
  readonly settings: Settings;
  readonly operator: Operator;
  readonly disk: Disk;
  /** For what is nobody's who has the disk alone. */
  readonly sealed: Disk;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly http: HttpClient;
  readonly linkDialer: LinkDialer;
  readonly config: EnrolmentConfig;
  readonly identity: Identity;
  readonly secrets: Secrets;
  readonly vault: VaultKey;
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
  readonly patches: PatchUsages;
  readonly flows: FlowReports;
  /** What the node has to say of itself besides. */
  readonly conditions: NodeConditions;
  readonly bundle: InfoBundle;
}

/** How often the box is looked at for what tells nobody when it changes: its address, its disk. */
const lookAround = seconds(60);
/** With a link there is little to be learnt from it, and a day's traffic is small. */
const linkedTimePause = hours(3);
/** A part of control that fails in a way nobody foresaw begins again after this. */
const restartPause = seconds(10);

export class Control implements AsyncDisposable {
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
  readonly #flows: FlowUpload;
  readonly #logs: LogUploader;
  readonly #local: LocalServer;
  readonly #health: HealthLoop;
  readonly #standIn: OperatorConsole;
  readonly #tellers: Tellers;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>[] = [];
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
      ...{ disk, clock, log, secrets, sealed: options.sealed, vault: options.vault, trust: this.#trust },
      desired: options.accepted,
    });
    const client = new ControllerClient({
      ...{ ...common, http, config, identity, settings: this.#settings, trust: this.#trust },
    });
    this.#client = client;
    this.#enroller = new Enroller({ ...common, client, config, identity, disk });
    const { firmwareVersion, linkDialer: dialer, deviceLog } = options;
    this.#attestation = new Attestation({
      ...{ ...common, client, identity, engineVersion, firmwareVersion, vault: options.vault },
      trouble: (what, there) => options.operator.report(what, there),
    });
    this.#poll = new ConfigLoop({
      ...{ ...common, client, linkIsUp },
      acceptor: this.#acceptor,
      attestation: this.#attestation,
      enroller: this.#enroller,
      settings: this.#settings,
      standIn: { poll: (signal) => this.#standIn.poll(signal) },
      renamed: (now) => this.#renamed(now),
      onNews: () => this.#configNews(),
      onReached: () => this.#reached(),
    });
    client.onSilence(() => this.#poll.poke());
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
    this.#local = new LocalServer({ ...common, ...options, log: log.child("local") });
    this.#standIn = new OperatorConsole({
      ...{ ...common, ...options, log: log.child("console"), trust: this.#trust },
      ...{ acceptor: this.#acceptor, attestation: this.#attestation, local: this.#local },
    });
    this.#tellers = new Tellers({
      ...{ ...common, client, store, disk, device: this.#device },
      standIn: () => this.#standIn.client,
    });
    const settings = this.#settings;
    const pace = (): Millis => settings.seconds("timer.appcontainer.stats.interval");
    const runtimes = new RuntimeMeters({ ...common, http }, pace);
    this.#flows = new FlowUpload({ ...common, client, flows: options.flows });
    this.#metrics = new MetricsLoop({
      ...common,
      client,
      store,
      host,
      settings,
      linkIsUp,
      usages: apps?.usages,
      inside: (app, signal) => runtimes.read(app, signal),
      meters: new DeviceMeters({
        ...{ ...options, ...common, client, acceptor: this.#acceptor, logCounts: options.deviceLog.counts },
        ...{ memoryBytes: host.memoryBytes, flowCounts: this.#flows.counts },
      }),
      ...{ network: options.network, patches: options.patches, standIn: () => this.#standIn.client },
    });
    this.#health = new HealthLoop({
      ...{ ...common, client, settings, hardware: options.hardware, standIn: () => this.#standIn.client },
    });
    this.#logs = new LogUploader({ ...common, client, deviceLog, store, settings, outbox: apps?.logs });
  }

  /** An envelope over any payload, by the node's key. */
  envelope(payload: Uint8Array): Promise<Uint8Array> {
    return this.#client.envelope(payload);
  }

  /** The controller asks a certificate authority for us; resolves with its answer. */
  async askAuthority(payload: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
    const answer = await this.#client.post("scep", payload, { node: this.#node }, signal);
    if (answer.status !== 200)
      throw new HttpError(`the controller answers ${answer.status} to a question for an authority`);
    return answer.payload;
  }

  /** Leads apps to the controller's API. */
  get api(): ApiLink {
    return this.#link.api;
  }

  /** Tells the controller. */
  get reporter(): Reporter {
    return this.#tellers.reporter;
  }

  /** Believes what was accepted before this start. Touches no network. */
  async load(): Promise<void> {
    const { identity, disk, log } = this.#options;
    if (identity.replaced) {
      log.warn("the key of the node that this disk belonged to is gone; this box is a new node");
      await disk.remove("control");
      await disk.remove("operator");
    }
    await this.#trust.load(log);
    await this.#settings.load(disk);
    await this.#options.operator.load();
    this.#node = (await this.#enroller.known()) ?? "";
    await this.#acceptor.load();
    this.#epoch = this.#acceptor.accepted?.epoch;
    await this.#tellers.load();
  }

  start(): void {
    this.#go("operator", (signal) => this.#options.operator.run(signal));
    this.#go("local server", (signal) => this.#local.run(signal));
    this.#go("enrolment", (signal) => this.#converse(signal));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new Error("the engine stops"));
    await this.#tellers[Symbol.asyncDispose]();
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
    this.#tellers.follow();
    this.#attestation.onChange(() => {
      this.#tellers.wake(deviceKey);
      if (this.#attestation.state === "complete") this.#poll.poke();
    });
    this.#go("attestation", (inner) => this.#attestation.run(inner));
    this.#go("poll", (inner) => this.#poll.run(inner));
    this.#go("link", (inner) => this.#link.run(inner));
    this.#go("health", (inner) => this.#health.run(inner));
    this.#go("flows", (inner) => this.#flows.run(inner));
    this.#go("metrics", (inner) => this.#metrics.run(inner));
    this.#go("logs", (inner) => this.#logs.run(inner));
    this.#go("certificates", (inner) => this.#refreshCerts(inner));
    this.#options.operator.onChange(() => this.#tellers.wake(deviceKey));
    this.#go("look around", (inner) => this.#lookAround(inner));
  }

  /** The controller can be reached, perhaps again: what waits for that goes now. */
  #reached(): void {
    this.#options.operator.heard();
    this.#attestation.retry();
    this.#link.retry();
    this.#logs.poke();
    this.#tellers.reached();
  }

  #configNews(): void {
    const { accepted } = this.#acceptor;
    if (accepted !== undefined && this.#epoch !== undefined && accepted.epoch !== this.#epoch)
      this.#tellers.forget();
    this.#epoch = accepted?.epoch;
    // The pace of logs and figures is in the configuration.
    this.#logs.poke();
    this.#metrics.poke();
    this.#tellers.tellAll();
  }

  #renamed(node: string): void {
    this.#node = node;
    this.#acceptor.forgetHash();
    this.#tellers.forget();
    this.#tellers.tellAll();
  }

  async #lookAround(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    let beatAt = clock.monotonic();
    let [timeAt, placeAt] = [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY];
    for (;;) {
      await sleep(clock, lookAround, signal);
      const beat = this.#settings.seconds("timer.deviceinfo.interval");
      // A controller without a link takes silence for death; ours sees the link.
      if (
        (!this.#link.isUp || this.#settings.isSet("timer.deviceinfo.interval")) &&
        clock.monotonic() - beatAt >= beat
      ) {
        beatAt = clock.monotonic();
        this.#tellers.forget(deviceKey);
      }
      this.#tellers.wake(deviceKey);
      const pace = this.#settings.seconds("timer.ntpsources.interval");
      const rare = this.#link.isUp && !this.#settings.isSet("timer.ntpsources.interval");
      if (clock.monotonic() - timeAt >= Math.max(pace, rare ? linkedTimePause : 0)) {
        timeAt = clock.monotonic();
        this.#tellers.wake(timeSourcesKey);
      }
      if (clock.monotonic() - placeAt >= this.#settings.seconds("timer.location.cloud.interval")) {
        placeAt = clock.monotonic();
        this.#tellers.wake(locationKey);
      }
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
