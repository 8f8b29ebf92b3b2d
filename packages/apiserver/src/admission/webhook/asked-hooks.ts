/** Whether a webhook is asked about a write, and what it is shown of it. */
import type {
  AdmissionInput,
  ConditionOutcome,
  KindDefinition,
  KubeObject,
  Labels,
} from "@selvedge/apimachinery";
import type { AdmissionRequest } from "../../admission.ts";
import { refusedBy } from "../../admission.ts";
import type { Authorizer } from "../../auth/authorization.ts";
import { EvaluationLostError } from "../../evaluation/evaluation-threads.ts";
import { isNamespaceKind } from "../../rest/kind-names.ts";
import type { ObjectRegistry } from "../../rest/object-registry.ts";
import { AccessDecisions } from "../access-decisions.ts";
import { askedOf, requestValue } from "../request-value.ts";
import type { Hook } from "./hooks.ts";

/** One webhook, about to be asked about one write. */
export interface Invocation {
  readonly hook: Hook;
  readonly request: AdmissionRequest;
  /** The kind as which it is shown the object. */
  readonly matched: KindDefinition;
  /** The question but for its objects. */
  readonly value: Record<string, unknown>;
  readonly shown: KubeObject | undefined;
  readonly old: KubeObject | undefined;
}

export interface AskedHooksOptions {
  readonly objects: ObjectRegistry;
  readonly authorizer: () => Authorizer;
}

export class AskedHooks {
  readonly #options: AskedHooksOptions;

  constructor(options: AskedHooksOptions) {
    this.#options = options;
  }

  /** Undefined: it is not asked. */
  async invocation(hook: Hook, request: AdmissionRequest): Promise<Invocation | undefined> {
    const matched = await hook.matcher.match(request, (name) => this.#labelsOf(name));
    if (matched === undefined) return undefined;
    const { planner } = this.#options.objects;
    const invocation = {
      ...{ hook, request, matched, value: requestValue(request, matched) },
      shown: await planner.shown(matched, request, request.object),
      old: await planner.shown(matched, request, request.old),
    };
    return (await this.#meets(invocation)) ? invocation : undefined;
  }

  async #labelsOf(name: string): Promise<Labels> {
    const { objects } = this.#options;
    const kind = objects.kinds.find(isNamespaceKind);
    if (kind === undefined) return {};
    return (await objects.getStored(kind, name)).object.metadata.labels ?? {};
  }

  async #meets({ hook, request, matched, value, shown, old }: Invocation): Promise<boolean> {
    if (hook.conditions.length === 0) return true;
    const decisions = new AccessDecisions(this.#options.authorizer(), request.user);
    const input = {
      ...{ object: shown, oldObject: old, request: value, namespaceObject: undefined, params: undefined },
      asked: askedOf(request),
    };
    const outcome = await this.#outcome(hook, input, decisions, matched);
    if (outcome.type === "failure") {
      if (hook.failsOpen) return false;
      throw refusedBy(request, outcome.message);
    }
    return outcome.type === "met";
  }

  async #outcome(
    { conditions, failsOpen }: Hook,
    input: Omit<AdmissionInput, "decide">,
    decisions: AccessDecisions,
    matched: KindDefinition,
  ): Promise<ConditionOutcome> {
    const { evaluations, planner } = this.#options.objects;
    try {
      return await evaluations.conditions(conditions, input, decisions, planner.said(matched));
    } catch (error) {
      // Then it is not asked.
      if (failsOpen && error instanceof EvaluationLostError)
        return { type: "failure", message: error.message };
      throw error;
    }
  }
}
