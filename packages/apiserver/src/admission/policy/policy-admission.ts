/**
 * ValidatingAdmissionPolicies in the chain of admission. Without one that concerns a kind, no write of the kind
 * comes here; a policy is compiled when it is heard of.
 *
 *   write ─► its policy's rules ─► a binding's ─► with each of its params ─► Deny │ Warn │ Audit
 */
import {
  type AdmissionInput,
  BudgetError,
  type KindDefinition,
  type KubeObject,
} from "@selvedge/apimachinery";
import type { Clock, Counter, Log, MetricRegistry } from "@selvedge/base";
import { type AdmissionMember, type AdmissionRequest, refusedBy } from "../../admission.ts";
import type { Authorizer } from "../../auth/authorization.ts";
import { EvaluationLostError } from "../../evaluation/evaluation-threads.ts";
import { isNamespaceKind, type KindName } from "../../rest/kind-names.ts";
import type { ObjectRegistry } from "../../rest/object-registry.ts";
import { StatusError } from "../../status-error.ts";
import { AccessDecisions } from "../access-decisions.ts";
import { isOwnBusiness } from "../matching.ts";
import { askedOf, requestValue } from "../request-value.ts";
import type { Binding, Policy } from "./compiled-policy.ts";
import { nothing, type PolicyOutcome } from "./evaluate-policy.ts";
import { paramAccess } from "./param-access.ts";
import { collectParams, ParamError, paramKindOf } from "./params.ts";
import { type BoundPolicy, PolicyList } from "./policy-list.ts";
import { PolicyStatus } from "./policy-status.ts";

export interface PolicyAdmissionOptions {
  readonly objects: ObjectRegistry;
  readonly kinds: { readonly policy: KindName; readonly binding: KindName };
  readonly clock: Clock;
  readonly log: Log;
  /** Who answers expressions that ask who may do what. */
  readonly authorizer: () => Authorizer;
  readonly metrics?: MetricRegistry;
}

/** Why a write is refused. */
interface Refusal {
  readonly policy: Policy;
  readonly binding: Binding | undefined;
  readonly message: string;
  readonly reason: string;
}

export class PolicyAdmission implements Disposable {
  readonly #options: PolicyAdmissionOptions;
  readonly #list: PolicyList;
  readonly #status: PolicyStatus;
  readonly #checks: Counter | undefined;

  constructor(options: PolicyAdmissionOptions) {
    this.#options = options;
    const { objects, kinds, clock, log, authorizer, metrics } = options;
    this.#checks = metrics?.counter(
      "apiserver_validating_admission_policy_check_total",
      "What policies found wrong, by why and by what was done.",
      ["policy", "policy_binding", "error_type", "enforcement_action"],
    );
    this.#status = new PolicyStatus({ objects, kind: kinds.policy, clock, log });
    this.#list = new PolicyList({
      ...options,
      onChange: () => objects.admission.changed(),
      onPolicy: (policy) => this.#status.check(policy),
    });
    objects.admission.add(paramAccess(objects, kinds, authorizer), this.#member());
  }

  /** Once the policies are known: nothing may be written before. */
  async start(): Promise<void> {
    await this.#list.synced;
  }

  [Symbol.dispose](): void {
    this.#status[Symbol.dispose]();
    this.#list[Symbol.dispose]();
  }

  #member(): AdmissionMember {
    return {
      // Before webhooks, which have a rank of 1.
      ...{ name: "ValidatingAdmissionPolicy", rank: 0.5, tells: true },
      handles: (subject) => this.#list.handles(subject),
      validate: (request) => this.#validate(request),
    };
  }

  async #validate(request: AdmissionRequest): Promise<void> {
    if (isOwnBusiness(request)) return;
    const decisions = new AccessDecisions(this.#options.authorizer(), request.user);
    const refusals: Refusal[] = [];
    const parts = { objects: this.#options.objects, request, decisions, checks: this.#checks };
    for (const bound of this.#list.all) refusals.push(...(await new Asking(parts).ask(bound)));
    const [first] = refusals;
    if (first !== undefined) throw refusalOf(request, first);
  }
}

/** As which kind the write is looked at, and of which the policy's params are. */
interface Looked {
  readonly matched: KindDefinition;
  readonly params: KindDefinition | undefined;
}

interface AskingParts {
  readonly objects: ObjectRegistry;
  readonly request: AdmissionRequest;
  readonly decisions: AccessDecisions;
  readonly checks: Counter | undefined;
}

/** One policy, asked of one write. */
class Asking {
  readonly #objects: ObjectRegistry;
  readonly #request: AdmissionRequest;
  readonly #decisions: AccessDecisions;
  readonly #checks: Counter | undefined;
  readonly #refusals: Refusal[] = [];
  readonly #words = new Map<string, Set<string>>();

  constructor({ objects, request, decisions, checks }: AskingParts) {
    this.#objects = objects;
    this.#request = request;
    this.#decisions = decisions;
    this.#checks = checks;
  }

  async ask({ policy, bindings }: BoundPolicy): Promise<readonly Refusal[]> {
    const looked = await this.#mistakes(policy, undefined, async () => {
      const matched = await this.#matches(policy);
      return matched && { matched, params: paramKindOf(this.#objects.kinds, policy.paramKind) };
    });
    if (looked === undefined) return this.#refusals;
    for (const binding of bindings) {
      await this.#mistakes(policy, binding, () => this.#askBound(policy, binding, looked));
    }
    for (const [key, values] of this.#words) {
      this.#request.annotate?.(`${policy.name}/${key}`, [...values].join(", "));
    }
    return this.#refusals;
  }

  #matches({ matcher }: Policy | Binding): Promise<KindDefinition | undefined> {
    return matcher.match(this.#request, async (name) => (await this.#namespace(name)).metadata.labels ?? {});
  }

  async #namespace(name: string): Promise<KubeObject> {
    const kind = this.#objects.kinds.find(isNamespaceKind);
    if (kind === undefined) return { apiVersion: "v1", kind: "Namespace", metadata: { name } };
    return (await this.#objects.getStored(kind, name)).object;
  }

  /** What is wrong with the policy or its binding counts as the policy says. */
  async #mistakes<T>(
    policy: Policy,
    binding: Binding | undefined,
    ask: () => Promise<T>,
  ): Promise<T | undefined> {
    try {
      return await ask();
    } catch (error) {
      const isRefusal = error instanceof StatusError && !(error instanceof EvaluationLostError);
      const isMistake = error instanceof ParamError || isRefusal;
      if (!isMistake) throw error;
      const message = `failed to configure ${binding === undefined ? "policy" : "binding"}: ${error.message}`;
      if (!policy.failsOpen) this.#refusals.push({ policy, binding, message, reason: "Invalid" });
      return undefined;
    }
  }

  async #askBound(policy: Policy, binding: Binding, looked: Looked): Promise<void> {
    if ((await this.#matches(binding)) === undefined) return;
    const { namespace } = this.#request;
    const of = { kind: looked.params, ref: binding.paramRef };
    const params = await collectParams(this.#objects, of, namespace);
    const input = await this.#input(looked.matched);
    for (const one of params) {
      this.#act(policy, binding, await this.#outcome(policy, { ...input, params: one }, looked.matched));
    }
  }

  async #outcome(
    policy: Policy,
    input: Omit<AdmissionInput, "decide">,
    matched: KindDefinition,
  ): Promise<PolicyOutcome> {
    const { evaluations, planner } = this.#objects;
    try {
      return await evaluations.policy(policy, input, this.#decisions, planner.said(matched));
    } catch (error) {
      if (policy.failsOpen && error instanceof EvaluationLostError) return nothing;
      throw error;
    }
  }

  async #input(matched: KindDefinition): Promise<Omit<AdmissionInput, "params" | "decide">> {
    const request = this.#request;
    const { namespace } = request;
    const { planner } = this.#objects;
    return {
      object: await planner.shown(matched, request, request.object),
      oldObject: await planner.shown(matched, request, request.old),
      request: requestValue(request, matched),
      namespaceObject: namespace ? await this.#namespace(namespace) : undefined,
      asked: askedOf(request),
    };
  }

  #act(policy: Policy, binding: Binding, { denials, annotations, failures }: PolicyOutcome): void {
    const { warn, annotate } = this.#request;
    const { actions } = binding;
    for (const { index, message, reason } of denials) {
      for (const action of actions) {
        this.#checks?.add([policy.name, binding.name, faultOf(message), action.toLowerCase()]);
      }
      if (actions.includes("Deny")) this.#refusals.push({ policy, binding, message, reason });
      if (actions.includes("Audit")) annotate?.(failureKey, failureText(policy, binding, message, index));
      if (actions.includes("Warn")) {
        const where = `ValidatingAdmissionPolicy '${policy.name}' with binding '${binding.name}'`;
        warn(`Validation failed for ${where}: ${message}`);
      }
    }
    for (const { key, value } of annotations) {
      const values = this.#words.get(key) ?? new Set();
      this.#words.set(key, values.add(value));
    }
    for (const message of failures) this.#refusals.push({ policy, binding, message, reason: "Invalid" });
  }
}

/** As upstream counts them. */
function faultOf(message: string): string {
  if (message.startsWith("compilation")) return "compile_error";
  return message.startsWith(budgetWords) ? "out_of_budget" : "invalid_error";
}

const budgetWords = new BudgetError().message;
const failureKey = "validation.policy.admission.k8s.io/validation_failure";

function failureText(policy: Policy, binding: Binding, message: string, expressionIndex: number): string {
  const of = { policy: policy.name, binding: binding.name };
  return JSON.stringify([{ message, ...of, expressionIndex, validationActions: binding.actions }]);
}

const codes: Readonly<Record<string, number>> = {
  ...{ Forbidden: 403, Unauthorized: 401, RequestEntityTooLarge: 413, Invalid: 422 },
};

function refusalOf(request: AdmissionRequest, { policy, binding, message, reason }: Refusal): StatusError {
  const by = binding === undefined ? "" : ` with binding '${binding.name}'`;
  const why = `ValidatingAdmissionPolicy '${policy.name}'${by} denied request: ${message}`;
  const { message: text, details } = refusedBy(request, why, [{ message: why }]);
  return new StatusError(codes[reason] ?? 422, reason, text, details);
}
