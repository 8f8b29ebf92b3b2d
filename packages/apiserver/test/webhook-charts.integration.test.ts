/** Configurations in the form that operators and policy engines bring them, by kubectl, and how those are kept up. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { kubectl, kubectlMissing } from "../../../tests/kubectl.ts";
import { opensslMissing } from "./api-world.ts";
import { deny, patch } from "./hook-server.ts";
import { configMap, HookWorld, maps, registration } from "./hook-world.ts";

/** A chart whose authority is put in later, by whoever makes the certificate. */
const certificates = `
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingWebhookConfiguration
metadata:
  name: certificates-webhook
  annotations: { certificates.example/inject-ca-from-secret: certificates/webhook-ca }
webhooks:
  - name: webhook.certificates.example
    rules:
      - { apiGroups: [certificates.example], apiVersions: [v1], operations: [CREATE], resources: [requests] }
    admissionReviewVersions: ["v1"]
    matchPolicy: Equivalent
    timeoutSeconds: 30
    failurePolicy: Fail
    sideEffects: None
    clientConfig: { service: { name: webhook, namespace: certificates, path: /mutate } }
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: { name: certificates-webhook }
webhooks:
  - name: webhook.certificates.example
    namespaceSelector:
      matchExpressions: [{ key: certificates.example/disable-validation, operator: NotIn, values: ["true"] }]
    rules:
      - apiGroups: [certificates.example, acme.certificates.example]
        apiVersions: [v1]
        operations: [CREATE, UPDATE]
        resources: ["*/*"]
    admissionReviewVersions: ["v1"]
    matchPolicy: Equivalent
    timeoutSeconds: 30
    failurePolicy: Fail
    sideEffects: None
    clientConfig: { service: { name: webhook, namespace: certificates, path: /validate } }
`;

/** What a policy engine writes for itself, of what its policies are about. */
const engine = (type: "mutating" | "validating", client: object): object => ({
  ...{ apiVersion: "admissionregistration.k8s.io/v1", metadata: { name: `policies-resource-${type}-cfg` } },
  kind: type === "mutating" ? "MutatingWebhookConfiguration" : "ValidatingWebhookConfiguration",
  webhooks: [
    {
      ...{
        admissionReviewVersions: ["v1"],
        clientConfig: client,
        failurePolicy: "Fail",
        matchPolicy: "Equivalent",
      },
      ...{ name: `${type === "mutating" ? "mutate" : "validate"}.policies.svc-fail`, objectSelector: {} },
      namespaceSelector: {
        matchExpressions: [
          { key: "kubernetes.io/metadata.name", operator: "NotIn", values: ["policies"] },
          { key: "kubernetes.io/metadata.name", operator: "NotIn", values: ["kube-system"] },
        ],
      },
      matchConditions: [
        { name: "exclude-nodes", expression: "!('system:nodes' in request.userInfo.groups)" },
      ],
      ...(type === "mutating" && { reinvocationPolicy: "IfNeeded" }),
      rules: [
        {
          ...{
            apiGroups: [""],
            apiVersions: ["v1"],
            resources: ["configmaps", "pods", "pods/ephemeralcontainers"],
          },
          ...{ operations: ["CREATE", "UPDATE", "DELETE", "CONNECT"], scope: "*" },
        },
      ],
      ...{ sideEffects: "NoneOnDryRun", timeoutSeconds: 10 },
    },
  ],
});

describe("webhooks of charts", { skip: opensslMissing() || (await kubectlMissing()) }, () => {
  let world: HookWorld;
  let binary = "";
  before(async () => {
    world = await new HookWorld({
      "/mutate": ({ object }) =>
        object === null
          ? { allowed: true }
          : patch({ op: "add", path: "/metadata/labels", value: { managed: "yes" } }),
      "/validate": ({ operation }) => (operation === "DELETE" ? deny("policies keep it") : { allowed: true }),
    }).start();
    binary = (await kubectl()) ?? "";
  });
  after(() => world[Symbol.asyncDispose]());

  const run = async (...words: string[]): Promise<string> => {
    const { code, out, err } = await world.api.kubectl(binary, words);
    assert.equal(code, 0, err);
    return out + err;
  };

  it("are applied, applied again, and given their authority later", async () => {
    const file = world.api.file("certificates.yaml", certificates);
    assert.equal((await run("apply", "-f", file)).match(/ created/g)?.length, 2);
    // Rules have no keys: kubectl sees that their scope was not said, and says them all again.
    assert.equal((await run("apply", "-f", file)).match(/ configured/g)?.length, 2);
    const ours = ["--server-side", "--force-conflicts", "--field-manager=chart"];
    assert.equal((await run("apply", "-f", file, ...ours)).match(/ serverside-applied/g)?.length, 2);
    const at = `${registration}/validatingwebhookconfigurations/certificates-webhook`;
    const authority = [{ op: "add", path: "/webhooks/0/clientConfig/caBundle", value: world.hooks.caBundle }];
    const { webhooks, metadata } = await world.patch(at, authority, 200, "json-patch+json");
    const { service, caBundle } = webhooks[0].clientConfig;
    assert.deepEqual([service.port, caBundle], [443, world.hooks.caBundle]);
    assert.equal(metadata.generation, 2);
    assert.match(await run("apply", "-f", file, ...ours), /validating.* serverside-applied/);
    const kept = await world.ask(at, 200);
    assert.equal(
      kept.webhooks[0].clientConfig.caBundle,
      world.hooks.caBundle,
      "who applies takes nothing away",
    );
    const shown = await run("get", "validatingwebhookconfigurations,mutatingwebhookconfigurations");
    assert.match(shown, /NAME +WEBHOOKS +AGE\nvalidating.*certificates-webhook +1 /);
    await run("explain", "validatingwebhookconfigurations.webhooks.rules.scope");
  });

  it("hold what they are about to policies, and their own namespace to none", async () => {
    for (const type of ["mutating", "validating"] as const) {
      const client = world.hooks.client(type === "mutating" ? "/mutate" : "/validate");
      await run("apply", "-f", world.api.file(`${type}.json`, engine(type, client)));
    }
    const { metadata } = await world.post(maps, configMap("held", {}));
    assert.deepEqual(metadata.labels, { managed: "yes" });
    const { err } = await world.api.kubectl(binary, ["delete", "configmap", "held"]);
    assert.match(err, /admission webhook "validate.policies.svc-fail" denied the request: policies keep it/);
    const own = "/api/v1/namespaces/kube-system/configmaps";
    assert.equal((await world.post(own, configMap("free", {}))).metadata.labels, undefined);
    await world.ask(`${own}/free`, 200, { method: "DELETE" });
  });
});
