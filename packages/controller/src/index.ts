export { type Address, formatAddress, parseAddress } from "./address.ts";
export { type Controller, type ControllerOptions, createController } from "./controller.ts";
export { DeviceListener, type DeviceListenerOptions } from "./listeners/device-listener.ts";
export { Pki, type PkiOptions, type TlsPair } from "./pki/pki.ts";
export { FolderPkiFiles, MemoryPkiFiles, type PkiFiles } from "./pki/pki-files.ts";
export type { DeviceGateway, DeviceRequest, DeviceResponse, NodeId, Records } from "./ports.ts";
export { SqliteRecords } from "./records/sqlite-records.ts";
