/** Which columns tools are told of, as a server of Kubernetes' own declares them: `Name:type`, with + where wide. */
import assert from "node:assert/strict";
import { it } from "node:test";
import { allKinds, apiServiceKind } from "./index.ts";

/** A line that begins with a blank goes on with the one before. */
const declared = `
v1 configmaps: Name | Data | Age
v1 endpoints: Name | Endpoints | Age
v1 events: Last Seen | Type | Reason | Object | Subobject+ | Source+ | Message | First Seen+ | Count+ | Name+
v1 limitranges: Name | Created At:date
v1 namespaces: Name | Status | Age
v1 nodes: Name | Status | Roles | Age | Version | Internal-IP+ | External-IP+ | OS-Image+ | Kernel-Version+
  | Container-Runtime+
v1 persistentvolumeclaims: Name | Status | Volume | Capacity | Access Modes | StorageClass
  | VolumeAttributesClass | Age | VolumeMode+
v1 persistentvolumes: Name | Capacity | Access Modes | Reclaim Policy | Status | Claim | StorageClass
  | VolumeAttributesClass | Reason | Age | VolumeMode+
v1 pods: Name | Ready | Status | Restarts | Age | IP+ | Node+ | Nominated Node+ | Readiness Gates+
v1 podtemplates: Name | Containers | Images | Pod Labels
v1 replicationcontrollers: Name | Desired:integer | Current:integer | Ready:integer | Age | Containers+
  | Images+ | Selector+
v1 resourcequotas: Name | Request | Limit | Age
v1 secrets: Name | Type | Data | Age
v1 serviceaccounts: Name | Secrets | Age
v1 services: Name | Type | Cluster-IP | External-IP | Port(s) | Age | Selector+
apiregistration.k8s.io/v1 apiservices: Name | Service | Available | Age
apps/v1 controllerrevisions: Name | Controller | Revision | Age
apps/v1 daemonsets: Name | Desired:integer | Current:integer | Ready:integer | Up-to-date:integer
  | Available:integer | Node Selector | Age | Containers+ | Images+ | Selector+
apps/v1 deployments: Name | Ready | Up-to-date | Available | Age | Containers+ | Images+ | Selector+
apps/v1 replicasets: Name | Desired:integer | Current:integer | Ready:integer | Age | Containers+ | Images+
  | Selector+
apps/v1 statefulsets: Name | Ready | Age | Containers+ | Images+
events.k8s.io/v1 events: Last Seen | Type | Reason | Object | Subobject+ | Source+ | Message | First Seen+
  | Count+ | Name+
autoscaling/v2 horizontalpodautoscalers: Name | Reference | Targets | MinPods | MaxPods | Replicas | Age
autoscaling/v1 horizontalpodautoscalers: Name | Reference | Targets | MinPods | MaxPods | Replicas | Age
batch/v1 cronjobs: Name | Schedule | Timezone | Suspend:boolean | Active:integer | Last Schedule | Age
  | Containers+ | Images+ | Selector+
batch/v1 jobs: Name | Status | Completions | Duration | Age | Containers+ | Images+ | Selector+
certificates.k8s.io/v1 certificatesigningrequests: Name | Age | SignerName | Requestor | RequestedDuration
  | Condition
networking.k8s.io/v1 ingressclasses: Name | Controller | Parameters | Age
networking.k8s.io/v1 ingresses: Name | Class | Hosts | Address | Ports | Age
networking.k8s.io/v1 ipaddresses: Name | ParentRef
networking.k8s.io/v1 networkpolicies: Name | Pod-Selector | Age
networking.k8s.io/v1 servicecidrs: Name | CIDRs | Age
policy/v1 poddisruptionbudgets: Name | Min Available | Max Unavailable | Allowed Disruptions:integer | Age
rbac.authorization.k8s.io/v1 clusterrolebindings: Name | Role | Age | Users+ | Groups+ | ServiceAccounts+
rbac.authorization.k8s.io/v1 clusterroles: Name | Created At:date
rbac.authorization.k8s.io/v1 rolebindings: Name | Role | Age | Users+ | Groups+ | ServiceAccounts+
rbac.authorization.k8s.io/v1 roles: Name | Created At:date
storage.k8s.io/v1 csidrivers: Name | AttachRequired:boolean | PodInfoOnMount:boolean | StorageCapacity:boolean
  | TokenRequests | RequiresRepublish:boolean | Modes | Age
storage.k8s.io/v1 csinodes: Name | Drivers:integer | Age
storage.k8s.io/v1 csistoragecapacities: Name | Created At:date
storage.k8s.io/v1 storageclasses: Name | Provisioner | ReclaimPolicy | VolumeBindingMode | AllowVolumeExpansion
  | Age
storage.k8s.io/v1 volumeattachments: Name | Attacher | PV | Node | Attached:boolean | Age
storage.k8s.io/v1 volumeattributesclasses: Name | DriverName | Age
admissionregistration.k8s.io/v1 mutatingwebhookconfigurations: Name | Webhooks:integer | Age
admissionregistration.k8s.io/v1 validatingadmissionpolicies: Name | Validations:integer | ParamKind | Age
admissionregistration.k8s.io/v1 validatingadmissionpolicybindings: Name | PolicyName | ParamRef | Age
admissionregistration.k8s.io/v1 validatingwebhookconfigurations: Name | Webhooks:integer | Age
scheduling.k8s.io/v1 priorityclasses: Name | Value:integer | Global-Default:boolean | Age | PreemptionPolicy
coordination.k8s.io/v1 leases: Name | Holder | Age
node.k8s.io/v1 runtimeclasses: Name | Handler | Age
discovery.k8s.io/v1 endpointslices: Name | AddressType | Ports | Endpoints | Age
flowcontrol.apiserver.k8s.io/v1 flowschemas: Name | PriorityLevel | MatchingPrecedence | DistinguisherMethod
  | Age | MissingPL
flowcontrol.apiserver.k8s.io/v1 prioritylevelconfigurations: Name | Type | NominalConcurrencyShares | Queues
  | HandSize | QueueLengthLimit | Age
`;

it("every kind declares the columns that upstream declares", () => {
  const kinds = [...allKinds, apiServiceKind].filter(({ group }) => !group.startsWith("selvedge"));
  const found = kinds.map(({ group, version, plural, columns }) => {
    const told = columns.map(({ name, type, priority }) => {
      return `${name}${type === "string" ? "" : `:${type}`}${priority ? "+" : ""}`;
    });
    return `${group === "" ? version : `${group}/${version}`} ${plural}: ${told.join(" | ")}`;
  });
  assert.deepEqual(found.sort(), declared.replaceAll("\n  ", " ").trim().split("\n").sort());
});
