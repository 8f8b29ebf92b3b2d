/** What a policy says of a write, with one of its params. Pure, but for what it asks of who may do what. */
import {
  AdmissionEvaluation,
  type AdmissionInput,
  askConditions,
  BudgetError,
  conditionBudget,
  type Evaluated,
  evaluationBudget,
} from "@selvedge/apimachinery";
import type { Policy, PolicyValidation } from "./compiled-policy.ts";

/** A validation that does not hold, or of which nobody can tell. */
export interface Denial {
  /** Of the validation. */
  readonly index: number;
  readonly message: string;
  readonly reason: string;
}

export interface PolicyOutcome {
  readonly denials: readonly Denial[];
  readonly annotations: readonly { readonly key: string; readonly value: string }[];
  /** Of annotations that came to nothing: they deny, whatever else the binding says. */
  readonly failures: readonly string[];
}

/** The policy says nothing. */
export const nothing: PolicyOutcome = { denials: [], annotations: [], failures: [] };
/** A message is for people. */
const messageMax = 5 * 1024;
const annotationMax = 10 * 1024;

export function evaluatePolicy(policy: Policy, input: AdmissionInput): PolicyOutcome {
  const { conditions, variables, failsOpen } = policy;
  const failed = (message: string): PolicyOutcome =>
    failsOpen ? nothing : { ...nothing, denials: [{ index: 0, message, reason: "Invalid" }] };
  if (conditions.length > 0) {
    const met = askConditions(conditions, new AdmissionEvaluation(input, [], conditionBudget));
    if (met.type === "failure") return failed(met.message);
    if (met.type === "unmet") return nothing;
  }
  try {
    const denials = denialsOf(policy, new AdmissionEvaluation(input, variables, evaluationBudget));
    const words = new AdmissionEvaluation(input, variables, evaluationBudget);
    return { denials, ...annotationsOf(policy, words) };
  } catch (error) {
    if (!(error instanceof BudgetError)) throw error;
    return failed(error.message);
  }
}

function denialsOf({ validations, failsOpen }: Policy, evaluation: AdmissionEvaluation): Denial[] {
  // All of them first: messages have what is left of the budget.
  const outcomes = validations.map(({ expression }) => evaluation.evaluate(expression));
  return outcomes.flatMap((outcome, index): Denial[] => {
    const validation = validations[index];
    if (validation === undefined || (outcome.type === "value" && outcome.value === true)) return [];
    const said = outcome.type === "failure" ? failure(outcome.message) : sayWhy(validation, evaluation);
    if (said.type === "failure") {
      return failsOpen ? [] : [{ index, message: said.message, reason: "Invalid" }];
    }
    return [{ index, message: String(said.value), reason: validation.reason }];
  });
}

function failure(message: string): Evaluated {
  return { type: "failure", message };
}

/** By its expression where that says something on one line, or its message, or the rule itself. */
function sayWhy(
  { expression, message, messageExpression }: PolicyValidation,
  evaluation: AdmissionEvaluation,
): Evaluated {
  const plain = message === "" ? `failed expression: ${expression.source.trim()}` : message;
  if (messageExpression === undefined) return { type: "value", value: plain };
  try {
    const outcome = evaluation.evaluate(messageExpression);
    const text = outcome.type === "value" && typeof outcome.value === "string" ? outcome.value.trim() : "";
    const fits = text !== "" && text.length <= messageMax && !text.includes("\n");
    return { type: "value", value: fits ? text : plain };
  } catch (error) {
    if (!(error instanceof BudgetError)) throw error;
    return failure(`failed messageExpression: ${error.message}`);
  }
}

function annotationsOf(
  { annotations, failsOpen }: Policy,
  evaluation: AdmissionEvaluation,
): Pick<PolicyOutcome, "annotations" | "failures"> {
  const outcomes = annotations.map(({ name: key, expression }) => ({
    ...{ key, outcome: evaluation.evaluate(expression) },
  }));
  return {
    annotations: outcomes.flatMap(({ key, outcome }) => {
      const text = outcome.type === "value" && typeof outcome.value === "string" ? outcome.value.trim() : "";
      return text === "" ? [] : [{ key, value: text.slice(0, annotationMax) }];
    }),
    failures: outcomes.flatMap(({ outcome }) =>
      outcome.type === "failure" && !failsOpen ? [outcome.message] : [],
    ),
  };
}
