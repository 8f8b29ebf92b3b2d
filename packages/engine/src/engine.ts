/**
 * The engine, put together. Everything it touches of the world comes in as a port, so that the same engine
 * runs on a box and in a simulation.
 *
 *   reconciler   reads                                     writes
 *   content      desired, apps                             contents
 *   volume       desired, contents, apps                   volumes
 *   certificate  desired                                   certificates
 *   port         desired, networks, certificates           ports
 *   way          desired, networks, ports                  ways
 *   network      desired, apps, ways                       networks, nics
 *   device       desired, apps                             devices
 *   metadata     desired, contents, networks, nics, apps   patches, posted
 *   api door     desired, networks, nics                   –
 *   app          desired, contents, volumes, nics, devices apps
 *   report       desired, contents, networks, nics, apps   told
 */
import { type Clock, Log, type LogSink, type Random } from "@selvedge/base";
import { checkWriters, describeWriters, type Reconciler } from "@selvedge/reconcile";
import { AliasDoor, type NameSockets } from "./alias/alias-door.ts";
import { ApiDoor, type ApiListener } from "./api-door/api-door.ts";
import { type AppDomain, createAppDomain } from "./app/app-domain.ts";
import type { Hypervisor } from "./app/hypervisor.ts";
import { scepCarrier } from "./certificate/carriers.ts";
import { createCertificateDomain } from "./certificate/certificate-domain.ts";
import { createContentDomain } from "./content/content-domain.ts";
import type { ImageBuilder } from "./content/image-builder.ts";
import { Bootstrap } from "./control/bootstrap.ts";
import { Control } from "./control/control.ts";
import type { EnrolmentConfig } from "./control/enrolment-config.ts";
import { DeviceLog } from "./control/logs/device-log.ts";
import { KernelLog, type KernelSource } from "./control/logs/kernel-log.ts";
import { reservedMemory } from "./control/report/device-report.ts";
import { NodeConditions } from "./control/report/node-conditions.ts";
import { Secrets } from "./control/secrets.ts";
import { Settings } from "./control/settings/settings.ts";
import type { DesiredState } from "./desired.ts";
import { createDeviceDomain, type DeviceOptions } from "./device/device-domain.ts";
import type { DeviceDriver } from "./device/device-driver.ts";
import { textsOf } from "./edgeview/commands.ts";
import { Edgeview } from "./edgeview/edgeview.ts";
import type { EdgeviewNet } from "./edgeview/edgeview-net.ts";
import type { ViewParts } from "./edgeview/edgeview-parts.ts";
import { RecentLog } from "./edgeview/recent-log.ts";
import type { Reports } from "./edgeview/reports.ts";
import { viewsOf } from "./edgeview/views.ts";
import { Cell, EngineStore } from "./engine-store.ts";
import type { HardwareProbe } from "./hardware/hardware.ts";
import type { Disk } from "./host/disk.ts";
import type { HttpClient } from "./host/http.ts";
import { SealedDisk } from "./host/sealed-disk.ts";
import type { SftpClient } from "./host/sftp.ts";
import { Identity } from "./identity/identity.ts";
import type { KeyStore } from "./identity/key-store.ts";
import { VaultKey } from "./identity/vault-key.ts";
import type { MetadataListener } from "./metadata/metadata-domain.ts";
import { createMetadata } from "./metadata/metadata-parts.ts";
import { FlowBook } from "./network/flow-book.ts";
import type { FlowSource } from "./network/flow-log.ts";
import { createNetworkDomain, type NetworkDomainOptions } from "./network/network-domain.ts";
import type { NetworkDriver } from "./network/network-driver.ts";
import { createWayDomain } from "./network/way/way-domain.ts";
import type { WayDriver } from "./network/way/way-driver.ts";
import type { WayRemote } from "./network/way/way-spec.ts";
import { InfoBundle } from "./operator/info-bundle.ts";
import { Operator, type OperatorParts } from "./operator/operator.ts";
import type { PowerSwitch } from "./operator/power.ts";
import { createPortDomain } from "./port/port-domain.ts";
import type { PortDriver } from "./port/port-driver.ts";
import type { HostFacts, LinkDialer } from "./ports.ts";
import { createVolumeDomain } from "./volume/volume-domain.ts";
import type { VolumeDriver } from "./volume/volume-driver.ts";

export interface EngineOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** Where the engine's log goes besides the controller. */
  readonly sink: LogSink;
  readonly disk: Disk;
  readonly http: HttpClient;
  readonly sftp: SftpClient;
  readonly edgeview: EdgeviewNet;
  readonly linkDialer: LinkDialer;
  readonly keys: KeyStore;
  readonly images: ImageBuilder;
  readonly volumes: VolumeDriver;
  /** Undefined on a box that cannot run machines: it is a node all the same, and says so. */
  readonly hypervisor: Hypervisor | undefined;
  readonly networkDriver: NetworkDriver;
  /** Asks by way of the node's cards, whichever leads out; not there: nobody does. */
  readonly ways?: WayDriver;
  /** What apps say to whom. */
  readonly flows: FlowSource;
  /** The node's own cards. */
  readonly ports: PortDriver;
  /** Hands devices of the box to apps. */
  readonly devices: DeviceDriver;
  /** Serves apps what the node tells them. */
  readonly metadata: MetadataListener;
  /** Takes connections of apps to the controller's API. */
  readonly apiListener: ApiListener;
  /** Answers for names that mean other hosts. */
  readonly aliases: NameSockets;
  /**
   * Starts the names of network devices; several engines on one box need different ones. At most 4
   * characters.
   */
  readonly networkPrefix: string;
  readonly host: HostFacts;
  readonly hardware: HardwareProbe;
  readonly power: PowerSwitch;
  /** What the box's own programs say of it, by file; not there: nothing. */
  readonly diagnostics?: () => Promise<Readonly<Record<string, string>>>;
  readonly config: EnrolmentConfig;
  readonly engineVersion: string;
  /** Of the box, as attestation tells it; empty when it has none. */
  readonly firmwareVersion: string;
  /** What the kernel says; not there: it is another's to be told, or nobody's. */
  readonly kernel?: KernelSource | undefined;
}

export interface Engine extends AsyncDisposable {
  readonly store: EngineStore;
  readonly log: Log;
  /** Who reads and writes what, a line each. */
  readonly graph: string;
  /** Believes what was accepted before, starts the domains on it, then begins to talk. */
  start(): Promise<void>;
}

export async function createEngine(options: EngineOptions): Promise<Engine> {
  const { clock, random, disk, http, keys, hypervisor, host, config, engineVersion } = options;
  const accepted = new Cell<DesiredState | undefined>(undefined);
  const settings = new Settings(accepted, { kernelLog: options.kernel !== undefined });
  const deviceLog = new DeviceLog({ disk, clock, engineVersion, settings });
  const recent = new RecentLog();
  const log = new Log("engine", clock, (record) => {
    recent.write(record);
    if (settings.keeps(record, "local")) options.sink(record);
    if (settings.keeps(record, "remote")) deviceLog.write(record);
  });
  const label = config.softSerial || config.serial;
  const identity = await Identity.open({ keys, disk, clock, random, log, label });
  const secrets = new Secrets(identity, clock);
  const vault = await VaultKey.open({ keys, disk, random, log: log.child("vault") });
  const store = new EngineStore();
  const common = { store, disk, sealed: new SealedDisk(disk, vault), vault, clock, random, log };
  const content = createContentDomain({
    ...{ ...common, http, sftp: options.sftp, images: options.images, architecture: host.architecture },
  });
  const volume = createVolumeDomain({ ...common, driver: options.volumes, machines: hypervisor });
  const certificate = createCertificateDomain({
    ...{ ...common, settings, secrets },
    carrier: scepCarrier({ http, askController: (payload, signal) => control.askAuthority(payload, signal) }),
  });
  const credentials = certificate.reconciler;
  const bootstrap = new Bootstrap({ disk, config, settings, log: log.child("bootstrap") });
  const port = createPortDomain({
    ...{ ...common, driver: options.ports, settings, secrets, credentials, bootstrap },
  });
  const way =
    options.ways && createWayDomain({ ...common, driver: options.ways, controller: serverOf(config) });
  const network = createNetworkDomain({ ...common, ...networkPartsOf(options) });
  // From here on measured by the clock that does not jump.
  const upBefore = Math.max(0, clock.now() - host.bootedAt) - clock.monotonic();
  const upMs = (): number => upBefore + clock.monotonic();
  const operator = new Operator({
    ...{ ...common, ...powersOf(options), accepted, settings, host, log: log.child("operator") },
  });
  const app: AppDomain | undefined =
    hypervisor &&
    createAppDomain({
      ...{ ...common, hypervisor, secrets, facts: host, settings, upMs },
      memoryForApps: () => memoryForApps(host, settings),
    });
  const metadata = createMetadata({
    ...{ ...common, secrets, host, upMs, engineVersion, settings, controller: config.baseUrl },
    ...{ listener: options.metadata, cards: options.networkDriver, keys },
    envelope: (payload) => control.envelope(payload),
  });
  const { seen, reports } = whatIsSeen(options, { store, recent, operator });
  const control: Control = new Control({
    ...{ ...common, http, config, identity, secrets, host, deviceLog, engineVersion },
    ...{ accepted, settings, operator, hardware: options.hardware, linkDialer: options.linkDialer },
    firmwareVersion: options.firmwareVersion,
    apps: app,
    network: options.networkDriver,
    flows: new FlowBook(store, options.flows, clock),
    patches: metadata.patches,
    bundle: new InfoBundle({ accepted, settings, http, clock, log: log.child("bundle"), texts: reports }),
    conditions: new NodeConditions({ keys, disk, hypervisor, operator }),
  });
  const doors = doorsOf(options, { ...common, api: control.api });
  const edgeview = edgeviewOf(options, { seen, reports, secrets, log });
  const kernel = kernelLogOf(options, { settings, deviceLog, recent, log });
  const device = createDeviceDomain({ ...common, ...devicePartsOf(options) });
  const domains = [
    content,
    volume,
    certificate,
    port,
    ...(way === undefined ? [] : [way]),
    network,
    device,
    ...(app === undefined ? [] : [app]),
    metadata,
    ...doors,
  ];
  return run(options, { store, log, domains, control, bootstrap, edgeview, app, kernel });
}

/** What apps are answered at their networks' gateways beside what is the metadata service's. */
function doorsOf(
  { apiListener: listener, aliases: sockets }: EngineOptions,
  {
    api: link,
    ...common
  }: Pick<EngineOptions, "clock" | "random"> & {
    readonly store: EngineStore;
    readonly log: Log;
    readonly api: Control["api"];
  },
): readonly [ApiDoor, AliasDoor] {
  return [new ApiDoor({ ...common, listener, link }), new AliasDoor({ ...common, sockets })];
}

interface Parts extends Pick<Engine, "store" | "log"> {
  /** In the order in which they begin; they end the other way round. */
  readonly domains: readonly {
    readonly reconciler: Reconciler<never>;
    start(): Promise<void>;
    [Symbol.asyncDispose](): PromiseLike<void>;
  }[];
  readonly control: Control;
  readonly bootstrap: Bootstrap;
  readonly edgeview: Edgeview;
  readonly app: AppDomain | undefined;
  readonly kernel: KernelLog | undefined;
}

function run(
  { config, keys, host, hypervisor, engineVersion }: EngineOptions,
  { store, log, domains, control, bootstrap, edgeview, app, kernel }: Parts,
): Engine {
  const reconcilers = [
    ...domains.map(({ reconciler }) => reconciler),
    control.reporter,
  ] as readonly Reconciler[];
  checkWriters(reconcilers);
  return {
    ...{ store, log, graph: describeWriters(reconcilers) },
    async start() {
      log.info(`selvedge engine ${engineVersion} starts`, {
        ...{ controller: config.baseUrl, identity: keys.place, os: host.osImage, kernel: host.kernelVersion },
        machines: hypervisor === undefined ? "none" : hypervisor.emulated ? "emulated" : "KVM",
      });
      await control.load();
      await bootstrap.load();
      await app?.adopt();
      for (const domain of domains) await domain.start();
      control.start();
      edgeview.start();
      kernel?.start();
    },
    async [Symbol.asyncDispose]() {
      await kernel?.[Symbol.asyncDispose]();
      // The conversation first: nobody is told of parts that stop because the engine does.
      await edgeview[Symbol.asyncDispose]();
      await control[Symbol.asyncDispose]();
      for (const domain of domains.toReversed()) await domain[Symbol.asyncDispose]();
    },
  };
}

function kernelLogOf(
  { kernel: source, disk, clock }: EngineOptions,
  {
    settings,
    deviceLog,
    recent,
    log,
  }: { settings: Settings; deviceLog: DeviceLog; recent: RecentLog; log: Log },
): KernelLog | undefined {
  if (source === undefined) return undefined;
  return new KernelLog({
    ...{ source, settings, disk, clock, log: log.child("kernel") },
    upload: (line) => deviceLog.add({ ...line, source: "kernel" }),
    recent: (record) => recent.write(record),
  });
}

function powersOf({ power, ports }: EngineOptions): Pick<OperatorParts, "power" | "managesPorts"> {
  return { power, managesPorts: ports.manages };
}

interface Seen {
  readonly seen: ViewParts;
  readonly reports: () => Promise<Reports>;
}

/** What the node says of itself to who helps from afar. */
function whatIsSeen(
  { clock, host, hardware, diagnostics }: EngineOptions,
  { store, recent, operator }: Pick<ViewParts, "store" | "recent"> & { readonly operator: Operator },
): Seen {
  const seen = { store, clock, recent, host, hardware, lastBoot: () => operator.record.last };
  const reports = async (): Promise<Reports> => ({
    ...(await textsOf(viewsOf(seen))),
    ...(await diagnostics?.()),
  });
  return { seen, reports };
}

function edgeviewOf(
  { config, edgeview: net, hypervisor }: EngineOptions,
  { seen, reports, secrets, log }: Seen & { readonly secrets: Secrets; readonly log: Log },
): Edgeview {
  return new Edgeview({
    ...{ ...seen, net, reports, log: log.child("edgeview"), controllerHost: serverOf(config).host },
    isFromController: (data, signature) => secrets.isFromController(data, signature),
    screen: async (id) => await hypervisor?.screen(id),
  });
}

function networkPartsOf(
  options: EngineOptions,
): Pick<NetworkDomainOptions, "driver" | "machines" | "prefix" | "managed"> {
  const { networkDriver: driver, hypervisor: machines, networkPrefix: prefix, ports } = options;
  return { driver, machines, prefix, managed: ports.manages };
}

/** Whom uplinks are to lead to. */
function serverOf({ baseUrl }: EnrolmentConfig): WayRemote {
  const { hostname, port, protocol } = new URL(baseUrl);
  const usual = protocol === "http:" ? 80 : 443;
  return { method: "tcp", host: hostname.replace(/^\[|\]$/g, ""), port: Number(port) || usual };
}

function devicePartsOf({ devices, hardware, hypervisor }: EngineOptions): DeviceOptions {
  return { driver: devices, hardware, machines: hypervisor };
}

/** Of all machines together: the same number that the node reports as allocatable. */
function memoryForApps({ memoryBytes }: HostFacts, settings: Settings): number {
  if (settings.isOn("memory.apps.ignore.check")) return Number.POSITIVE_INFINITY;
  return Math.max(0, memoryBytes - reservedMemory(settings));
}
