/** Webhooks that are asked about writes, as upstream's conformance tests ask them, under their own names. */
import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";
import { StatusError } from "../src/index.ts";
import { opensslMissing, type Reply } from "./api-world.ts";
import { type Answer, type Asked, deny, patch } from "./hook-server.ts";
import { configMap, HookWorld, maps, pod, registration, rule, type SaidHook, version } from "./hook-world.ts";

const yes = { allowed: true };
const isBad = ({ data = {} }: Asked): boolean => data["webhook-e2e-test"] === "webhook-disallow";

function staged({ object: { data = {} } }: Asked): object {
  const add = (name: string): object => patch({ op: "add", path: `/data/${name}`, value: "yes" });
  if (data["mutation-start"] === "yes" && data["mutation-stage-1"] !== "yes") return add("mutation-stage-1");
  return data["mutation-stage-1"] === "yes" ? add("mutation-stage-2") : yes;
}

/** As upstream's sample webhook answers. */
const answers: Readonly<Record<string, Answer>> = {
  "/always-deny": () => deny("this webhook denies all requests"),
  "/configmaps": ({ object }: Asked) =>
    isBad(object) ? deny("the configmap contains unwanted key and value") : yes,
  "/mutating-configmaps": staged,
  "/mutating-custom-resource": staged,
  "/pods": ({ object }: Asked) => {
    if (object.metadata.name === "hanging-pod") return undefined;
    const unwanted = object.spec.containers.some(({ name }: Asked) => name === "webhook-disallow");
    return unwanted ? deny("the pod contains unwanted container name") : yes;
  },
  "/mutating-pods": () =>
    patch({
      op: "add",
      path: "/spec/initContainers",
      value: [{ name: "added", image: "example.org/init:1" }],
    }),
  "/pods/attach": ({ name, operation }: Asked) =>
    operation === "CONNECT" && name === "to-be-attached-pod"
      ? deny("attaching to pod 'to-be-attached-pod' is not allowed")
      : { ...yes, warnings: [`${name}: look away`] },
  "/custom-resource": ({ object, oldObject, operation }: Asked) => {
    if (operation === "DELETE") return isBad(oldObject) ? deny("the custom resource cannot be deleted") : yes;
    return isBad(object) ? deny("the custom resource contains unwanted data") : yes;
  },
  "/crd": ({ object }: Asked) =>
    object.metadata.labels?.["webhook-e2e-test"] === "webhook-disallow"
      ? deny("the crd contains unwanted label")
      : yes,
  "/add-label": () => patch({ op: "add", path: "/metadata/labels", value: { "added-label": "yes" } }),
};

const bad = { "webhook-e2e-test": "webhook-disallow" };
const start = { "mutation-start": "yes" };
const onMaps = [rule("configmaps", "CREATE", "UPDATE")];

describe("conformance: admission webhooks", { skip: opensslMissing() }, () => {
  let world: HookWorld;
  before(async () => {
    world = await new HookWorld(answers, {
      subresource: async () => {
        throw new StatusError(418, "Teapot", "it was opened");
      },
    }).start();
  });
  after(() => world[Symbol.asyncDispose]());
  afterEach(() => world.cleanUp());

  it("Admission webhook, discovery document", async () => {
    const { groups } = await world.ask("/apis", 200);
    const group = groups.find((one: Asked) => one.name === "admissionregistration.k8s.io");
    assert.equal(group.preferredVersion.groupVersion, "admissionregistration.k8s.io/v1");
    const { resources } = await world.ask(registration, 200);
    const names = resources.map(({ name }: Asked) => name);
    for (const type of ["mutating", "validating"]) assert.ok(names.includes(`${type}webhookconfigurations`));
  });

  it("Admission webhook, deny create", async () => {
    const inNamespace = { matchExpressions: [{ key: "skip", operator: "NotIn", values: ["yes"] }] };
    const about: SaidHook = { path: "/configmaps", namespaceSelector: inNamespace };
    await world.register("validating", "deny-create", onMaps, about);
    await world.register("validating", "deny-pods", [rule("pods", "CREATE")], {
      path: "/pods",
      timeoutSeconds: 1,
    });
    const named = pod("bad", { containers: [{ name: "webhook-disallow", image: "example.org/app:1" }] });
    const pods = "/api/v1/namespaces/default/pods";
    assert.match((await world.post(pods, named, 400)).message, /the pod contains unwanted container name/);
    const { message: late } = await world.post(pods, pod("hanging-pod"), 500);
    assert.match(
      late,
      /^Internal error occurred: failed calling webhook "hook-0.deny-pods.example": .*deadline/,
    );
    await world.ask(`${pods}/hanging-pod`, 404);
    const { message } = await world.post(maps, configMap("bad", bad), 400);
    const why = "the configmap contains unwanted key and value";
    assert.equal(message, `admission webhook "hook-0.deny-create.example" denied the request: ${why}`);
    await world.post(maps, configMap("good", { admit: "this" }));
    assert.match((await world.put(`${maps}/good`, configMap("good", bad), 400)).message, /unwanted key/);
    assert.match((await world.patch(`${maps}/good`, { data: bad }, 400)).message, /unwanted key/);
    const skipped = {
      apiVersion: "v1",
      kind: "Namespace",
      metadata: { name: "exempted", labels: { skip: "yes" } },
    };
    await world.post("/api/v1/namespaces", skipped);
    await world.post("/api/v1/namespaces/exempted/configmaps", configMap("bad", bad));
  });

  it("Admission webhook, deny attach", async () => {
    await world.register("validating", "attach", [rule("pods/attach", "CONNECT")], { path: "/pods/attach" });
    const attach = (name: string, code: number): Promise<Reply["json"]> =>
      world.ask(`/api/v1/namespaces/default/pods/${name}/attach?container=main&stdin=true`, code, {
        method: "POST",
      });
    const { message } = await attach("to-be-attached-pod", 400);
    assert.match(message, /attaching to pod 'to-be-attached-pod' is not allowed/);
    await attach("another", 418);
    for (const headers of [{}, { connection: "Upgrade", upgrade: "SPDY/3.1" }]) {
      const path = "/api/v1/namespaces/default/pods/another/attach?container=main&stdin=true";
      const answer = await world.api.send(path, { method: "POST", token: "root", headers });
      assert.deepEqual([answer.status, answer.headers.warning], [418, '299 - "another: look away"']);
    }
    const { kind, object, subResource, namespace } = world.hooks.asked.at(0)?.review.request ?? {};
    assert.deepEqual(kind, { group: "", version: "v1", kind: "PodAttachOptions" });
    assert.deepEqual([subResource, namespace], ["attach", "default"]);
    assert.deepEqual(object, { kind: "PodAttachOptions", apiVersion: "v1", stdin: true, container: "main" });
  });

  it("Admission webhook, deny custom resource create and delete", async () => {
    const path = await world.define("denieds", [version("v1", true)]);
    const custom = (name: string, data: object): object => {
      return { apiVersion: "lab.test/v1", kind: "Denied", metadata: { name }, data };
    };
    await world.register("validating", "custom", [rule("denieds", "CREATE", "UPDATE", "DELETE")], {
      path: "/custom-resource",
    });
    const unwanted = /the custom resource contains unwanted data/;
    assert.match((await world.post(path, custom("a", bad), 400)).message, unwanted);
    await world.post(path, custom("b", { good: "yes" }));
    assert.match((await world.patch(`${path}/b`, { data: bad }, 400)).message, unwanted);
    const [hook] = world.made.slice(-2);
    await world.ask(hook ?? "", 200, { method: "DELETE" });
    await world.patch(`${path}/b`, { data: bad });
    await world.register("validating", "again", [rule("denieds", "DELETE")], { path: "/custom-resource" });
    const gone = await world.ask(`${path}/b`, 400, { method: "DELETE" });
    assert.match(gone.message, /the custom resource cannot be deleted/);
    await world.patch(`${path}/b`, { data: null });
    await world.ask(`${path}/b`, 200, { method: "DELETE" });
  });

  it("Admission webhook, deny custom resource definition", async () => {
    await world.register("validating", "crd", [rule("customresourcedefinitions", "CREATE")], {
      path: "/crd",
    });
    const definition = {
      ...{ apiVersion: "apiextensions.k8s.io/v1", kind: "CustomResourceDefinition" },
      metadata: { name: "unwanteds.lab.test", labels: bad },
      spec: { group: "lab.test", scope: "Cluster", names: { plural: "unwanteds", kind: "Unwanted" } },
    };
    const body = { ...definition, spec: { ...definition.spec, versions: [version("v1", true)] } };
    const path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    assert.match((await world.post(path, body, 400)).message, /the crd contains unwanted label/);
  });

  it("Admission webhook, fail closed", async () => {
    const { url } = world.hooks.client("/configmaps");
    const at = await world.register("validating", "closed", onMaps, { path: "", clientConfig: { url } });
    const { code, reason, message } = await world.post(maps, configMap("any", {}), 500);
    assert.deepEqual([code, reason], [500, "InternalError"]);
    assert.match(message, /failed calling webhook .*certificate signed by unknown authority/);
    const garbage = [{ op: "add", path: "/webhooks/0/clientConfig/caBundle", value: "Z2FyYmFnZQ==" }];
    await world.patch(at, garbage, 200, "json-patch+json");
    assert.match((await world.post(maps, configMap("any", {}), 500)).message, /failed calling webhook/);
  });

  it("Admission webhook, ordered mutation", async () => {
    const path = "/mutating-configmaps";
    await world.register("mutating", "ordered", [rule("configmaps", "CREATE")], { path }, { path });
    const { data } = await world.post(maps, configMap("start", start));
    assert.deepEqual(data, { ...start, "mutation-stage-1": "yes", "mutation-stage-2": "yes" });
  });

  it("Admission webhook, mutation with defaulting", async () => {
    await world.register("mutating", "pods", [rule("pods", "CREATE")], { path: "/mutating-pods" });
    const { spec } = await world.post("/api/v1/namespaces/default/pods", pod("mutated"));
    const [added] = spec.initContainers;
    assert.deepEqual([added.name, added.terminationMessagePolicy], ["added", "File"]);
  });

  it("Admission webhook, admission control not allowed on webhook configuration objects", async () => {
    const everything = [rule("*/*", "*")];
    await world.register("mutating", "blocking", everything, { path: "/add-label", objectSelector: {} });
    await world.register("validating", "blocking", everything, { path: "/always-deny" });
    for (const type of ["mutating", "validating"] as const) {
      const at = await world.register(type, "dummy", onMaps, { path: "/configmaps" });
      assert.equal((await world.ask(at, 200)).metadata.labels, undefined);
      await world.ask(at, 200, { method: "DELETE" });
    }
    assert.equal(world.hooks.asked.length, 0);
    await world.post(maps, configMap("any", {}), 400);
  });

  it("Admission webhook, mutate custom resource", async () => {
    const path = await world.define("mutateds", [version("v1", true)]);
    const about = { path: "/mutating-custom-resource" };
    await world.register("mutating", "custom", [rule("mutateds", "CREATE")], about, about);
    const object = { apiVersion: "lab.test/v1", kind: "Mutated", metadata: { name: "a" }, data: start };
    const { data } = await world.post(path, object);
    assert.deepEqual(data, { ...start, "mutation-stage-1": "yes", "mutation-stage-2": "yes" });
  });

  it("Admission webhook, mutate custom resource with pruning", async () => {
    const data = { type: "object", properties: { "mutation-start": {}, "mutation-stage-1": {} } };
    for (const one of Object.values(data.properties)) Object.assign(one, { type: "string" });
    const path = await world.define("pruneds", [version("v1", true, { data })]);
    const about = { path: "/mutating-custom-resource" };
    await world.register("mutating", "pruned", [rule("pruneds", "CREATE")], about, about);
    const object = { apiVersion: "lab.test/v1", kind: "Pruned", metadata: { name: "a" }, data: start };
    const made = await world.post(`${path}?fieldValidation=Strict`, object);
    assert.deepEqual(made.data, { ...start, "mutation-stage-1": "yes" });
    const unknown = { ...object, metadata: { name: "b" }, data: { other: "x" } };
    const { message } = await world.post(`${path}?fieldValidation=Strict`, unknown, 400);
    assert.match(message, /unknown field "data.other"/);
  });

  it("Admission webhook, mutate custom resource with different stored version", async () => {
    const both = (stored: string): object[] => ["v1", "v2"].map((name) => version(name, name === stored));
    const path = await world.define("storeds", both("v1"));
    const about = { path: "/mutating-custom-resource" };
    await world.register("mutating", "stored", [rule("storeds", "CREATE", "UPDATE")], about, about);
    const object = { apiVersion: "lab.test/v1", kind: "Stored", metadata: { name: "a" }, data: start };
    await world.post(path, object);
    const definition = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/storeds.lab.test";
    await world.patch(definition, { spec: { versions: both("v2") } });
    const { data } = await world.patch(`${path}/a`, { data: { "mutation-start": "yes", more: "yes" } });
    assert.deepEqual(data, { ...start, "mutation-stage-1": "yes", "mutation-stage-2": "yes", more: "yes" });
  });
});
