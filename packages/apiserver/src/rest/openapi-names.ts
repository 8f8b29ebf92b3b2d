import { groupNames } from "./openapi-group-names.ts";

const metaPrefix = "io.k8s.apimachinery.pkg.apis.meta.v1.";

/**
 * What clients' generators and `explain` call the parts of Kubernetes' own kinds: by package, each type with
 * its members that have a type of their own. A member alone is of the type it is named after; `~` is a type
 * of meta/v1. From the message definitions of k8s.io/api.
 */
const table = `
~
  DeleteOptions: preconditions
  LabelSelector: matchExpressions=LabelSelectorRequirement
  ObjectMeta: ownerReferences=OwnerReference managedFields=ManagedFieldsEntry
core/v1
  Affinity: nodeAffinity podAffinity podAntiAffinity
  CSIPersistentVolumeSource: controllerPublishSecretRef=SecretReference
      nodeStageSecretRef=SecretReference nodePublishSecretRef=SecretReference
      controllerExpandSecretRef=SecretReference nodeExpandSecretRef=SecretReference
  CephFSPersistentVolumeSource: secretRef=SecretReference
  CephFSVolumeSource: secretRef=LocalObjectReference
  CinderPersistentVolumeSource: secretRef=SecretReference
  CinderVolumeSource: secretRef=LocalObjectReference
  FlexPersistentVolumeSource: secretRef=SecretReference
  FlexVolumeSource: secretRef=LocalObjectReference
  ISCSIPersistentVolumeSource: secretRef=SecretReference
  ISCSIVolumeSource: secretRef=LocalObjectReference
  RBDPersistentVolumeSource: secretRef=SecretReference
  RBDVolumeSource: secretRef=LocalObjectReference
  ScaleIOPersistentVolumeSource: secretRef=SecretReference
  ScaleIOVolumeSource: secretRef=LocalObjectReference
  StorageOSPersistentVolumeSource: secretRef=ObjectReference
  StorageOSVolumeSource: secretRef=LocalObjectReference
  CSIVolumeSource: nodePublishSecretRef=LocalObjectReference
  ClusterTrustBundleProjection: labelSelector=~LabelSelector
  ConfigMapProjection: items=KeyToPath
  ConfigMapVolumeSource: items=KeyToPath
  Container: ports=ContainerPort envFrom=EnvFromSource env=EnvVar resources=ResourceRequirements
      resizePolicy=ContainerResizePolicy restartPolicyRules=ContainerRestartRule volumeMounts=VolumeMount
      volumeDevices=VolumeDevice livenessProbe=Probe readinessProbe=Probe startupProbe=Probe lifecycle
      securityContext
  ContainerRestartRule: exitCodes=ContainerRestartRuleOnExitCodes
  ContainerState: waiting=ContainerStateWaiting running=ContainerStateRunning
      terminated=ContainerStateTerminated
  ContainerStatus: state=ContainerState lastState=ContainerState resources=ResourceRequirements
      volumeMounts=VolumeMountStatus user=ContainerUser allocatedResourcesStatus=ResourceStatus
  ContainerUser: linux=LinuxContainerUser
  DownwardAPIProjection: items=DownwardAPIVolumeFile
  DownwardAPIVolumeFile: fieldRef=ObjectFieldSelector resourceFieldRef=ResourceFieldSelector
  DownwardAPIVolumeSource: items=DownwardAPIVolumeFile
  EndpointAddress: targetRef=ObjectReference
  EndpointSubset: addresses=EndpointAddress notReadyAddresses=EndpointAddress ports=EndpointPort
  Endpoints: subsets=EndpointSubset
  EnvFromSource: configMapRef=ConfigMapEnvSource secretRef=SecretEnvSource
  EnvVar: valueFrom=EnvVarSource
  EnvVarSource: fieldRef=ObjectFieldSelector resourceFieldRef=ResourceFieldSelector
      configMapKeyRef=ConfigMapKeySelector secretKeyRef=SecretKeySelector fileKeyRef=FileKeySelector
  EphemeralContainer: ports=ContainerPort envFrom=EnvFromSource env=EnvVar resources=ResourceRequirements
      resizePolicy=ContainerResizePolicy restartPolicyRules=ContainerRestartRule volumeMounts=VolumeMount
      volumeDevices=VolumeDevice livenessProbe=Probe readinessProbe=Probe startupProbe=Probe lifecycle
      securityContext
  EphemeralContainerCommon: ports=ContainerPort envFrom=EnvFromSource env=EnvVar
      resources=ResourceRequirements resizePolicy=ContainerResizePolicy
      restartPolicyRules=ContainerRestartRule volumeMounts=VolumeMount volumeDevices=VolumeDevice
      livenessProbe=Probe readinessProbe=Probe startupProbe=Probe lifecycle securityContext
  EphemeralVolumeSource: volumeClaimTemplate=PersistentVolumeClaimTemplate
  Event: involvedObject=ObjectReference source=EventSource series=EventSeries related=ObjectReference
  HTTPGetAction: httpHeaders=HTTPHeader
  Lifecycle: postStart=LifecycleHandler preStop=LifecycleHandler
  LifecycleHandler: exec=ExecAction httpGet=HTTPGetAction tcpSocket=TCPSocketAction sleep=SleepAction
  LimitRange: spec=LimitRangeSpec
  LimitRangeSpec: limits=LimitRangeItem
  LoadBalancerIngress: ports=PortStatus
  LoadBalancerStatus: ingress=LoadBalancerIngress
  Namespace: spec=NamespaceSpec status=NamespaceStatus
  NamespaceStatus: conditions=NamespaceCondition
  Node: spec=NodeSpec status=NodeStatus
  NodeAffinity: requiredDuringSchedulingIgnoredDuringExecution=NodeSelector
      preferredDuringSchedulingIgnoredDuringExecution=PreferredSchedulingTerm
  NodeAllocatableResourceClaimStatus: mapping=NodeAllocatableMappedResources
      overhead=NodeAllocatableOverheadResources
  NodeConfigSource: configMap=ConfigMapNodeConfigSource
  NodeConfigStatus: assigned=NodeConfigSource active=NodeConfigSource lastKnownGood=NodeConfigSource
  NodeDaemonEndpoints: kubeletEndpoint=DaemonEndpoint
  NodeRuntimeHandler: features=NodeRuntimeHandlerFeatures
  NodeSelector: nodeSelectorTerms=NodeSelectorTerm
  NodeSelectorTerm: matchExpressions=NodeSelectorRequirement matchFields=NodeSelectorRequirement
  NodeSpec: taints=Taint configSource=NodeConfigSource podPreemptionPolicy=NodePodPreemptionPolicy
  NodeStatus: conditions=NodeCondition addresses=NodeAddress daemonEndpoints=NodeDaemonEndpoints
      nodeInfo=NodeSystemInfo images=ContainerImage volumesAttached=AttachedVolume config=NodeConfigStatus
      runtimeHandlers=NodeRuntimeHandler features=NodeFeatures
  NodeSystemInfo: swap=NodeSwapStatus
  PersistentVolume: spec=PersistentVolumeSpec status=PersistentVolumeStatus
  PersistentVolumeClaim: metadata=~ObjectMeta spec=PersistentVolumeClaimSpec status=PersistentVolumeClaimStatus
  PersistentVolumeClaimSpec: selector=~LabelSelector resources=VolumeResourceRequirements
      dataSource=TypedLocalObjectReference dataSourceRef=TypedObjectReference
  PersistentVolumeClaimStatus: conditions=PersistentVolumeClaimCondition modifyVolumeStatus
      healthStatus=VolumeHealthStatus
  PersistentVolumeClaimTemplate: metadata=~ObjectMeta spec=PersistentVolumeClaimSpec
  PersistentVolumeSource: hostPath=HostPathVolumeSource nfs=NFSVolumeSource fc=FCVolumeSource
      local=LocalVolumeSource
      gcePersistentDisk=GCEPersistentDiskVolumeSource
      awsElasticBlockStore=AWSElasticBlockStoreVolumeSource flocker=FlockerVolumeSource
      vsphereVolume=VsphereVirtualDiskVolumeSource quobyte=QuobyteVolumeSource
      azureDisk=AzureDiskVolumeSource photonPersistentDisk=PhotonPersistentDiskVolumeSource
      portworxVolume=PortworxVolumeSource
      azureFile=AzureFilePersistentVolumeSource cephfs=CephFSPersistentVolumeSource
      cinder=CinderPersistentVolumeSource
      flexVolume=FlexPersistentVolumeSource glusterfs=GlusterfsPersistentVolumeSource
      iscsi=ISCSIPersistentVolumeSource
      rbd=RBDPersistentVolumeSource scaleIO=ScaleIOPersistentVolumeSource
      storageos=StorageOSPersistentVolumeSource
      csi=CSIPersistentVolumeSource
  PersistentVolumeSpec: hostPath=HostPathVolumeSource nfs=NFSVolumeSource fc=FCVolumeSource
      local=LocalVolumeSource
      gcePersistentDisk=GCEPersistentDiskVolumeSource
      awsElasticBlockStore=AWSElasticBlockStoreVolumeSource flocker=FlockerVolumeSource
      vsphereVolume=VsphereVirtualDiskVolumeSource quobyte=QuobyteVolumeSource
      azureDisk=AzureDiskVolumeSource photonPersistentDisk=PhotonPersistentDiskVolumeSource
      portworxVolume=PortworxVolumeSource
      azureFile=AzureFilePersistentVolumeSource cephfs=CephFSPersistentVolumeSource
      cinder=CinderPersistentVolumeSource
      flexVolume=FlexPersistentVolumeSource glusterfs=GlusterfsPersistentVolumeSource
      iscsi=ISCSIPersistentVolumeSource
      rbd=RBDPersistentVolumeSource scaleIO=ScaleIOPersistentVolumeSource
      storageos=StorageOSPersistentVolumeSource
      csi=CSIPersistentVolumeSource claimRef=ObjectReference nodeAffinity=VolumeNodeAffinity
  Pod: spec=PodSpec status=PodStatus
  PodAffinity: requiredDuringSchedulingIgnoredDuringExecution=PodAffinityTerm
      preferredDuringSchedulingIgnoredDuringExecution=WeightedPodAffinityTerm
  PodAffinityTerm: labelSelector=~LabelSelector namespaceSelector=~LabelSelector
  PodAntiAffinity: requiredDuringSchedulingIgnoredDuringExecution=PodAffinityTerm
      preferredDuringSchedulingIgnoredDuringExecution=WeightedPodAffinityTerm
  PodDNSConfig: options=PodDNSConfigOption
  PodExtendedResourceClaimStatus: requestMappings=ContainerExtendedResourceRequest
  PodSecurityContext: seLinuxOptions=SELinuxOptions windowsOptions=WindowsSecurityContextOptions
      sysctls=Sysctl seccompProfile appArmorProfile
  PodSignature: podController=~OwnerReference
  PodSpec: volumes=Volume initContainers=Container containers=Container
      ephemeralContainers=EphemeralContainer securityContext=PodSecurityContext
      imagePullSecrets=LocalObjectReference affinity tolerations=Toleration hostAliases=HostAlias
      dnsConfig=PodDNSConfig readinessGates=PodReadinessGate
      topologySpreadConstraints=TopologySpreadConstraint os=PodOS schedulingGates=PodSchedulingGate
      resourceClaims=PodResourceClaim resources=ResourceRequirements schedulingGroup=PodSchedulingGroup
      workloadRef=WorkloadReference
      evictionResponders=EvictionResponder
  PodStatus: conditions=PodCondition hostIPs=HostIP podIPs=PodIP initContainerStatuses=ContainerStatus
      containerStatuses=ContainerStatus ephemeralContainerStatuses=ContainerStatus
      resourceClaimStatuses=PodResourceClaimStatus
      extendedResourceClaimStatus=PodExtendedResourceClaimStatus resources=ResourceRequirements
      nodeAllocatableResourceClaimStatuses=NodeAllocatableResourceClaimStatus volumeHealth=PodVolumeHealth
  PodTemplate: template=PodTemplateSpec
  PodTemplateSpec: metadata=~ObjectMeta spec=PodSpec
  PodVolumeHealth: healthConditions=VolumeHealthCondition
  PreferredSchedulingTerm: preference=NodeSelectorTerm
  Probe: exec=ExecAction httpGet=HTTPGetAction tcpSocket=TCPSocketAction grpc=GRPCAction
  ProbeHandler: exec=ExecAction httpGet=HTTPGetAction tcpSocket=TCPSocketAction grpc=GRPCAction
  ProjectedVolumeSource: sources=VolumeProjection
  ReplicationController: spec=ReplicationControllerSpec status=ReplicationControllerStatus
  ReplicationControllerSpec: template=PodTemplateSpec
  ReplicationControllerStatus: conditions=ReplicationControllerCondition
  ResourceQuota: spec=ResourceQuotaSpec status=ResourceQuotaStatus
  ResourceQuotaSpec: scopeSelector
  ResourceRequirements: claims=ResourceClaim
  ResourceStatus: resources=ResourceHealth
  ScopeSelector: matchExpressions=ScopedResourceSelectorRequirement
  SecretProjection: items=KeyToPath
  SecretVolumeSource: items=KeyToPath
  SecurityContext: capabilities seLinuxOptions=SELinuxOptions windowsOptions=WindowsSecurityContextOptions
      seccompProfile appArmorProfile
  Service: spec=ServiceSpec status=ServiceStatus
  ServiceAccount: secrets=ObjectReference imagePullSecrets=LocalObjectReference
  ServiceSpec: ports=ServicePort sessionAffinityConfig
  ServiceStatus: loadBalancer=LoadBalancerStatus conditions=~Condition
  SessionAffinityConfig: clientIP=ClientIPConfig
  TopologySelectorTerm: matchLabelExpressions=TopologySelectorLabelRequirement
  TopologySpreadConstraint: labelSelector=~LabelSelector
  Volume: hostPath=HostPathVolumeSource emptyDir=EmptyDirVolumeSource gitRepo=GitRepoVolumeSource
      secret=SecretVolumeSource nfs=NFSVolumeSource persistentVolumeClaim=PersistentVolumeClaimVolumeSource
      downwardAPI=DownwardAPIVolumeSource fc=FCVolumeSource configMap=ConfigMapVolumeSource
      projected=ProjectedVolumeSource csi=CSIVolumeSource ephemeral=EphemeralVolumeSource
      image=ImageVolumeSource
      gcePersistentDisk=GCEPersistentDiskVolumeSource
      awsElasticBlockStore=AWSElasticBlockStoreVolumeSource flocker=FlockerVolumeSource
      vsphereVolume=VsphereVirtualDiskVolumeSource quobyte=QuobyteVolumeSource
      azureDisk=AzureDiskVolumeSource photonPersistentDisk=PhotonPersistentDiskVolumeSource
      portworxVolume=PortworxVolumeSource
      azureFile=AzureFileVolumeSource cephfs=CephFSVolumeSource cinder=CinderVolumeSource
      flexVolume=FlexVolumeSource glusterfs=GlusterfsVolumeSource iscsi=ISCSIVolumeSource
      rbd=RBDVolumeSource scaleIO=ScaleIOVolumeSource storageos=StorageOSVolumeSource
  VolumeHealthStatus: healthConditions=VolumeHealthCondition
  VolumeMountStatus: volumeStatus
  VolumeNodeAffinity: required=NodeSelector
  VolumeProjection: secret=SecretProjection downwardAPI=DownwardAPIProjection configMap=ConfigMapProjection
      serviceAccountToken=ServiceAccountTokenProjection clusterTrustBundle=ClusterTrustBundleProjection
      podCertificate=PodCertificateProjection
  VolumeSource: hostPath=HostPathVolumeSource emptyDir=EmptyDirVolumeSource gitRepo=GitRepoVolumeSource
      secret=SecretVolumeSource nfs=NFSVolumeSource persistentVolumeClaim=PersistentVolumeClaimVolumeSource
      downwardAPI=DownwardAPIVolumeSource fc=FCVolumeSource configMap=ConfigMapVolumeSource
      projected=ProjectedVolumeSource csi=CSIVolumeSource ephemeral=EphemeralVolumeSource
      image=ImageVolumeSource
      gcePersistentDisk=GCEPersistentDiskVolumeSource
      awsElasticBlockStore=AWSElasticBlockStoreVolumeSource flocker=FlockerVolumeSource
      vsphereVolume=VsphereVirtualDiskVolumeSource quobyte=QuobyteVolumeSource
      azureDisk=AzureDiskVolumeSource photonPersistentDisk=PhotonPersistentDiskVolumeSource
      portworxVolume=PortworxVolumeSource
      azureFile=AzureFileVolumeSource cephfs=CephFSVolumeSource cinder=CinderVolumeSource
      flexVolume=FlexVolumeSource glusterfs=GlusterfsVolumeSource iscsi=ISCSIVolumeSource
      rbd=RBDVolumeSource scaleIO=ScaleIOVolumeSource storageos=StorageOSVolumeSource
  VolumeStatus: image=ImageVolumeStatus
  WeightedPodAffinityTerm: podAffinityTerm
${groupNames}`;

export type Members = ReadonlyMap<string, string>;

/** Members of a type that have a type of their own, by the names that OpenAPI gives types. */
export const typeMembers: ReadonlyMap<string, Members> = readTable();

function readTable(): Map<string, Members> {
  const types = new Map<string, Map<string, string>>();
  let [prefix, members]: [string, Map<string, string>] = ["", new Map()];
  for (const line of table.split("\n")) {
    if (line === "") continue;
    if (!line.startsWith(" ")) {
      prefix = prefixOf(line);
      continue;
    }
    for (const word of line.trim().split(" ")) {
      if (word.endsWith(":")) {
        members = new Map();
        types.set(`${prefix}${word.slice(0, -1)}`, members);
        continue;
      }
      const [name = "", type = `${name[0]?.toUpperCase()}${name.slice(1)}`] = word.split("=");
      members.set(name, typeName(prefix, type));
    }
  }
  return types;
}

export function prefixOf(place: string): string {
  if (place === "~") return metaPrefix;
  if (place.startsWith("io.")) return `${place}.`;
  return `io.k8s.api.${place.replace("/", ".")}.`;
}

function typeName(prefix: string, type: string): string {
  if (type.startsWith("~")) return metaPrefix + type.slice(1);
  const [place = "", name] = type.split(/\.(?=[A-Z])/);
  return name === undefined ? prefix + type : prefixOf(place) + name;
}
