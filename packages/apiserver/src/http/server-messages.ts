import { deleteOptionsMessage, type ProtobufMessage } from "@selvedge/apimachinery";
import {
  localSubjectAccessReview,
  selfSubjectAccessReview,
  selfSubjectReview,
  selfSubjectRulesReview,
  subjectAccessReview,
  tokenRequestKind,
  tokenReview,
} from "../auth/review-schemas.ts";
import { definitionKind } from "../custom/definition-kind.ts";
import { apiVersionOf } from "../rest/kind-names.ts";
import { bindingMessage, evictionMessage } from "../rest/pod-parts.ts";
import { scaleMessage } from "../rest/scale.ts";

const kinds = [
  ...[selfSubjectAccessReview, subjectAccessReview, localSubjectAccessReview, selfSubjectRulesReview],
  ...[selfSubjectReview, tokenReview, tokenRequestKind, definitionKind],
];

/**
 * What the server reads in protobuf by itself, by apiVersion and kind: `authentication.k8s.io/v1 TokenReview`.
 * The kinds that whoever runs it serves bring their own.
 */
export const serverMessages: ReadonlyMap<string, ProtobufMessage> = new Map([
  ...kinds.map((kind) => [`${apiVersionOf(kind)} ${kind.kind}`, kind.protobuf ?? {}] as const),
  ["v1 Binding", bindingMessage],
  ["v1 DeleteOptions", deleteOptionsMessage],
  ["policy/v1 Eviction", evictionMessage],
  ["autoscaling/v1 Scale", scaleMessage],
]);
