/** Webhook configurations: what upstream says of those that cannot be, and fills in. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { admit } from "../../test/admit.ts";
import { mutatingWebhookKind, validatingWebhookKind } from "../index.ts";

const rule = { operations: ["*"], apiGroups: [""], apiVersions: ["v1"], resources: ["configmaps"] };
const good = {
  name: "a.webhooks.example",
  clientConfig: { url: "https://webhooks.example/ask" },
  rules: [rule],
  sideEffects: "None",
  admissionReviewVersions: ["v1"],
};

type Row = readonly [what: string, webhook: object, ...errors: string[]];

const form = "; desired format: https://host[/path]";
const rows: readonly Row[] = [
  ["a webhook", good],
  [
    "one behind a Service",
    { ...good, clientConfig: { service: { namespace: "n", name: "s", path: "/a/b" } } },
  ],
  [
    "one without a name of its own",
    { ...good, name: "hook" },
    'webhooks[0].name: Invalid value: "hook": should be a domain with at least three segments separated by dots',
  ],
  [
    "one that nobody can ask",
    { ...good, clientConfig: {} },
    "webhooks[0].clientConfig: Required value: exactly one of url or service is required",
  ],
  [
    "one that is asked in clear, as somebody",
    { ...good, clientConfig: { url: "http://me:pw@h.example/?a=b#c" } },
    `webhooks[0].clientConfig.url: Invalid value: "http": 'https' is the only allowed URL scheme${form}`,
    'webhooks[0].clientConfig.url: Invalid value: "me:pw": user information is not permitted in the URL',
    'webhooks[0].clientConfig.url: Invalid value: "c": fragments are not permitted in the URL',
    'webhooks[0].clientConfig.url: Invalid value: "a=b": query parameters are not permitted in the URL',
  ],
  [
    "one behind a Service that there cannot be",
    { ...good, clientConfig: { service: { namespace: "", name: "", path: "a//b_", port: 70_000 } } },
    "webhooks[0].clientConfig.service.name: Required value: service name is required",
    "webhooks[0].clientConfig.service.namespace: Required value: service namespace is required",
    "webhooks[0].clientConfig.service.port: Invalid value: 70000: " +
      "port is not valid: must be between 1 and 65535, inclusive",
    `webhooks[0].clientConfig.service.path: Invalid value: "a//b_": must start with a '/'`,
    'webhooks[0].clientConfig.service.path: Invalid value: "a//b_": segment[0] may not be empty',
    'webhooks[0].clientConfig.service.path: Invalid value: "a//b_": segment[1] may not be empty',
    'webhooks[0].clientConfig.service.path: Invalid value: "a//b_": segment[2]: a lowercase RFC 1123 subdomain ' +
      "must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric " +
      "character (e.g. 'example.com', regex used for validation is " +
      "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
  ],
  [
    "one that says no version, effects that it may not have, and no time",
    { ...good, admissionReviewVersions: [], sideEffects: "Some", timeoutSeconds: 31, failurePolicy: "Wait" },
    'webhooks[0].failurePolicy: Unsupported value: "Wait": supported values: "Fail", "Ignore"',
    'webhooks[0].sideEffects: Unsupported value: "Some": supported values: "None", "NoneOnDryRun"',
    "webhooks[0].timeoutSeconds: Invalid value: 31: the timeout value must be between 1 and 30 seconds",
    "webhooks[0].admissionReviewVersions: Required value: must specify one of v1, v1beta1",
  ],
  [
    "one with versions that nobody speaks",
    { ...good, admissionReviewVersions: ["v2", "v2"] },
    'webhooks[0].admissionReviewVersions[1]: Invalid value: "v2": duplicate version',
    'webhooks[0].admissionReviewVersions: Invalid value: ["v2","v2"]: must include at least one of v1, v1beta1',
  ],
  [
    "rules that say too much or nothing",
    {
      ...good,
      rules: [
        {
          operations: ["*", "READ"],
          apiGroups: ["*", ""],
          apiVersions: [""],
          resources: ["*", "pods"],
          scope: "Some",
        },
        { resources: ["pods/*", "pods/log", "*/*"] },
      ],
    },
    `webhooks[0].rules[0].operations: Invalid value: ["*","READ"]: ` +
      "if '*' is present, must not specify other operations",
    'webhooks[0].rules[0].operations[1]: Unsupported value: "READ": ' +
      'supported values: "*", "CONNECT", "CREATE", "DELETE", "UPDATE"',
    `webhooks[0].rules[0].apiGroups: Invalid value: ["*",""]: if '*' is present, must not specify other API groups`,
    "webhooks[0].rules[0].apiVersions[0]: Required value",
    `webhooks[0].rules[0].resources: Invalid value: ["*","pods"]: ` +
      "if '*' is present, must not specify other resources without subresources",
    'webhooks[0].rules[0].scope: Unsupported value: "Some": supported values: "*", "Cluster", "Namespaced"',
    "webhooks[0].rules[1].operations: Required value",
    "webhooks[0].rules[1].apiGroups: Required value",
    "webhooks[0].rules[1].apiVersions: Required value",
    `webhooks[0].rules[1].resources[1]: Invalid value: "pods/log": if 'pods/*' is present, must not specify pods/log`,
    'webhooks[0].rules[1].resources: Invalid value: ["pods/*","pods/log","*/*"]: ' +
      "if '*/*' is present, must not specify other resources",
  ],
  [
    "conditions without words or names",
    {
      ...good,
      matchConditions: [
        { name: "", expression: " " },
        { name: "a b", expression: "true" },
      ],
    },
    "webhooks[0].matchConditions[0].expression: Required value",
    "webhooks[0].matchConditions[0].name: Required value",
    'webhooks[0].matchConditions[1].name: Invalid value: "a b": name part must consist of alphanumeric characters, ' +
      "'-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or " +
      "'123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
  ],
];

for (const kind of [mutatingWebhookKind, validatingWebhookKind]) {
  describe(kind.kind, () => {
    for (const [what, webhook, ...errors] of rows) {
      it(what, () => assert.deepEqual(admit(kind, { webhooks: [webhook] }).errors, errors));
    }

    it("has no two webhooks of one name, unless it had", () => {
      const twice = { webhooks: [good, good] };
      const errors = ['webhooks[1].name: Duplicate value: "a.webhooks.example"'];
      const { object, errors: found } = admit(kind, twice);
      assert.deepEqual(found, errors);
      assert.deepEqual(admit(kind, twice, object).errors, []);
    });

    it("says what is meant where nothing is said", () => {
      const [webhook] = admit(kind, { webhooks: [good] }).object["webhooks"] as object[];
      const mutates = kind === mutatingWebhookKind ? { reinvocationPolicy: "Never" } : {};
      assert.deepEqual(webhook, {
        ...{ ...good, rules: [{ ...rule, scope: "*" }], failurePolicy: "Fail", matchPolicy: "Equivalent" },
        ...{ namespaceSelector: {}, objectSelector: {}, timeoutSeconds: 10, ...mutates },
      });
    });
  });
}
