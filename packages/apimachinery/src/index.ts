export {
  AdmissionCompiler,
  AdmissionEvaluation,
  type AdmissionInput,
  askConditions,
  BudgetError,
  type ConditionOutcome,
  conditionBudget,
  type Evaluated,
  type Expression,
  evaluationBudget,
  type NamedExpression,
} from "./cel/admission.ts";
export {
  type AccessDecision,
  type AccessQuestion,
  type Decide,
  PendingDecision,
} from "./cel/authorizer-library.ts";
export { declaredType } from "./cel/declared-type.ts";
export {
  type CompiledRule,
  compileRules,
  hasRules,
  leastBytes,
  partFaults,
  ruleFaults,
} from "./cel/rules.ts";
export { Slice, TooHeavyError } from "./cel/slice.ts";
export type { CelType } from "./cel/types.ts";
export {
  encodeEnvelope,
  encodeEvents,
  encodeItems,
  encodeProtobuf,
  envelopeAround,
  type ProtobufEvent,
} from "./codec/encode.ts";
export { jsonFault } from "./codec/json-fault.ts";
export {
  deleteOptionsMessage,
  listMetaMessage,
  objectMetaMessage,
  ownerReferenceMessage,
  statusMessage,
} from "./codec/meta-messages.ts";
export { decodeEnvelope, decodeProtobuf, type ProtobufEnvelope } from "./codec/protobuf.ts";
export { readAs } from "./codec/read-as.ts";
export { ProtobufError } from "./codec/reader.ts";
export {
  BodyError,
  formatYaml,
  type ParsedBody,
  parseJsonBody,
  parseJsonOrYaml,
  parseYamlBody,
} from "./codec/text-body.ts";
export { fieldErrorBody, fieldErrorText } from "./field-error.ts";
export { parseDuration } from "./go-duration.ts";
export { goText } from "./go-text.ts";
export { humanDuration } from "./human-duration.ts";
export { type ImageReference, parseImageReference } from "./image-reference.ts";
export { parseIp } from "./ip-address.ts";
export type {
  Column,
  FieldError,
  KindConverter,
  KindDefinition,
  KindView,
  ProtobufField,
  ProtobufMessage,
  ScalePaths,
  SubresourceDefinition,
} from "./kind-definition.ts";
export {
  dns1035LabelFaults,
  dnsLabelFaults,
  dnsSubdomainFaults,
  labelValueFaults,
  qualifiedNameFaults,
} from "./names.ts";
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
export { omitEmptyMeta, pruneObjectMeta, validateObjectMeta } from "./object-meta.ts";
export { type JsonPatchOperation, jsonPatch } from "./patch/json-patch.ts";
export { mergePatch } from "./patch/merge-patch.ts";
export { PatchError, PatchFormatError } from "./patch/patch-error.ts";
export { strategicMergePatch } from "./patch/strategic-merge-patch.ts";
export {
  formatBinary,
  formatDecimal,
  type Nano,
  parseQuantity,
  quantityFault,
  quantityFaultOf,
  toMillis,
  toUnits,
} from "./quantity.ts";
export type { Schema, ValidationRule } from "./schema.ts";
export { isInt64, parseFieldSelector, parseLabelSelector } from "./selector-text.ts";
export {
  type FieldRequirement,
  formatRequirements,
  type LabelSelector,
  type Labels,
  matchesLabels,
  type Requirement,
  requirementsOf,
  SelectorError,
} from "./selectors.ts";
export { type ApplyType, ApplyTypeError, type TypeRef } from "./ssa/apply-type.ts";
export { FieldSet, type FieldsV1 } from "./ssa/field-set.ts";
export {
  applyObject,
  describeManager,
  type ManagedWrite,
  saidFields,
  updateObject,
  withoutTimes,
} from "./ssa/managed-fields.ts";
export { type ReplayResult, replayApplyCases } from "./ssa/replay.ts";
export { applyTypeOf } from "./ssa/schema-type.ts";
export {
  ApplyConflictError,
  type ApplyInput,
  type ApplyResult,
  applyManaged,
  type Managed,
  type Managers,
  sameInAllVersions,
  updateManaged,
  type Versions,
} from "./ssa/updater.ts";
export { applySchemaDefaults } from "./structural/default.ts";
export { dropNulls } from "./structural/drop-nulls.ts";
export { validateEmbedded } from "./structural/embedded.ts";
export { compileExpression, ExpressionError, formatTest, matchesExpression } from "./structural/formats.ts";
export { omitEmpty } from "./structural/omit-empty.ts";
export { prune } from "./structural/prune.ts";
export { fitsTypes, validateChange, validateSchema } from "./structural/validate.ts";
export { webhookClientErrors } from "./webhook-client.ts";
