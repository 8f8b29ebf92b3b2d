export { ApiError, isReason, type Status } from "./errors.ts";
export type {
  DeleteOptions,
  KindRef,
  ListOptions,
  Objects,
  PatchType,
  WatchOptions,
  WriteOptions,
} from "./objects.ts";
