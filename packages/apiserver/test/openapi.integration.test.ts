/** What generators of clients and `explain` read: documents that hold together. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { kubectl, kubectlMissing } from "../../../tests/kubectl.ts";
import { ApiWorld, opensslMissing } from "./api-world.ts";
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

  it("has no empty lists, and the parts of an object that are written as it is", async () => {
    const [gadgets, core] = [
      await world.send("/openapi/v3/apis/lab.example/v1"),
      await world.send("/openapi/v3/api/v1"),
    ];
    assert.doesNotMatch(JSON.stringify(gadgets.json.paths), /\[\]/);
    const pod = "/api/v1/namespaces/{namespace}/pods/{name}/";
    const parts = Object.keys(core.json.paths).filter((path) => path.startsWith(pod));
    assert.deepEqual(parts.map((path) => path.slice(pod.length)).sort(), [
      "ephemeralcontainers",
      "resize",
      "status",
    ]);
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
      let at = (await world.send("/openapi/v2")).json.definitions[`io.k8s.api.${type}`];
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
