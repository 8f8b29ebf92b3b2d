/**
 * Where expressions are evaluated: on the loop, where the usual ones take no time; what takes more than its slice is
 * begun anew in a thread, and comes to the same there.
 */
import {
  AdmissionEvaluation,
  type AdmissionInput,
  askConditions,
  type ConditionOutcome,
  conditionBudget,
  type FieldError,
  type NamedExpression,
  Slice,
  TooHeavyError,
} from "@selvedge/apimachinery";
import { type Clock, millis } from "@selvedge/base";
import type { AccessDecisions } from "../admission/access-decisions.ts";
import type { Policy } from "../admission/policy/compiled-policy.ts";
import { evaluatePolicy, type PolicyOutcome } from "../admission/policy/evaluate-policy.ts";
import type { RuledObject } from "../rest/asked-rules.ts";
import { jsonOf, unreadLength } from "../rest/lazy-object.ts";
import { TurnShare } from "../turn-share.ts";
import { EvaluationThreads } from "./evaluation-threads.ts";
import type { SaidKind } from "./plan-tasks.ts";
import type { Outcomes, SaidInput, SaidTexts, Tasks } from "./tasks.ts";

/** What one evaluation may take of the loop, which few do that cost little. */
const sliceTime = millis(30);
/** A pattern that costs as much takes some 20 ms, most else 5. */
const sliceCost = 20_000;

/** Characters of objects that a thread has to read; a few ms. */
const unreadMin = 128 * 1024;

/** A write as expressions see it, but for who decides. */
type Asked = Omit<AdmissionInput, "decide" | "slice">;

export interface EvaluationsOptions {
  readonly clock: Clock;
  /** Of the writes that are evaluated, which take their part of a turn before and after. */
  readonly turns?: TurnShare;
  readonly threads?: EvaluationThreads;
  /** What one evaluation may cost on the loop. */
  readonly cost?: number;
}

export class Evaluations implements AsyncDisposable {
  readonly #clock: Clock;
  readonly #turns: TurnShare;
  readonly #threads: EvaluationThreads;
  readonly #cost: number;

  constructor({ clock, turns, threads, cost = sliceCost }: EvaluationsOptions) {
    this.#clock = clock;
    this.#turns = turns ?? new TurnShare(clock);
    this.#threads = threads ?? new EvaluationThreads({ clock });
    this.#cost = cost;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#threads[Symbol.asyncDispose]();
  }

  /** What a policy says of a write; `kind`: by what a thread has that of its objects. */
  policy(policy: Policy, input: Asked, decisions: AccessDecisions, kind?: SaidKind): Promise<PolicyOutcome> {
    return this.#settled<"policy">(decisions, input, kind, {
      here: (whole) => evaluatePolicy(policy, whole),
      there: (said) => ({ type: "policy", policy: policy.object, input: said }),
    });
  }

  /** Whether match conditions let a webhook be asked. */
  conditions(
    conditions: readonly NamedExpression[],
    input: Asked,
    decisions: AccessDecisions,
    kind?: SaidKind,
  ): Promise<ConditionOutcome> {
    return this.#settled<"conditions">(decisions, input, kind, {
      here: (whole) => askConditions(conditions, new AdmissionEvaluation(whole, [], conditionBudget)),
      there: (said) => ({
        ...{ type: "conditions", input: said },
        conditions: conditions.map(({ name, expression }) => ({ name, expression: expression.source })),
      }),
    });
  }

  /** What rules say that took too long with a slice. */
  rules(ruled: RuledObject): Promise<readonly FieldError[]> {
    return this.#threads.run<"rules">({ type: "rules", ...ruled });
  }

  /** What a write of a long object comes to. */
  plan(task: Tasks["plan"]): Promise<Outcomes["plan"]> {
    return this.#threads.run<"plan">(task);
  }

  /** What members of admission see of a long object, or what is made of it for them. */
  mutate(task: Tasks["mutate"]): Promise<Outcomes["mutate"]> {
    return this.#threads.run<"mutate">(task);
  }

  yaml(task: Tasks["yaml"]): Promise<Outcomes["yaml"]> {
    return this.#threads.run<"yaml">(task);
  }

  /** What a long body says. */
  body(task: Tasks["body"]): Promise<Outcomes["body"]> {
    return this.#threads.run<"body">(task);
  }

  /** A long object as its kind shows it now. */
  settle(task: Tasks["settle"]): Promise<Outcomes["settle"]> {
    return this.#threads.run<"settle">(task);
  }

  /** A long answer in another form. */
  form(task: Tasks["form"]): Promise<Outcomes["form"]> {
    return this.#threads.run<"form">(task);
  }

  /** What a table shows of a long object. */
  values(task: Tasks["values"]): Promise<Outcomes["values"]> {
    return this.#threads.run<"values">(task);
  }

  /** Whether one more may wait for a thread. */
  get hasRoom(): boolean {
    return this.#threads.hasRoom;
  }

  /** Of the loop, from now on. */
  slice(): Slice {
    const end = this.#clock.monotonic() + sliceTime;
    return new Slice(this.#cost, () => this.#clock.monotonic() > end);
  }

  /** Begun anew with each answer of who decides, and once in a thread; there at once, where objects are long. */
  #settled<Type extends "policy" | "conditions">(
    decisions: AccessDecisions,
    input: Asked,
    kind: SaidKind | undefined,
    { here, there }: Ways<Type>,
  ): Promise<Outcomes[Type]> {
    const texts = kind && this.hasRoom ? unreadTexts(input, kind) : undefined;
    const unread = texts && { object: undefined, oldObject: undefined, texts };
    let isHeavy = texts !== undefined;
    return decisions.settled(async () => {
      if (!isHeavy) {
        await this.#turns.next();
        try {
          return here({ ...input, decide: decisions.decide, slice: this.slice() });
        } catch (error) {
          if (!(error instanceof TooHeavyError)) throw error;
          isHeavy = true;
        }
      }
      return await this.#threads.run<Type>(there({ ...input, ...unread, known: decisions.known }));
    });
  }
}

function unreadTexts({ object, oldObject }: Asked, kind: SaidKind): SaidTexts | undefined {
  if (unreadLength(object) + unreadLength(oldObject) <= unreadMin) return undefined;
  const text = (one: unknown): string | undefined => (one ? jsonOf(one) : undefined);
  return { kind, object: text(object), oldObject: text(oldObject) };
}

interface Ways<Type extends "policy" | "conditions"> {
  readonly here: (input: AdmissionInput) => Outcomes[Type];
  readonly there: (input: SaidInput) => Tasks[Type];
}
