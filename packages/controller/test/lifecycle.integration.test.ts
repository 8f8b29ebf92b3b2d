/**
 * What every kind can: made, read, listed, watched, replaced, patched, its status written apart, and deleted
 * as a collection, over HTTP. The rows are named after Kubernetes' conformance tests of the same.
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { ApiWorld, opensslMissing, type Reply, type RequestOptions } from "../../apiserver/test/api-world.ts";

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

interface Row {
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

const rows: readonly Row[] = [
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
      body: { spec: { selector: { app: "web" }, ports: [{ port: 80 }] } },
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
];

describe("the life of an object", { skip: opensslMissing() }, () => {
  let world: ApiWorld;
  before(async () => {
    world = await new ApiWorld().start();
  });
  after(() => world[Symbol.asyncDispose]());

  /** Asks, and insists on what comes of it. */
  const ask = async (path: string, code: number, options: RequestOptions = {}): Promise<Reply["json"]> => {
    const reply = await world.send(path, options);
    assert.equal(reply.status, code, `${options.method ?? "GET"} ${path}: ${reply.text}`);
    return reply.json;
  };
  const json = (value: unknown): string => JSON.stringify(value);
  const patch = (body: object): RequestOptions => ({
    ...{ method: "PATCH", headers: { "content-type": "application/merge-patch+json" }, body: json(body) },
  });

  for (const { names, at, kind, body, status, clusterWide } of rows) {
    it(names.join("; "), async () => {
      const [base = "", plural = ""] = at.split(" ");
      const apiVersion = base.replace(/^\/apis?\//, "");
      const all = `${base}/${plural}`;
      const folder = clusterWide ? all : `${base}/namespaces/default/${plural}`;
      const metadata = { name: "one", labels: { life: plural } };
      const made = await ask(folder, 201, {
        method: "POST",
        body: json({ apiVersion, kind, metadata, ...body }),
      });
      const list = await ask(`${all}?labelSelector=life%3D${plural}`, 200);
      assert.deepEqual([list.items.length, list.items[0].metadata.uid], [1, made.metadata.uid]);
      const from = list.metadata.resourceVersion;

      const patched = await ask(`${folder}/one`, 200, patch({ metadata: { labels: { patched: "yes" } } }));
      assert.equal(patched.metadata.labels.patched, "yes");
      patched.metadata.annotations = { replaced: "yes" };
      const replaced = await ask(`${folder}/one`, 200, { method: "PUT", body: json(patched) });
      assert.equal(replaced.metadata.annotations.replaced, "yes");
      if (status !== undefined) {
        const said = await ask(`${folder}/one/status`, 200, patch({ status, spec: { ignored: true } }));
        for (const [name, value] of Object.entries(status)) assert.deepEqual(said.status[name], value, name);
        assert.deepEqual(said.spec, replaced.spec);
        said.metadata.annotations = { replaced: "no" };
        await ask(`${folder}/one/status`, 200, { method: "PUT", body: json(said) });
        const read = await ask(`${folder}/one/status`, 200);
        assert.deepEqual([read.status, read.spec], [said.status, replaced.spec]);
      }
      await ask(folder, 201, {
        method: "POST",
        body: json({ apiVersion, kind, ...body, metadata: { name: "two", labels: { life: "other" } } }),
      });
      await ask(`${folder}?labelSelector=life%3D${plural}`, 200, { method: "DELETE" });
      await ask(`${folder}/one`, 404);
      await ask(`${folder}/two`, 200);
      await ask(`${folder}/two`, 200, { method: "DELETE" });

      const query = `watch=1&resourceVersion=${from}&labelSelector=life%3D${plural}`;
      const types: string[] = [];
      for await (const { type } of world.events(`${folder}?${query}`)) {
        types.push(type);
        if (type === "DELETED") break;
      }
      assert.deepEqual([types[0], types.at(-1)], ["MODIFIED", "DELETED"]);
    });
  }

  const scaled: readonly (readonly [string, string])[] = [
    ["Deployment, completes the scaling of a Deployment subresource", "deployments"],
    ["ReplicaSet, completes the scaling of a ReplicaSet subresource", "replicasets"],
    ["StatefulSet resource Replica scaling", "statefulsets"],
    ["Replication Controller, get and update ReplicationController scale", "replicationcontrollers"],
  ];
  for (const [name, plural] of scaled) {
    it(name, async () => {
      const row = rows.find(({ at }) => at.endsWith(` ${plural}`));
      const [base = ""] = row?.at.split(" ") ?? [];
      const folder = `${base}/namespaces/default/${plural}`;
      const apiVersion = base.replace(/^\/apis?\//, "");
      await ask(folder, 201, {
        method: "POST",
        body: json({ apiVersion, kind: row?.kind, ...row?.body, metadata: { name: "s" } }),
      });
      const scale = await ask(`${folder}/s/scale`, 200);
      assert.deepEqual([scale.kind, scale.apiVersion, scale.spec.replicas], ["Scale", "autoscaling/v1", 1]);
      scale.spec.replicas = 2;
      await ask(`${folder}/s/scale`, 200, { method: "PUT", body: json(scale) });
      const patched = await ask(`${folder}/s/scale`, 200, patch({ spec: { replicas: 4 } }));
      assert.deepEqual([patched.spec.replicas, (await ask(`${folder}/s`, 200)).spec.replicas], [4, 4]);
    });
  }

  const ofNamespaces = [
    ...["Namespace, apply finalizer to a namespace", "Namespace, apply update to a namespace"],
    ...["Namespace patching", "Namespace, apply changes to a namespace status"],
  ];
  it(ofNamespaces.join("; "), async () => {
    const body = json({ apiVersion: "v1", kind: "Namespace", metadata: { name: "life" } });
    const made = await ask("/api/v1/namespaces", 201, { method: "POST", body });
    assert.deepEqual([made.status.phase, made.spec.finalizers], ["Active", ["kubernetes"]]);
    const path = "/api/v1/namespaces/life";
    const patched = await ask(path, 200, patch({ metadata: { labels: { patched: "yes" } } }));
    patched.metadata.labels.updated = "yes";
    const updated = await ask(path, 200, { method: "PUT", body: json(patched) });
    assert.deepEqual([updated.metadata.labels.patched, updated.metadata.labels.updated], ["yes", "yes"]);
    const finalize = async (finalizers: string[]): Promise<unknown> => {
      const now = await ask(path, 200);
      const written = await ask(`${path}/finalize`, 200, {
        method: "PUT",
        body: json({ ...now, spec: { finalizers } }),
      });
      return written.spec.finalizers;
    };
    const both = ["kubernetes", "lab.example/fake"];
    assert.deepEqual([await finalize(both), await finalize(["kubernetes"])], [both, ["kubernetes"]]);
    const conditions = [{ type: "Tested", status: "True" }];
    const said = await ask(`${path}/status`, 200, patch({ status: { conditions } }));
    assert.deepEqual([said.status.phase, said.status.conditions[0].type], ["Active", "Tested"]);
  });
});
