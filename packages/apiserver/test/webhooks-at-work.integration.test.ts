/** What webhooks are told, what their answers do, and what becomes of a write when they answer otherwise. */
import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";
import { formatMetrics } from "@selvedge/base";
import { parseAuditPolicy } from "../src/index.ts";
import { opensslMissing, type Reply } from "./api-world.ts";
import { type Answer, type Asked, deny, patch } from "./hook-server.ts";
import { configMap, HookWorld, maps, pod, rule } from "./hook-world.ts";

const yes = { allowed: true };
let said: Answer = () => yes;
const add = (name: string): object => patch({ op: "add", path: `/data/${name}`, value: "yes" });
const answers: Readonly<Record<string, Answer>> = {
  "/yes": () => yes,
  "/said": (request) => said(request),
  "/deny": () => deny("no"),
  "/first": () => add("first"),
  "/count": ({ object: { data = {} } }: Asked) =>
    patch({ op: "add", path: "/data/count", value: `${Object.keys(data).length}` }),
};
const creations = [rule("configmaps", "CREATE")];

describe("webhooks at work", { skip: opensslMissing() }, () => {
  let world: HookWorld;
  const audited: Asked[] = [];
  before(async () => {
    const policy = parseAuditPolicy({
      apiVersion: "audit.k8s.io/v1",
      kind: "Policy",
      rules: [{ level: "Request" }],
    });
    const sink = { write: (line: string) => void audited.push(JSON.parse(line)) };
    world = await new HookWorld(answers, { audit: { policy, sink } }).start();
  });
  after(() => world[Symbol.asyncDispose]());
  afterEach(() => {
    said = () => yes;
    return world.cleanUp();
  });
  const asked = (path = "/said"): Asked[] =>
    world.hooks.asked.filter((one) => one.path.startsWith(path)).map(({ review }) => review.request);
  const send = (name: string, query: string): Promise<Reply> =>
    world.api.send(`${maps}${query}`, {
      method: "POST",
      body: JSON.stringify(configMap(name, { one: "1" })),
      token: "root",
    });

  it("are told who does what with which object", async () => {
    await world.register("validating", "told", [rule("configmaps", "*")], { path: "/said" });
    const { metadata } = await world.post(`${maps}?fieldManager=me`, configMap("told", { a: "b" }));
    await world.patch(`${maps}/told`, { data: { a: "c" } });
    await world.ask(maps, 200, { method: "DELETE" });
    const [created, updated, deleted] = asked();
    const { uid, userInfo, object, ...rest } = created;
    assert.match(uid, /^[0-9a-f-]{36}$/);
    assert.deepEqual([userInfo.username, userInfo.groups.includes("system:masters")], ["root", true]);
    assert.deepEqual(
      [object.metadata.uid, object.data, object.kind],
      [metadata.uid, { a: "b" }, "ConfigMap"],
    );
    const [kind, resource] = [
      { group: "", version: "v1", kind: "ConfigMap" },
      { group: "", version: "v1", resource: "configmaps" },
    ];
    assert.deepEqual(rest, {
      ...{ kind, resource, requestKind: kind, requestResource: resource, name: "told", namespace: "default" },
      ...{ operation: "CREATE", oldObject: null, dryRun: false },
      options: {
        ...{
          kind: "CreateOptions",
          apiVersion: "meta.k8s.io/v1",
          fieldManager: "me",
          fieldValidation: "Warn",
        },
      },
    });
    assert.deepEqual(
      [updated.operation, updated.oldObject.data, updated.object.data],
      ["UPDATE", { a: "b" }, { a: "c" }],
    );
    assert.deepEqual(
      [deleted.operation, deleted.object, deleted.oldObject.data],
      ["DELETE", null, { a: "c" }],
    );
  });

  it("see the parts of objects that are written by themselves", async () => {
    const scale = {
      apiVersions: ["*"],
      apiGroups: ["apps"],
      operations: ["UPDATE"],
      resources: ["deployments/scale"],
    };
    const evictions = rule("pods/eviction", "CREATE");
    await world.register("mutating", "parts", [scale, evictions], { path: "/said" });
    const template = {
      metadata: { labels: { app: "a" } },
      spec: { containers: [{ name: "a", image: "a:1" }] },
    };
    const spec = { replicas: 1, selector: { matchLabels: { app: "a" } }, template };
    const deployments = "/apis/apps/v1/namespaces/default/deployments";
    await world.post(deployments, {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: "a" },
      spec,
    });
    said = () => patch({ op: "replace", path: "/spec/replicas", value: 5 });
    const scaled = await world.patch(`${deployments}/a/scale`, { spec: { replicas: 3 } });
    assert.equal(scaled.spec.replicas, 5);
    const [{ kind, resource, subResource, object, oldObject }] = asked() as [Asked];
    assert.deepEqual([kind.kind, resource.resource, subResource], ["Scale", "deployments", "scale"]);
    assert.deepEqual([oldObject.spec.replicas, object.spec.replicas], [1, 3]);
    const pods = "/api/v1/namespaces/default/pods";
    await world.post(pods, pod("evicted"));
    said = () => deny("stay");
    const eviction = { apiVersion: "policy/v1", kind: "Eviction", metadata: { name: "evicted" } };
    const { message } = await world.ask(`${pods}/evicted/eviction`, 400, {
      ...{ method: "POST", body: JSON.stringify(eviction) },
    });
    assert.match(message, /denied the request: stay/);
    const { kind: posted, operation } = asked().at(-1);
    assert.deepEqual([posted, operation], [{ group: "policy", version: "v1", kind: "Eviction" }, "CREATE"]);
  });

  it("are asked once more where others have changed the object since, if they want to be", async () => {
    const again = { path: "/count", reinvocationPolicy: "IfNeeded" };
    await world.register("mutating", "again", creations, again, { path: "/first" }, { path: "/yes" });
    const { data } = await world.post(maps, configMap("again", { one: "1" }));
    assert.deepEqual(data, { one: "1", first: "yes", count: "3" });
    assert.deepEqual([asked("/count").length, asked("/first").length, asked("/yes").length], [2, 1, 1]);
  });

  it("are asked about a dry run when they do nothing besides, and their patches keep nothing", async () => {
    await world.register("mutating", "dry", creations, { path: "/first", sideEffects: "NoneOnDryRun" });
    const { status, json } = await send("dry", "?dryRun=All");
    assert.deepEqual([status, json.data, asked("/first")[0].dryRun], [201, { one: "1", first: "yes" }, true]);
    await world.ask(`${maps}/dry`, 404);
  });

  it("have their warnings and annotations handed on", async () => {
    said = () => ({ ...yes, warnings: ["careful"], auditAnnotations: { why: "because" } });
    await world.register("mutating", "words", creations, { path: "/said" });
    world.made.push(`${maps}/words`);
    const { headers } = await send("words", "");
    assert.equal(headers.warning, '299 - "careful"');
    const { annotations } = audited.findLast(
      ({ objectRef, verb }) => objectRef?.resource === "configmaps" && verb === "create",
    );
    assert.equal(annotations["hook-0.words.example/why"], "because");
    const place = "mutation.webhook.admission.k8s.io/round_0_index_0";
    const mutation = { configuration: "words", webhook: "hook-0.words.example", mutated: false };
    assert.deepEqual(JSON.parse(annotations[place]), mutation);
  });

  it("have their patches written down where requests are", async () => {
    await world.register("mutating", "patches", creations, { path: "/first" });
    await world.post(maps, configMap("patches", { a: "b" }));
    const { annotations } = audited.findLast(({ objectRef }) => objectRef?.resource === "configmaps");
    const said = JSON.parse(annotations["patch.webhook.admission.k8s.io/round_0_index_0"]);
    assert.deepEqual(said, {
      ...{ configuration: "patches", webhook: "hook-0.patches.example", patchType: "JSONPatch" },
      patch: [{ op: "add", path: "/data/first", value: "yes" }],
    });
  });

  it("say with which code and why", async () => {
    const details = { kind: "configmaps", causes: [{ field: "data", message: "x" }] };
    said = () => ({ allowed: false, status: { code: 409, reason: "Conflict", message: "later", details } });
    await world.register("validating", "codes", creations, { path: "/said" });
    const { message, reason, details: told } = await world.post(maps, configMap("codes", {}), 409);
    assert.deepEqual(
      [message, reason, told],
      ['admission webhook "hook-0.codes.example" denied the request: later', "Conflict", details],
    );
    said = () => ({ allowed: false, status: { code: 200 } });
    const { message: none } = await world.post(maps, configMap("codes", {}), 400);
    assert.equal(none, 'admission webhook "hook-0.codes.example" denied the request without explanation');
  });

  const wrong: readonly (readonly [what: string, answer: Answer, said: RegExp])[] = [
    ["another uid", () => ({ uid: "x", allowed: true }), /expected response.uid="[^"]+", got "x"/],
    ["no JSON", () => "<html>", /json parse error/],
    ["no response", () => "{}", /webhook response was absent/],
    [
      "another kind",
      ({ uid }) => JSON.stringify({ response: { uid } }),
      /expected webhook response of admission.k8s.io\/v1, Kind=Adm/,
    ],
    [
      "a patch of no type",
      () => ({ ...add("a"), patchType: undefined }),
      /response.patch but not response.patchType/,
    ],
    [
      "a patch of another type",
      () => ({ ...add("a"), patchType: "Merge" }),
      /unsupported patch type "Merge"/,
    ],
    ["a patch that is none", () => ({ ...add("a"), patch: "////" }), /received undecodable patch/],
    [
      "too much",
      () => ({ allowed: true, warnings: ["x".repeat(4 << 20)] }),
      /the answer is larger than 3145728 bytes/,
    ],
  ];
  for (const [what, answer, why] of wrong) {
    it(`are not believed when they answer with ${what}`, async () => {
      said = answer;
      const at = await world.register("mutating", "wrong", creations, { path: "/said" });
      const { message } = await world.post(maps, configMap("wrong", {}), 500);
      assert.match(message, /^Internal error occurred: failed calling webhook "hook-0.wrong.example": /);
      assert.match(message, why);
      const ignore = [{ op: "replace", path: "/webhooks/0/failurePolicy", value: "Ignore" }];
      await world.patch(at, ignore, 200, "json-patch+json");
      await world.post(maps, configMap("wrong", {}));
    });
  }

  it("make nothing that the kind does not take", async () => {
    await world.register("mutating", "breaking", [rule("pods", "CREATE")], { path: "/said" });
    const pods = "/api/v1/namespaces/default/pods";
    said = () => patch({ op: "replace", path: "/spec/containers/0/name", value: "Not A Name" });
    assert.match(
      (await world.post(pods, pod("broken"), 422)).message,
      /spec.containers\[0\].name: Invalid value/,
    );
    said = () => patch({ op: "replace", path: "/spec/containers", value: "text" });
    assert.match(
      (await world.post(pods, pod("broken"), 500)).message,
      /^Internal error occurred: .*containers/,
    );
    said = () => patch({ op: "remove", path: "/spec/not/there" });
    await world.post(pods, pod("broken"), 500);
  });

  it("understand what was asked before there was v1", async () => {
    const about = { path: "/said", admissionReviewVersions: ["v1beta1", "v1"] };
    said = () => ({ uid: "", ...add("old"), patchType: undefined });
    await world.register("mutating", "old", creations, about);
    assert.deepEqual((await world.post(maps, configMap("old", { a: "b" }))).data, { a: "b", old: "yes" });
    assert.equal(world.hooks.asked[0]?.review.apiVersion, "admission.k8s.io/v1beta1");
  });

  it("keep this program from nothing that is its own business", async () => {
    await world.register("validating", "own", [rule("*/*", "*")], { path: "/deny" });
    const objects = world.api.objects;
    const lease = {
      apiVersion: "coordination.k8s.io/v1",
      kind: "Lease",
      metadata: { name: "own", namespace: "default" },
    };
    await objects.create(world.api.kind("leases"), lease);
    await objects.create(world.api.kind("nodes"), {
      apiVersion: "v1",
      kind: "Node",
      metadata: { name: "own" },
    });
    assert.equal(asked("/deny").length, 0);
    const map = configMap("own", {}) as Asked;
    const made = objects.create(world.api.kind("configmaps"), {
      ...map,
      metadata: { name: "own", namespace: "default" },
    });
    await assert.rejects(made, /denied the request: no/);
    assert.equal(asked("/deny")[0].userInfo.username, "system:kube-controller-manager");
  });

  it("are counted", () => {
    const text = formatMetrics(world.api.metrics.families());
    const rejection =
      'name="hook-0.own.example",type="validating",operation="CREATE",error_type="no_error",rejection_code="400"';
    assert.ok(text.includes(`apiserver_admission_webhook_rejection_count{${rejection}} 1`));
    const opened = 'apiserver_admission_webhook_fail_open_count{name="hook-0.wrong.example",type="admit"}';
    assert.ok(text.includes(`${opened} ${wrong.length}`));
    assert.match(
      text,
      /admission_duration_seconds_count\{name="hook-0.told.example",type="validating",operation="DELETE"/,
    );
  });
});
