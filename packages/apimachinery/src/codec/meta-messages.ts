/** The protobuf tables of what all kinds share, for kinds' own tables to refer to. */
import type { ProtobufMessage } from "../kind-definition.ts";

export const ownerReferenceMessage: ProtobufMessage = {
  1: { name: "kind", type: "string" },
  3: { name: "name", type: "string" },
  4: { name: "uid", type: "string" },
  5: { name: "apiVersion", type: "string" },
  6: { name: "controller", type: "bool", pointer: true },
  7: { name: "blockOwnerDeletion", type: "bool", pointer: true },
};

const managedFieldsEntryMessage: ProtobufMessage = {
  1: { name: "manager", type: "string" },
  2: { name: "operation", type: "string" },
  3: { name: "apiVersion", type: "string" },
  4: { name: "time", type: "time", pointer: true },
  6: { name: "fieldsType", type: "string" },
  7: { name: "fieldsV1", type: "fields-v1", pointer: true },
  8: { name: "subresource", type: "string" },
};

export const objectMetaMessage: ProtobufMessage = {
  1: { name: "name", type: "string" },
  2: { name: "generateName", type: "string" },
  3: { name: "namespace", type: "string" },
  4: { name: "selfLink", type: "string" },
  5: { name: "uid", type: "string" },
  6: { name: "resourceVersion", type: "string" },
  7: { name: "generation", type: "int64" },
  8: { name: "creationTimestamp", type: "time" },
  9: { name: "deletionTimestamp", type: "time", pointer: true },
  10: { name: "deletionGracePeriodSeconds", type: "int64", pointer: true },
  11: { name: "labels", type: "map", values: "string" },
  12: { name: "annotations", type: "map", values: "string" },
  13: { name: "ownerReferences", type: "message", repeated: true, message: ownerReferenceMessage },
  14: { name: "finalizers", type: "string", repeated: true },
  17: { name: "managedFields", type: "message", repeated: true, message: managedFieldsEntryMessage },
};

export const listMetaMessage: ProtobufMessage = {
  1: { name: "selfLink", type: "string" },
  2: { name: "resourceVersion", type: "string" },
  3: { name: "continue", type: "string" },
  4: { name: "remainingItemCount", type: "int64", pointer: true },
};

export const deleteOptionsMessage: ProtobufMessage = {
  1: { name: "gracePeriodSeconds", type: "int64", pointer: true },
  2: {
    name: "preconditions",
    type: "message",
    pointer: true,
    message: {
      1: { name: "uid", type: "string", pointer: true },
      2: { name: "resourceVersion", type: "string", pointer: true },
    },
  },
  3: { name: "orphanDependents", type: "bool", pointer: true },
  4: { name: "propagationPolicy", type: "string", pointer: true },
  5: { name: "dryRun", type: "string", repeated: true },
  6: { name: "ignoreStoreReadErrorWithClusterBreakingPotential", type: "bool", pointer: true },
};

export const statusMessage: ProtobufMessage = {
  1: { name: "metadata", type: "message", message: listMetaMessage },
  2: { name: "status", type: "string" },
  3: { name: "message", type: "string" },
  4: { name: "reason", type: "string" },
  5: {
    name: "details",
    type: "message",
    pointer: true,
    message: {
      1: { name: "name", type: "string" },
      2: { name: "group", type: "string" },
      3: { name: "kind", type: "string" },
      4: {
        name: "causes",
        type: "message",
        repeated: true,
        message: {
          1: { name: "reason", type: "string" },
          2: { name: "message", type: "string" },
          3: { name: "field", type: "string" },
        },
      },
      5: { name: "retryAfterSeconds", type: "int32" },
      6: { name: "uid", type: "string" },
    },
  },
  6: { name: "code", type: "int32" },
};
