/**
 * The controller, put together from ports: no socket, no signal, no file but the two folders it is given.
 * `main.ts` gives it a machine, tests give it a world.
 */
import { createHmac } from "node:crypto";
import type { Duplex } from "node:stream";
import type { ComputedKind, PodStreams } from "@selvedge/apiserver";
import { type Clock, type Log, MetricRegistry, type Random } from "@selvedge/base";
import type { Objects } from "@selvedge/client";
import { accessReconcilers } from "./access/access-reconcilers.ts";
import { PodTokens } from "./access/pod-tokens.ts";
import { type Address, formatAddress } from "./address.ts";
import type { Api } from "./api.ts";
import { bootstrapDoor } from "./enrolment/bootstrap-door.ts";
import { createNodeTrust, type NodeTrust } from "./enrolment/node-trust.ts";
import { EventRecorder } from "./events/event-recorder.ts";
import type { SignatureVerifier } from "./gateway/authenticate.ts";
import { Gateway, type GatewayOptions } from "./gateway/gateway.ts";
import type { ScepHttp } from "./gateway/scep-proxy.ts";
import { TunnelDoor } from "./gateway/tunnel-door.ts";
import { FlowBook } from "./ingest/flow-book.ts";
import { HealthBook } from "./ingest/hardware-health.ts";
import { NodeFacts } from "./ingest/node-facts.ts";
import { NodeReports } from "./ingest/node-reports.ts";
import { PatchUse } from "./ingest/patch-use.ts";
import { StateBook } from "./ingest/state-book.ts";
import { UsageBook } from "./ingest/usage-book.ts";
import { LogStore } from "./logs/log-store.ts";
import { type Caches, cachesOf, createCluster } from "./objects/caches.ts";
import type { Pki } from "./pki/pki.ts";
import { rotation } from "./pki/rotation-reconciler.ts";
import type { ConfigBook, DeviceGateway, Records, RenderedConfig, Reports } from "./ports.ts";
import { ReconcilerHost } from "./reconciler-host.ts";
import { createReconcilers } from "./reconcilers.ts";
import { BlobStore } from "./registry/blob-store.ts";
import { meteredRegistry, type RegistryDoor } from "./registry/metered-registry.ts";
import { Registry } from "./registry/registry.ts";
import { RegistryAuth } from "./registry/registry-auth.ts";
import { Sweeper } from "./registry/sweeper.ts";
import { Dispatcher } from "./remote-access/dispatcher.ts";
import { type OpenToken, SessionNames } from "./remote-access/session-names.ts";
import type { NodeRegistry } from "./render/inputs.ts";
import { decodeConfig } from "./render/node-config.ts";
import type { TokenMaker } from "./render/node-edgeview.ts";
import { RenderedConfigs } from "./render/rendered-configs.ts";
import { ScreenTunnels } from "./screens/screen-tunnels.ts";
import { ensureStandardObjects } from "./standard-objects.ts";
import { provedBy } from "./telemetry/attestation-view.ts";
import { fleetMetrics } from "./telemetry/controller-metrics.ts";
import { type EscrowPage, escrowPage } from "./telemetry/escrow-page.ts";
import type { FleetFigures } from "./telemetry/figures/fleet-figures.ts";
import { nodeProxy } from "./telemetry/node-proxy.ts";
import { usageApi } from "./telemetry/usage-api.ts";
import { apiDoor } from "./tunnel/api-door.ts";
import { NodeLinks } from "./tunnel/link-hub.ts";
import { NodeStreams } from "./tunnel/node-streams.ts";

export interface ControllerOptions {
  readonly api: Api;
  readonly records: Records;
  readonly pki: Pki;
  /** The registry's folder. */
  readonly blobs: string;
  /** The folder of what nodes have uploaded. */
  readonly logs: string;
  /** Where nodes reach the device port. */
  readonly deviceAddress: Address;
  /** Who says so in the tokens of Pods. */
  readonly accountIssuer: string;
  /** Serves a client of the API that comes over the link of a node; nobody does when unset. */
  readonly serveApi?: (connection: Duplex) => void;
  /** Asks certificate authorities for nodes; nobody leads to them when unset. */
  readonly scep?: ScepHttp;
  /** Verifies what nodes signed; at once when unset. */
  readonly signatures?: SignatureVerifier;
  /** Reports a second that one node may send for long; the gateway's own when unset. */
  readonly nodeRate?: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** A controller without its doors: what listens hands requests to these. */
export interface Controller extends AsyncDisposable {
  /** The objects as the administrator sees them, without HTTP between. */
  readonly objects: Objects;
  readonly gateway: DeviceGateway;
  readonly images: RegistryDoor;
  /** Where boxes that run EVE are looked into. */
  readonly dispatcher: Dispatcher;
  /** Where boxes that run EVE dial tunnels to their screens. */
  readonly screens: { readonly door: TunnelDoor; readonly tunnels: ScreenTunnels };
  /** For the user `admin` of the registry. */
  readonly registryPassword: string;
  readonly streams: PodStreams;
  readonly links: NodeLinks;
  /** metrics.k8s.io. */
  readonly computed: readonly ComputedKind[];
  /** `nodes/NAME/proxy/…` of the API. */
  readonly nodeProxy: ReturnType<typeof nodeProxy>;
  /** `edgenodes/NAME/bootstrap`. */
  readonly bootstrap: ReturnType<typeof bootstrapDoor>;
  /** What everything here counts in. */
  readonly metrics: MetricRegistry;
  readonly logs: LogStore;
  /** What nodes and apps measure of themselves. */
  readonly figures: FleetFigures;
  readonly caches: Caches;
  /** Begins to act on objects. Until then the controller only answers. */
  start(): Promise<void>;
}

export async function createController(options: ControllerOptions): Promise<Controller> {
  const { api, records, pki, clock, random, log } = options;
  const { objects } = api;
  await using stack = new AsyncDisposableStack();
  const metrics = new MetricRegistry();
  stack.defer(api.metrics.include(metrics));
  const cluster = stack.use(createCluster({ objects, clock, random, log: log.child("objects") }));
  const caches = cachesOf(cluster);

  const trust = stack.use(createNodeTrust({ cluster, records, pki, clock, random, log: log.child("trust") }));
  const { sealer } = trust;
  const book = new RenderedConfigs(records, clock);
  const links = stack.use(linksOf(options, book, caches));
  const facts = new NodeFacts();
  // A link is the node's word for as long as it holds: silence is counted from its end.
  links.onChange((node) => {
    if (!links.state(node).connected) facts.see(node, clock.now(), clock.monotonic());
  });
  const events = new EventRecorder(cluster, clock, log.child("events"));
  const logs = await LogStore.open({ folder: options.logs, log: log.child("logs") });
  const [usages, flows, health] = [new UsageBook(), new FlowBook(), new HealthBook(records)];
  const [states, patchUse] = [new StateBook(records), new PatchUse()];
  const reports = new NodeReports({
    ...{ cluster, caches, clock, log: log.child("reports"), events, facts, configs: book },
    ...{ usages, flows, health, states, patchUse },
  });
  const figures = fleetMetrics(metrics, { caches, links, flows, usages, states, clock });
  const gateway = stack.use(
    new Gateway({
      ...{ book, hub: links, pki, clock, random, metrics, directory: trust.enrolment },
      ...{ certificates: trust.certificates, attestation: trust.attestation },
      ...{ reports: allReports(reports, logs), scep: options.scep, signatures: options.signatures },
      nodeRate: options.nodeRate,
      log: log.child("gateway"),
    }),
  );
  const registryAuth = registryAuthOf(options, trust);
  const { images, sweeper } = registryOf(options, registryAuth, metrics);
  stack.use(sweeper);
  const nodeIdOf = async (name: string): Promise<string | undefined> =>
    caches.edgeNodes.by("node", name)[0]?.status?.nodeID;
  const screens = screensOf(options, { book, caches, gateway, reports, directory: trust.enrolment });
  const streams = new NodeStreams({ links, logs, nodeIdOf, screens: stack.use(screens.tunnels) });
  const host = stack.use(new ReconcilerHost({ cluster, clock, random, log: log.child("reconcilers") }));
  const table = createReconcilers({
    ...{ cluster, caches, clock, events, facts, links, sealer, configs: book, states, usages, patchUse },
    ...{ registry: nodeRegistry(options, registryAuth), tokens: tokenMaker(pki) },
    podTokens: podTokensOf(options),
    certificatesHash: () => pki.identity.certsHash,
    onRenewed: (listener) => pki.onRenewed(listener),
    forget: (node) => {
      for (const kept of [facts, book, usages, flows, health, states]) kept.forget(node);
    },
    ...{ random, log: log.child("reconcilers"), served: options.api.registry.table },
    contents: () => options.api.registry.table.kept.filter(({ namespaced }) => namespaced),
  });
  const [dispatcher, owned] = [stack.use(dispatcherOf(options, book, caches)), stack.move()];
  return {
    ...{ objects, gateway, dispatcher, images, streams, screens, links, logs, caches, figures },
    metrics: api.metrics,
    computed: usageApi(caches, usages, clock),
    nodeProxy: nodeProxy({
      ...{ nodeIdOf, logs, flows, health, states, figures, attestation: provedBy(trust.attestation) },
      edgeview: (node) => edgeviewToken(book.current(node)),
      compound: (node) => gateway.compoundOf(node),
      escrow: escrowOf(trust),
    }),
    bootstrap: bootstrapDoor({ caches, pki }),
    registryPassword: registryAuth.adminPassword,
    async start() {
      await ensureStandardObjects(objects);
      await cluster.start();
      sweeper.start();
      trust.prune();
      const rotated = rotation({ cluster, clock, pki, log: log.child("rotation") });
      const access = accessReconcilers({
        ...{ cluster, caches, registry: api.registry, pki, clock, random, log },
      });
      await host.start([...table, ...access, ...trust.wire(gateway.refusals), rotated]);
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function screensOf(
  { clock, log }: ControllerOptions,
  parts: Pick<GatewayOptions, "book" | "directory"> & {
    readonly caches: Caches;
    readonly gateway: Gateway;
    readonly reports: NodeReports;
  },
): Controller["screens"] {
  const { caches, gateway, reports, ...own } = parts;
  const tunnels = new ScreenTunnels({ ...own, clock, log: log.child("screens") });
  const door = new TunnelDoor({
    ...{ directory: own.directory, refusals: gateway.refusals, rates: gateway.rates },
    isAwaited: () => caches.pods.by("screen", "").length > 0,
    isWanted: (node) => tunnels.isWanted(node),
    seen: (node) => reports.seen(node, clock.now()),
  });
  return { door, tunnels };
}

/** Our own registry, and who takes out of it what nobody needs. */
function registryOf(
  { blobs, clock, random, log: parent }: ControllerOptions,
  auth: RegistryAuth,
  metrics: MetricRegistry,
): { readonly images: RegistryDoor; readonly sweeper: Sweeper } {
  const [store, log] = [new BlobStore(blobs, clock), parent.child("registry")];
  const authenticate = async (
    header: string | undefined,
  ): Promise<ReturnType<RegistryAuth["authenticate"]>> => auth.authenticate(header);
  const images = meteredRegistry(new Registry({ store, clock, random, log, authenticate }), metrics);
  return { images, sweeper: new Sweeper({ store, clock, log }) };
}

function registryAuthOf({ pki }: ControllerOptions, { enrolment }: NodeTrust): RegistryAuth {
  const isNode = (id: string): boolean => enrolment.byId(id) !== undefined;
  return new RegistryAuth({ secret: pki.secret("registry"), isNode });
}

/** The registry as configurations of nodes name it. */
function nodeRegistry({ pki, deviceAddress }: ControllerOptions, auth: RegistryAuth): NodeRegistry {
  return {
    address: formatAddress(deviceAddress),
    certificates: [pki.rootCertificate],
    password: (node) => auth.nodePassword(node),
  };
}

function linksOf(
  { clock, log, serveApi: serve }: ControllerOptions,
  book: ConfigBook,
  caches: Caches,
): NodeLinks {
  const onOpen = apiDoor({ ...caches, serve });
  return new NodeLinks({ book, clock, log: log.child("links"), onOpen });
}

function podTokensOf({ pki, accountIssuer: issuer, clock }: ControllerOptions): PodTokens {
  const [key] = pki.accountKeys();
  if (key === undefined) throw new Error("there is no key for tokens of accounts");
  return new PodTokens({ key, issuer, clock });
}

/** What sessions with boxes are opened by: made with a secret of our own, signed by the key of the day. */
function tokenMaker(pki: Pki): TokenMaker {
  const secret = pki.secret("edgeview");
  return {
    key: (text) => createHmac("sha256", secret).update(text).digest("hex"),
    sign: (bytes) => pki.identity.sign(bytes),
    hasSigned: (bytes, signature) => pki.identity.hasSigned(bytes, signature),
  };
}

function escrowOf({ escrow, enrolment, attestation }: NodeTrust): EscrowPage {
  const ownerOf = (node: string): string | undefined => enrolment.byId(node)?.certificateHash.toHex();
  return escrowPage(escrow, ownerOf, (node) => attestation.escrowChanged(node));
}

function dispatcherOf({ clock, log }: ControllerOptions, book: ConfigBook, caches: Caches): Dispatcher {
  const tokens = (): OpenToken[] =>
    caches.edgeNodes.list().flatMap(({ spec, status }) => {
      const node = spec.remoteAccess && status?.nodeID;
      const token = node && edgeviewToken(book.current(node));
      return node && token ? [{ node, token }] : [];
    });
  const names = new SessionNames({ tokens, clock });
  return new Dispatcher({ names, clock, log: log.child("dispatcher") });
}

function edgeviewToken(current: RenderedConfig | undefined): string | undefined {
  return current && decodeConfig(current.config).edgeview?.token;
}

/** What nodes report goes to two places: their state to the objects, their logs to the disk. */
function allReports(state: NodeReports, logs: LogStore): Reports {
  return {
    info: (node, message) => state.info(node, message),
    metrics: (node, message, bytes) => state.metrics(node, message, bytes),
    flows: (node, message) => state.flows(node, message),
    hardwareHealth: (node, message) => state.hardwareHealth(node, message),
    runsOn: (node, configHash) => state.runsOn(node, configHash),
    seen: (node, at) => state.seen(node, at),
    deviceLogs: (node, gzip) => logs.deviceLogs(node, gzip),
    // What is not its own is taken and thrown away: sent again it would be the same.
    appLogs: async (node, app, gzip) => {
      if (state.writes(node, app)) await logs.appLogs(node, app, gzip);
    },
  };
}
