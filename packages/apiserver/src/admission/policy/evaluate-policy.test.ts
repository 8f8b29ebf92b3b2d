import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AdmissionInput } from "@selvedge/apimachinery";
import { policyIn } from "./compiled-policy.ts";
import { evaluatePolicy, type PolicyOutcome } from "./evaluate-policy.ts";

const input: AdmissionInput = {
  ...{ object: { metadata: { name: "a" }, spec: { size: 3 } }, oldObject: undefined, params: undefined },
  ...{ request: { operation: "CREATE" }, namespaceObject: undefined, asked: {} },
  decide: () => ({ allowed: true, reason: "", error: "" }),
};
const nothing: PolicyOutcome = { denials: [], annotations: [], failures: [] };
const denied = (message: string, reason = "Invalid", index = 0): PolicyOutcome => ({
  ...{ ...nothing, denials: [{ index, message, reason }] },
});
const failed = (source: string, why: string): string => `expression '${source}' resulted in error: ${why}`;
const budget = "validation failed due to running out of cost budget, no further validation rules will be run";

const validation = { expression: "object.spec.size > 3" };
const lost = { expression: "object.spec.lost == 1" };
/** Costs nearly as much as one expression may. */
const check = "authorizer.path('/a').check('get').allowed()";
const dear = { expression: `${check} && ${check}` };

const rows: readonly (readonly [what: string, spec: object, outcome: PolicyOutcome])[] = [
  ["nothing of what is right", { validations: [{ expression: "object.spec.size == 3" }] }, nothing],
  ["the expression", { validations: [validation] }, denied("failed expression: object.spec.size > 3")],
  ["its message", { validations: [{ ...validation, message: " larger " }] }, denied("larger")],
  [
    "its reason, and which it is",
    { validations: [{ expression: "true" }, { ...validation, message: "larger", reason: "Forbidden" }] },
    denied("larger", "Forbidden", 1),
  ],
  [
    "what its message comes to",
    {
      validations: [{ ...validation, message: "a", messageExpression: "'not ' + string(object.spec.size)" }],
    },
    denied("not 3"),
  ],
  ...["'  '", "'a\\nb'", "object.spec.lost + ''"].map(
    (messageExpression) =>
      [
        `its message where ${messageExpression} says nothing`,
        { validations: [{ ...validation, message: "larger", messageExpression }] },
        denied("larger"),
      ] as const,
  ),
  [
    "why nobody can tell",
    { validations: [lost] },
    denied(failed("object.spec.lost == 1", "no such key: lost")),
  ],
  ["nothing of that where it is let go", { validations: [lost], failurePolicy: "Ignore" }, nothing],
  [
    "what is wrong all the same where it is let go",
    { validations: [lost, validation], failurePolicy: "Ignore" },
    denied("failed expression: object.spec.size > 3", "Invalid", 1),
  ],
  [
    "nothing where a condition is not met",
    { validations: [validation], matchConditions: [{ name: "a", expression: "object.spec.size > 3" }] },
    nothing,
  ],
  [
    "that nobody can tell of a condition",
    { validations: [validation], matchConditions: [{ name: "a", ...lost }] },
    denied(failed("object.spec.lost == 1", "no such key: lost")),
  ],
  [
    "nothing of that where it is let go, either",
    { validations: [validation], matchConditions: [{ name: "a", ...lost }], failurePolicy: "Ignore" },
    nothing,
  ],
  [
    "words for the audit log, by variables",
    {
      variables: [{ name: "size", expression: "object.spec.size" }],
      auditAnnotations: [
        { key: "size", valueExpression: "string(variables.size)" },
        { key: "none", valueExpression: "null" },
      ],
    },
    { ...nothing, annotations: [{ key: "size", value: "3" }] },
  ],
  [
    "that a word comes to nothing",
    { auditAnnotations: [{ key: "a", valueExpression: "string(object.spec.lost)" }] },
    { ...nothing, failures: [failed("string(object.spec.lost)", "no such key: lost")] },
  ],
  [
    "nothing of that where it is let go, too",
    {
      ...{ failurePolicy: "Ignore" },
      auditAnnotations: [{ key: "a", valueExpression: "string(object.spec.lost)" }],
    },
    nothing,
  ],
  [
    "that all together cost too much",
    { validations: Array.from({ length: 15 }, () => dear) },
    denied(budget),
  ],
];

describe("a policy says", () => {
  for (const [what, spec, outcome] of rows) {
    it(what, () => {
      const policy = policyIn({ apiVersion: "", kind: "", metadata: { name: "p" }, spec });
      assert.deepEqual(evaluatePolicy(policy, input), outcome);
    });
  }
});
