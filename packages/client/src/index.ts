export { ApiError, hasCause, isReason, restAt, type Status } from "./errors.ts";
export { HttpObjects } from "./http-objects.ts";
export {
  type Fetch,
  FetchTransport,
  type HttpRequest,
  type HttpResponse,
  type HttpTransport,
} from "./http-transport.ts";
export { type ChangeListener, Informer, type InformerOptions, type ObjectView } from "./informer.ts";
export { accessOf, type ClusterAccess, type ClusterCredentials, credentialsOf } from "./kubeconfig.ts";
export type { IndexFunction } from "./object-cache.ts";
export { isNewer, keyOf, type ObjectKey, objectKey, splitKey } from "./object-key.ts";
export type {
  DeleteOptions,
  KindRef,
  ListOptions,
  Objects,
  PatchType,
  WatchOptions,
  WriteOptions,
} from "./objects.ts";
export { type Incoming, type Outgoing, type Request, RequestTransport } from "./request-transport.ts";
