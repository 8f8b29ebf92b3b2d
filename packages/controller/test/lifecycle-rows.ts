/** The kinds that every verb is tried on, named after Kubernetes' conformance tests of the same. */

const template = {
  metadata: { labels: { app: "web" } },
  spec: { containers: [{ name: "main", image: "web:1" }] },
};
const selector = { matchLabels: { app: "web" } };
const job = {
  template: { spec: { restartPolicy: "Never", containers: [{ name: "main", image: "web:1" }] } },
};
const claim = { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } };
const here = { key: "kubernetes.io/hostname", operator: "In", values: ["box"] };
const about = { kind: "Pod", namespace: "default", name: "p", apiVersion: "v1" };
const news = {
  reason: "Tested",
  type: "Normal",
  action: "Test",
  reportingController: "t",
  reportingInstance: "t-1",
};

export interface Row {
  /** Kubernetes' names of it. */
  readonly names: readonly string[];
  /** `/apis/apps/v1 deployments` */
  readonly at: string;
  readonly kind: string;
  readonly body: object;
  /** A status to write; undefined: the kind has none. */
  readonly status?: object;
  readonly clusterWide?: true;
}

export const rows: readonly Row[] = [
  {
    names: ["Deployment, completes the lifecycle of a Deployment", "Deployment, status sub-resource"],
    ...{ at: "/apis/apps/v1 deployments", kind: "Deployment", body: { spec: { selector, template } } },
    status: { conditions: [{ type: "Tested", status: "True" }] },
  },
  {
    names: ["DaemonSet, list and delete a collection of DaemonSets", "DaemonSet, status sub-resource"],
    ...{ at: "/apis/apps/v1 daemonsets", kind: "DaemonSet", body: { spec: { selector, template } } },
    status: { conditions: [{ type: "Tested", status: "True" }] },
  },
  {
    names: [
      "ReplicaSet, list and delete a collection of ReplicaSets",
      "ReplicaSet, status sub-resource",
      "ReplicaSet, is created, Replaced and Patched",
    ],
    ...{ at: "/apis/apps/v1 replicasets", kind: "ReplicaSet", body: { spec: { selector, template } } },
    status: { conditions: [{ type: "Tested", status: "True" }] },
  },
  {
    names: [
      "StatefulSet, list, patch and delete a collection of StatefulSets",
      "StatefulSet, status sub-resource",
    ],
    ...{
      at: "/apis/apps/v1 statefulsets",
      kind: "StatefulSet",
      body: { spec: { selector, template, serviceName: "s" } },
    },
    status: { conditions: [{ type: "Tested", status: "True" }] },
  },
  {
    names: ["Replication Controller, lifecycle"],
    ...{ at: "/api/v1 replicationcontrollers", kind: "ReplicationController", body: { spec: { template } } },
    status: { conditions: [{ type: "Tested", status: "True" }] },
  },
  {
    names: ["ControllerRevision, resource lifecycle"],
    ...{
      at: "/apis/apps/v1 controllerrevisions",
      kind: "ControllerRevision",
      body: { data: { a: "b" }, revision: 1 },
    },
  },
  {
    names: ["Jobs, manage lifecycle", "Jobs, apply changes to status"],
    ...{ at: "/apis/batch/v1 jobs", kind: "Job", body: { spec: { ...job, suspend: true } } },
    status: { conditions: [{ type: "Tested", status: "True" }] },
  },
  {
    names: ["CronJob API Operations"],
    ...{
      at: "/apis/batch/v1 cronjobs",
      kind: "CronJob",
      body: { spec: { schedule: "0 0 * * *", jobTemplate: { spec: job } } },
    },
    status: { lastScheduleTime: "2026-01-01T00:00:00Z" },
  },
  {
    names: [
      "PodDisruptionBudget: list and delete collection",
      "PodDisruptionBudget: create, update, patch, and delete object",
      "PodDisruptionBudget: update and patch status",
    ],
    ...{
      at: "/apis/policy/v1 poddisruptionbudgets",
      kind: "PodDisruptionBudget",
      body: { spec: { selector, minAvailable: 1 } },
    },
    status: {
      disruptedPods: { p: "2026-01-01T00:00:00Z" },
      disruptionsAllowed: 1,
      currentHealthy: 1,
      desiredHealthy: 1,
      expectedPods: 1,
    },
  },
  {
    names: [
      "ResourceQuota, update and delete",
      "ResourceQuota, manage lifecycle of a ResourceQuota",
      "ResourceQuota, apply changes to a ResourceQuota status",
    ],
    ...{
      at: "/api/v1 resourcequotas",
      kind: "ResourceQuota",
      body: { spec: { hard: { cpu: "1", memory: "500Mi" } } },
    },
    status: { hard: { cpu: "1" }, used: { cpu: "0" } },
  },
  {
    names: ["LimitRange, list, patch and delete a LimitRange by collection"],
    ...{
      at: "/api/v1 limitranges",
      kind: "LimitRange",
      body: { spec: { limits: [{ type: "Container", max: { cpu: "1" } }] } },
    },
  },
  {
    names: ["Service, complete ServiceStatus lifecycle", "Service, deletes a collection of services"],
    ...{
      at: "/api/v1 services",
      kind: "Service",
      body: { spec: { type: "LoadBalancer", selector: { app: "web" }, ports: [{ port: 80 }] } },
    },
    status: { loadBalancer: { ingress: [{ ip: "203.0.113.1" }] } },
  },
  {
    names: ["Endpoint resource lifecycle"],
    ...{
      at: "/api/v1 endpoints",
      kind: "Endpoints",
      body: { subsets: [{ addresses: [{ ip: "10.0.0.24" }], ports: [{ port: 80 }] }] },
    },
  },
  {
    names: ["EndpointSlice API: should support creating EndpointSlice API operations"],
    ...{ at: "/apis/discovery.k8s.io/v1 endpointslices", kind: "EndpointSlice" },
    body: {
      addressType: "IPv4",
      endpoints: [{ addresses: ["10.0.0.24"] }],
      ports: [{ name: "a", port: 80 }],
    },
  },
  {
    names: ["PodTemplate, delete a collection", "PodTemplate, replace", "PodTemplate lifecycle"],
    ...{ at: "/api/v1 podtemplates", kind: "PodTemplate", body: { template } },
  },
  {
    names: ["Pods, delete a collection", "Pods, patching status", "Pods, update"],
    ...{
      at: "/api/v1 pods",
      kind: "Pod",
      body: { spec: { containers: [{ name: "main", image: "web:1" }] } },
    },
    status: { phase: "Pending", message: "tested" },
  },
  {
    names: ["ConfigMap lifecycle"],
    ...{ at: "/api/v1 configmaps", kind: "ConfigMap", body: { data: { a: "b" } } },
  },
  {
    names: ["Secret patching"],
    ...{ at: "/api/v1 secrets", kind: "Secret", body: { data: { a: "Yg==" } } },
  },
  {
    names: ["ServiceAccount lifecycle test", "ServiceAccount, update a ServiceAccount"],
    ...{ at: "/api/v1 serviceaccounts", kind: "ServiceAccount", body: {} },
  },
  {
    names: ["lease API should be available"],
    ...{
      at: "/apis/coordination.k8s.io/v1 leases",
      kind: "Lease",
      body: { spec: { holderIdentity: "a", leaseDurationSeconds: 30 } },
    },
  },
  {
    names: ["Event, manage lifecycle of an Event", "Event, delete a collection"],
    ...{
      at: "/api/v1 events",
      kind: "Event",
      body: { involvedObject: about, reason: "Tested", message: "m", type: "Normal" },
    },
  },
  {
    names: [
      "New Event resource lifecycle, testing a single event",
      "New Event resource lifecycle, testing a list of events",
    ],
    ...{
      at: "/apis/events.k8s.io/v1 events",
      kind: "Event",
      body: { ...news, regarding: about, eventTime: "2026-01-01T00:00:00.000000Z" },
    },
  },
  {
    names: [
      "PersistentVolumes(Claims), lifecycle",
      "PersistentVolumes(Claims), apply changes to a pv/pvc status",
    ],
    ...{ at: "/api/v1 persistentvolumeclaims", kind: "PersistentVolumeClaim", body: { spec: claim } },
    status: { phase: "Pending", conditions: [{ type: "Tested", status: "True" }] },
  },
  {
    names: [
      "PersistentVolumes(Claims), lifecycle (volumes)",
      "PersistentVolumes(Claims), apply changes to a pv/pvc status (volumes)",
    ],
    ...{ at: "/api/v1 persistentvolumes", kind: "PersistentVolume", clusterWide: true },
    body: {
      spec: {
        ...{ capacity: { storage: "1Gi" }, accessModes: ["ReadWriteOnce"], local: { path: "/x" } },
        nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [here] }] } },
      },
    },
    status: { phase: "Available", message: "tested", reason: "Tested" },
  },
  {
    names: ["StorageClass, lifecycle"],
    ...{
      at: "/apis/storage.k8s.io/v1 storageclasses",
      kind: "StorageClass",
      body: { provisioner: "example.com/x" },
      clusterWide: true,
    },
  },
  {
    names: ["RuntimeClass API"],
    ...{
      at: "/apis/node.k8s.io/v1 runtimeclasses",
      kind: "RuntimeClass",
      body: { handler: "h" },
      clusterWide: true,
    },
  },
  {
    names: ["Scheduler, Verify PriorityClass endpoints"],
    ...{
      at: "/apis/scheduling.k8s.io/v1 priorityclasses",
      kind: "PriorityClass",
      body: { value: 5 },
      clusterWide: true,
    },
  },
  {
    names: ["Node, resource lifecycle"],
    ...{ at: "/api/v1 nodes", kind: "Node", body: {}, clusterWide: true },
    status: { conditions: [{ type: "Tested", status: "True" }] },
  },
  {
    names: ["NetworkPolicy API"],
    ...{
      at: "/apis/networking.k8s.io/v1 networkpolicies",
      kind: "NetworkPolicy",
      body: { spec: { podSelector: {} } },
    },
  },
  {
    names: ["Ingress API"],
    ...{ at: "/apis/networking.k8s.io/v1 ingresses", kind: "Ingress" },
    body: { spec: { defaultBackend: { service: { name: "web", port: { number: 80 } } } } },
    status: { loadBalancer: { ingress: [{ ip: "203.0.113.1" }] } },
  },
  {
    names: ["IngressClass API"],
    ...{ at: "/apis/networking.k8s.io/v1 ingressclasses", kind: "IngressClass", clusterWide: true },
    body: { spec: { controller: "lab.example/router" } },
  },
  {
    names: ["Priority and Fairness FlowSchema API"],
    ...{ at: "/apis/flowcontrol.apiserver.k8s.io/v1 flowschemas", kind: "FlowSchema", clusterWide: true },
    body: { spec: { priorityLevelConfiguration: { name: "workload" } } },
    status: { conditions: [{ type: "Dangling", status: "False" }] },
  },
  {
    names: ["Priority and Fairness PriorityLevelConfiguration API"],
    ...{ at: "/apis/flowcontrol.apiserver.k8s.io/v1 prioritylevelconfigurations", clusterWide: true },
    kind: "PriorityLevelConfiguration",
    body: { spec: { type: "Limited", limited: { limitResponse: { type: "Reject" } } } },
    status: { conditions: [{ type: "Tested", status: "True" }] },
  },
  {
    names: ["CSIDriver, lifecycle"],
    ...{ at: "/apis/storage.k8s.io/v1 csidrivers", kind: "CSIDriver", body: { spec: {} }, clusterWide: true },
  },
  {
    names: ["CSINode, lifecycle"],
    ...{ at: "/apis/storage.k8s.io/v1 csinodes", kind: "CSINode", clusterWide: true },
    body: { spec: { drivers: [{ name: "disks.example", nodeID: "n" }] } },
  },
  {
    names: ["CSIStorageCapacity API"],
    ...{ at: "/apis/storage.k8s.io/v1 csistoragecapacities", kind: "CSIStorageCapacity" },
    body: { storageClassName: "local" },
  },
  {
    names: ["VolumeAttachment, lifecycle", "VolumeAttachment, apply changes to a volumeattachment status"],
    ...{ at: "/apis/storage.k8s.io/v1 volumeattachments", kind: "VolumeAttachment", clusterWide: true },
    body: {
      spec: { attacher: "disks.example", nodeName: "box", source: { persistentVolumeName: "v" } },
    },
    status: { attached: true },
  },
  {
    names: ["VolumeAttributesClass"],
    ...{ at: "/apis/storage.k8s.io/v1 volumeattributesclasses", kind: "VolumeAttributesClass" },
    ...{ body: { driverName: "disks.example", parameters: { fast: "yes" } }, clusterWide: true },
  },
  {
    names: ["ServiceCIDR API"],
    ...{ at: "/apis/networking.k8s.io/v1 servicecidrs", kind: "ServiceCIDR", clusterWide: true },
    body: { spec: { cidrs: ["192.168.0.0/24"] } },
    status: {
      conditions: [
        {
          ...{ type: "Ready", status: "False", reason: "Tested", message: "" },
          lastTransitionTime: "2026-03-01T12:00:00Z",
        },
      ],
    },
  },
];
