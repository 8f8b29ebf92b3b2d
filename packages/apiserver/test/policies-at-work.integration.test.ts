/** What admission policies do to writes, besides what upstream's conformance tests ask of them. */
import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";
import { kubectl, kubectlMissing } from "../../../tests/kubectl.ts";
import { opensslMissing } from "./api-world.ts";
import {
  binding,
  bindings,
  configMap,
  denied,
  deployment,
  deployments,
  maps,
  matching,
  onMaps,
  PolicyWorld,
  policies,
  policy,
  rule,
} from "./policy-world.ts";

const missing = (await kubectlMissing()) || opensslMissing();

describe("admission policies at work", { skip: missing }, () => {
  let world: PolicyWorld;
  before(async () => {
    world = await new PolicyWorld().start();
  });
  after(() => world[Symbol.asyncDispose]());
  afterEach(() => world.cleanUp());

  it("warn and annotate where a binding says so", async () => {
    await world.bind(
      "soft",
      {
        ...onMaps,
        validations: [
          { expression: "'team' in object.metadata.?labels.orValue({})", message: "say whose it is" },
        ],
        auditAnnotations: [
          { key: "keys", valueExpression: "string(size(object.data))" },
          { key: "nothing", valueExpression: "null" },
        ],
      },
      { validationActions: ["Warn", "Audit"] },
    );
    const { headers } = await world.post(maps, configMap("soft", { a: "b" }));
    const where = "ValidatingAdmissionPolicy 'soft' with binding 'soft'";
    assert.equal(headers.warning, `299 - "Validation failed for ${where}: say whose it is"`);
    const { "validation.policy.admission.k8s.io/validation_failure": failure = "", ...others } =
      await world.annotations(maps);
    assert.deepEqual(JSON.parse(failure), [
      {
        ...{ message: "say whose it is", policy: "soft", binding: "soft", expressionIndex: 0 },
        validationActions: ["Warn", "Audit"],
      },
    ]);
    assert.deepEqual([others["soft/keys"], others["soft/nothing"]], ["1", undefined]);
    // Who is refused is warned, too.
    await world.bind("hard", { ...onMaps, validations: [{ expression: "'c' in object.data" }] });
    const refused = await world.post(maps, configMap("hard", { a: "b" }), 422);
    assert.equal(refused.headers.warning, headers.warning);
    const { text } = await world.send("/metrics", 200);
    for (const action of ["warn", "audit"]) {
      const of = 'policy="soft",policy_binding="soft",error_type="invalid_error"';
      const labels = `${of},enforcement_action="${action}"`;
      assert.ok(text.includes(`apiserver_validating_admission_policy_check_total{${labels}} 2\n`), action);
    }
  });

  it("refuse for the reason that is said, of deletions, scales and evictions too", async () => {
    await world.bind("reasons", {
      ...matching(
        rule("", "configmaps", "DELETE"),
        rule("apps", "deployments/scale", "UPDATE"),
        rule("", "pods/eviction", "CREATE"),
      ),
      validations: [
        { expression: "oldObject.kind != 'ConfigMap' || object != null", reason: "Forbidden" },
        {
          expression: "request.kind.kind != 'Scale' || object.spec.replicas < 5",
          reason: "RequestEntityTooLarge",
        },
        { expression: "request.?subResource.orValue('') != 'eviction'" },
      ],
    });
    const pods = "/api/v1/namespaces/default/pods";
    const spec = { containers: [{ name: "main", image: "example.org/app:1" }] };
    await world.post(pods, { apiVersion: "v1", kind: "Pod", metadata: { name: "stays" }, spec });
    const eviction = { apiVersion: "policy/v1", kind: "Eviction", metadata: { name: "stays" } };
    const evicted = await world.post(`${pods}/stays/eviction`, eviction, 422);
    assert.match(
      evicted.json.message,
      /^pods "stays" is forbidden: .* failed expression: request\.\?subResource/,
    );
    await world.post(maps, configMap("kept"));
    const { reason } = await world.ask(`${maps}/kept?dryRun=All`, 403, { method: "DELETE" });
    assert.equal(reason, "Forbidden");
    await world.post(deployments, deployment("scaled", 1));
    await world.patch(`${deployments}/scaled/scale`, { spec: { replicas: 4 } });
    await world.patch(`${deployments}/scaled/scale`, { spec: { replicas: 5 } }, 413);
  });

  it("are asked only where conditions, selectors and names let them", async () => {
    const constraints = {
      resourceRules: [{ ...rule("", "configmaps", "CREATE"), resourceNames: ["a", "b", "c", "d"] }],
      objectSelector: { matchLabels: { strict: "yes" } },
      excludeResourceRules: [{ ...rule("", "configmaps", "*"), resourceNames: ["c"] }],
    };
    await world.bind("narrow", {
      matchConstraints: constraints,
      matchConditions: [
        {
          name: "not-exempt",
          expression: "!authorizer.requestResource.check('exempt').allowed() || object.data.exempt != 'yes'",
        },
      ],
      validations: [{ expression: "false" }],
    });
    const labels = { strict: "yes" };
    await world.post(maps, configMap("a", { exempt: "no" }, { labels }), 422);
    await world.post(maps, configMap("a", { exempt: "yes" }, { labels }));
    await world.post(maps, configMap("b"));
    await world.post(maps, configMap("c", { exempt: "no" }, { labels }));
    await world.post(maps, configMap("e", { exempt: "no" }, { labels }));
    const error =
      "expression '!authorizer.requestResource.check('exempt').allowed() || object.data.exempt != 'yes'' ";
    const failed = `${error}resulted in error: no such key: data`;
    assert.equal(
      await world.message(maps, { ...configMap("d", {}, { labels }), data: undefined }),
      denied("configmaps", "d", "narrow", failed),
    );
  });

  it("count what comes to nothing as they say", async () => {
    for (const failurePolicy of ["Fail", "Ignore"]) {
      await world.bind(failurePolicy.toLowerCase(), {
        ...{ ...onMaps, failurePolicy },
        validations: [{ expression: `object.data.${failurePolicy} == 'x'` }],
      });
    }
    const why = "expression 'object.data.Fail == 'x'' resulted in error: no such key: Fail";
    assert.equal(
      await world.message(maps, configMap("a", { x: "y" })),
      denied("configmaps", "a", "fail", why),
    );
    await world.post(maps, configMap("a", { Fail: "x" }));
    await world.post(maps, configMap("b", { Fail: "x", Ignore: "y" }), 422);
  });

  it("are asked with each of their params", async () => {
    const paramKind = { apiVersion: "v1", kind: "ConfigMap" };
    const onSecrets = matching(rule("", "secrets", "CREATE"));
    const secrets = "/api/v1/namespaces/default/secrets";
    const secret = (name: string): object => ({ apiVersion: "v1", kind: "Secret", metadata: { name } });
    const validations = [
      {
        expression: "params == null || object.metadata.name.startsWith(params.data.prefix)",
        messageExpression: "'must begin with ' + params.data.prefix",
      },
    ];
    await world.bind(
      "params",
      { ...onSecrets, paramKind, validations },
      { paramRef: { name: "limits", parameterNotFoundAction: "Deny" } },
    );
    const none =
      "failed to configure binding: no params found for policy binding with `Deny` parameterNotFoundAction";
    assert.equal(await world.message(secrets, secret("ab-1")), denied("secrets", "ab-1", "params", none));
    await world.post(maps, configMap("limits", { prefix: "a" }, { labels: { limits: "yes" } }));
    await world.post(secrets, secret("ab-1"));
    await world.post(maps, configMap("more", { prefix: "ab" }, { labels: { limits: "yes" } }));
    const selector = { matchLabels: { limits: "yes" } };
    const paramRef = { name: null, selector, parameterNotFoundAction: "Allow" };
    await world.patch(`${bindings}/params`, { spec: { paramRef } });
    assert.equal(
      await world.message(secrets, secret("ac-1")),
      denied("secrets", "ac-1", "params", "must begin with ab"),
    );
    await world.post(secrets, secret("ab-2"));
    await world.patch(`${bindings}/params`, { spec: { paramRef: null } });
    await world.post(secrets, secret("c"));
    await world.patch(`${policies}/params`, {
      spec: { paramKind: { apiVersion: "no.test/v1", kind: "None" } },
    });
    const unknown =
      "failed to configure policy: failed to find resource referenced by paramKind: 'no.test/v1, Kind=None'";
    const by = "ValidatingAdmissionPolicy 'params' denied request";
    assert.equal(await world.message(secrets, secret("d")), `secrets "d" is forbidden: ${by}: ${unknown}`);
  });

  it("hold for what this program writes as they do for others, but for its own objects", async () => {
    const validations = [{ expression: "request.userInfo.username == 'root'" }];
    const everything = { ...rule("*", "*/*", "*"), apiVersions: ["*"] };
    await world.bind("users", { ...matching(everything), validations });
    const objects = world.api.objects;
    const map = configMap("by-us", {}, { namespace: "default" }) as Parameters<typeof objects.create>[1];
    await assert.rejects(objects.create(world.api.kind("configmaps"), map), { code: 422 });
    const node = { apiVersion: "v1", kind: "Node", metadata: { name: "ours" } };
    await objects.create(world.api.kind("nodes"), node);
    await world.ask("/api/v1/nodes/ours", 200, { method: "DELETE" });
    // Nor is a policy asked about policies: one that refuses everything can be taken away.
    await world.patch(`${bindings}/users`, { spec: { validationActions: ["Warn"] } });
    await objects.create(world.api.kind("configmaps"), map);
    await world.ask(`${maps}/by-us`, 200, { method: "DELETE" });
  });

  it("are written with kubectl, which says what is wrong with them, and shows them", async () => {
    const binary = (await kubectl()) ?? "";
    const bad = policy("few", { ...onMaps, validations: [{ expression: "object.x ==" }] });
    const refused = await world.api.kubectl(binary, ["apply", "-f", world.api.file("bad.json", bad)]);
    assert.match(
      refused.err,
      /spec\.validations\[0\]\.expression: Invalid value: "object\.x ==": compilation failed/,
    );
    const good = policy("few", { ...onMaps, validations: [{ expression: "size(object.data) < 2" }] });
    for (const [name, object] of Object.entries({ "good.json": good, "bound.json": binding("few") })) {
      const applied = await world.api.kubectl(binary, ["apply", "-f", world.api.file(name, object)]);
      assert.equal(applied.code, 0, applied.err);
    }
    const words = ["create", "configmap", "many", "--from-literal=a=b", "--from-literal=c=d"];
    const { err } = await world.api.kubectl(binary, words);
    const why = "failed expression: size(object.data) < 2";
    assert.equal(
      err.trim(),
      `error: failed to create configmap: ${denied("configmaps", "many", "few", why)}`,
    );
    const listed = await world.api.kubectl(binary, [
      "get",
      "validatingadmissionpolicy,validatingadmissionpolicybinding",
    ]);
    assert.match(
      listed.out,
      /NAME +VALIDATIONS +PARAMKIND +AGE\nvalidatingadmissionpolicy\S+\/few +1 +<unset> +\d+s\n/,
    );
    assert.match(
      listed.out,
      /NAME +POLICYNAME +PARAMREF +AGE\nvalidatingadmissionpolicybinding\S+\/few +few +<unset> /,
    );
    for (const path of [bindings, policies]) await world.ask(`${path}/few`, 200, { method: "DELETE" });
    await world.post(maps, configMap("many", { a: "b", c: "d" }));
  });
});
