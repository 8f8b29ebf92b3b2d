/** What is sent to parts of objects, and what of it is refused: rows found by comparing with kube-apiserver. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { ApiWorld, opensslMissing, type Reply } from "./api-world.ts";

const core = "/api/v1/namespaces/default";
const gadget = "/apis/lab.example/v1/namespaces/default/gadgets/one";
const other = "11111111-1111-1111-1111-111111111111";
const node = { kind: "Node", name: "box" };

describe("parts of objects", { skip: opensslMissing() }, () => {
  let world: ApiWorld;
  const write = (method: string, path: string, body: unknown, type = "json"): Promise<Reply> =>
    world.send(path, {
      method,
      headers: { "content-type": `application/${type}` },
      body: typeof body === "string" ? body : JSON.stringify(body),
    });
  const pod = async (name: string): Promise<void> => {
    const spec = { containers: [{ name: "c", image: "c:1" }] };
    assert.equal((await write("POST", `${core}/pods`, { metadata: { name }, spec })).status, 201);
  };
  before(async () => {
    world = await new ApiWorld().start();
    const spec = { size: 1 };
    const one = { apiVersion: "lab.example/v1", kind: "Gadget", metadata: { name: "one" }, spec };
    assert.equal((await write("POST", gadget.replace("/one", ""), one)).status, 201);
    for (const name of ["kept", "free", "legacy", "late"]) await pod(name);
  });
  after(() => world[Symbol.asyncDispose]());

  const scale = (metadata: object, more: object = {}): object => ({
    ...{ apiVersion: "autoscaling/v1", kind: "Scale", metadata, spec: { replicas: 1 } },
    ...more,
  });
  const bind = (metadata: object, target: object = node): object => ({ kind: "Binding", metadata, target });
  const evict = (name: string, more: object = {}): object => ({ metadata: { name }, ...more });
  const unnamed = /undeterminable: name must be provided$/;
  const elsewhere = /^the namespace of the provided object does not match the namespace sent/;
  const refused: readonly (readonly [
    method: string,
    path: string,
    body: object,
    code: number,
    said: RegExp,
  ])[] = [
    ["PUT", `${gadget}/scale`, {}, 400, unnamed],
    ["PUT", `${gadget}/scale`, scale({}), 400, unnamed],
    ["PUT", `${gadget}/scale`, scale({ name: "one", namespace: "b" }), 400, elsewhere],
    ["PUT", `${gadget}/scale`, scale({ name: "one", uid: other }), 409, /UID in precondition: 1{8}-/],
    ["PUT", `${gadget}/scale`, scale({ name: "one" }, { kind: "Gadget" }), 400, /handled as a Scale/],
    [
      "PUT",
      `${gadget}/scale`,
      scale({ name: "one" }, { apiVersion: "apps/v1beta1" }),
      400,
      /^the API version in the data \(apps\/v1beta1\) does not match .* \(autoscaling\/v1\)$/,
    ],
    ["POST", `${core}/pods/kept/binding`, bind({ name: "free" }), 400, /^name in URL .* Binding object$/],
    ["POST", `${core}/pods/kept/binding`, bind({}), 400, /^name in URL .* Binding object$/],
    ["POST", `${core}/pods/kept/binding`, bind({ name: "kept", namespace: "b" }), 400, elsewhere],
    ["POST", `${core}/pods/kept/binding`, bind({ name: "kept", uid: other }), 409, /UID in precondition/],
    [
      "POST",
      `${core}/pods/kept/binding`,
      bind({ name: "kept", resourceVersion: "1" }),
      409,
      /^Operation cannot be fulfilled on pods "kept": Precondition failed: ResourceVersion in precondition: 1,/,
    ],
    ["POST", `${core}/pods/kept/binding`, { kind: "Pod", metadata: { name: "kept" } }, 400, /as a Binding/],
    ["POST", `${core}/bindings`, bind({}), 400, /^Name parameter required\.$/],
    ["POST", `${core}/bindings`, bind({ name: "nobody" }), 404, /^pods "nobody" not found$/],
    ["POST", `${core}/pods/kept/eviction`, {}, 400, /^name in URL .* Eviction object$/],
    ["POST", `${core}/pods/kept/eviction`, evict("free"), 400, /^name in URL .* Eviction object$/],
    [
      "POST",
      `${core}/pods/kept/eviction`,
      evict("kept", { deleteOptions: { dryRun: ["Some"] } }),
      422,
      /^DeleteOptions.meta.k8s.io "" is invalid: dryRun: Unsupported value: \["Some"\]/,
    ],
    ["POST", `${core}/pods/kept/eviction`, evict("kept", { kind: "Pod" }), 400, /handled as a Eviction/],
  ];
  for (const [method, path, body, code, said] of refused)
    it(`refuses ${method} ${path} ${JSON.stringify(body)}`, async () => {
      const { status, json } = await write(method, path, body);
      assert.equal(status, code);
      assert.match(json.message, said);
    });

  it("says of a Pod that it has a node, with what its scheduler says of it", async () => {
    const placed = { name: "free", annotations: { why: "near" } };
    const { status } = await write("POST", `${core}/pods/free/binding`, bind(placed));
    assert.equal(status, 201);
    const { json } = await world.send(`${core}/pods/free`);
    assert.deepEqual([json.spec.nodeName, json.metadata.annotations], ["box", { why: "near" }]);
    const [condition] = json.status.conditions;
    assert.deepEqual([condition.type, condition.status], ["PodScheduled", "True"]);
  });

  it("takes a binding where clients post it that know no parts of Pods", async () => {
    const dry = await write("POST", `${core}/bindings?dryRun=All`, bind({ name: "legacy" }));
    const { status, json } = await write("POST", `${core}/bindings`, bind({ name: "legacy" }));
    assert.deepEqual([dry.status, status, json.kind, json.status], [201, 201, "Status", "Success"]);
    assert.equal((await world.send(`${core}/pods/legacy`)).json.spec.nodeName, "box");
    assert.equal((await world.send(`${core}/bindings`)).status, 405);
    const { resources } = (await world.send("/api/v1")).json;
    const [told] = resources.filter(({ name }: { name: string }) => name === "bindings");
    assert.deepEqual([told.kind, told.verbs], ["Binding", ["create"]]);
  });

  it("takes an eviction that says its older version", async () => {
    const body = { apiVersion: "policy/v1beta1", ...evict("late") };
    const { status, json } = await write("POST", `${core}/pods/late/eviction`, body);
    assert.deepEqual([status, json.status], [201, "Success"]);
  });
});
