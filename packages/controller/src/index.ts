export { type Api, createApi } from "./api.ts";
export { type Controller, type ControllerOptions, createController } from "./controller.ts";
export { createNodeTrust, type NodeTrust, type NodeTrustOptions } from "./enrolment/node-trust.ts";
export { Gateway, type GatewayOptions } from "./gateway/gateway.ts";
export { InProcessObjects } from "./in-process-objects.ts";
export { createCluster } from "./objects/caches.ts";
export type { Cluster } from "./objects/cluster.ts";
export { Pki, type PkiOptions, type TlsPair } from "./pki/pki.ts";
export { MemoryPkiFiles, type PkiFiles } from "./pki/pki-files.ts";
export type {
  ConfigBook,
  DeviceGateway,
  DeviceRequest,
  DeviceResponse,
  NodeId,
  Records,
  RenderedConfig,
  Reports,
} from "./ports.ts";
export { SqliteRecords } from "./records/sqlite-records.ts";
