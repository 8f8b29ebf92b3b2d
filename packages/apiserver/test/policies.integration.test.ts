/** Upstream's conformance tests of admission policies, under their own names. */

import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";
import { waitFor } from "../../harness/src/real/wait.ts";

import { opensslMissing, type Reply } from "./api-world.ts";
import {
  binding,
  bindings,
  denied,
  deployment,
  deployments,
  matching,
  onDeployments,
  PolicyWorld,
  policies,
  policy,
  registration,
  rule,
} from "./policy-world.ts";

const missing = opensslMissing();

describe("admission policies", { skip: missing }, () => {
  let world: PolicyWorld;
  before(async () => {
    world = await new PolicyWorld().start();
  });
  after(() => world[Symbol.asyncDispose]());
  afterEach(() => world.cleanUp());

  it("ValidatingAdmissionPolicy should validate against a Deployment", async () => {
    await world.patch("/api/v1/namespaces/default", { metadata: { labels: { "e2e-unique": "true" } } });
    const selected = { namespaceSelector: { matchLabels: { "e2e-unique": "true" } } };
    const constraints = { resourceRules: [rule("apps", "deployments", "CREATE", "UPDATE")], ...selected };
    await world.bind(
      "few.example",
      {
        matchConstraints: constraints,
        validations: [
          {
            expression: "object.spec.replicas > 1",
            messageExpression: "'wants replicas > 1, got ' + string(object.spec.replicas)",
          },
        ],
      },
      { matchResources: selected },
    );
    const { json } = await world.post(deployments, deployment("marker-deployment", 1), 422);
    assert.deepEqual([json.reason, json.code, json.details.kind], ["Invalid", 422, "deployments"]);
    const why = "wants replicas > 1, got 1";
    assert.equal(json.message, denied("deployments.apps", "marker-deployment", "few.example", why));
    assert.deepEqual(json.details.causes, [{ message: json.message.replace(/^.*? is forbidden: /, "") }]);
    await world.post(deployments, deployment("replicated", 2));
    const { spec, ...others } = deployment("non-replicated", 1) as { spec: object };
    await world.post("/apis/apps/v1/namespaces/default/replicasets", { ...others, kind: "ReplicaSet", spec });
    await world.patch(`${deployments}/replicated`, { spec: { replicas: 0 } }, 422);
    await world.ask(`${deployments}/replicated`, 200);
  });

  it("ValidatingAdmissionPolicy should allow expressions to refer variables.", async () => {
    await world.bind("odd.example", {
      ...onDeployments,
      variables: [
        { name: "replicas", expression: "object.spec.replicas" },
        { name: "oddReplicas", expression: "variables.replicas % 2 == 1" },
      ],
      validations: [{ expression: "variables.replicas > 1" }, { expression: "variables.oddReplicas" }],
    });
    const failed = "failed expression: variables.replicas > 1";
    assert.match(await world.message(deployments, deployment("marker-deployment", 1)), new RegExp(failed));
    assert.match(
      await world.message(deployments, deployment("even", 2)),
      /failed expression: variables.oddReplicas$/,
    );
    await world.post(deployments, deployment("replicated", 3));
  });

  const operations = async (
    path: string,
    make: (metadata: object) => object,
    change: object,
  ): Promise<void> => {
    const metadata = { name: undefined, generateName: "e2e-example-", labels: { "e2e-example": "yes" } };
    const selected = `${path}?labelSelector=e2e-example%3Dyes`;
    const plural = path.split("/").at(-1);
    const groups = await world.ask("/apis", 200);
    assert.ok(groups.groups.some(({ name }: Reply["json"]) => name === "admissionregistration.k8s.io"));
    const { resources } = await world.ask(registration, 200);
    assert.ok(resources.some(({ name }: Reply["json"]) => name === plural));
    for (let count = 0; count < 2; count++) await world.post(path, make(metadata));
    const { json: made } = await world.post(path, make(metadata));
    const at = `${path}/${made.metadata.name}`;
    assert.equal((await world.ask(at, 200)).metadata.uid, made.metadata.uid);
    const list = await world.ask(selected, 200);
    const events = world.api.events(
      `${selected}&watch=true&resourceVersion=${list.metadata.resourceVersion}`,
    );
    const patched = await world.patch(at, { metadata: { annotations: { patched: "true" } }, spec: change });
    assert.deepEqual({ ...patched.spec, ...change }, patched.spec);
    const { resourceVersion: _revision, ...unseen } = patched.metadata;
    const put = {
      ...patched,
      metadata: { ...unseen, annotations: { ...unseen.annotations, updated: "true" } },
    };
    await world.ask(at, 422, { method: "PUT", body: JSON.stringify(put) });
    // What is found out about it may be written meanwhile.
    await waitFor("a write that meets no other", async () => {
      const { resourceVersion } = (await world.ask(at, 200)).metadata;
      const body = JSON.stringify({ ...put, metadata: { ...put.metadata, resourceVersion } });
      return (await world.api.send(at, { method: "PUT", body })).status === 409 ? undefined : true;
    });
    assert.equal((await world.ask(at, 200)).metadata.annotations.updated, "true");
    for await (const { type, object } of events) {
      assert.equal(type, "MODIFIED");
      if (object.metadata.annotations?.patched === "true") break;
    }
    await world.ask(at, 200, { method: "DELETE" });
    await world.ask(at, 404);
    assert.equal((await world.ask(selected, 200)).items.length, 2);
    await world.ask(selected, 200, { method: "DELETE" });
    assert.equal((await world.ask(selected, 200)).items.length, 0);
  };

  it("ValidatingAdmissionPolicy should support ValidatingAdmissionPolicy API operations", async () => {
    const validations = [{ expression: "object.spec.replicas <= 100" }];
    const make = (metadata: object): object => policy("any", { ...onDeployments, validations }, metadata);
    await operations(policies, make, { failurePolicy: "Ignore" });
    const { resources } = await world.ask(registration, 200);
    assert.ok(resources.some(({ name }: Reply["json"]) => name === "validatingadmissionpolicies/status"));
    const { json } = await world.post(policies, make({ name: "with-status" }));
    const at = `${policies}/with-status/status`;
    const shown = await world.ask(at, 200);
    assert.deepEqual([shown.kind, shown.metadata.uid], [json.kind, json.metadata.uid]);
    const condition = { type: "Tested", status: "False", reason: "e2e", message: "Set from a test" };
    const conditions = [{ ...condition, lastTransitionTime: "2024-01-01T00:00:00Z" }];
    const labels = { "not-by": "status" };
    const patched = await world.patch(at, { metadata: { labels }, status: { conditions } });
    assert.deepEqual([patched.status.conditions, patched.metadata.labels], [conditions, undefined]);
  });

  it("ValidatingAdmissionPolicy should support ValidatingAdmissionPolicyBinding API operations", async () => {
    const make = (metadata: object): object => binding("replicalimit-policy.example.com", {}, metadata);
    await operations(bindings, make, { validationActions: ["Warn"] });
  });

  const warningsOf = (name: string): Promise<Reply["json"]> =>
    waitFor(
      `${name} to be checked`,
      async () => (await world.ask(`${policies}/${name}`, 200)).status.typeChecking,
    );

  it("ValidatingAdmissionPolicy should type check validation expressions", async () => {
    const check = async (name: string, validation: object): Promise<Reply["json"]> => {
      await world.post(policies, policy(name, { ...onDeployments, validations: [validation] }));
      return await warningsOf(name);
    };
    const labelled = "object.spec.replicas > 1 && object.metadata.labels['a'] == 'b'";
    assert.deepEqual(await check("right", { expression: labelled }), {});
    const { expressionWarnings } = await check("confused", {
      expression: "object.spec.replicas > '1'",
      messageExpression: "'wants replicas > 1, got ' + object.spec.replicas",
    });
    assert.deepEqual(expressionWarnings, [
      {
        fieldRef: "spec.validations[0].expression",
        warning:
          "apps/v1, Kind=Deployment: ERROR: <input>:1:22: found no matching overload for '_>_' applied to " +
          "'(int, string)'\n | object.spec.replicas > '1'\n | .....................^\n",
      },
      {
        fieldRef: "spec.validations[0].messageExpression",
        warning:
          "apps/v1, Kind=Deployment: ERROR: <input>:1:28: found no matching overload for '_+_' applied to " +
          "'(string, int)'\n | 'wants replicas > 1, got ' + object.spec.replicas\n | " +
          "...........................^\n",
      },
    ]);
    const { status, metadata } = await world.ask(`${policies}/confused`, 200);
    assert.equal(status.observedGeneration, metadata.generation);
    await world.patch(`${policies}/confused`, { spec: { validations: [{ expression: "true" }] } });
    const mended = await waitFor("the mended one to be checked", async () => {
      const { status: now } = await world.ask(`${policies}/confused`, 200);
      return now.observedGeneration === metadata.generation + 1 ? now.typeChecking : undefined;
    });
    assert.deepEqual(mended, {});
  });

  it("ValidatingAdmissionPolicy should type check a CRD", async () => {
    const spec = { type: "object", properties: { replicas: { type: "integer" } } };
    const schema = { openAPIV3Schema: { type: "object", properties: { spec } } };
    await world.post("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", {
      ...{ apiVersion: "apiextensions.k8s.io/v1", kind: "CustomResourceDefinition" },
      metadata: { name: "crontabs.stable.test" },
      spec: {
        ...{ group: "stable.test", scope: "Namespaced", names: { plural: "crontabs", kind: "CronTab" } },
        versions: [{ name: "v1", served: true, storage: true, schema }],
      },
    });
    const path = "/apis/stable.test/v1/namespaces/default/crontabs";
    await waitFor(
      `${path} to be served`,
      async () => (await world.api.send(path)).status === 200 || undefined,
    );
    const validations = [
      { expression: "object.spec.replicas > '1'" },
      { expression: "object.spec.maxRetries < 10" },
    ];
    await world.bind("crontabs", { ...matching(rule("stable.test", "crontabs", "CREATE")), validations });
    const { expressionWarnings: warnings } = await warningsOf("crontabs");
    assert.match(warnings[0].warning, /found no matching overload for '_>_' applied to '\(int, string\)'/);
    assert.match(warnings[1].warning, /undefined field 'maxRetries'/);
    // Types are not known when a write is looked at: there the same is an error of its own.
    const tab = {
      apiVersion: "stable.test/v1",
      kind: "CronTab",
      metadata: { name: "a" },
      spec: { replicas: 2 },
    };
    assert.equal(
      await world.message(path, tab),
      denied(
        "crontabs.stable.test",
        "a",
        "crontabs",
        "expression 'object.spec.replicas > '1'' resulted in error: no such overload",
      ),
    );
  });
});
