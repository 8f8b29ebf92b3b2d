export {
  apiVersionOf,
  type DeleteQuery,
  type KindName,
  type ListQuery,
  ObjectRegistry,
  type PatchKind,
  type WatchQuery,
  type WriteQuery,
} from "./rest/object-registry.ts";
export type { Target } from "./rest/target.ts";
export { type Answer, ApiServer, type ApiServerOptions, type User } from "./server.ts";
export { type StatusCause, type StatusDetails, StatusError } from "./status-error.ts";
export { SqliteStore } from "./store/sqlite-store.ts";
export {
  type Change,
  CompactedError,
  type Row,
  type Snapshot,
  type Store,
  type WriteOutcome,
} from "./store/store.ts";
export type { StreamedPod } from "./streams/pod-container.ts";
export type {
  AttachOptions,
  ExecOptions,
  LogOptions,
  PodRef,
  PodStreams,
  ProcessSession,
} from "./streams/pod-streams.ts";
export { type PodSubresourcesOptions, podSubresources } from "./streams/pod-subresources.ts";
