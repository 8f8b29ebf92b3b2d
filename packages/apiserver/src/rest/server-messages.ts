import {
  deleteOptionsMessage,
  listMetaMessage,
  objectMetaMessage,
  type ProtobufMessage,
  statusMessage,
} from "@selvedge/apimachinery";
import { postedKinds } from "../auth/review-schemas.ts";
import { definitionKind } from "../custom/definition-kind.ts";
import { discoveryMessages } from "./discovery-messages.ts";
import { apiVersionOf } from "./kind-names.ts";
import { bindingMessage, evictionMessage } from "./pod-part-messages.ts";
import { scaleMessage } from "./scale.ts";

export const partialMessage: ProtobufMessage = {
  1: { name: "metadata", type: "message", message: objectMetaMessage },
};
const partialList: ProtobufMessage = {
  1: { name: "metadata", type: "message", message: listMetaMessage },
  2: { name: "items", type: "message", message: partialMessage, repeated: true },
};

/**
 * What the server reads and writes in protobuf by itself, by apiVersion and kind, as in
 * `authentication.k8s.io/v1 TokenReview`.
 * The kinds that whoever runs it serves bring their own.
 */
export const serverMessages: ReadonlyMap<string, ProtobufMessage> = new Map([
  ...[...postedKinds, definitionKind].map(
    (kind) => [`${apiVersionOf(kind)} ${kind.kind}`, kind.protobuf ?? {}] as const,
  ),
  ["v1 Binding", bindingMessage],
  ["v1 DeleteOptions", deleteOptionsMessage],
  ["policy/v1 Eviction", evictionMessage],
  ["autoscaling/v1 Scale", scaleMessage],
  ["v1 Status", statusMessage],
  ["meta.k8s.io/v1 PartialObjectMetadata", partialMessage],
  ["meta.k8s.io/v1 PartialObjectMetadataList", partialList],
  ...discoveryMessages,
]);
