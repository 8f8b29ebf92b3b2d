/** The part of the table in openapi-names.ts that is not of core/v1. */
export const groupNames = `
admissionregistration/v1
  MatchResources: namespaceSelector=~LabelSelector objectSelector=~LabelSelector
      resourceRules=NamedRuleWithOperations excludeResourceRules=NamedRuleWithOperations
  MutatingWebhook: clientConfig=WebhookClientConfig rules=RuleWithOperations namespaceSelector=~LabelSelector
      objectSelector=~LabelSelector matchConditions=MatchCondition
  MutatingWebhookConfiguration: webhooks=MutatingWebhook
  ParamRef: selector=~LabelSelector
  TypeChecking: expressionWarnings=ExpressionWarning
  ValidatingAdmissionPolicy: spec=ValidatingAdmissionPolicySpec status=ValidatingAdmissionPolicyStatus
  ValidatingAdmissionPolicyBinding: spec=ValidatingAdmissionPolicyBindingSpec
  ValidatingAdmissionPolicyBindingSpec: paramRef matchResources
  ValidatingAdmissionPolicySpec: paramKind matchConstraints=MatchResources validations=Validation
      auditAnnotations=AuditAnnotation matchConditions=MatchCondition variables=Variable
  ValidatingAdmissionPolicyStatus: typeChecking conditions=~Condition
  ValidatingWebhook: clientConfig=WebhookClientConfig rules=RuleWithOperations
      namespaceSelector=~LabelSelector objectSelector=~LabelSelector matchConditions=MatchCondition
  ValidatingWebhookConfiguration: webhooks=ValidatingWebhook
  WebhookClientConfig: service=ServiceReference
apps/v1
  DaemonSet: spec=DaemonSetSpec status=DaemonSetStatus
  DaemonSetSpec: selector=~LabelSelector template=core/v1.PodTemplateSpec
      updateStrategy=DaemonSetUpdateStrategy
  DaemonSetStatus: conditions=DaemonSetCondition
  DaemonSetUpdateStrategy: rollingUpdate=RollingUpdateDaemonSet
  Deployment: spec=DeploymentSpec status=DeploymentStatus
  DeploymentSpec: selector=~LabelSelector template=core/v1.PodTemplateSpec strategy=DeploymentStrategy
  DeploymentStatus: conditions=DeploymentCondition
  DeploymentStrategy: rollingUpdate=RollingUpdateDeployment
  ReplicaSet: spec=ReplicaSetSpec status=ReplicaSetStatus
  ReplicaSetSpec: selector=~LabelSelector template=core/v1.PodTemplateSpec
  ReplicaSetStatus: conditions=ReplicaSetCondition
  StatefulSet: spec=StatefulSetSpec status=StatefulSetStatus
  StatefulSetSpec: selector=~LabelSelector template=core/v1.PodTemplateSpec
      volumeClaimTemplates=core/v1.PersistentVolumeClaim updateStrategy=StatefulSetUpdateStrategy
      persistentVolumeClaimRetentionPolicy=StatefulSetPersistentVolumeClaimRetentionPolicy
      ordinals=StatefulSetOrdinals
  StatefulSetStatus: conditions=StatefulSetCondition
  StatefulSetUpdateStrategy: rollingUpdate=RollingUpdateStatefulSetStrategy
batch/v1
  CronJob: spec=CronJobSpec status=CronJobStatus
  CronJobSpec: jobTemplate=JobTemplateSpec
  CronJobStatus: active=core/v1.ObjectReference
  Job: spec=JobSpec status=JobStatus
  JobSchedulingConfiguration: schedulingPolicy=scheduling/v1alpha3.WorkloadPodGroupSchedulingPolicy
      schedulingConstraints=scheduling/v1alpha3.WorkloadPodGroupSchedulingConstraints
      disruptionMode=scheduling/v1alpha3.WorkloadPodGroupDisruptionMode
      resourceClaims=scheduling/v1alpha3.WorkloadPodGroupResourceClaim
  JobSpec: podFailurePolicy successPolicy selector=~LabelSelector template=core/v1.PodTemplateSpec
      scheduling=JobSchedulingConfiguration
  JobStatus: conditions=JobCondition uncountedTerminatedPods
  JobTemplateSpec: metadata=~ObjectMeta spec=JobSpec
  PodFailurePolicy: rules=PodFailurePolicyRule
  PodFailurePolicyRule: onExitCodes=PodFailurePolicyOnExitCodesRequirement
      onPodConditions=PodFailurePolicyOnPodConditionsPattern
  SuccessPolicy: rules=SuccessPolicyRule
autoscaling/v1
  HorizontalPodAutoscaler: spec=HorizontalPodAutoscalerSpec status=HorizontalPodAutoscalerStatus
  HorizontalPodAutoscalerSpec: scaleTargetRef=CrossVersionObjectReference
  Scale: spec=ScaleSpec status=ScaleStatus
autoscaling/v2
  ContainerResourceMetricSource: target=MetricTarget
  ContainerResourceMetricStatus: current=MetricValueStatus
  ExternalMetricSource: metric=MetricIdentifier target=MetricTarget
  ExternalMetricStatus: metric=MetricIdentifier current=MetricValueStatus
  HPAScalingRules: policies=HPAScalingPolicy
  HorizontalPodAutoscaler: spec=HorizontalPodAutoscalerSpec status=HorizontalPodAutoscalerStatus
  HorizontalPodAutoscalerBehavior: scaleUp=HPAScalingRules scaleDown=HPAScalingRules
  HorizontalPodAutoscalerSpec: scaleTargetRef=CrossVersionObjectReference metrics=MetricSpec
      behavior=HorizontalPodAutoscalerBehavior
  HorizontalPodAutoscalerStatus: currentMetrics=MetricStatus conditions=HorizontalPodAutoscalerCondition
  MetricIdentifier: selector=~LabelSelector
  MetricSpec: object=ObjectMetricSource pods=PodsMetricSource resource=ResourceMetricSource
      containerResource=ContainerResourceMetricSource external=ExternalMetricSource
  MetricStatus: object=ObjectMetricStatus pods=PodsMetricStatus resource=ResourceMetricStatus
      containerResource=ContainerResourceMetricStatus external=ExternalMetricStatus
  ObjectMetricSource: describedObject=CrossVersionObjectReference target=MetricTarget metric=MetricIdentifier
  ObjectMetricStatus: metric=MetricIdentifier current=MetricValueStatus
      describedObject=CrossVersionObjectReference
  PodsMetricSource: metric=MetricIdentifier target=MetricTarget
  PodsMetricStatus: metric=MetricIdentifier current=MetricValueStatus
  ResourceMetricSource: target=MetricTarget
  ResourceMetricStatus: current=MetricValueStatus
policy/v1
  Eviction: deleteOptions=~DeleteOptions
  PodDisruptionBudget: spec=PodDisruptionBudgetSpec status=PodDisruptionBudgetStatus
  PodDisruptionBudgetSpec: selector=~LabelSelector
  PodDisruptionBudgetStatus: conditions=~Condition
rbac/v1
  AggregationRule: clusterRoleSelectors=~LabelSelector
  ClusterRole: rules=PolicyRule aggregationRule
  ClusterRoleBinding: subjects=Subject roleRef
  Role: rules=PolicyRule
  RoleBinding: subjects=Subject roleRef
networking/v1
  HTTPIngressPath: backend=IngressBackend
  HTTPIngressRuleValue: paths=HTTPIngressPath
  IPAddress: spec=IPAddressSpec
  IPAddressSpec: parentRef=ParentReference
  Ingress: spec=IngressSpec status=IngressStatus
  IngressBackend: service=IngressServiceBackend resource=core/v1.TypedLocalObjectReference
  IngressClass: spec=IngressClassSpec
  IngressClassSpec: parameters=IngressClassParametersReference
  IngressLoadBalancerIngress: ports=IngressPortStatus
  IngressLoadBalancerStatus: ingress=IngressLoadBalancerIngress
  IngressRule: http=HTTPIngressRuleValue
  IngressServiceBackend: port=ServiceBackendPort
  IngressSpec: defaultBackend=IngressBackend tls=IngressTLS rules=IngressRule
  IngressStatus: loadBalancer=IngressLoadBalancerStatus
  NetworkPolicy: spec=NetworkPolicySpec
  NetworkPolicyEgressRule: ports=NetworkPolicyPort to=NetworkPolicyPeer
  NetworkPolicyIngressRule: ports=NetworkPolicyPort from=NetworkPolicyPeer
  NetworkPolicyPeer: podSelector=~LabelSelector namespaceSelector=~LabelSelector ipBlock=IPBlock
  NetworkPolicySpec: podSelector=~LabelSelector ingress=NetworkPolicyIngressRule
      egress=NetworkPolicyEgressRule
  ServiceCIDR: spec=ServiceCIDRSpec status=ServiceCIDRStatus
  ServiceCIDRStatus: conditions=~Condition
storage/v1
  CSIDriver: spec=CSIDriverSpec
  CSIDriverSpec: tokenRequests=TokenRequest
  CSINode: spec=CSINodeSpec status=CSINodeStatus
  CSINodeDriver: allocatable=VolumeNodeResources
  CSINodeSpec: drivers=CSINodeDriver
  CSINodeStatus: storageHealth
  CSIStorageCapacity: nodeTopology=~LabelSelector
  StorageClass: allowedTopologies=core/v1.TopologySelectorTerm
  StorageHealth: healthConditions=StorageHealthCondition
  VolumeAttachment: spec=VolumeAttachmentSpec status=VolumeAttachmentStatus
  VolumeAttachmentSource: inlineVolumeSpec=core/v1.PersistentVolumeSpec
  VolumeAttachmentSpec: source=VolumeAttachmentSource
  VolumeAttachmentStatus: attachError=VolumeError detachError=VolumeError
flowcontrol/v1
  FlowSchema: spec=FlowSchemaSpec status=FlowSchemaStatus
  FlowSchemaSpec: priorityLevelConfiguration=PriorityLevelConfigurationReference
      distinguisherMethod=FlowDistinguisherMethod rules=PolicyRulesWithSubjects
  FlowSchemaStatus: conditions=FlowSchemaCondition
  LimitResponse: queuing=QueuingConfiguration
  LimitedPriorityLevelConfiguration: limitResponse
  PolicyRulesWithSubjects: subjects=Subject resourceRules=ResourcePolicyRule
      nonResourceRules=NonResourcePolicyRule
  PriorityLevelConfiguration: spec=PriorityLevelConfigurationSpec status=PriorityLevelConfigurationStatus
  PriorityLevelConfigurationSpec: limited=LimitedPriorityLevelConfiguration
      exempt=ExemptPriorityLevelConfiguration
  PriorityLevelConfigurationStatus: conditions=PriorityLevelConfigurationCondition
  Subject: user=UserSubject group=GroupSubject serviceAccount=ServiceAccountSubject
coordination/v1
  Lease: spec=LeaseSpec
discovery/v1
  Endpoint: conditions=EndpointConditions targetRef=core/v1.ObjectReference hints=EndpointHints
  EndpointHints: forZones=ForZone forNodes=ForNode
  EndpointSlice: endpoints=Endpoint ports=EndpointPort
node/v1
  RuntimeClass: overhead scheduling
  Scheduling: tolerations=core/v1.Toleration
events/v1
  Event: series=EventSeries regarding=core/v1.ObjectReference related=core/v1.ObjectReference
      deprecatedSource=core/v1.EventSource
certificates/v1
  CertificateSigningRequest: spec=CertificateSigningRequestSpec status=CertificateSigningRequestStatus
  CertificateSigningRequestStatus: conditions=CertificateSigningRequestCondition
  ClusterTrustBundle: spec=ClusterTrustBundleSpec
  PodCertificateRequest: spec=PodCertificateRequestSpec status=PodCertificateRequestStatus
  PodCertificateRequestStatus: conditions=~Condition
authentication/v1
  SelfSubjectReview: status=SelfSubjectReviewStatus
  SelfSubjectReviewStatus: userInfo
  TokenRequest: spec=TokenRequestSpec status=TokenRequestStatus
  TokenRequestSpec: boundObjectRef=BoundObjectReference
  TokenReview: spec=TokenReviewSpec status=TokenReviewStatus
  TokenReviewStatus: user=UserInfo
authorization/v1
  FieldSelectorAttributes: requirements=~FieldSelectorRequirement
  LabelSelectorAttributes: requirements=~LabelSelectorRequirement
  LocalSubjectAccessReview: spec=SubjectAccessReviewSpec status=SubjectAccessReviewStatus
  ResourceAttributes: fieldSelector=FieldSelectorAttributes labelSelector=LabelSelectorAttributes
  SelfSubjectAccessReview: spec=SelfSubjectAccessReviewSpec status=SubjectAccessReviewStatus
  SelfSubjectAccessReviewSpec: resourceAttributes nonResourceAttributes
  SelfSubjectRulesReview: spec=SelfSubjectRulesReviewSpec status=SubjectRulesReviewStatus
  SubjectAccessReview: spec=SubjectAccessReviewSpec status=SubjectAccessReviewStatus
  SubjectAccessReviewSpec: resourceAttributes nonResourceAttributes
  SubjectRulesReviewStatus: resourceRules=ResourceRule nonResourceRules=NonResourceRule
io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1
  CustomResourceDefinition: spec=CustomResourceDefinitionSpec status=CustomResourceDefinitionStatus
  CustomResourceDefinitionSpec: names=CustomResourceDefinitionNames versions=CustomResourceDefinitionVersion
      conversion=CustomResourceConversion
  CustomResourceDefinitionStatus: acceptedNames=CustomResourceDefinitionNames
      conditions=CustomResourceDefinitionCondition
  CustomResourceDefinitionVersion: schema=CustomResourceValidation subresources=CustomResourceSubresources
      additionalPrinterColumns=CustomResourceColumnDefinition selectableFields=SelectableField
  CustomResourceSubresources: status=CustomResourceSubresourceStatus scale=CustomResourceSubresourceScale
  CustomResourceConversion: webhook=WebhookConversion
  WebhookConversion: clientConfig=WebhookClientConfig
  WebhookClientConfig: service=ServiceReference
  CustomResourceValidation: openAPIV3Schema=JSONSchemaProps
  JSONSchemaProps: properties=JSONSchemaProps patternProperties=JSONSchemaProps definitions=JSONSchemaProps
      allOf=JSONSchemaProps anyOf=JSONSchemaProps oneOf=JSONSchemaProps not=JSONSchemaProps
      externalDocs=ExternalDocumentation x-kubernetes-validations=ValidationRule
      default=JSON example=JSON enum=JSON dependencies=JSONSchemaPropsOrStringArray
io.k8s.kube-aggregator.pkg.apis.apiregistration.v1
  APIService: spec=APIServiceSpec status=APIServiceStatus
  APIServiceSpec: service=ServiceReference
  APIServiceStatus: conditions=APIServiceCondition
`;
