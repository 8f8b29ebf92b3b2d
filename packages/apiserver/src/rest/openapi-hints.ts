/**
 * What upstream's documents tell of Kubernetes' own kinds beyond the schemas they are stored by: which texts there are
 * for a member, what is needed. `explain` shows it, and editors offer it. What is stored is checked elsewhere, by rules
 * with words of their own.
 */
import { prefixOf } from "./openapi-names.ts";

/** Values, and the members that have them, by package and type. */
const table = `
*,CONNECT,CREATE,DELETE,UPDATE
  admissionregistration/v1.NamedRuleWithOperations.operations
  admissionregistration/v1.RuleWithOperations.operations
,BlockDevice,CharDevice,Directory,DirectoryOrCreate,File,FileOrCreate,Socket
  core/v1.HostPathVolumeSource.type
,IPv4,IPv6
  core/v1.ServiceSpec.ipFamilies
Active,Terminating
  core/v1.NamespaceStatus.phase
Allow,Forbid,Replace
  batch/v1.CronJobSpec.concurrencyPolicy
Always,IfNotPresent,Never
  core/v1.Container.imagePullPolicy core/v1.EphemeralContainer.imagePullPolicy
  core/v1.ImageVolumeSource.pullPolicy
Always,Never,OnFailure
  core/v1.PodSpec.restartPolicy
Always,OnRootMismatch
  core/v1.PodSecurityContext.fsGroupChangePolicy
AlwaysAllow,IfHealthyBudget
  policy/v1.PodDisruptionBudgetSpec.unhealthyPodEvictionPolicy
Audit,Deny,Warn
  admissionregistration/v1.ValidatingAdmissionPolicyBindingSpec.validationActions
Available,Bound,Failed,Pending,Released
  core/v1.PersistentVolumeStatus.phase
BestEffort,Burstable,Guaranteed
  core/v1.PodStatus.qosClass
BestEffort,CrossNamespacePodAffinity,NotBestEffort,NotTerminating,PriorityClass,Terminating,VolumeAttributesClass
  core/v1.ResourceQuotaSpec.scopes core/v1.ScopedResourceSelectorRequirement.scopeName
Bidirectional,HostToContainer,None
  core/v1.VolumeMount.mountPropagation
Block,Filesystem
  core/v1.PersistentVolumeClaimSpec.volumeMode core/v1.PersistentVolumeSpec.volumeMode
Bound,Lost,Pending
  core/v1.PersistentVolumeClaimStatus.phase
ClientIP,None
  core/v1.ServiceSpec.sessionAffinity
Cluster,Local
  core/v1.ServiceSpec.externalTrafficPolicy core/v1.ServiceSpec.internalTrafficPolicy
ClusterFirst,ClusterFirstWithHostNet,Default,None
  core/v1.PodSpec.dnsPolicy
ClusterIP,ExternalName,LoadBalancer,NodePort
  core/v1.ServiceSpec.type
Count,FailIndex,FailJob,Ignore
  batch/v1.PodFailurePolicyRule.action
Dedicated,Managed,Shared
  core/v1.AzureDiskVolumeSource.kind
Default,Unmasked
  core/v1.SecurityContext.procMount
Delete,Recycle,Retain
  core/v1.PersistentVolumeSpec.persistentVolumeReclaimPolicy storage/v1.StorageClass.reclaimPolicy
DoNotSchedule,ScheduleAnyway
  core/v1.TopologySpreadConstraint.whenUnsatisfiable
DoesNotExist,Exists,Gt,In,Lt,NotIn
  core/v1.NodeSelectorRequirement.operator
DoesNotExist,Exists,In,NotIn
  core/v1.ScopedResourceSelectorRequirement.operator
Egress,Ingress
  networking/v1.NetworkPolicySpec.policyTypes
Equal,Exists
  core/v1.Toleration.operator
Equivalent,Exact
  admissionregistration/v1.MatchResources.matchPolicy admissionregistration/v1.MutatingWebhook.matchPolicy
  admissionregistration/v1.ValidatingWebhook.matchPolicy
Exact,ImplementationSpecific,Prefix
  networking/v1.HTTPIngressPath.pathType
FQDN,IPv4,IPv6
  discovery/v1.EndpointSlice.addressType
Fail,Ignore
  admissionregistration/v1.MutatingWebhook.failurePolicy
  admissionregistration/v1.ValidatingAdmissionPolicySpec.failurePolicy
  admissionregistration/v1.ValidatingWebhook.failurePolicy
Failed,Pending,Running,Succeeded,Unknown
  core/v1.PodStatus.phase
Failed,TerminatingOrFailed
  batch/v1.JobSpec.podReplacementPolicy
FallbackToLogsOnError,File
  core/v1.Container.terminationMessagePolicy core/v1.EphemeralContainer.terminationMessagePolicy
HTTP,HTTPS
  core/v1.HTTPGetAction.scheme
Honor,Ignore
  core/v1.TopologySpreadConstraint.nodeAffinityPolicy core/v1.TopologySpreadConstraint.nodeTaintsPolicy
Immediate,WaitForFirstConsumer
  storage/v1.StorageClass.volumeBindingMode
In,NotIn
  batch/v1.PodFailurePolicyOnExitCodesRequirement.operator
InProgress,Infeasible,Pending
  core/v1.ModifyVolumeStatus.status
Indexed,NonIndexed
  batch/v1.JobSpec.completionMode
Localhost,RuntimeDefault,Unconfined
  core/v1.AppArmorProfile.type core/v1.SeccompProfile.type
Merge,Strict
  core/v1.PodSecurityContext.supplementalGroupsPolicy
Never,PreemptLowerPriority
  core/v1.PodSpec.preemptionPolicy scheduling/v1.PriorityClass.preemptionPolicy
NoExecute,NoSchedule,PreferNoSchedule
  core/v1.Taint.effect core/v1.Toleration.effect
None,NoneOnDryRun,Some,Unknown
  admissionregistration/v1.MutatingWebhook.sideEffects
  admissionregistration/v1.ValidatingWebhook.sideEffects
None,ReadOnly,ReadWrite
  core/v1.AzureDiskVolumeSource.cachingMode
OnDelete,RollingUpdate
  apps/v1.DaemonSetUpdateStrategy.type apps/v1.StatefulSetUpdateStrategy.type
OrderedReady,Parallel
  apps/v1.StatefulSetSpec.podManagementPolicy
Pending,Running,Terminated
  core/v1.NodeStatus.phase
PreferDualStack,RequireDualStack,SingleStack
  core/v1.ServiceSpec.ipFamilyPolicy
ReadOnlyMany,ReadWriteMany,ReadWriteOnce,ReadWriteOncePod
  core/v1.PersistentVolumeClaimSpec.accessModes core/v1.PersistentVolumeClaimStatus.accessModes
  core/v1.PersistentVolumeSpec.accessModes
Recreate,RollingUpdate
  apps/v1.DeploymentStrategy.type
SCTP,TCP,UDP
  core/v1.EndpointPort.protocol core/v1.PortStatus.protocol discovery/v1.EndpointPort.protocol
  networking/v1.IngressPortStatus.protocol networking/v1.NetworkPolicyPort.protocol`;

const signals = [
  ..."ABRT ALRM BUS CHLD CLD CONT FPE HUP ILL INT IO IOT KILL PIPE POLL PROF PWR QUIT SEGV STKFLT".split(" "),
  ..."STOP SYS TERM TRAP TSTP TTIN TTOU URG USR1 USR2 VTALRM WINCH XCPU XFSZ RTMAX RTMIN".split(" "),
  ...Array.from({ length: 14 }, (_, index) => `RTMAX-${index + 1}`),
  ...Array.from({ length: 15 }, (_, index) => `RTMIN+${index + 1}`),
].map((name) => `SIG${name}`);
const usages = [
  ...[
    "any",
    "cert sign",
    "client auth",
    "code signing",
    "content commitment",
    "crl sign",
    "data encipherment",
  ],
  ...["decipher only", "digital signature", "email protection", "encipher only", "ipsec end system"],
  ...["ipsec tunnel", "ipsec user", "key agreement", "key encipherment", "microsoft sgc", "netscape sgc"],
  ...["ocsp signing", "s/mime", "server auth", "signing", "timestamping"],
];

const enums: ReadonlyMap<string, ReadonlyMap<string, readonly string[]>> = readTable();

/** Members that upstream says are there, and does not ask for in the words that a schema would. */
const needed: Readonly<Record<string, readonly string[]>> = {
  "~.Condition": ["type", "status", "lastTransitionTime", "reason", "message"],
  "authentication/v1.TokenRequestSpec": ["audiences"],
  "authentication/v1.TokenRequestStatus": ["token", "expirationTimestamp"],
  "core/v1.Event": ["metadata", "involvedObject"],
  "core/v1.PodExtendedResourceClaimStatus": ["requestMappings", "resourceClaimName"],
  "events/v1.Event": ["eventTime"],
  "events/v1.EventSeries": ["count", "lastObservedTime"],
  "networking/v1.IPAddressSpec": ["parentRef"],
  "networking/v1.ParentReference": ["resource", "name"],
  "storage/v1.CSINodeSpec": ["drivers"],
};
const required = byName(needed);

/** Which member says which of the others is there, by the values that it has then. */
const unions = byName<readonly [discriminator: string, fields: Readonly<Record<string, string>>]>({
  "core/v1.AppArmorProfile": ["type", { localhostProfile: "LocalhostProfile" }],
  "core/v1.SeccompProfile": ["type", { localhostProfile: "LocalhostProfile" }],
  "flowcontrol/v1.LimitResponse": ["type", { queuing: "Queuing" }],
  "flowcontrol/v1.PriorityLevelConfigurationSpec": ["type", { exempt: "Exempt", limited: "Limited" }],
  "flowcontrol/v1.Subject": ["kind", { group: "Group", serviceAccount: "ServiceAccount", user: "User" }],
});

/** Where upstream says another default than the zero that the type has on the wire; undefined: none. */
const defaults = byName<Readonly<Record<string, unknown>>>({
  "~.Condition": { message: "", reason: "" },
  "~.FieldSelectorRequirement": { key: "", operator: "" },
  "~.LabelSelectorRequirement": { key: "", operator: "" },
  "authentication/v1.TokenRequestStatus": { token: "" },
  "authorization/v1.SubjectAccessReviewStatus": { allowed: false },
  "authorization/v1.SubjectRulesReviewStatus": { incomplete: false },
  "core/v1.ContainerRestartRule": { action: undefined },
  "core/v1.ContainerRestartRuleOnExitCodes": { operator: undefined },
  ...Object.fromEntries(
    ["ConfigMapEnvSource", "ConfigMapKeySelector", "ConfigMapProjection", "ConfigMapVolumeSource"].map(named),
  ),
  ...Object.fromEntries(
    ["LocalObjectReference", "SecretEnvSource", "SecretKeySelector", "SecretProjection"].map(named),
  ),
  ...Object.fromEntries(["NodeRuntimeHandler"].map(named)),
  "core/v1.Event": { reportingComponent: "", reportingInstance: "" },
  "core/v1.GRPCAction": { service: "" },
  "core/v1.PodCertificateProjection": { keyType: undefined, signerName: undefined },
  "core/v1.ServiceAccountTokenProjection": { expirationSeconds: undefined },
  "core/v1.EventSeries": { count: 0 },
  "events/v1.EventSeries": { count: 0 },
  "flowcontrol/v1.FlowSchemaSpec": { matchingPrecedence: 0 },
  "flowcontrol/v1.QueuingConfiguration": { handSize: 0, queueLengthLimit: 0, queues: 0 },
});

function named(type: string): [place: string, defaults: Readonly<Record<string, unknown>>] {
  return [`core/v1.${type}`, { name: "" }];
}

function byName<T>(rows: Readonly<Record<string, T>>): ReadonlyMap<string, T> {
  const all = Object.entries(rows).map(([place, row]): [string, T] => {
    const [group = "", type] = place.split(/\.(?=[A-Z])/);
    return [`${prefixOf(group)}${type}`, row];
  });
  return new Map(all);
}
const bytes: Readonly<Record<string, string>> = {
  "io.k8s.api.core.v1.ConfigMap": "binaryData",
  "io.k8s.api.core.v1.Secret": "data",
};

type Json = Record<string, unknown>;

/** A type with what else is told of it; its defaults only where the documents tell of defaults at all. */
export function withHints(name: string, schema: Json, defaulted: boolean): Json {
  const needs = required.get(name);
  const union = unions.get(name);
  const known = enums.get(name);
  const ofBytes = bytes[name];
  const others = defaulted ? defaults.get(name) : undefined;
  const whole = {
    ...schema,
    ...(needs && { required: needs }),
    ...(union && {
      "x-kubernetes-unions": [{ discriminator: union[0], "fields-to-discriminateBy": union[1] }],
    }),
  };
  if (known === undefined && ofBytes === undefined && others === undefined) return whole;
  const properties = { ...(schema["properties"] as Record<string, Json>) };
  const change = (member: string, part: string, hint: Json): void => {
    const { [part]: inner, ...rest } = properties[member] ?? {};
    if (inner !== undefined) properties[member] = { ...rest, [part]: { ...(inner as Json), ...hint } };
    else if (part === "items" && properties[member] !== undefined) properties[member] = { ...rest, ...hint };
  };
  for (const [member, values] of known ?? []) {
    const inMap = properties[member]?.["additionalProperties"] !== undefined;
    change(member, inMap ? "additionalProperties" : "items", { enum: values });
  }
  if (ofBytes !== undefined) change(ofBytes, "additionalProperties", { format: "byte", default: undefined });
  for (const [member, value] of Object.entries(others ?? {}))
    if (properties[member] !== undefined) properties[member] = { ...properties[member], default: value };
  return { ...whole, properties };
}

function readTable(): Map<string, Map<string, readonly string[]>> {
  const types = new Map<string, Map<string, readonly string[]>>();
  const add = (place: string, values: readonly string[]): void => {
    const [, group = "", type = "", member = ""] = /^(.+)\.(\w+)\.(\w+)$/.exec(place) ?? [];
    const name = `${prefixOf(group)}${type}`;
    types.set(name, (types.get(name) ?? new Map()).set(member, values));
  };
  let values: readonly string[] = [];
  for (const line of table.split("\n"))
    if (!line.startsWith(" ")) values = line.split(",");
    else for (const place of line.trim().split(" ")) add(place, values);
  for (const type of ["ContainerStatus", "Lifecycle"]) add(`core/v1.${type}.stopSignal`, signals.toSorted());
  add("certificates/v1.CertificateSigningRequestSpec.usages", usages);
  const resizing = ["ControllerResizeInProgress", "ControllerResizeInfeasible", "NodeResizeInProgress"];
  add("core/v1.PersistentVolumeClaimStatus.allocatedResourceStatuses", [
    ...resizing,
    ...["NodeResizeInfeasible", "NodeResizePending"],
  ]);
  const faults = ["Duplicate", "Forbidden", "Invalid", "Required"].map((fault) => `FieldValue${fault}`);
  add("io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.ValidationRule.reason", faults);
  return types;
}
