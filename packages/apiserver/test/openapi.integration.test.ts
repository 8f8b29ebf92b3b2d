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
