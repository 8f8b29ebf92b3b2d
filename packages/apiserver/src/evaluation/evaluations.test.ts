import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { after, describe, it } from "node:test";
import { promisify } from "node:util";
import { Worker } from "node:worker_threads";
import {
  AdmissionCompiler,
  AdmissionEvaluation,
  askConditions,
  conditionBudget,
  ruleFaults,
  type Schema,
} from "@selvedge/apimachinery";
import { type Millis, millis, SystemClock } from "@selvedge/base";
import { AccessDecisions } from "../admission/access-decisions.ts";
import { conditionsIn, policyIn } from "../admission/policy/compiled-policy.ts";
import { evaluatePolicy } from "../admission/policy/evaluate-policy.ts";
import { cutObject, saidObject, unreadLength } from "../rest/lazy-object.ts";
import { EvaluationThreads, type EvaluationThreadsOptions } from "./evaluation-threads.ts";
import { Evaluations } from "./evaluations.ts";

const clock = new SystemClock();
const input = {
  ...{ object: { metadata: { name: "a" }, spec: { size: 3, items: ["a", "b"] } }, oldObject: { spec: {} } },
  ...{ params: { max: 2 }, request: { operation: "UPDATE" }, namespaceObject: undefined, asked: {} },
};

/** Lets everybody get, and remembers what was asked. */
class Asked {
  readonly questions: unknown[] = [];
  readonly decisions: AccessDecisions = new AccessDecisions(
    {
      authorize: async (question) => {
        this.questions.push(question);
        return { allowed: question.verb === "get", reason: "because" };
      },
    },
    { name: "ann", groups: [] },
  );
}

const may = (path: string, verb: string): string => `authorizer.path('${path}').check('${verb}').allowed()`;
const many = (count: number, expression: string): object[] =>
  Array.from({ length: count }, () => ({ expression }));
/** As long a loop as is needed to reach what one expression may cost. */
const digits = "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]";
const looped = (depth: number): string =>
  depth === 0 ? "true" : `${digits}.all(i${depth}, ${looped(depth - 1)})`;

const policies: readonly (readonly [what: string, spec: object])[] = [
  ["that holds", { validations: [{ expression: "object.spec.size == 3" }] }],
  ["that does not", { validations: [{ expression: "object.spec.size < 3", reason: "Forbidden" }] }],
  [
    "that says why",
    { validations: [{ expression: "false", messageExpression: "'not ' + string(params.max)" }] },
  ],
  ["that fails", { validations: [{ expression: "object.spec.lost == 1" }] }],
  [
    "that fails and is let go",
    { failurePolicy: "Ignore", validations: [{ expression: "object.spec.lost == 1" }] },
  ],
  ["that does not compile", { validations: [{ expression: "object.spec.size + " }] }],
  [
    "that is not met",
    { matchConditions: [{ name: "never", expression: "false" }], validations: many(1, "false") },
  ],
  ["that compares with what was", { validations: [{ expression: "object == oldObject" }] }],
  [
    "with variables",
    { variables: [{ name: "n", expression: "object.spec.size" }], validations: many(2, "variables.n > 3") },
  ],
  ["with annotations", { auditAnnotations: [{ key: "k", valueExpression: "request.operation" }] }],
  ["of one expression that costs too much", { validations: [{ expression: looped(7) }] }],
  ["of many that cost too much", { validations: many(18, `${looped(5)} || true`) }],
  ["that asks", { validations: many(2, `${may("/a", "get")} && ${may("/b", "put")}`) }],
  ["that asks too much", { validations: many(20, `${may("/a", "get")} && ${may("/b", "get")}`) }],
];

const list = {
  type: "array",
  maxItems: 4,
  items: { type: "integer", "x-kubernetes-validations": [{ rule: "self < 9" }] },
};
const ruled = (...rules: readonly object[]): Schema =>
  ({
    type: "object",
    properties: {
      spec: {
        type: "object",
        properties: { list, size: { type: "integer" } },
        "x-kubernetes-validations": rules,
      },
    },
  }) as Schema;

const rules: readonly (readonly [what: string, schema: Schema, object: unknown, old?: unknown])[] = [
  ["that hold", ruled({ rule: "self.size > 2" }), { spec: { size: 3, list: [1] } }],
  [
    "that do not",
    ruled({ rule: "self.size > 3", message: "more", fieldPath: ".size" }),
    { spec: { size: 3, list: [9] } },
  ],
  [
    "about what was",
    ruled({ rule: "self.size >= oldSelf.size" }),
    { spec: { size: 3 } },
    { spec: { size: 4 } },
  ],
  ["of one that costs too much", ruled({ rule: looped(7) }), { spec: {} }],
  ["that cost too much", ruled(...Array.from({ length: 18 }, () => ({ rule: looped(5) }))), { spec: {} }],
];

/** Whenever it is looked at, a second has passed. */
class HastyClock extends SystemClock {
  #now = 0;

  override monotonic(): Millis {
    this.#now += 1000;
    return millis(this.#now);
  }
}

/** Nothing takes any time. */
class StillClock extends SystemClock {
  override monotonic(): Millis {
    return millis(0);
  }
}

describe("in a thread it comes to the same as on the loop:", () => {
  const threads = new EvaluationThreads({ clock });
  const hasty = new Evaluations({ clock, cost: 0, threads });
  after(() => hasty[Symbol.asyncDispose]());

  for (const [what, spec] of policies) {
    it(`a policy ${what}`, async () => {
      const policy = policyIn({
        ...{ apiVersion: "", kind: "", metadata: { name: "p" }, spec: { paramKind: {}, ...spec } },
      });
      const [here, there] = [new Asked(), new Asked()];
      const { decisions } = here;
      const outcome = await decisions.settled(async () =>
        evaluatePolicy(policy, { ...input, decide: decisions.decide }),
      );
      assert.deepEqual(await hasty.policy(policy, input, there.decisions), outcome);
      assert.deepEqual(there.questions, here.questions);
    });
  }

  it("match conditions", async () => {
    const said = ["size", "lost"].map((field) => ({ name: field, expression: `object.spec.${field} == 3` }));
    const conditions = conditionsIn(new AdmissionCompiler({ params: false }), said);
    const here = new AdmissionEvaluation(
      { ...input, decide: new Asked().decisions.decide },
      ...([[], conditionBudget] as const),
    );
    const outcome = askConditions(conditions, here);
    assert.equal(outcome.type, "failure");
    assert.deepEqual(await hasty.conditions(conditions, input, new Asked().decisions), outcome);
  });

  for (const [what, schema, object, old] of rules) {
    it(`rules ${what}`, async () => {
      assert.deepEqual(await hasty.rules({ schema, object, old }), ruleFaults(schema, object, old));
    });
  }
});

describe("of a long object nothing is read on the loop, and a thread comes to the same:", () => {
  const kind = {
    group: "",
    version: "v1",
    plural: "configmaps",
    module: import.meta.resolve("@selvedge/kinds"),
  };
  const data = Object.fromEntries(Array.from({ length: 9000 }, (_, at) => [`key-${at}`, `value ${at}`]));
  const whole = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "a" }, data };
  const rows: readonly (readonly [expression: string, denials: number])[] = [
    ["object.data.all(key, object.data[key] != 'value 8999')", 1],
    ["object.data.size() == 9000 && oldObject.data == object.data", 0],
    ["object.metadata.name == 'b'", 1],
  ];
  for (const [expression, count] of rows) {
    it(expression, async () => {
      const [object, oldObject] = [saidObject({}, cutObject(whole)), saidObject({}, cutObject(whole))];
      await using evaluations = new Evaluations({ clock: new StillClock() });
      const policy = policyIn({
        ...{ apiVersion: "", kind: "", metadata: { name: "p" }, spec: { validations: [{ expression }] } },
      });
      const asked = { ...input, object, oldObject };
      const { denials } = await evaluations.policy(policy, asked, new Asked().decisions, kind);
      assert.equal(denials.length, count);
      const here = await evaluations.policy(
        ...([policy, { ...input, object: whole, oldObject: whole }, new Asked().decisions] as const),
      );
      assert.deepEqual(here.denials, denials);
      for (const one of [object, oldObject]) assert.ok(unreadLength(one) > 128 * 1024, "it was read");
    });
  }
});

describe("a thread is begun", () => {
  const cheap = [{ expression: "object.spec.items.all(one, one != '')" }];
  const asks = [{ expression: may("/a", "get") }];
  const rows: readonly (readonly [
    what: string,
    clock: SystemClock,
    validations: object[],
    threads: number,
  ])[] = [
    ["not for what costs little", new StillClock(), cheap, 0],
    ["not for a question", new StillClock(), asks, 0],
    ["for what costs much", new StillClock(), many(1, looped(5)), 1],
    ["for what makes much for little", new StillClock(), many(1, "lists.range(200000).size() > 0"), 1],
    [
      "for what looks often for little",
      new StillClock(),
      many(1, "object.text.indexOf(object.text + 'b') < 0"),
      1,
    ],
    ["not for a step or two", new HastyClock(), many(1, "object.text.charAt(1) == 'a'"), 0],
    ["for a step or two that take long", new HastyClock(), many(1, "object.long.charAt(1) == 'a'"), 1],
    ["for what takes long", new HastyClock(), [{ expression: looped(1) }], 1],
  ];
  for (const [what, own, validations, size] of rows) {
    it(what, async () => {
      const policy = policyIn({ apiVersion: "", kind: "", metadata: { name: "p" }, spec: { validations } });
      await using threads = new EvaluationThreads({ clock });
      await using evaluations = new Evaluations({ clock: own, threads });
      const object = { ...input.object, text: "a".repeat(10_000), long: "a".repeat(200_000) };
      const { denials } = await evaluations.policy(policy, { ...input, object }, new Asked().decisions);
      assert.deepEqual([denials.length, threads.size], [0, size]);
    });
  }
});

const schema = ruled({ rule: "self.size > 3" });
const asked = { type: "rules", schema, object: { spec: { size: 3 } }, old: undefined } as const;
const dying = (): Worker => new Worker("process.exit(3)", { eval: true });
const silent = (): Worker =>
  new Worker("require('node:worker_threads').parentPort.on('message', () => undefined)", { eval: true });
const real = (): Worker => new Worker(new URL("./evaluation-worker.ts", import.meta.url), { execArgv: [] });

/** Its timers wait until they are fired by hand. */
class HeldClock extends SystemClock {
  readonly held = new Set<() => void>();

  override setTimer(_span: number, fire: () => void): { cancel(): void } {
    this.held.add(fire);
    return { cancel: () => void this.held.delete(fire) };
  }
}

function begun(begin: EvaluationThreadsOptions["begin"], held = new HeldClock()): EvaluationThreads {
  return new EvaluationThreads({ clock: held, ...(begin && { begin }) });
}

describe("threads", () => {
  it("that die fail what they were at, and others take their place", async () => {
    const ways = [dying, real];
    await using threads = begun(() => (ways.shift() ?? dying)());
    await assert.rejects(threads.run<"rules">(asked), {
      code: 500,
      reason: "InternalError",
      message: /thread died/,
    });
    assert.equal((await threads.run<"rules">(asked)).length, 1);
    assert.equal(threads.size, 1);
  });

  it("that are not done in time are ended", async () => {
    const held = new HeldClock();
    await using threads = begun(silent, held);
    const answer = assert.rejects(threads.run<"rules">(asked), {
      code: 500,
      message: /longer than 30 seconds/,
    });
    for (const fire of held.held) fire();
    await answer;
    assert.equal(threads.size, 0);
  });

  it("end when nothing is asked of them any more", async () => {
    const held = new HeldClock();
    await using threads = begun(real, held);
    await threads.run<"rules">(asked);
    assert.deepEqual([threads.size, held.held.size], [1, 1]);
    for (const fire of held.held) fire();
    assert.equal(threads.size, 0);
  });

  it("are few, and so is what waits for them; those who wait are told when it ends", async () => {
    const threads = begun(silent);
    const waiting = Array.from({ length: 34 }, () => threads.run<"rules">(asked));
    const told = Promise.allSettled(waiting);
    assert.equal(threads.size, 2);
    await assert.rejects(threads.run<"rules">(asked), { code: 500, message: /too many others/ });
    await threads[Symbol.asyncDispose]();
    const reasons = (await told).map((one) => (one.status === "rejected" ? String(one.reason) : one.status));
    assert.ok(reasons.every((reason) => reason.endsWith("the server is stopping")));
    await assert.rejects(threads.run<"rules">(asked), /the server is stopping/);
  });

  it("say what cannot be told them", async () => {
    await using threads = begun(real);
    const odd = { ...asked, object: { spec: () => undefined } };
    await assert.rejects(threads.run<"rules">(odd), { code: 500, message: /could not be cloned/ });
    assert.equal((await threads.run<"rules">(asked)).length, 1);
  });

  it("do not keep a program that is done", async () => {
    const program = `
      import { SystemClock } from "@selvedge/base";
      import { EvaluationThreads } from ${JSON.stringify(new URL("./evaluation-threads.ts", import.meta.url).href)};
      await using threads = new EvaluationThreads({ clock: new SystemClock() });
      console.log((await threads.run(${JSON.stringify(asked)})).length);`;
    const child = promisify(execFile)(process.execPath, ["--input-type=module", "-e", program], {
      cwd: import.meta.dirname,
    });
    assert.equal((await child).stdout, "1\n");
  });
});
