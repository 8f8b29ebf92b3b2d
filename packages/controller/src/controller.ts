/**
 * The controller, put together from ports: no socket, no signal, no file but the two folders it is given. `main.ts`
 * gives it a machine, tests give it a world.
 */
import { Readable } from "node:stream";
import { ObjectRegistry, type PodStreams, type Store } from "@selvedge/apiserver";
import type { Clock, Log, Random } from "@selvedge/base";
import { isReason, type Objects } from "@selvedge/client";
import { allKinds, type EdgeNode, edgeNodeKind, type Namespace, namespaceKind } from "@selvedge/kinds";
import type { Address } from "./address.ts";
import { InProcessObjects } from "./in-process-objects.ts";
import type { Pki } from "./pki/pki.ts";
import type { ConfigBook, DeviceGateway, NodeId, Records } from "./ports.ts";
import { BlobStore } from "./registry/blob-store.ts";
import { Registry } from "./registry/registry.ts";
import { NodeLinks } from "./tunnel/link-hub.ts";
import { NodeStreams } from "./tunnel/node-streams.ts";

export interface ControllerOptions {
  readonly store: Store;
  readonly records: Records;
  readonly pki: Pki;
  /** The registry's folder. */
  readonly blobs: string;
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
  const { store, clock, random, log, blobs } = options;
  await using stack = new AsyncDisposableStack();
  const registry = new ObjectRegistry(allKinds, store, clock, random);
  const objects = new InProcessObjects(registry);
  const images = new Registry({
    store: new BlobStore(blobs),
    authenticate: async () => undefined,
    ...{ clock, random, log: log.child("registry") },
  });
  const book: ConfigBook = { current: () => undefined, onChange: () => () => undefined };
  const links = stack.use(new NodeLinks({ book, clock, log: log.child("links") }));
  const streams = new NodeStreams({
    links,
    logs: { read: () => Readable.from([]) },
    nodeIdOf: (name) => nodeIdOf(objects, name),
  });
  const gateway: DeviceGateway = {
    handle: async () => ({ status: 503, headers: {}, body: new Uint8Array() }),
    acceptLink: (_node, socket) => socket.close(),
  };
  const owned = stack.move();
  return {
    ...{ objects, registry, gateway, images, streams, links },
    async start() {
      await ensureNamespaces(objects);
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** The UUID of the box that shows as this Node. */
async function nodeIdOf(objects: Objects, nodeName: string): Promise<NodeId | undefined> {
  const { items } = await objects.list<EdgeNode>(edgeNodeKind);
  return items.find(({ metadata, spec }) => (spec.nodeName ?? metadata.name) === nodeName)?.status?.nodeID;
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
