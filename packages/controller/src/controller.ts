/**
 * The controller, put together from ports: no socket, no signal, no file but the two folders it is given. `main.ts`
 * gives it a machine, tests give it a world.
 */
import { ObjectRegistry, type PodStreams, type Store } from "@selvedge/apiserver";
import type { Clock, Log, Random } from "@selvedge/base";
import { isReason, type Objects } from "@selvedge/client";
import { allKinds, type Namespace, namespaceKind } from "@selvedge/kinds";
import { type Address, formatAddress } from "./address.ts";
import { Enrolment } from "./enrolment/enrolment.ts";
import { EnrolmentReconciler, enrolmentWakes } from "./enrolment/enrolment-reconciler.ts";
import { EventRecorder } from "./events/event-recorder.ts";
import { Attestation } from "./gateway/attestation.ts";
import { DeviceCertificates } from "./gateway/device-certificates.ts";
import { Gateway } from "./gateway/gateway.ts";
import { KeyEscrow } from "./gateway/key-escrow.ts";
import { InProcessObjects } from "./in-process-objects.ts";
import { NodeFacts } from "./ingest/node-facts.ts";
import { NodeReports } from "./ingest/node-reports.ts";
import { LogStore } from "./logs/log-store.ts";
import { NodeReconciler, nodeWakes } from "./node-status/node-reconciler.ts";
import { cachesOf, createCluster, nodeNameOf } from "./objects/caches.ts";
import type { Pki } from "./pki/pki.ts";
import type { DeviceGateway, NodeId, Records, Reports } from "./ports.ts";
import { ReconcilerHost } from "./reconciler-host.ts";
import { BlobStore } from "./registry/blob-store.ts";
import { isNodeRegistryPassword, nodeRegistryPassword, parseBasic, Registry } from "./registry/registry.ts";
import type { NodeRegistry } from "./render/inputs.ts";
import { RenderReconciler, renderWakes } from "./render/render-reconciler.ts";
import { RenderedConfigs } from "./render/rendered-configs.ts";
import { SchedulerReconciler, schedulerKey, schedulerWakes } from "./scheduling/scheduler-reconciler.ts";
import { CipherSealer } from "./sealer/cipher-sealer.ts";
import { NodeLinks } from "./tunnel/link-hub.ts";
import { NodeStreams } from "./tunnel/node-streams.ts";

export interface ControllerOptions {
  readonly store: Store;
  readonly records: Records;
  readonly pki: Pki;
  /** The registry's folder. */
  readonly blobs: string;
  /** The folder of what nodes have uploaded. */
  readonly logs: string;
  /** Where nodes reach the device port. */
  readonly deviceAddress: Address;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** A controller without its doors: what listens hands requests to these. */
export interface Controller extends AsyncDisposable {
  /** The objects as the administrator sees them, without HTTP between. */
  readonly objects: Objects;
  /** The same for an API server. */
  readonly registry: ObjectRegistry;
  readonly gateway: DeviceGateway;
  readonly images: Registry;
  readonly streams: PodStreams;
  readonly links: NodeLinks;
  /** Begins to act on objects. Until then the controller only answers. */
  start(): Promise<void>;
}

export async function createController(options: ControllerOptions): Promise<Controller> {
  const { store, records, pki, clock, random, log } = options;
  await using stack = new AsyncDisposableStack();
  const registry = new ObjectRegistry(allKinds, store, clock, random);
  const objects = new InProcessObjects(registry);
  const cluster = stack.use(createCluster({ objects, clock, random, log: log.child("objects") }));
  const caches = cachesOf(cluster);

  const certificates = new DeviceCertificates(records);
  const escrow = new KeyEscrow(records);
  const attestation = new Attestation({
    ...{ records, certificates, escrow, clock, random, log: log.child("attestation") },
  });
  const directory = stack.use(new Enrolment({ cluster, clock, random, log: log.child("enrolment") }));
  const sealer = new CipherSealer({ certificates, pki, secret: pki.secret("sealer") });
  const book = new RenderedConfigs(records, clock);
  const links = stack.use(new NodeLinks({ book, clock, log: log.child("links") }));
  const facts = new NodeFacts();
  const events = new EventRecorder(cluster, clock, log.child("events"));
  const logs = await LogStore.open({ folder: options.logs, log: log.child("logs") });
  const reports = new NodeReports({ cluster, caches, clock, log: log.child("reports"), events, facts });
  const gateway = stack.use(
    new Gateway({
      ...{ directory, book, hub: links, pki, certificates, attestation, clock, random },
      reports: allReports(reports, logs),
      log: log.child("gateway"),
    }),
  );
  const images = createImages(options, directory);
  const streams = new NodeStreams({
    ...{ links, logs },
    nodeIdOf: async (name) => caches.edgeNodes.by("node", name)[0]?.status?.nodeID,
  });
  const host = stack.use(new ReconcilerHost({ cluster, clock, random, log: log.child("reconcilers") }));
  const owned = stack.move();
  return {
    ...{ objects, registry, gateway, images, streams, links },
    async start() {
      await ensureNamespaces(objects);
      await cluster.start();
      const deps = { cluster, caches, clock, events };
      const forget = (node: NodeId): void => {
        facts.forget(node);
        book.forget(node);
      };
      const enrolment = new EnrolmentReconciler({
        ...{ cluster, attestation, clock },
        newNodeId: () => directory.newNodeId(),
      });
      const node = new NodeReconciler({ ...deps, facts, links, forget });
      const render = new RenderReconciler({
        ...{ ...deps, sealer, configs: book },
        registry: nodeRegistry(options),
        certificatesHash: () => pki.identity.certsHash,
      });
      const nodeNames = (id: NodeId): string[] => caches.edgeNodes.by("id", id).map(nodeNameOf);
      const byNode =
        (source: (listener: (id: NodeId) => void) => () => void) =>
        (wake: (key: string) => void): (() => void) =>
          source((id) => nodeNames(id).forEach(wake));
      host.start([
        {
          ...{ reconciler: enrolment, wakes: enrolmentWakes() },
          connect: (wake) => enrolment.connect(wake),
        },
        {
          ...{ reconciler: node, wakes: nodeWakes() },
          connect: byNode((listener) => {
            const stops = [links.onChange(listener), facts.onChange(listener)];
            return () => {
              for (const stop of stops) stop();
            };
          }),
        },
        {
          ...{ reconciler: render, wakes: renderWakes(caches) },
          connect: byNode((listener) => sealer.onChange(listener)),
        },
        { reconciler: new SchedulerReconciler(deps), wakes: schedulerWakes(), initial: [schedulerKey] },
      ]);
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** The registry as configurations of nodes name it. */
function nodeRegistry({ pki, deviceAddress }: ControllerOptions): NodeRegistry {
  const secret = pki.secret("registry");
  return {
    address: formatAddress(deviceAddress),
    certificates: [pki.rootCertificate],
    password: (node) => nodeRegistryPassword(secret, node),
  };
}

/** What nodes report goes to two places: their state to the objects, their logs to the disk. */
function allReports(state: NodeReports, logs: LogStore): Reports {
  return {
    info: (node, message) => state.info(node, message),
    metrics: (node, message) => state.metrics(node, message),
    seen: (node, at) => state.seen(node, at),
    deviceLogs: (node, gzip) => logs.deviceLogs(node, gzip),
    appLogs: (node, app, gzip) => logs.appLogs(node, app, gzip),
  };
}

/** The registry, which nodes pull from with a password made from their id (docs/decisions/0003). */
function createImages(options: ControllerOptions, directory: Enrolment): Registry {
  const { pki, clock, random, log, blobs } = options;
  const secret = pki.secret("registry");
  return new Registry({
    store: new BlobStore(blobs),
    authenticate: async (header) => {
      const [node, password] = parseBasic(header) ?? [];
      if (node === undefined || password === undefined) return undefined;
      if (directory.byId(node) === undefined || !isNodeRegistryPassword(secret, node, password))
        return undefined;
      return { name: `node ${node}`, mayPush: false };
    },
    ...{ clock, random, log: log.child("registry") },
  });
}

/** Namespaces that every Kubernetes client takes for granted. */
async function ensureNamespaces(objects: Objects): Promise<void> {
  for (const name of ["default", "kube-system", "kube-public", "kube-node-lease"]) {
    const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name } } as Namespace;
    await objects.create(namespaceKind, namespace).catch((error: unknown) => {
      if (!isReason(error, "AlreadyExists")) throw error;
    });
  }
}
