/**
 * What Go calls the types of texts that are not just any text, by the members that have them: a decoder names the
 * type that it could not read a value into. Of version v1 where nothing else is said. From the answers of a server of
 * Kubernetes' own.
 */
const table = `
APIServiceConditionType: APIServiceCondition.type
AddressType: EndpointSlice.addressType
AppArmorProfileType: AppArmorProfile.type
AzureDataDiskCachingMode: AzureDiskVolumeSource.cachingMode
AzureDataDiskKind: AzureDiskVolumeSource.kind
Capability: Capabilities.add Capabilities.drop
ClaimResourceStatus: PersistentVolumeClaimStatus.allocatedResourceStatuses
CompletionMode: JobSpec.completionMode
ConcurrencyPolicy: CronJobSpec.concurrencyPolicy
ConditionStatus: APIServiceCondition.status CertificateSigningRequestCondition.status Condition.status
  DaemonSetCondition.status DeploymentCondition.status FlowSchemaCondition.status
  HorizontalPodAutoscalerCondition.status JobCondition.status NamespaceCondition.status NodeCondition.status
  PersistentVolumeClaimCondition.status PodCondition.status PodFailurePolicyOnPodConditionsPattern.status
  PriorityLevelConfigurationCondition.status ReplicaSetCondition.status ReplicationControllerCondition.status
  StatefulSetCondition.status
ContainerRestartPolicy: Container.restartPolicy EphemeralContainer.restartPolicy
ContainerRestartRuleAction: ContainerRestartRule.action
ContainerRestartRuleOnExitCodesOperator: ContainerRestartRuleOnExitCodes.operator
CoordinatedLeaseStrategy: LeaseSpec.strategy
DNSPolicy: PodSpec.dnsPolicy
DaemonSetConditionType: DaemonSetCondition.type
DaemonSetUpdateStrategyType: DaemonSetUpdateStrategy.type
DeletionPropagation: DeleteOptions.propagationPolicy
DeploymentConditionType: DeploymentCondition.type
DeploymentStrategyType: DeploymentStrategy.type
FSGroupPolicy: CSIDriverSpec.fsGroupPolicy
FailurePolicyType: MutatingWebhook.failurePolicy ValidatingAdmissionPolicySpec.failurePolicy
  ValidatingWebhook.failurePolicy
FinalizerName: NamespaceSpec.finalizers
FlowDistinguisherMethodType: FlowDistinguisherMethod.type
FlowSchemaConditionType: FlowSchemaCondition.type
HostPathType: HostPathVolumeSource.type
IPFamily: ServiceSpec.ipFamilies
IPFamilyPolicy: ServiceSpec.ipFamilyPolicy
JobConditionType: JobCondition.type
KeyUsage: CertificateSigningRequestSpec.usages
LabelSelectorOperator: LabelSelectorRequirement.operator
LimitResponseType: LimitResponse.type
LimitType: LimitRangeItem.type
LoadBalancerIPMode: LoadBalancerIngress.ipMode
MatchPolicyType: MatchResources.matchPolicy MutatingWebhook.matchPolicy ValidatingWebhook.matchPolicy
MountPropagationMode: VolumeMount.mountPropagation
NamespaceConditionType: NamespaceCondition.type
NamespacePhase: NamespaceStatus.phase
NodeAddressType: NodeAddress.type
NodeConditionType: NodeCondition.type
NodeInclusionPolicy: TopologySpreadConstraint.nodeAffinityPolicy TopologySpreadConstraint.nodeTaintsPolicy
NodePhase: NodeStatus.phase
NodeSelectorOperator: NodeSelectorRequirement.operator
OSName: PodOS.name
OperationType: NamedRuleWithOperations.operations RuleWithOperations.operations
ParameterNotFoundActionType: ParamRef.parameterNotFoundAction
PathType: HTTPIngressPath.pathType
PersistentVolumeAccessMode: PersistentVolumeClaimSpec.accessModes PersistentVolumeClaimStatus.accessModes
  PersistentVolumeSpec.accessModes
PersistentVolumeClaimConditionType: PersistentVolumeClaimCondition.type
PersistentVolumeClaimModifyVolumeStatus: ModifyVolumeStatus.status
PersistentVolumeClaimPhase: PersistentVolumeClaimStatus.phase
PersistentVolumeClaimRetentionPolicyType: StatefulSetPersistentVolumeClaimRetentionPolicy.whenDeleted
  StatefulSetPersistentVolumeClaimRetentionPolicy.whenScaled
PersistentVolumeMode: PersistentVolumeClaimSpec.volumeMode PersistentVolumeSpec.volumeMode
PersistentVolumePhase: PersistentVolumeStatus.phase
PersistentVolumeReclaimPolicy: PersistentVolumeSpec.persistentVolumeReclaimPolicy StorageClass.reclaimPolicy
PodConditionType: PodCondition.type PodFailurePolicyOnPodConditionsPattern.type PodReadinessGate.conditionType
PodFSGroupChangePolicy: PodSecurityContext.fsGroupChangePolicy
PodFailurePolicyAction: PodFailurePolicyRule.action
PodFailurePolicyOnExitCodesOperator: PodFailurePolicyOnExitCodesRequirement.operator
PodManagementPolicyType: StatefulSetSpec.podManagementPolicy
PodPhase: PodStatus.phase
PodQOSClass: PodStatus.qosClass
PodReplacementPolicy: JobSpec.podReplacementPolicy
PodResizeStatus: PodStatus.resize
PodSELinuxChangePolicy: PodSecurityContext.seLinuxChangePolicy
PolicyType: NetworkPolicySpec.policyTypes
PreemptionPolicy: PodSpec.preemptionPolicy PriorityClass.preemptionPolicy
PriorityLevelConfigurationConditionType: PriorityLevelConfigurationCondition.type
PriorityLevelEnablement: PriorityLevelConfigurationSpec.type
ProcMountType: SecurityContext.procMount
Protocol: ContainerPort.protocol EndpointPort.protocol IngressPortStatus.protocol NetworkPolicyPort.protocol
  PortStatus.protocol ServicePort.protocol
PullPolicy: Container.imagePullPolicy EphemeralContainer.imagePullPolicy ImageVolumeSource.pullPolicy
RecursiveReadOnlyMode: VolumeMount.recursiveReadOnly VolumeMountStatus.recursiveReadOnly
ReinvocationPolicyType: MutatingWebhook.reinvocationPolicy
ReplicaSetConditionType: ReplicaSetCondition.type
ReplicationControllerConditionType: ReplicationControllerCondition.type
RequestConditionType: CertificateSigningRequestCondition.type
ResourceHealthStatus: ResourceHealth.health
ResourceID: ResourceHealth.resourceID
ResourceName: ContainerResizePolicy.resourceName ContainerResourceMetricSource.name
  ContainerResourceMetricStatus.name ResourceMetricSource.name ResourceMetricStatus.name ResourceStatus.name
ResourceQuotaScope: ResourceQuotaSpec.scopes ScopedResourceSelectorRequirement.scopeName
ResourceResizeRestartPolicy: ContainerResizePolicy.restartPolicy
RestartPolicy: PodSpec.restartPolicy
ScopeSelectorOperator: ScopedResourceSelectorRequirement.operator
ScopeType: NamedRuleWithOperations.scope RuleWithOperations.scope
SeccompProfileType: SeccompProfile.type
SecretType: Secret.type
ServiceAffinity: ServiceSpec.sessionAffinity
ServiceExternalTrafficPolicy: ServiceSpec.externalTrafficPolicy
ServiceInternalTrafficPolicy: ServiceSpec.internalTrafficPolicy
ServiceType: ServiceSpec.type
SideEffectClass: MutatingWebhook.sideEffects ValidatingWebhook.sideEffects
Signal: ContainerStatus.stopSignal Lifecycle.stopSignal
StatefulSetConditionType: StatefulSetCondition.type
StatefulSetUpdateStrategyType: StatefulSetUpdateStrategy.type
StatusReason: Validation.reason
StorageMedium: EmptyDirVolumeSource.medium
SubjectKind: Subject.kind
SupplementalGroupsPolicy: PodSecurityContext.supplementalGroupsPolicy
TaintEffect: Taint.effect Toleration.effect
TerminationMessagePolicy: Container.terminationMessagePolicy EphemeralContainer.terminationMessagePolicy
TolerationOperator: Toleration.operator
URIScheme: HTTPGetAction.scheme
UnhealthyPodEvictionPolicyType: PodDisruptionBudgetSpec.unhealthyPodEvictionPolicy
UniqueVolumeName: AttachedVolume.name NodeStatus.volumesInUse
UnsatisfiableConstraintAction: TopologySpreadConstraint.whenUnsatisfiable
ValidationAction: ValidatingAdmissionPolicyBindingSpec.validationActions
VolumeBindingMode: StorageClass.volumeBindingMode
VolumeLifecycleMode: CSIDriverSpec.volumeLifecycleModes
types.UID: ObjectMeta.uid ObjectReference.uid OwnerReference.uid Preconditions.uid
  UncountedTerminatedPods.failed UncountedTerminatedPods.succeeded
v2.HPAScalingPolicyType: HPAScalingPolicy.type
v2.HorizontalPodAutoscalerConditionType: HorizontalPodAutoscalerCondition.type
v2.MetricSourceType: MetricSpec.type MetricStatus.type
v2.MetricTargetType: MetricTarget.type
v2.ScalingPolicySelect: HPAScalingRules.selectPolicy
`;

/** `v1.RestartPolicy` of `PodSpec.restartPolicy`. */
export const goTexts: ReadonlyMap<string, string> = new Map(
  table
    .trim()
    .replaceAll(/\n {2}/g, " ")
    .split("\n")
    .flatMap((line) => {
      const [type = "", ...members] = line.split(/:? /);
      return members.map((member) => [member, type.includes(".") ? type : `v1.${type}`] as const);
    }),
);
