export type {
  Confinement,
  ContainerMount,
  ContainerRun,
  ContainerStart,
  ContainerStats,
  Guest,
  GuestNetwork,
  GuestOutput,
  GuestStream,
  Hypervisor,
  VmSpec,
  VmUsage,
} from "./app/hypervisor.ts";
export { GuestError } from "./app/hypervisor.ts";
export type { MachineProcessors } from "./app/processors.ts";
export type { FetchedLayer, ImageBuilder } from "./content/image-builder.ts";
export { type ControllerCerts, openEnvelope, readControllerCerts } from "./control/controller-certs.ts";
export type { EnrolmentConfig } from "./control/enrolment-config.ts";
export type { AppId, ContentId, DiskFormat, NetworkId, VolumeId } from "./desired.ts";
export type { DispatcherSocket, EdgeviewNet, TcpConnection } from "./edgeview/edgeview-net.ts";
export { createEngine, type Engine, type EngineOptions } from "./engine.ts";
export { EngineStore } from "./engine-store.ts";
export { noHardware } from "./hardware/no-hardware.ts";
export { type Disk, DiskFullError } from "./host/disk.ts";
export { type HttpClient, HttpError, type HttpRequest, type HttpResponse } from "./host/http.ts";
export { NodeHttpClient } from "./host/linux/node-http-client.ts";
export { WsLinkDialer } from "./host/linux/ws-link-dialer.ts";
export type { SftpClient } from "./host/sftp.ts";
export { makeCertificate, toPem, validity } from "./identity/certificate.ts";
export { FileKeyStore } from "./identity/file-key-store.ts";
export type { KeyStore, Point, Quote } from "./identity/key-store.ts";
export {
  type BridgeItem,
  type NetworkDriver,
  NetworkDriverError,
  type NetworkItems,
  type ResolverItem,
  type TapItem,
} from "./network/network-driver.ts";
export { PowerError, type PowerSwitch } from "./operator/power.ts";
export type { HostFacts, LinkDialer } from "./ports.ts";
export { engineVersion } from "./version.ts";
export type { SnapshotAct, VolumeDriver, VolumeImage } from "./volume/volume-driver.ts";
