import type { KindDefinition } from "@selvedge/apimachinery";
import { mutatingWebhookKind } from "./admission/mutating-webhook.ts";
import { validatingAdmissionPolicyKind } from "./admission/policy.ts";
import { validatingAdmissionPolicyBindingKind } from "./admission/policy-binding.ts";
import { validatingWebhookKind } from "./admission/validating-webhook.ts";
import { horizontalPodAutoscalerKind } from "./autoscaling/autoscaler.ts";
import { horizontalPodAutoscalerV1Kind } from "./autoscaling/autoscaler-v1.ts";
import { cronJobKind } from "./batch/cron-job.ts";
import { jobKind } from "./batch/job.ts";
import { certificateSigningRequestKind } from "./certificates/certificate-signing-request.ts";
import { configMapKind } from "./config-map.ts";
import { controllerRevisionKind } from "./controller-revision.ts";
import { daemonSetKind } from "./daemon-set.ts";
import { deploymentKind } from "./deployment.ts";
import { edgeNodeKind } from "./edge-node/edge-node.ts";
import { enrollmentProfileKind } from "./enrollment-profile.ts";
import { eventKind } from "./event.ts";
import { eventV1Kind } from "./event-v1.ts";
import { flowSchemaKind } from "./flow/flow-schema.ts";
import { priorityLevelKind } from "./flow/priority-level.ts";
import { leaseKind } from "./lease.ts";
import { namespaceKind } from "./namespace.ts";
import { endpointSliceKind } from "./network/endpoint-slice.ts";
import { endpointsKind } from "./network/endpoints.ts";
import { ingressKind } from "./network/ingress.ts";
import { ingressClassKind } from "./network/ingress-class.ts";
import { ipAddressKind } from "./network/ip-address.ts";
import { networkPolicyKind } from "./network/network-policy.ts";
import { serviceCidrKind } from "./network/service-cidr.ts";
import { nodeKind } from "./node.ts";
import { patchEnvelopeKind } from "./patch-envelope.ts";
import { podKind } from "./pod/pod.ts";
import { podTemplateKind } from "./pod-template.ts";
import { podDisruptionBudgetKind } from "./policy/disruption-budget.ts";
import { limitRangeKind } from "./policy/limit-range.ts";
import { priorityClassKind } from "./policy/priority-class.ts";
import { resourceQuotaKind } from "./policy/resource-quota.ts";
import { runtimeClassKind } from "./policy/runtime-class.ts";
import { clusterRoleKind } from "./rbac/cluster-role.ts";
import { clusterRoleBindingKind } from "./rbac/cluster-role-binding.ts";
import { roleKind } from "./rbac/role.ts";
import { roleBindingKind } from "./rbac/role-binding.ts";
import { replicaSetKind } from "./replica-set.ts";
import { replicationControllerKind } from "./replication-controller.ts";
import { secretKind } from "./secret.ts";
import { serviceKind } from "./service.ts";
import { serviceAccountKind } from "./service-account.ts";
import { statefulSetKind } from "./stateful-set.ts";
import { persistentVolumeClaimKind } from "./storage/claim.ts";
import { csiDriverKind } from "./storage/csi-driver.ts";
import { csiNodeKind } from "./storage/csi-node.ts";
import { csiStorageCapacityKind } from "./storage/csi-storage-capacity.ts";
import { storageClassKind } from "./storage/storage-class.ts";
import { persistentVolumeKind } from "./storage/volume.ts";
import { volumeAttachmentKind } from "./storage/volume-attachment.ts";
import { volumeAttributesClassKind } from "./storage/volume-attributes-class.ts";

export { type MutatingWebhookConfiguration, mutatingWebhookKind } from "./admission/mutating-webhook.ts";
export { validatingAdmissionPolicyKind } from "./admission/policy.ts";
export {
  type ValidatingAdmissionPolicyBinding,
  validatingAdmissionPolicyBindingKind,
} from "./admission/policy-binding.ts";
export type {
  ExpressionWarning,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicySpec,
} from "./admission/policy-fields.ts";
export {
  type ValidatingWebhookConfiguration,
  validatingWebhookKind,
} from "./admission/validating-webhook.ts";
export { type ApiService, apiServiceKind } from "./api-service.ts";
export { horizontalPodAutoscalerKind } from "./autoscaling/autoscaler.ts";
export { usualRules } from "./autoscaling/autoscaler-rules.ts";
export type {
  HorizontalPodAutoscaler,
  MetricSpec,
  MetricStatus,
  ScalingRules,
} from "./autoscaling/autoscaler-types.ts";
export { type CronJob, type CronJobSpec, type CronJobStatus, cronJobKind } from "./batch/cron-job.ts";
export { CronError, type CronSchedule, parseCron, zonedTime } from "./batch/cron-schedule.ts";
export { formatIndexes, parseIndexes } from "./batch/indexes.ts";
export { controllerUidLabel, jobKind, jobNameLabel } from "./batch/job.ts";
export type {
  Job,
  JobCondition,
  JobSpec,
  JobStatus,
  PodFailureRule,
  SuccessRule,
} from "./batch/job-fields.ts";
export {
  type CertificateCondition,
  type CertificateSigningRequest,
  certificateSigningRequestKind,
} from "./certificates/certificate-signing-request.ts";
export { type ConfigMap, configMapKind } from "./config-map.ts";
export { type ControllerRevision, controllerRevisionKind } from "./controller-revision.ts";
export {
  type DaemonSet,
  type DaemonSetSpec,
  type DaemonSetStatus,
  type DaemonSetUpdateStrategy,
  daemonSetKind,
} from "./daemon-set.ts";
export {
  type Deployment,
  type DeploymentCondition,
  type DeploymentSpec,
  type DeploymentStatus,
  type DeploymentStrategy,
  deploymentKind,
} from "./deployment.ts";
export type { BundleStore, OperatorConsole } from "./edge-node/console.ts";
export {
  deviceGroups,
  deviceResource,
  type EdgeNodeDevice,
  groupOf,
  isExtendedResource,
  lentGroups,
} from "./edge-node/devices.ts";
export {
  type EdgeNode,
  type EdgeNodePhase,
  type EdgeNodeSpec,
  type EdgeNodeStatus,
  edgeNodeKind,
} from "./edge-node/edge-node.ts";
export { type BondMode, bareCards, type PortBond } from "./edge-node/links.ts";
export type { EdgeNodeCommands, EdgeNodeSystem } from "./edge-node/orders.ts";
export type { CellularStatus, CertificateStatus, DeviceStatus, PortStatus } from "./edge-node/parts.ts";
export type { EdgeNodeCellular, EdgeNodePort, PortSecret } from "./edge-node/ports.ts";
export type { ScepHash, ScepKey, ScepProfile } from "./edge-node/scep.ts";
export {
  type EnrollmentProfile,
  type EnrollmentProfileSpec,
  type EnrollmentProfileStatus,
  enrollmentProfileKind,
} from "./enrollment-profile.ts";
export { type Event, eventKind, type ObjectReference } from "./event.ts";
export { type EventV1, eventV1Kind } from "./event-v1.ts";
export type { FlowSubject } from "./flow/flow-rules.ts";
export { type FlowSchema, flowSchemaKind } from "./flow/flow-schema.ts";
export { type PriorityLevelConfiguration, priorityLevelKind } from "./flow/priority-level.ts";
export { doubtsOf, gapsOf, kindsWithGaps } from "./gaps.ts";
export { type Lease, leaseKind } from "./lease.ts";
export type { AllowedMeasurements, MeasuredBoot } from "./measured-boot.ts";
export { type Namespace, namespaceKind } from "./namespace.ts";
export {
  type Endpoint,
  type EndpointPort,
  type EndpointSlice,
  endpointSliceKind,
} from "./network/endpoint-slice.ts";
export {
  type EndpointAddress,
  type EndpointSubset,
  type Endpoints,
  endpointsKind,
} from "./network/endpoints.ts";
export { ingressKind } from "./network/ingress.ts";
export { type IngressClass, ingressClassKind } from "./network/ingress-class.ts";
export type { Ingress } from "./network/ingress-types.ts";
export { type IpAddress, ipAddressKind } from "./network/ip-address.ts";
export {
  type NetworkPolicy,
  type NetworkPolicySpec,
  networkPolicyKind,
  type PolicyPeer,
  type PolicyPort,
} from "./network/network-policy.ts";
export { type ServiceCidr, serviceCidrKind } from "./network/service-cidr.ts";
export {
  type Node,
  type NodeAddress,
  type NodeCondition,
  type NodeSpec,
  type NodeStatus,
  type NodeSystemInfo,
  nodeKind,
  type Taint,
} from "./node.ts";
export {
  type PatchEnvelope,
  type PatchEnvelopeStatus,
  type PatchFile,
  patchEnvelopeKind,
} from "./patch-envelope.ts";
export type {
  Affinity,
  NodeAffinity,
  NodeSelector,
  NodeSelectorRequirement,
  NodeSelectorTerm,
  PodAffinity,
  PodAffinityTerm,
} from "./pod/affinity-types.ts";
export { capabilityChange } from "./pod/capabilities.ts";
export type {
  Container,
  ContainerPort,
  EnvFromSource,
  EnvVar,
  EnvVarSource,
  EphemeralContainer,
  ExecAction,
  HttpGetAction,
  KeySelector,
  Lifecycle,
  LifecycleHandler,
  ObjectFieldSelector,
  Probe,
  ProbeHandler,
  Protocol,
  ResourceFieldSelector,
  ResourceList,
  ResourceRequirements,
  SecurityContext,
  TcpSocketAction,
  VolumeMount,
} from "./pod/container-types.ts";
export { podKind } from "./pod/pod.ts";
export type {
  ContainerState,
  ContainerStatus,
  Pod,
  PodCondition,
  PodDnsConfig,
  PodPhase,
  PodSecurityContext,
  PodSpec,
  PodStatus,
  PodTemplateSpec,
  RestartPolicy,
  TaintEffect,
  Toleration,
  TopologySpreadConstraint,
} from "./pod/pod-types.ts";
export { podGaps, screenAnnotation } from "./pod/validate-pod.ts";
export type {
  ConfigMapSource,
  DownwardApiFile,
  DownwardApiSource,
  EmptyDirSource,
  KeyToPath,
  ProjectedPart,
  ProjectedSource,
  SecretSource,
  Volume,
} from "./pod/volume-types.ts";
export { type PodTemplate, podTemplateKind } from "./pod-template.ts";
export {
  type PodDisruptionBudget,
  type PodDisruptionBudgetStatus,
  podDisruptionBudgetKind,
} from "./policy/disruption-budget.ts";
export { type LimitRange, type LimitRangeItem, limitRangeKind } from "./policy/limit-range.ts";
export { type PriorityClass, priorityClassKind, systemClasses } from "./policy/priority-class.ts";
export {
  type ResourceQuota,
  type ResourceQuotaSpec,
  resourceQuotaKind,
  type ScopeRequirement,
} from "./policy/resource-quota.ts";
export { type RuntimeClass, runtimeClassKind } from "./policy/runtime-class.ts";
export type { RoleRef, Subject } from "./rbac/binding-fields.ts";
export { type ClusterRole, clusterRoleKind } from "./rbac/cluster-role.ts";
export { type ClusterRoleBinding, clusterRoleBindingKind } from "./rbac/cluster-role-binding.ts";
export type { PolicyRule } from "./rbac/policy-rule.ts";
export { type Role, roleKind } from "./rbac/role.ts";
export { type RoleBinding, roleBindingKind } from "./rbac/role-binding.ts";
export {
  type ReplicaSet,
  type ReplicaSetSpec,
  type ReplicaSetStatus,
  replicaSetKind,
} from "./replica-set.ts";
export { type ReplicationController, replicationControllerKind } from "./replication-controller.ts";
export { type Secret, secretKind } from "./secret.ts";
export { serviceKind } from "./service.ts";
export { type ServiceAccount, serviceAccountKind } from "./service-account.ts";
export type { Service, ServicePort, ServiceSpec } from "./service-types.ts";
export {
  type StatefulSet,
  type StatefulSetSpec,
  type StatefulSetStatus,
  statefulSetKind,
} from "./stateful-set.ts";
export { persistentVolumeClaimKind } from "./storage/claim.ts";
export type {
  AccessMode,
  PersistentVolumeClaim,
  PersistentVolumeClaimStatus,
} from "./storage/claim-fields.ts";
export { csiDriverKind } from "./storage/csi-driver.ts";
export { csiNodeKind } from "./storage/csi-node.ts";
export { csiStorageCapacityKind } from "./storage/csi-storage-capacity.ts";
export {
  defaultClassAnnotation,
  localClass,
  localProvisioner,
  type StorageClass,
  storageClassKind,
} from "./storage/storage-class.ts";
export { type PersistentVolume, persistentVolumeKind } from "./storage/volume.ts";
export { volumeAttachmentKind } from "./storage/volume-attachment.ts";
export { volumeAttributesClassKind } from "./storage/volume-attributes-class.ts";
export {
  type Amounts,
  type NodeMetrics,
  nodeMetricsKind,
  type PodMetrics,
  podMetricsKind,
} from "./usage-kinds.ts";

/** Every kind the controller serves. A kind that is not here does not exist. */
export const allKinds: readonly KindDefinition[] = [
  namespaceKind,
  nodeKind,
  podKind,
  configMapKind,
  secretKind,
  eventKind,
  eventV1Kind,
  serviceKind,
  serviceAccountKind,
  daemonSetKind,
  deploymentKind,
  replicaSetKind,
  statefulSetKind,
  controllerRevisionKind,
  jobKind,
  cronJobKind,
  persistentVolumeClaimKind,
  persistentVolumeKind,
  storageClassKind,
  csiDriverKind,
  csiNodeKind,
  csiStorageCapacityKind,
  volumeAttachmentKind,
  volumeAttributesClassKind,
  podDisruptionBudgetKind,
  horizontalPodAutoscalerKind,
  horizontalPodAutoscalerV1Kind,
  limitRangeKind,
  priorityClassKind,
  resourceQuotaKind,
  runtimeClassKind,
  endpointSliceKind,
  endpointsKind,
  networkPolicyKind,
  ingressKind,
  ingressClassKind,
  ipAddressKind,
  serviceCidrKind,
  podTemplateKind,
  replicationControllerKind,
  leaseKind,
  flowSchemaKind,
  priorityLevelKind,
  roleKind,
  roleBindingKind,
  clusterRoleKind,
  clusterRoleBindingKind,
  certificateSigningRequestKind,
  mutatingWebhookKind,
  validatingWebhookKind,
  validatingAdmissionPolicyKind,
  validatingAdmissionPolicyBindingKind,
  edgeNodeKind,
  enrollmentProfileKind,
  patchEnvelopeKind,
];
