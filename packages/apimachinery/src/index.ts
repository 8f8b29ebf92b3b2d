export type {
  Column,
  FieldError,
  KindDefinition,
  ProtobufField,
  ProtobufMessage,
  ScalePaths,
  SubresourceDefinition,
} from "./kind-definition.ts";
export type {
  Condition,
  KubeList,
  KubeObject,
  ManagedFieldsEntry,
  ObjectMeta,
  OwnerReference,
  WatchEvent,
  WatchEventType,
} from "./object.ts";
export type { Schema, ValidationRule } from "./schema.ts";
