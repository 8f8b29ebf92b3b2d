/** What a thread is given to evaluate: data, of which it makes what the loop has made already. Pure. */
import {
  type AccessDecision,
  type AccessQuestion,
  AdmissionCompiler,
  AdmissionEvaluation,
  type AdmissionInput,
  askConditions,
  type ConditionOutcome,
  conditionBudget,
  type FieldError,
  type KubeObject,
  PendingDecision,
  readAs,
  ruleFaults,
} from "@selvedge/apimachinery";
import { describeError } from "@selvedge/base";
import { decideBy } from "../admission/access-decisions.ts";
import { conditionsIn, policyIn, type SaidExpression } from "../admission/policy/compiled-policy.ts";
import { evaluatePolicy, type PolicyOutcome } from "../admission/policy/evaluate-policy.ts";
import type { RuledObject } from "../rest/asked-rules.ts";
import { type FormTask, formed, lookedUp, type ValuesTask } from "./answer-tasks.ts";
import { type Mutated, type MutateTask, mutate } from "./mutation-tasks.ts";
import {
  type BodyTask,
  kindIn,
  type PatchTask,
  type Planned,
  type PlanTask,
  plan,
  type ReadBody,
  readLongBody,
  readYaml,
  type SaidBody,
  type SaidKind,
  type SettledObject,
  type SettleTask,
  settle,
  type YamlTask,
} from "./plan-tasks.ts";

/** A write as expressions see it; what is known of who may do what takes the place of who decides. */
export interface SaidInput extends Omit<AdmissionInput, "decide" | "slice"> {
  readonly known: ReadonlyMap<string, AccessDecision>;
  /** Its objects, where they are long: nobody has read them yet. */
  readonly texts?: SaidTexts | undefined;
}

export interface SaidTexts {
  readonly kind: SaidKind;
  readonly object: string | undefined;
  readonly oldObject: string | undefined;
}

export interface Tasks {
  readonly policy: { readonly type: "policy"; readonly policy: KubeObject; readonly input: SaidInput };
  readonly conditions: {
    readonly type: "conditions";
    readonly conditions: readonly SaidExpression[];
    readonly input: SaidInput;
  };
  readonly rules: { readonly type: "rules" } & RuledObject;
  readonly plan: PlanTask | PatchTask;
  readonly mutate: MutateTask;
  readonly yaml: YamlTask;
  readonly body: BodyTask;
  readonly settle: SettleTask;
  readonly form: FormTask;
  readonly values: ValuesTask;
}

export interface Outcomes {
  readonly policy: PolicyOutcome;
  readonly conditions: ConditionOutcome;
  readonly rules: readonly FieldError[];
  readonly plan: Planned;
  readonly mutate: Mutated;
  readonly yaml: SaidBody;
  readonly body: ReadBody;
  readonly settle: SettledObject;
  readonly form: Uint8Array;
  readonly values: readonly unknown[];
}

export type TaskType = keyof Tasks;
export type Task = Tasks[TaskType];

export type Answer =
  | { readonly type: "outcome"; readonly outcome: Outcomes[TaskType] }
  /** To be answered before there is an outcome. */
  | { readonly type: "question"; readonly question: AccessQuestion }
  | { readonly type: "failure"; readonly why: string };

export async function perform(task: Task): Promise<Answer> {
  try {
    return { type: "outcome", outcome: await outcomeOf(task) };
  } catch (error) {
    if (error instanceof PendingDecision) return { type: "question", question: error.question };
    return { type: "failure", why: describeError(error) };
  }
}

async function outcomeOf(task: Task): Promise<Outcomes[TaskType]> {
  switch (task.type) {
    case "policy":
      return evaluatePolicy(policyIn(task.policy), await asked(task.input));
    case "conditions": {
      const conditions = conditionsIn(new AdmissionCompiler({ params: false }), task.conditions);
      return askConditions(conditions, new AdmissionEvaluation(await asked(task.input), [], conditionBudget));
    }
    case "plan":
    case "patch":
      return plan(task);
    case "mutate":
      return mutate(task);
    case "yaml":
      return readYaml(task);
    case "body":
      return readLongBody(task);
    case "settle":
      return settle(task);
    case "form":
      return formed(task);
    case "values":
      return lookedUp(task);
    default:
      return ruleFaults(task.schema, task.object, task.old);
  }
}

async function asked({ known, texts, ...input }: SaidInput): Promise<AdmissionInput> {
  const decide = decideBy(known);
  if (texts === undefined) return { ...input, decide };
  const kind = await kindIn(texts.kind);
  const read = (text: string | undefined): KubeObject | undefined =>
    text === undefined ? undefined : (readAs(kind, text) as KubeObject);
  return { ...input, object: read(texts.object), oldObject: read(texts.oldObject), decide };
}
