/** What generators of clients and `explain` read: documents that hold together. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { kubectl, kubectlMissing } from "../../../tests/kubectl.ts";
import { ApiWorld, opensslMissing, type Reply } from "./api-world.ts";
import { cronTabs } from "./crontab.ts";

const missing = await kubectlMissing();
const keeps = { "x-kubernetes-preserve-unknown-fields": true };
const properties = {
  list: { type: "array", items: { type: "object" }, ...keeps },
  members: { type: "object", properties: { a: { type: "string" } }, ...keeps },
};

describe("OpenAPI", { skip: opensslMissing() }, () => {
  let world: ApiWorld;

  before(async () => {
    world = await new ApiWorld().start();
    const path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    await world.send(path, { method: "POST", body: JSON.stringify(cronTabs()) });
  });
  after(() => world[Symbol.asyncDispose]());

  const documents = new Map<string, Reply["json"]>();
  const document = async (path: string): Promise<Reply["json"]> => {
    const known = documents.get(path) ?? (await world.send(path)).json;
    documents.set(path, known);
    return known;
  };

  it("has documents whose references lead somewhere", async () => {
    const { paths } = (await world.send("/openapi/v3")).json;
    for (const path of [...Object.keys(paths).map((one) => `/openapi/v3/${one}`), "/openapi/v2"]) {
      const { json, text } = await world.send(path);
      const names = new Set(Object.keys(json.components?.schemas ?? json.definitions));
      const references = text.matchAll(/"\$ref":"#\/(?:components\/schemas|definitions)\/([^"]+)"/g);
      const gone = [...references].map(([, name = ""]) => name).filter((name) => !names.has(name));
      assert.deepEqual([...new Set(gone)], [], path);
    }
  });

  it("has no empty lists", async () => {
    const gadgets = await world.send("/openapi/v3/apis/lab.example/v1");
    assert.doesNotMatch(JSON.stringify(gadgets.json.paths), /\[\]/);
  });

  const list = "allowWatchBookmarks continue fieldSelector labelSelector limit resourceVersion";
  const lists = `${list} resourceVersionMatch sendInitialEvents timeoutSeconds watch`;
  const writes = "dryRun fieldManager fieldValidation";
  const pods = "/api/v1/namespaces/{namespace}/pods";
  const tabs = "/apis/stable.example.com/v1/namespaces/{namespace}/crontabs";
  const deploymentScale = "/apis/apps/v1/namespaces/{namespace}/deployments/{name}/scale";
  /** Name, action, what it can be asked, what it answers and in how many encodings. */
  const operations: readonly (readonly [place: string, expected: string])[] = [
    ["get /api/", "getCoreAPIVersions - () APIVersions 3"],
    ["get /apis/", "getAPIVersions - () APIGroupList 3"],
    ["get /apis/apps/", "getAppsAPIGroup - () APIGroup 3"],
    ["get /version/", "getCodeVersion - () Info 1"],
    ["get /api/v1/", "getCoreV1APIResources - () APIResourceList 3"],
    ["get /api/v1/pods", `listCoreV1PodForAllNamespaces list (${lists} pretty) PodList 5`],
    [`get ${pods}`, `listCoreV1NamespacedPod list (${lists} namespace pretty) PodList 5`],
    [`post ${pods}`, `createCoreV1NamespacedPod post (${writes} namespace pretty) Pod 3`],
    [`get ${pods}/{name}`, "readCoreV1NamespacedPod get (name namespace pretty) Pod 3"],
    [`patch ${pods}/{name}`, `patchCoreV1NamespacedPod patch (${writes} force name namespace pretty) Pod 3`],
    [
      `put ${pods}/{name}/resize`,
      `replaceCoreV1NamespacedPodResize put (${writes} name namespace pretty) Pod 3`,
    ],
    [
      `post ${pods}/{name}/eviction`,
      `createCoreV1NamespacedPodEviction post (${writes} name namespace pretty) Eviction 3`,
    ],
    [
      `post ${pods}/{name}/binding`,
      `createCoreV1NamespacedPodBinding post (${writes} name namespace pretty) Binding 3`,
    ],
    [
      `get ${pods}/{name}/exec`,
      "connectCoreV1GetNamespacedPodExec connect (command container name namespace stderr stdin stdout tty) string 1",
    ],
    [
      `options ${pods}/{name}/proxy/{path}`,
      "connectCoreV1OptionsNamespacedPodProxyWithPath connect (name namespace path path) string 1",
    ],
    [
      `get ${pods}/{name}/log`,
      "readCoreV1NamespacedPodLog get (container follow insecureSkipTLSVerifyBackend limitBytes name namespace " +
        "pretty previous sinceSeconds stream tailLines timestamps) string 4",
    ],
    [
      "post /api/v1/namespaces/{namespace}/serviceaccounts/{name}/token",
      `createCoreV1NamespacedServiceAccountToken post (${writes} name namespace pretty) TokenRequest 3`,
    ],
    ["get /api/v1/watch/pods", `watchCoreV1PodListForAllNamespaces watchlist (${lists} pretty) WatchEvent 5`],
    ["get /api/v1/watch/namespaces/{name}", `watchCoreV1Namespace watch (${lists} name pretty) WatchEvent 5`],
    [
      "delete /api/v1/namespaces/{namespace}/configmaps/{name}",
      "deleteCoreV1NamespacedConfigMap delete (dryRun gracePeriodSeconds " +
        "ignoreStoreReadErrorWithClusterBreakingPotential name namespace orphanDependents pretty " +
        "propagationPolicy) Status 3",
    ],
    [
      "get /api/v1/namespaces/{namespace}/endpoints",
      `listCoreV1NamespacedEndpoints list (${lists} namespace pretty) EndpointsList 5`,
    ],
    [`get ${deploymentScale}`, "readAppsV1NamespacedDeploymentScale get (name namespace pretty) Scale 3"],
    [
      "get /apis/rbac.authorization.k8s.io/v1/clusterroles/{name}",
      "readRbacAuthorizationV1ClusterRole get (name pretty) ClusterRole 3",
    ],
    [`get ${tabs}`, `listStableExampleComV1NamespacedCronTab list (${lists} namespace pretty) CronTabList 2`],
    [
      `get ${tabs}/{name}/scale`,
      "readStableExampleComV1NamespacedCronTabScale get (name namespace pretty resourceVersion) Scale 2",
    ],
    [
      `patch ${tabs}/{name}`,
      `patchStableExampleComV1NamespacedCronTab patch (${writes} force name namespace pretty) CronTab 2`,
    ],
  ];
  for (const [place, expected] of operations)
    it(`has ${place} as upstream has`, async () => {
      const [method = "", path = ""] = place.split(" ");
      const of = path.replace(/^\/(api\/v1|apis\/[^/]+\/v1|apis\/[^/]+|[^/]+).*/, "$1").replace(/\/$/, "");
      const { paths } = await document(`/openapi/v3/${of}`);
      const sorted = expected.replace(
        /\(.*\)/,
        (words) => `(${words.slice(1, -1).split(" ").sort().join(" ")})`,
      );
      assert.equal(written(paths[path], method), sorted);
      const old = await document("/openapi/v2");
      assert.equal(old.paths[path][method].operationId, paths[path][method].operationId);
      const rest = old.paths[path][method].parameters ?? [];
      const asked = [...rest, ...(old.paths[path].parameters ?? [])].map(
        (one: { $ref?: string; name: string }) =>
          old.parameters[one.$ref?.split("/").at(-1) ?? ""]?.name ?? one.name,
      );
      const words = /\((.*)\)/.exec(sorted)?.[1] ?? "";
      assert.equal(
        asked
          .filter((name) => name !== "body")
          .sort()
          .join(" "),
        words,
      );
    });

  const said: readonly (readonly [place: string, said: unknown])[] = [
    ["apis/apps/v1 io.k8s.api.core.v1.PodSpec properties containers items default", {}],
    ["apis/apps/v1 io.k8s.api.core.v1.Container properties name default", ""],
    ["apis/apps/v1 io.k8s.api.core.v1.Container properties image default", undefined],
    ["apis/apps/v1 io.k8s.api.core.v1.Container properties securityContext default", undefined],
    ["apis/apps/v1 io.k8s.api.core.v1.Container properties args items default", ""],
    ["apis/apps/v1 io.k8s.api.core.v1.ContainerPort properties containerPort default", 0],
    ["apis/apps/v1 io.k8s.api.core.v1.ContainerPort properties protocol default", "TCP"],
    ["apis/apps/v1 io.k8s.api.core.v1.SecretKeySelector properties name default", ""],
    ["apis/apps/v1 io.k8s.api.core.v1.SeccompProfile x-kubernetes-unions 0 discriminator", "type"],
    ["apis/apps/v1 io.k8s.api.core.v1.PersistentVolumeClaim x-kubernetes-group-version-kind 0 group", ""],
    [
      "apis/coordination.k8s.io/v1 io.k8s.api.coordination.v1.LeaseSpec properties renewTime allOf 0 $ref",
      "MicroTime",
    ],
    [
      "apis/apps/v1 io.k8s.api.core.v1.PersistentVolumeClaimStatus properties allocatedResourceStatuses " +
        "additionalProperties enum 4",
      "NodeResizePending",
    ],
    ["api/v1 io.k8s.apimachinery.pkg.apis.meta.v1.Condition required 4", "message"],
    ["apis/coordination.k8s.io/v1 io.k8s.apimachinery.pkg.apis.meta.v1.Status type", "object"],
    ["apis/stable.example.com/v1 io.k8s.apimachinery.pkg.apis.meta.v1.WatchEvent type", undefined],
  ];
  for (const [place, expected] of said)
    it(`says in v3 of ${place} what upstream says`, async () => {
      const [path, ...steps] = place.split(" ");
      let at = (await document(`/openapi/v3/${path}`)).components.schemas;
      for (const step of steps) at = at?.[step];
      assert.deepEqual(typeof at === "string" ? at.split(".").at(-1) : at, expected);
    });

  const deleted: readonly (readonly [path: string, said: object, kind: string])[] = [
    ["/api/v1/namespaces/default/resourcequotas", {}, "ResourceQuota"],
    ["/api/v1/namespaces/default/serviceaccounts", {}, "ServiceAccount"],
    ["/api/v1/namespaces/default/services", { spec: { ports: [{ port: 80 }] } }, "Service"],
    ["/apis/storage.k8s.io/v1/storageclasses", { provisioner: "lab.example/none" }, "StorageClass"],
    ["/api/v1/namespaces/default/configmaps", {}, "Status"],
  ];
  for (const [path, more, kind] of deleted)
    it(`says that who deletes one of ${path} is answered with a ${kind}, as it is`, async () => {
      const body = JSON.stringify({ metadata: { name: "deleted" }, ...more });
      assert.equal((await world.send(path, { method: "POST", body })).status, 201);
      const { json } = await world.send(`${path}/deleted`, { method: "DELETE" });
      const { paths } = await document("/openapi/v2");
      const named = paths[`${path.replace("/default/", "/{namespace}/")}/{name}`];
      const { $ref } = named.delete.responses["200"].schema;
      assert.deepEqual([json.kind, $ref.split(".").at(-1)], [kind, kind]);
    });

  const told: readonly (readonly [place: string, told: object])[] = [
    ["core.v1.Container properties imagePullPolicy", { enum: ["Always", "IfNotPresent", "Never"] }],
    ["core.v1.HostPathVolumeSource properties type", { enum: ["", "BlockDevice", "CharDevice"] }],
    ["core.v1.PersistentVolumeClaimSpec properties accessModes items", { enum: ["ReadOnlyMany"] }],
    ["networking.v1.HTTPIngressPath properties pathType", { enum: ["Exact"] }],
    ["core.v1.Secret properties data additionalProperties", { format: "byte" }],
    ["core.v1.Event", { required: ["metadata", "involvedObject"] }],
    ["events.v1.EventSeries", { required: ["count", "lastObservedTime"] }],
    ["networking.v1.ParentReference", { required: ["resource", "name"] }],
    ["storage.v1.CSINodeSpec", { required: ["drivers"] }],
    ["authorization.v1.SubjectAccessReview", { required: ["spec"] }],
    ["authorization.v1.SubjectRulesReviewStatus", { required: ["resourceRules", "nonResourceRules"] }],
    ["authorization.v1.ResourceRule properties verbs", { "x-kubernetes-list-type": "atomic" }],
  ];
  for (const [place, expected] of told)
    it(`says of ${place} what upstream says`, async () => {
      const [type = "", ...path] = place.split(" ");
      let at = (await document("/openapi/v2")).definitions[`io.k8s.api.${type}`];
      for (const step of path) at = at[step];
      for (const [name, value] of Object.entries(expected))
        assert.deepEqual(Array.isArray(value) ? at[name].slice(0, value.length) : at[name], value);
    });

  it("has the parts of definitions by their names, and deletes together what can be", async () => {
    const { definitions, paths } = (await world.send("/openapi/v2")).json;
    const prefix = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResource";
    const { versions } = definitions[`${prefix}DefinitionSpec`].properties;
    assert.deepEqual(versions.items, { $ref: `#/definitions/${prefix}DefinitionVersion` });
    assert.equal(paths["/api/v1/namespaces"].delete, undefined);
    const { delete: all } = paths["/api/v1/namespaces/{namespace}/secrets"];
    assert.equal(all["x-kubernetes-action"], "deletecollection");
  });

  it("has no list without items, as of a user's kind that keeps what nobody knows", async () => {
    const definition = {
      ...{ apiVersion: "apiextensions.k8s.io/v1", kind: "CustomResourceDefinition" },
      metadata: { name: "pipes.lab.example.net" },
      spec: {
        ...{ group: "lab.example.net", scope: "Cluster", names: { plural: "pipes", kind: "Pipe" } },
        versions: [
          {
            name: "v1",
            served: true,
            storage: true,
            schema: { openAPIV3Schema: { type: "object", properties } },
          },
        ],
      },
    };
    const path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    const body = JSON.stringify(definition);
    assert.equal((await world.send(path, { method: "POST", body })).status, 201);
    let pipe: { properties: Record<string, unknown> } | undefined;
    // It is told of once it is served.
    while (pipe === undefined)
      pipe = (await world.send("/openapi/v2")).json.definitions["net.example.lab.v1.Pipe"];
    const { list, members } = pipe.properties;
    assert.deepEqual([list, members], [keeps, keeps]);
  });

  it("names the parts of Kubernetes' own kinds as upstream does", async () => {
    const { schemas } = (await world.send("/openapi/v3/apis/apps/v1")).json.components;
    for (const name of [
      "apps.v1.DeploymentSpec",
      "core.v1.PodTemplateSpec",
      "core.v1.Container",
      "core.v1.Probe",
    ]) {
      assert.ok(schemas[`io.k8s.api.${name}`], name);
    }
    const { template } = schemas["io.k8s.api.apps.v1.DeploymentSpec"].properties;
    assert.deepEqual(template.allOf, [{ $ref: "#/components/schemas/io.k8s.api.core.v1.PodTemplateSpec" }]);
    const limits = schemas["io.k8s.api.core.v1.ResourceRequirements"].properties.limits.additionalProperties;
    assert.match(JSON.stringify(limits), /io.k8s.apimachinery.pkg.api.resource.Quantity/);
  });

  it("explains from both versions, and what refers to itself", { skip: missing }, async () => {
    const binary = (await kubectl()) ?? "";
    const say = async (...words: string[]): Promise<string> => {
      const { code, out, err } = await world.kubectl(binary, ["explain", ...words]);
      assert.equal(code, 0, err);
      return out;
    };
    assert.match(await say("deployment.spec", "--recursive"), /strategy\t<DeploymentStrategy>/);
    assert.match(await say("pod.spec.containers.resources"), /limits\t<map\[string\]Quantity>/);
    assert.match(await say("crontab.spec", "--output=plaintext-openapiv2"), /cronSpec\t<string> -required-/);
    const properties = "crd.spec.versions.schema.openAPIV3Schema.properties";
    assert.match(await say(properties), /<map\[string\]JSONSchemaProps>/);
    assert.match(await say("crd", "--recursive"), /openAPIV3Schema\t<JSONSchemaProps>/);
  });
});

interface Told {
  readonly operationId: string;
  readonly parameters?: readonly { readonly name: string }[];
  readonly responses: Readonly<
    Record<string, { readonly content: Readonly<Record<string, { schema: any }>> }>
  >;
  readonly "x-kubernetes-action"?: string;
}

/** An operation in a line. */
function written(item: Readonly<Record<string, any>>, method: string): string {
  const { operationId, parameters = [], responses, ...more } = item[method] as Told;
  const names = [...parameters, ...(item["parameters"] ?? [])].map(({ name }) => name).sort();
  const content = responses["200"]?.content ?? {};
  const { $ref, type } = Object.values(content)[0]?.schema ?? {};
  const answer = `${$ref?.split(".").at(-1) ?? type} ${Object.keys(content).length}`;
  return `${operationId} ${more["x-kubernetes-action"] ?? "-"} (${names.join(" ")}) ${answer}`;
}
