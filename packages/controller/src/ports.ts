import type { Instant } from "@selvedge/base";
import type { LinkSocket, ZInfoMsg, ZMetricMsg } from "@selvedge/eve-api";

/** The UUID a node has in the EVE API; metadata.uid of nothing: it is EdgeNode.status.nodeID and the device's own. */
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

/** What nodes report, once the gateway has checked who says so. A promise that resolves means "kept": only then does
 * the gateway acknowledge. */
export interface Reports {
  info(node: NodeId, message: ZInfoMsg): Promise<void>;
  metrics(node: NodeId, message: ZMetricMsg): Promise<void>;
  /** Gzip with EVE's header comment, as received. */
  deviceLogs(node: NodeId, gzip: Uint8Array): Promise<void>;
  appLogs(node: NodeId, app: string, gzip: Uint8Array): Promise<void>;
  /** Any authentic request. Called often: must be cheap. */
  seen(node: NodeId, at: Instant): void;
}

/** Where authenticated links go. The gateway hands them over after the hello. */
export interface LinkHub {
  attach(node: NodeId, socket: LinkSocket): void;
}

/** Bytes the controller keeps that are not Kubernetes objects: device certificates, escrowed keys, nonces' successors,
 * rendered hashes, logs' indexes. Lives beside the objects: same file, same durability. */
export interface Records {
  get(bucket: string, key: string): Uint8Array | undefined;
  /** Durable when it returns. */
  put(bucket: string, key: string, value: Uint8Array): void;
  delete(bucket: string, key: string): void;
  entries(bucket: string): Iterable<readonly [key: string, value: Uint8Array]>;
}
