import { generateKeyPairSync } from "node:crypto";
import { create, fromBinary } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { KubeObject } from "@selvedge/apimachinery";
import { ObjectRegistry, SqliteStore } from "@selvedge/apiserver";
import { Log, type LogRecord, SeededRandom } from "@selvedge/base";
import type { KindRef } from "@selvedge/client";
import { cipher, config, ext, getExtension, info, setExtension } from "@selvedge/eve-api";
import { allKinds, type EdgeNode, edgeNodeKind } from "@selvedge/kinds";
import { Runner } from "@selvedge/reconcile";
import { PodTokens } from "../src/access/pod-tokens.ts";
import { controllerAdmission } from "../src/admission/controller-admission.ts";
import { PolicyCache } from "../src/admission/policies.ts";
import { EventRecorder } from "../src/events/event-recorder.ts";
import { InProcessObjects } from "../src/in-process-objects.ts";
import { FlowBook } from "../src/ingest/flow-book.ts";
import { HealthBook } from "../src/ingest/hardware-health.ts";
import { NodeFacts } from "../src/ingest/node-facts.ts";
import { NodeReports } from "../src/ingest/node-reports.ts";
import { PatchUse } from "../src/ingest/patch-use.ts";
import { StateBook } from "../src/ingest/state-book.ts";
import { UsageBook } from "../src/ingest/usage-book.ts";
import { type Caches, cachesOf, createCluster } from "../src/objects/caches.ts";
import type { Cluster } from "../src/objects/cluster.ts";
import type { NodeSealer, Records } from "../src/ports.ts";
import { createReconcilers } from "../src/reconcilers.ts";
import { RenderedConfigs } from "../src/render/rendered-configs.ts";
import { ensureStandardObjects } from "../src/standard-objects.ts";
import { ManualClock } from "./manual-clock.ts";

const { privateKey: accountKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });

class MemoryRecords implements Records {
  readonly #buckets = new Map<string, Map<string, Uint8Array>>();

  get(bucket: string, key: string): Uint8Array | undefined {
    return this.#buckets.get(bucket)?.get(key);
  }

  put(bucket: string, key: string, value: Uint8Array): void {
    this.#buckets.set(bucket, (this.#buckets.get(bucket) ?? new Map()).set(key, new Uint8Array(value)));
  }

  delete(bucket: string, key: string): void {
    this.#buckets.get(bucket)?.delete(key);
  }

  entries(bucket: string): Iterable<readonly [string, Uint8Array]> {
    return this.#buckets.get(bucket)?.entries() ?? [];
  }

  async settled(): Promise<void> {}
}

/** Seals by writing the plaintext down: what is secret is tested where the real sealer is. */
class PlainSealer implements NodeSealer {
  readonly certified: Set<string> = new Set();
  all: boolean = true;
  readonly #listeners = new Set<(node: string) => void>();

  async seal(node: string, _name: string, plaintext: Uint8Array): Promise<cipher.CipherBlock | undefined> {
    if (!this.all && !this.certified.has(node)) return undefined;
    return create(cipher.CipherBlockSchema, { cipherContextId: "plain", cipherData: plaintext });
  }

  contexts(): readonly cipher.CipherContext[] {
    return [create(cipher.CipherContextSchema, { contextId: "plain" })];
  }

  onChange(listener: (node: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  certify(node: string): void {
    this.certified.add(node);
    for (const listener of this.#listeners) listener(node);
  }
}

/** How often a played node polls. */
const pollMs = 30_000;

interface Running {
  readonly cluster: Cluster;
  readonly caches: Caches;
  readonly configs: RenderedConfigs;
  readonly reports: NodeReports;
  readonly states: StateBook;
  readonly usages: UsageBook;
  readonly runners: readonly Runner[];
  readonly stops: readonly (() => void)[];
}

/**
 * The API server's objects and all reconcilers, in one process on a clock that is told to move; nodes are
 * played.
 */
export class ObjectWorld implements AsyncDisposable {
  readonly clock: ManualClock;
  readonly store: SqliteStore = new SqliteStore(":memory:");
  readonly registry: ObjectRegistry;
  readonly objects: InProcessObjects;
  readonly records: MemoryRecords = new MemoryRecords();
  readonly sealer: PlainSealer = new PlainSealer();
  readonly random: SeededRandom;
  readonly warnings: LogRecord[] = [];
  readonly nodes: Map<string, PlayedNode> = new Map();
  readonly #policies: PolicyCache;
  #running: Running | undefined;

  /** On objects of its own, or on those of a server that others can ask. */
  constructor(seed = 1, registry?: ObjectRegistry, clock: ManualClock = new ManualClock()) {
    this.clock = clock;
    this.random = new SeededRandom(seed);
    this.registry = registry ?? new ObjectRegistry(allKinds, this.store, this.clock, this.random);
    this.objects = new InProcessObjects(this.registry);
    const log = new Log("policies", this.clock, () => undefined);
    this.#policies = new PolicyCache({ objects: this.objects, clock: this.clock, random: this.random, log });
    const [policies, { objects }] = [this.#policies, this];
    const contents = (): readonly KindRef[] => this.registry.kinds.filter(({ namespaced }) => namespaced);
    this.registry.admission.add(...controllerAdmission({ policies, objects, clock: this.clock, contents }));
  }

  static async start(seed = 1): Promise<ObjectWorld> {
    const world = new ObjectWorld(seed);
    await ensureStandardObjects(world.objects);
    await world.run();
    return world;
  }

  get running(): Running {
    if (this.#running === undefined) throw new Error("the controller is not running");
    return this.#running;
  }

  /** Starts the controller's parts. */
  async run(): Promise<void> {
    const { objects, clock, random, sealer } = this;
    const log = new Log("test", clock, (record) => {
      if (record.level === "warn" || record.level === "error") this.warnings.push(record);
    });
    const cluster = createCluster({ objects, clock, random, log });
    const caches = cachesOf(cluster);
    const facts = new NodeFacts();
    const events = new EventRecorder(cluster, clock, log);
    const configs = new RenderedConfigs(this.records, clock);
    const [states, patchUse, usages] = [new StateBook(this.records), new PatchUse(), new UsageBook()];
    const reports = new NodeReports({
      ...{ cluster, caches, clock, log, events, facts, configs },
      ...{ usages, flows: new FlowBook(), health: new HealthBook(this.records) },
      ...{ states, patchUse },
    });
    await Promise.all([cluster.start(), this.#policies.start()]);
    const table = createReconcilers({
      ...{ cluster, caches, clock, events, sealer, configs, facts, states, usages, patchUse },
      registry: { address: "controller:8444", certificates: ["PEM"], password: (node) => `pw-${node}` },
      tokens: { key: (text) => text, sign: () => new Uint8Array(64), hasSigned: () => true },
      podTokens: new PodTokens({ key: accountKey, issuer: "https://api", clock }),
      certificatesHash: () => "certs-1",
      onRenewed: () => () => undefined,
      links: { state: () => ({ connected: false, since: undefined }), onChange: () => () => undefined },
      forget: (node) => {
        facts.forget(node);
        configs.forget(node);
      },
      ...{ random, log, served: this.registry.table },
      contents: () => this.registry.table.kept.filter(({ namespaced }) => namespaced),
    });
    const stops: (() => void)[] = [];
    const runners = table.map(({ reconciler, wakes, initial = [], connect }) => {
      const runner = new Runner({ reconciler, clock, random, log: log.child(reconciler.name) });
      const wake = (key: string): void => runner.wake(key);
      for (const { kind, keys } of wakes) {
        stops.push(
          cluster.cache(kind).onChange((before, after) => {
            for (const key of keys(before, after)) wake(key);
          }),
        );
      }
      if (connect !== undefined) stops.push(connect(wake));
      for (const key of initial) wake(key);
      return runner;
    });
    this.#running = { cluster, caches, configs, reports, states, usages, runners, stops };
  }

  /** As a crash and a new start: all that was in memory is gone. */
  async restart(): Promise<void> {
    await this.stop();
    await this.run();
  }

  async stop(): Promise<void> {
    const { runners, cluster, stops } = this.running;
    for (const stop of stops) stop();
    for (const runner of runners) await runner[Symbol.asyncDispose]();
    await cluster[Symbol.asyncDispose]();
    this.#running = undefined;
  }

  /** Waits until nobody has anything to do but wait for time. */
  async settle(): Promise<void> {
    let quiet = 0;
    while (quiet < 8) {
      await new Promise((resolve) => setImmediate(resolve));
      // Who gives others their turn goes on in the same moment.
      this.clock.step(0);
      quiet = this.running.runners.every(({ idle }) => idle) ? quiet + 1 : 0;
    }
  }

  /** Lets the nodes and the controller act in turn until neither changes anything. */
  async converge(turns = 60): Promise<void> {
    for (let turn = 0; turn < turns; turn++) {
      await this.settle();
      let changed = false;
      for (const node of this.nodes.values()) changed = (await node.act()) || changed;
      if (!changed) return await this.settle();
    }
    throw new Error(`nodes and controller still change each other after ${turns} turns`);
  }

  /** Lets time pass, with everybody acting in it. */
  async pass(seconds: number): Promise<void> {
    for (let left = seconds * 1000; left > 0; left -= pollMs) {
      let part = Math.min(left, pollMs);
      while (part > 0) {
        part = this.clock.step(part);
        await this.settle();
      }
      for (const node of this.nodes.values()) await node.act();
    }
    await this.converge();
  }

  async addNode(name: string, labels: Record<string, string> = {}): Promise<PlayedNode> {
    const id = `00000000-0000-4000-8000-${String(this.nodes.size + 1).padStart(12, "0")}`;
    const edgeNode = {
      apiVersion: "selvedge.dev/v1alpha1",
      kind: "EdgeNode",
      metadata: { name },
      spec: { labels, serial: `serial-${name}`, approved: true },
    } as EdgeNode;
    const made = await this.objects.create(edgeNodeKind, edgeNode);
    await this.objects.updateStatus(edgeNodeKind, { ...made, status: { phase: "Enrolled", nodeID: id } });
    const node = new PlayedNode(this, name, id);
    this.nodes.set(name, node);
    await this.settle();
    await node.act();
    await this.settle();
    return node;
  }

  create<T extends KubeObject>(kind: Parameters<InProcessObjects["create"]>[0], object: T): Promise<T> {
    return this.objects.create(kind, object);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await this.#policies[Symbol.asyncDispose]();
    this.store.close();
  }
}

interface PlayedApp {
  version: string;
  /** What its container does. */
  behaves: "well" | "fails" | "never-ready" | "succeeds";
  state: "starting" | "running" | "halted" | "failed" | "succeeded";
  readonly starts: number;
  /** In the node's network. */
  readonly address: string;
}

/** A node as the controller sees it: takes its configuration, runs its apps at once, reports. */
export class PlayedNode {
  readonly name: string;
  readonly id: string;
  readonly #world: ObjectWorld;
  readonly apps: Map<string, PlayedApp> = new Map();
  online: boolean = true;
  /** Names of images whose containers misbehave. */
  readonly broken: Map<string, PlayedApp["behaves"]> = new Map();
  /** What the container of an app of this name does; undefined: what its image does. */
  behavesAs: (name: string) => PlayedApp["behaves"] | undefined = () => undefined;
  memoryBytes: bigint = 4n << 30n;
  #said = "";

  constructor(world: ObjectWorld, name: string, id: string) {
    this.#world = world;
    this.name = name;
    this.id = id;
  }

  get config(): config.EdgeDevConfig | undefined {
    const current = this.#world.running.configs.current(this.id);
    return current && fromBinary(config.EdgeDevConfigSchema, current.config);
  }

  /** Polls, does as it is told, reports. Returns whether it said anything new. */
  async act(): Promise<boolean> {
    if (!this.online) return false;
    const { configs, reports } = this.#world.running;
    reports.seen(this.id, this.#world.clock.now());
    const current = configs.current(this.id);
    const wanted = this.config;
    const listed = new Set<string>();
    for (const app of wanted?.apps ?? []) {
      const uid = app.uuidandversion?.uuid ?? "";
      listed.add(uid);
      const byImage = this.broken.get(getExtension(app, ext.AppExtensionSchema)?.containers[0]?.image ?? "");
      const behaves = this.behavesAs(app.displayname) ?? byImage ?? "well";
      const known = this.apps.get(uid);
      const ended = behaves === "fails" ? "failed" : behaves === "succeeds" ? "succeeded" : undefined;
      const state = !app.activate ? "halted" : (ended ?? "running");
      this.apps.set(uid, {
        version: app.uuidandversion?.version ?? "",
        behaves,
        state: known?.state === "failed" || known?.state === "succeeded" ? known.state : state,
        starts: (known?.starts ?? 0) + (known === undefined ? 1 : 0),
        address: known?.address ?? this.#freeAddress(),
      });
    }
    for (const uid of this.apps.keys()) if (!listed.has(uid)) this.apps.delete(uid);
    const said = JSON.stringify([current?.hash, [...this.apps], String(this.memoryBytes)]);
    if (said === this.#said) return false;
    this.#said = said;
    for (const app of wanted?.apps ?? []) await this.#reportApp(app);
    await reports.info(this.id, this.#device(current?.hash ?? ""));
    return true;
  }

  #freeAddress(): string {
    const taken = this.apps.values().map(({ address }) => Number(address.split(".").at(-1)));
    return `10.77.0.${Math.max(9, ...taken) + 1}`;
  }

  async #reportApp(app: config.EdgeDevConfig["apps"][number]): Promise<void> {
    const uid = app.uuidandversion?.uuid ?? "";
    const { state = "starting", behaves = "well", address = "" } = this.apps.get(uid) ?? {};
    const pod = getExtension(app, ext.AppExtensionSchema);
    const now = BigInt(this.#world.clock.now());
    const ended = state === "halted" || state === "failed" || state === "succeeded";
    const exitCode = state === "failed" ? 1 : 0;
    const message = create(info.ZInfoAppSchema, {
      AppID: uid,
      state: ended ? info.ZSwState.HALTED : info.ZSwState.RUNNING,
    });
    const report = create(ext.AppReportSchema, {
      phase: state === "failed" ? "Failed" : state === "succeeded" ? "Succeeded" : "Running",
      podIp: address,
      hostIp: "192.0.2.1",
      startedAt: now,
      containers: (pod?.containers ?? []).map(({ name, image }) => ({
        name,
        image,
        imageId: `${image}@sha256:00`,
        containerId: `${uid}-${name}`,
        ready: !ended && behaves === "well",
        started: !ended,
        state: ended
          ? {
              state: {
                case: "terminated" as const,
                value: { exitCode, reason: "Completed", finishedAt: now },
              },
            }
          : { state: { case: "running" as const, value: { startedAt: now } } },
      })),
    });
    setExtension(message, ext.AppReportSchema, report);
    await this.#send(info.ZInfoTypes.ZiApp, { case: "ainfo", value: message });
  }

  #device(configHash: string): info.ZInfoMsg {
    const device = create(info.ZInfoDeviceSchema, { machineArch: "x86_64", HostName: this.name });
    const report = create(ext.NodeReportSchema, {
      ...{ engineVersion: "0.1.0", kernelVersion: "6.1", osImage: "Debian", architecture: "amd64" },
      ...{ bootId: "boot-1", cpuMillis: 4000n, memoryBytes: this.memoryBytes, maxApps: 50 },
      ...{ storageBytes: 64n << 30n, internalIp: "192.0.2.1", identityStore: "tpm" },
      configHash,
      appIds: [...this.apps.keys()],
    });
    setExtension(device, ext.NodeReportSchema, report);
    return this.#message(info.ZInfoTypes.ZiDevice, { case: "dinfo", value: device });
  }

  async #send(ztype: info.ZInfoTypes, content: info.ZInfoMsg["InfoContent"]): Promise<void> {
    await this.#world.running.reports.info(this.id, this.#message(ztype, content));
  }

  #message(ztype: info.ZInfoTypes, InfoContent: info.ZInfoMsg["InfoContent"]): info.ZInfoMsg {
    const atTimeStamp = timestampFromMs(this.#world.clock.now());
    return create(info.ZInfoMsgSchema, { ztype, devId: this.id, InfoContent, atTimeStamp });
  }
}
