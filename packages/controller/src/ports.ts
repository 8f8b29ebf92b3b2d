import type { Instant } from "@selvedge/base";
import type { cipher, flowlog, hardwareHealth, LinkSocket, ZInfoMsg, ZMetricMsg } from "@selvedge/eve-api";

/**
 * The UUID a node has in the EVE API; metadata.uid of nothing: it is EdgeNode.status.nodeID and the
 * device's own.
 */
export type NodeId = string;

/** One node's configuration as it goes out. Made by the render reconciler, served by the gateway. */
export interface RenderedConfig {
  /** An encoded EdgeDevConfig. */
  readonly config: Uint8Array;
  /** ConfigResponse.configHash: equal content has an equal hash, whatever replica made it. */
  readonly hash: string;
}

/** The newest rendered configuration of every node. The gateway reads, render writes. */
export interface ConfigBook {
  current(node: NodeId): RenderedConfig | undefined;
  /** Called with the node whose configuration changed. Returns how to stop. */
  onChange(listener: (node: NodeId) => void): () => void;
}

/** So much waits already that more is not taken in now: the node sends it again. */
export class BusyError extends Error {
  override name = "BusyError";
}

/**
 * What nodes report, once the gateway has checked who says so. A promise that resolves means "kept": only
 * then does the gateway acknowledge.
 */
export interface Reports {
  info(node: NodeId, message: ZInfoMsg): Promise<void>;
  /** `bytes` are the message as it came. */
  metrics(node: NodeId, message: ZMetricMsg, bytes: Uint8Array): Promise<void>;
  /** Gzip with EVE's header comment, as received. */
  deviceLogs(node: NodeId, gzip: Uint8Array): Promise<void>;
  appLogs(node: NodeId, app: string, gzip: Uint8Array): Promise<void>;
  flows(node: NodeId, message: flowlog.FlowMessage): Promise<void>;
  hardwareHealth(node: NodeId, message: hardwareHealth.ZHardwareHealth): Promise<void>;
  /** It was told that this configuration is the newest. Called often: must be cheap. */
  runsOn(node: NodeId, configHash: string): void;
  /** Any authentic request. Called often: must be cheap. */
  seen(node: NodeId, at: Instant): void;
}

/**
 * Encrypts to one node. Equal plaintext under an equal name gives an equal block, so that a configuration's
 * hash moves only when its content does. Undefined until the node has sent the certificate that secrets are
 * encrypted to.
 */
export interface NodeSealer {
  seal(node: NodeId, name: string, plaintext: Uint8Array): Promise<cipher.CipherBlock | undefined>;
  /** The contexts that blocks of this node refer to, for EdgeDevConfig.cipherContexts. */
  contexts(node: NodeId): readonly cipher.CipherContext[];
  /** Called with the node whose certificates came or changed. Returns how to stop. */
  onChange(listener: (node: NodeId) => void): () => void;
}

/**
 * One request to the node API, after TLS. The TLS server and the simulated network both hand these to the
 * gateway.
 */
export interface DeviceRequest {
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Uint8Array;
  /** Who asks, as an address: for limits and the log. */
  readonly remote: string;
}

export interface DeviceResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/** The node API: EVE's endpoints, and the link. */
export interface DeviceGateway {
  handle(request: DeviceRequest): Promise<DeviceResponse>;
  /**
   * A WebSocket was dialled at the link's path of `node`. Challenges, checks the hello, hands over to the
   * LinkHub.
   */
  acceptLink(node: NodeId, socket: LinkSocket): void;
}

/** Where authenticated links go. The gateway hands them over after the hello and the welcome. */
export interface LinkHub {
  /** A newer connection of the same node takes the place of an older one. */
  attach(node: NodeId, socket: LinkSocket): void;
  /** The node was removed, or has a new identity: its link, if there is one, ends. */
  detach(node: NodeId): void;
}

/**
 * Bytes the controller keeps that are not Kubernetes objects: device certificates, escrowed keys, nonces'
 * successors, rendered hashes, logs' indexes. Lives beside the objects: same file, same durability.
 */
export interface Records {
  get(bucket: string, key: string): Uint8Array | undefined;
  /** On its way when it returns. */
  put(bucket: string, key: string, value: Uint8Array): void;
  delete(bucket: string, key: string): void;
  entries(bucket: string): Iterable<readonly [key: string, value: Uint8Array]>;
  /** Resolves when everything put until now is safe; throws when something could not be written. */
  settled(): Promise<void>;
}
