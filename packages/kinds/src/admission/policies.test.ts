/** Admission policies and their bindings: what upstream says of those that cannot be, and fills in. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { KubeObject } from "@selvedge/apimachinery";
import { admit } from "../../test/admit.ts";
import { validatingAdmissionPolicyBindingKind, validatingAdmissionPolicyKind } from "../index.ts";

const rule = { operations: ["CREATE"], apiGroups: ["apps"], apiVersions: ["v1"], resources: ["deployments"] };
const validation = { expression: "object.spec.replicas <= 100" };
const good = { matchConstraints: { resourceRules: [rule] }, validations: [validation] };
const bound = { policyName: "few.example", validationActions: ["Deny"] };

type Row = readonly [what: string, spec: object, ...errors: string[]];

function make(kind: string, spec: object): KubeObject {
  const apiVersion = "admissionregistration.k8s.io/v1";
  return { apiVersion, kind, metadata: { name: "few.example" }, spec };
}

const compilation = (source: string, at: number, fault: string): string =>
  `compilation failed: ERROR: <input>:1:${at}: ${fault}\n | ${source}\n | ${".".repeat(at - 1)}^`;

const policies: readonly Row[] = [
  ["a policy", good],
  [
    "one of everything",
    {
      ...good,
      paramKind: { apiVersion: "rules.example/v1", kind: "ReplicaLimit" },
      variables: [
        { name: "replicas", expression: "object.spec.replicas" },
        { name: "many", expression: "variables.replicas > params.max" },
      ],
      matchConditions: [{ name: "not-mine", expression: "request.userInfo.username != 'me'" }],
      validations: [
        {
          expression: "!variables.many || authorizer.requestResource.check('exceed').allowed()",
          ...{ messageExpression: "'at most ' + string(params.max)", reason: "Forbidden", message: "fewer" },
        },
      ],
      auditAnnotations: [{ key: "replicas", valueExpression: "string(variables.replicas)" }],
    },
  ],
  [
    "one that says nothing",
    { matchConstraints: {} },
    "spec.matchConstraints.resourceRules: Required value",
    "spec.validations: Required value: validations or auditAnnotations must contain at least one item",
    "spec.auditAnnotations: Required value: validations or auditAnnotations must contain at least one item",
  ],
  ["one about nothing", { validations: [validation] }, "spec.matchConstraints: Required value"],
  [
    "expressions that are none",
    {
      ...good,
      validations: [
        { expression: "object.x ==" },
        { expression: "1" },
        { expression: "params.x", messageExpression: "1" },
        { expression: " ", messageExpression: " ", message: " " },
        { expression: "true", message: "a\nb", reason: "Teapot" },
      ],
    },
    'spec.validations[0].expression: Invalid value: "object.x ==": compilation failed: ERROR: <input>:1:12: Syntax ' +
      "error: mismatched input '<EOF>' expecting {'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, " +
      "NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}\n | object.x ==\n | ...........^",
    'spec.validations[1].expression: Invalid value: "1": must evaluate to bool but got int',
    'spec.validations[2].expression: Invalid value: "params.x": ' +
      compilation("params.x", 1, "undeclared reference to 'params' (in container '')"),
    'spec.validations[2].messageExpression: Invalid value: "1": must evaluate to string but got int',
    "spec.validations[3].expression: Required value: expression is not specified",
    'spec.validations[3].messageExpression: Invalid value: " ": must be non-empty if specified',
    'spec.validations[3].message: Invalid value: " ": must be non-empty if specified',
    'spec.validations[4].message: Invalid value: "a\\nb": must not contain line breaks',
    'spec.validations[4].reason: Unsupported value: "Teapot": supported values: "Forbidden", "Invalid", ' +
      '"RequestEntityTooLarge"',
  ],
  [
    "a message that asks who may do what",
    { ...good, validations: [{ expression: "true", messageExpression: "authorizer.x" }] },
    'spec.validations[0].messageExpression: Invalid value: "authorizer.x": ' +
      compilation("authorizer.x", 1, "undeclared reference to 'authorizer' (in container '')"),
  ],
  [
    "variables that are none, or not yet",
    {
      ...good,
      variables: [
        { name: "for", expression: "1" },
        { name: "a", expression: "variables.b" },
        { name: "b", expression: "" },
      ],
    },
    'spec.variables[0].name: Invalid value: "for": must be a valid CEL identifier',
    'spec.variables[1].expression: Invalid value: "variables.b": ' +
      compilation("variables.b", 10, "undefined field 'b'"),
    "spec.variables[2].expression: Required value: expression is not specified",
  ],
  [
    "a condition of variables",
    {
      ...good,
      variables: [{ name: "a", expression: "1" }],
      matchConditions: [{ name: "a", expression: "variables.a == 1" }],
    },
    'spec.matchConditions[0].expression: Invalid value: "variables.a == 1": ' +
      compilation("variables.a == 1", 1, "undeclared reference to 'variables' (in container '')"),
  ],
  [
    "words for the audit log that are none",
    {
      ...good,
      auditAnnotations: [
        { key: "a", valueExpression: "object.x == 1" },
        { key: "a", valueExpression: "" },
      ],
    },
    'spec.auditAnnotations[0].valueExpression: Invalid value: "object.x == 1": must evaluate to one of [string ' +
      "null_type] but got bool",
    "spec.auditAnnotations[1].valueExpression: Required value: valueExpression is not specified",
    'spec.auditAnnotations[1].key: Duplicate value: "a"',
  ],
  [
    "params of no kind",
    { ...good, paramKind: { apiVersion: "a/b/c" } },
    'spec.paramKind.apiVersion: Invalid value: "a/b/c": unexpected GroupVersion string: a/b/c',
    "spec.paramKind.kind: Required value",
  ],
  [
    "rules of names",
    {
      ...good,
      matchConstraints: {
        resourceRules: [{ ...rule, resourceNames: ["a/b", "c", "c"] }],
        matchPolicy: "Near",
      },
    },
    'spec.matchConstraints.matchPolicy: Unsupported value: "Near": supported values: "Equivalent", "Exact"',
    `spec.matchConstraints.resourceRules[0].resourceNames[0]: Invalid value: "a/b": may not contain '/'`,
    'spec.matchConstraints.resourceRules[0].resourceNames[2]: Duplicate value: "c"',
  ],
];

const bindings: readonly Row[] = [
  ["a binding", bound],
  ["one with params", { ...bound, paramRef: { name: "a", parameterNotFoundAction: "Allow" } }],
  [
    "one of nothing that does nothing",
    {},
    "spec.policyName: Required value",
    "spec.validationActions: Required value: at least one validation action is required",
  ],
  [
    "one that does too much",
    { ...bound, validationActions: ["Deny", "Warn", "Warn", "Stop"] },
    'spec.validationActions[2]: Duplicate value: "Warn"',
    'spec.validationActions[3]: Unsupported value: "Stop": supported values: "Audit", "Deny", "Warn"',
    'spec.validationActions: Invalid value: ["Deny","Warn","Warn","Stop"]: must not contain both Deny and Warn ' +
      "(repeating the same validation failure information in the API response and headers serves no purpose)",
  ],
  [
    "one with params two ways",
    { ...bound, paramRef: { name: "a", selector: {} } },
    "spec.paramRef.name: Forbidden: name and selector are mutually exclusive",
    "spec.paramRef.selector: Forbidden: name and selector are mutually exclusive",
    "spec.paramRef.parameterNotFoundAction: Required value",
  ],
  [
    "one with params nowhere",
    { ...bound, paramRef: { parameterNotFoundAction: "Wait" } },
    "spec.paramRef: Required value: one of name or selector must be specified",
    'spec.paramRef.parameterNotFoundAction: Unsupported value: "Wait": supported values: "Deny", "Allow"',
  ],
];

describe("a validating admission policy", () => {
  for (const [what, spec, ...errors] of policies) {
    it(what, () =>
      assert.deepEqual(
        admit(validatingAdmissionPolicyKind, make("ValidatingAdmissionPolicy", spec)).errors,
        errors,
      ),
    );
  }

  it("has upstream's defaults", () => {
    const { object } = admit(validatingAdmissionPolicyKind, make("ValidatingAdmissionPolicy", good));
    assert.deepEqual(object["spec"], {
      ...{ failurePolicy: "Fail", validations: [validation] },
      matchConstraints: {
        ...{ matchPolicy: "Equivalent", namespaceSelector: {}, objectSelector: {} },
        resourceRules: [{ ...rule, scope: "*" }],
      },
    });
  });
});

describe("a binding of one", () => {
  for (const [what, spec, ...errors] of bindings) {
    it(what, () =>
      assert.deepEqual(
        admit(validatingAdmissionPolicyBindingKind, make("ValidatingAdmissionPolicyBinding", spec)).errors,
        errors,
      ),
    );
  }
});
