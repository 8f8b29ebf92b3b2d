export { PolicyAdmission, type PolicyAdmissionOptions } from "./admission/policy/policy-admission.ts";
export type { DialService } from "./admission/webhook/hook-client.ts";
export { WebhookAdmission, type WebhookAdmissionOptions } from "./admission/webhook/webhook-admission.ts";
export {
  AdmissionChain,
  type AdmissionMember,
  type AdmissionRequest,
  type Operation,
  refusedBy,
  type Subject,
} from "./admission.ts";
export type { AuditOptions, AuditSink } from "./audit/audit.ts";
export { AuditFile, type AuditFileOptions } from "./audit/audit-file.ts";
export { type AuditPolicy, AuditPolicyError, parseAuditPolicy } from "./audit/audit-policy.ts";
export {
  type Authenticator,
  type Credentials,
  certificateAuthenticator,
  hashedTokens,
  type Identity,
  tokenAuthenticator,
} from "./auth/authentication.ts";
export {
  type Attributes,
  type Authorizer,
  anyOf,
  type Decision,
  defaultAuthorizer,
  type KnownRules,
  mastersAuthorizer,
} from "./auth/authorization.ts";
export { bootstrapTokens } from "./auth/bootstrap-tokens.ts";
export { certificateAdmission } from "./auth/certificate-admission.ts";
export { type NodePods, nodeAuthorizer, podsIn } from "./auth/node-authorizer.ts";
export { nodeRestriction } from "./auth/node-restriction.ts";
export { bootstrapRbac } from "./auth/rbac/bootstrap.ts";
export {
  aggregationLabel,
  type BootstrapObjects,
  bootstrapObjects,
  clusterRole,
  groupBinding,
} from "./auth/rbac/bootstrap-roles.ts";
export { type EscalationOptions, escalationGuard } from "./auth/rbac/escalation.ts";
export { RbacAuthorizer, type RbacOptions } from "./auth/rbac/rbac-authorizer.ts";
export type { PolicyRule } from "./auth/rbac/rules.ts";
export {
  accountSecretIssuer,
  ServiceAccountTokens,
  type ServiceAccountTokensOptions,
  type TokenKey,
  tokenKeyId,
} from "./auth/service-account-tokens.ts";
export { serviceAccountUser, type User } from "./auth/user.ts";
export { CustomResources, type CustomResourcesOptions } from "./custom/custom-resources.ts";
export { flowMax, waitingMax } from "./flow/flow-control.ts";
export { type Level, standardLevels } from "./flow/levels.ts";
export type { ProxiedName } from "./proxy/proxied-name.ts";
export { type Backend, isProxied, openBackend, type ProxyOptions, serveProxy } from "./proxy/proxy.ts";
export type { ComputedKind } from "./rest/computed-kind.ts";
export type { DeleteOutcome, DeleteQuery, PropagationPolicy } from "./rest/delete-plan.ts";
export { apiVersionOf, type KindName } from "./rest/kind-names.ts";
export {
  cloneObject,
  freezeLazy,
  holdingLazy,
  isLazy,
  isLong,
  isSame,
  jsonOf,
  withMembers,
} from "./rest/lazy-object.ts";
export type { ListQuery } from "./rest/listing.ts";
export { ObjectRegistry } from "./rest/object-registry.ts";
export type { PatchKind } from "./rest/patching.ts";
export { scaleOf, withScale } from "./rest/scale.ts";
export { serverMessages } from "./rest/server-messages.ts";
export type { Target } from "./rest/target.ts";
export type { WatchQuery } from "./rest/watching.ts";
export type { WriteQuery } from "./rest/write-query.ts";
export { ApiServer } from "./server.ts";
export type { Answer, ApiServerOptions } from "./server-options.ts";
export { type StatusCause, type StatusDetails, StatusError } from "./status-error.ts";
export type { Dump, Dumpable } from "./store/dump.ts";
export { EncryptedStore, type Rewriting } from "./store/encrypted-store.ts";
export { Encryption, type EncryptionKey, SealedValueError, sealedWith } from "./store/encryption.ts";
export { meteredStore } from "./store/metered-store.ts";
export { type PostgresOptions, PostgresStore } from "./store/postgres-store.ts";
export { SqliteStore } from "./store/sqlite-store.ts";
export { commitGroups, SqliteThread, ThreadDiedError, type ThreadOptions } from "./store/sqlite-thread.ts";
export {
  type Change,
  CompactedError,
  OutcomeUnknownError,
  type Page,
  type PageQuery,
  type Row,
  type Snapshot,
  type Store,
  StoreUnavailableError,
  type Subscription,
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
