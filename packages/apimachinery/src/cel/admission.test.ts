import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  AdmissionCompiler,
  AdmissionEvaluation,
  type AdmissionInput,
  askConditions,
  BudgetError,
  conditionBudget,
  evaluationBudget,
  type Returns,
} from "./admission.ts";
import { type AccessDecision, type AccessQuestion, PendingDecision } from "./authorizer-library.ts";

const object = {
  metadata: { name: "web", labels: { app: "x" } },
  spec: { replicas: 3, ratio: 0.5, list: [1] },
};
const allowed: AccessDecision = { allowed: true, reason: "because", error: "" };
const input: AdmissionInput = {
  object,
  oldObject: undefined,
  request: {
    kind: { group: "apps", version: "v1", kind: "Deployment" },
    ...{ operation: "CREATE", name: "web", dryRun: false, userInfo: { username: "ann", groups: ["dev"] } },
    options: { kind: "CreateOptions", dryRun: ["All"] },
  },
  namespaceObject: { metadata: { name: "shop", creationTimestamp: "2024-02-29T12:30:00Z" } },
  params: { data: { max: "2" } },
  asked: { group: "apps", resource: "deployments", namespace: "shop", name: "web" },
  decide: ({ verb }) => (verb === "create" ? allowed : { allowed: false, reason: "", error: "broken" }),
};

function run(source: string, more: Partial<AdmissionInput> = {}): unknown {
  const compiler = new AdmissionCompiler({ params: true });
  const variables = [
    compiler.variable("half", "object.spec.replicas / 2"),
    compiler.variable("lost", "object.spec.lost"),
    compiler.variable("both", "variables.half + 1"),
  ];
  const evaluation = new AdmissionEvaluation({ ...input, ...more }, variables, evaluationBudget);
  const outcome = evaluation.evaluate(compiler.compile(source, "any"));
  return outcome.type === "failure" ? outcome.message : outcome.value;
}

describe("an expression that is asked of a write", () => {
  const rows: readonly (readonly [source: string, value: unknown])[] = [
    ["object.spec.replicas > 2 && object.spec.ratio < 1.0", true],
    ["object.metadata.labels['app'] == 'x' && has(object.metadata.labels.app)", true],
    ["has(object.spec.gone)", false],
    ["oldObject == null && object != null", true],
    ["request.kind.kind + request.operation + request.userInfo.username", "DeploymentCREATEann"],
    ["has(request.namespace) || request.dryRun", false],
    ["request.options.dryRun == ['All']", true],
    ["'dev' in request.userInfo.groups", true],
    ["namespaceObject.metadata.creationTimestamp.getFullYear()", 2024n],
    ["int(params.data.max) < object.spec.replicas", true],
    ["variables.half == 1 && variables.both == 2", true],
    [
      "variables.lost == 1",
      `expression 'variables.lost == 1' resulted in error: composited variable "lost" fails to evaluate: ` +
        "no such key: lost",
    ],
    ["object.spec.gone", "expression 'object.spec.gone' resulted in error: no such key: gone"],
    ["authorizer.group('apps').resource('deployments').namespace('a').check('create').allowed()", true],
    ["authorizer.path('/healthz').check('get').error()", "broken"],
    ["authorizer.group('') != null && quantity('1') != null", true],
    ["request.options == {'kind': dyn('CreateOptions'), 'dryRun': dyn(['All'])}", true],
    ["object.spec.list[0] + 1", 2n],
    ["object.spec.ratio + 1", "expression 'object.spec.ratio + 1' resulted in error: no such overload"],
    ["authorizer.requestResource.check('create').reason()", "because"],
    ["authorizer.requestResource.subresource('scale').check('delete').errored()", true],
    ["authorizer.serviceAccount('a', 'b').path('/x').check('create').allowed()", true],
    [
      "authorizer.path(' ').check('get').allowed()",
      "expression 'authorizer.path(' ').check('get').allowed()' resulted in error: path must not be empty",
    ],
  ];
  for (const [source, value] of rows) it(source, () => assert.deepEqual(run(source), value));

  it("asks what was asked for", () => {
    const asked: AccessQuestion[] = [];
    const decide = (question: AccessQuestion): AccessDecision => (asked.push(question), allowed);
    run("authorizer.requestResource.check('view').allowed()", { decide });
    run("authorizer.serviceAccount('a', 'b').group('').resource('pods').name('c').check('get').allowed()", {
      decide,
    });
    assert.deepEqual(asked, [
      { ...input.asked, verb: "view" },
      { account: { namespace: "a", name: "b" }, group: "", resource: "pods", name: "c", verb: "get" },
    ]);
  });

  it("waits for an answer that takes a while, whatever is around it", () => {
    const decide = (question: AccessQuestion): never => {
      throw new PendingDecision(question);
    };
    const check = "authorizer.requestResource.check('view').allowed()";
    for (const source of [check, `true || false || ${check} && ${check}`, `[1].all(x, ${check})`]) {
      const outcome = (): unknown => run(source, { decide });
      if (source.startsWith("true")) assert.equal(outcome(), true);
      else assert.throws(outcome, PendingDecision);
    }
  });
});

describe("what is no expression to ask of a write", () => {
  const rows: readonly (readonly [source: string, returns: Returns, fault: string])[] = [
    ["1", "bool", "must evaluate to bool but got int"],
    ["object.spec.paused", "bool", "must evaluate to bool but got dyn"],
    ["[1]", "string or null", "must evaluate to one of [string null_type] but got list(int)"],
    [
      "timestamp('2024-02-29T12:30:00Z')",
      "string",
      "must evaluate to string but got google.protobuf.Timestamp",
    ],
    [
      "request.gone == 1",
      "bool",
      "compilation failed: ERROR: <input>:1:8: undefined field 'gone'\n | request.gone == 1\n | .......^",
    ],
    [
      "params.x == 1",
      "bool",
      "compilation failed: ERROR: <input>:1:1: undeclared reference to 'params' (in container '')\n" +
        " | params.x == 1\n | ^",
    ],
    [
      "variables.x",
      "any",
      "compilation failed: ERROR: <input>:1:1: undeclared reference to 'variables' (in container '')\n" +
        " | variables.x\n | ^",
    ],
  ];
  for (const [source, returns, fault] of rows) {
    it(source, () =>
      assert.equal(new AdmissionCompiler({ params: false }).compile(source, returns).fault, fault),
    );
  }

  it("is a message that asks who may do what", () => {
    const compiled = new AdmissionCompiler({ params: false }).compile("authorizer.path('x')", "any", false);
    assert.match(compiled.fault ?? "", /undeclared reference to 'authorizer'/);
  });
});

describe("match conditions", () => {
  const compiler = new AdmissionCompiler({ params: false });
  const ask = (...sources: string[]): unknown => {
    const conditions = sources.map((source, index) => ({
      ...{ name: `c${index}`, expression: compiler.compile(source, "bool") },
    }));
    return askConditions(conditions, new AdmissionEvaluation(input, [], conditionBudget));
  };

  it("are met together, and the first that is not says so even after a failure", () => {
    assert.deepEqual(ask(), { type: "met" });
    assert.deepEqual(ask("true", "object != null"), { type: "met" });
    assert.deepEqual(ask("object.gone == 1", "false"), { type: "unmet", name: "c1" });
    const [one, two] = ["a", "b"].map(
      (key) => `expression 'object.${key} == 1' resulted in error: no such key: ${key}`,
    );
    assert.deepEqual(ask("object.a == 1", "true"), { type: "failure", message: one });
    assert.deepEqual(ask("object.a == 1", "object.b == 1"), { type: "failure", message: `[${one}, ${two}]` });
  });

  it("and all else may cost so much and no more", () => {
    const dear = compiler.compile("lists.range(900).all(a, lists.range(900).all(b, a + b >= 0))", "bool");
    const cheap = compiler.compile("lists.range(9000).all(a, a >= 0)", "bool");
    const evaluation = new AdmissionEvaluation(input, [], 100_000);
    assert.equal(new AdmissionEvaluation(input, [], evaluationBudget).evaluate(cheap).type, "value");
    assert.match(
      JSON.stringify(new AdmissionEvaluation(input, [], evaluationBudget).evaluate(dear)),
      /actual cost limit exceeded/,
    );
    assert.throws(() => Array.from({ length: 9 }, () => evaluation.evaluate(cheap)), BudgetError);
  });
});
