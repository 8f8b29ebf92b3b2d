/**
 * Webhooks in the chain of admission:
 *
 *   … our own ─► mutating, one after another ─► the kind ─► policies ─► validating, all at once ─► quota ─► store
 *        ▲                  │ something changed
 *        └──── once more ───┘
 */
import type { KubeObject } from "@selvedge/apimachinery";
import { type Clock, describeError, type Log, type MetricRegistry, seconds } from "@selvedge/base";
import type { AdmissionMember, AdmissionRequest } from "../../admission.ts";
import type { Authorizer } from "../../auth/authorization.ts";
import type { KindName } from "../../rest/kind-names.ts";
import { assignMembers, cloneObject, isSame } from "../../rest/lazy-object.ts";
import type { ObjectRegistry } from "../../rest/object-registry.ts";
import { StatusError } from "../../status-error.ts";
import { isOwnBusiness } from "../matching.ts";
import { AskedHooks, type Invocation } from "./asked-hooks.ts";
import { type DialService, HookClient } from "./hook-client.ts";
import { HookError, internalError } from "./hook-error.ts";
import { type Hook, HookList } from "./hooks.ts";
import { operationsIn } from "./patched-object.ts";
import { deniedBy, reviewOf, reviewVersion, type Verdict, verdictOf } from "./review.ts";
import { type AskedHook, WebhookMetrics } from "./webhook-metrics.ts";

export interface WebhookAdmissionOptions {
  readonly objects: ObjectRegistry;
  readonly kinds: { readonly mutating: KindName; readonly validating: KindName };
  readonly clock: Clock;
  readonly log: Log;
  /** Unique for each question. */
  readonly uid: () => string;
  /** Who answers conditions that ask who may do what. */
  readonly authorizer: () => Authorizer;
  /** Services cannot be asked when not given. */
  readonly dial?: DialService;
  readonly metrics?: MetricRegistry;
}

/** What the mutating ones have together, as upstream's request has: it is answered by then. */
const togetherMax = seconds(60);
/** Of one answer, as much as clients are told. */
const warningsMax = 4 * 1024;

/** Of a patch, as it is sent, that the audit log is told; a longer one would be most of it. */
const patchSaidMax = 64 * 1024;

/** What became of one write's mutation so far. */
interface Rounds {
  readonly until: number;
  /** Asked, and to be asked again when somebody changes something after them. */
  readonly asked: Set<Hook>;
  /** To be asked again. */
  readonly due: Set<Hook>;
  /** As the last of them has left it. */
  last: KubeObject | undefined;
}

export class WebhookAdmission implements Disposable {
  readonly #options: WebhookAdmissionOptions;
  readonly #mutating: HookList;
  readonly #validating: HookList;
  readonly #client: HookClient;
  readonly #asked: AskedHooks;
  readonly #metrics: WebhookMetrics;
  readonly #rounds = new WeakMap<AdmissionRequest, Rounds>();

  constructor(options: WebhookAdmissionOptions) {
    this.#options = options;
    const { objects, kinds, clock, log, dial, metrics } = options;
    const listed = { objects, clock, log, onChange: () => objects.admission.changed() };
    this.#mutating = new HookList({ ...listed, kind: kinds.mutating });
    this.#validating = new HookList({ ...listed, kind: kinds.validating });
    this.#client = new HookClient({ clock, dial });
    this.#asked = new AskedHooks(options);
    this.#metrics = new WebhookMetrics(metrics);
    objects.admission.add(...this.#members());
  }

  /** Once what is configured is known: nothing may be written before. */
  async start(): Promise<void> {
    await Promise.all([this.#mutating.synced, this.#validating.synced]);
  }

  [Symbol.dispose](): void {
    for (const part of [this.#mutating, this.#validating, this.#client]) part[Symbol.dispose]();
  }

  #members(): AdmissionMember[] {
    return [
      {
        ...{ name: "MutatingAdmissionWebhook", rank: 1, tells: true },
        handles: (subject) => this.#mutating.handles(subject),
        mutate: (request) => this.#mutate(request),
      },
      {
        ...{ name: "ValidatingAdmissionWebhook", rank: 1, tells: true },
        handles: (subject) => this.#validating.handles(subject),
        validate: (request) => this.#validate(request),
      },
    ];
  }

  async #mutate(request: AdmissionRequest): Promise<undefined | "again"> {
    if (isOwnBusiness(request)) return undefined;
    const { clock } = this.#options;
    const before = this.#rounds.get(request);
    const rounds: Rounds = before ?? {
      ...{ until: clock.monotonic() + togetherMax, asked: new Set(), due: new Set(), last: undefined },
    };
    this.#rounds.set(request, rounds);
    const round = before === undefined ? 0 : 1;
    if (round === 1 && !isSame(request.object, rounds.last)) duePrevious(rounds);
    let isChanged = false;
    for (const [index, hook] of this.#mutating.all.entries()) {
      if (round === 1 && !rounds.due.has(hook)) continue;
      const invocation = await this.#asked.invocation(hook, request);
      if (invocation === undefined) continue;
      if (clock.monotonic() > rounds.until) throw overdue();
      const changed = await this.#mutateBy(invocation, { round, index });
      if (changed) duePrevious(rounds);
      if (hook.again) rounds.asked.add(hook);
      isChanged ||= changed;
    }
    rounds.last = request.object && cloneObject(request.object);
    return isChanged ? "again" : undefined;
  }

  /** Whether it has changed the object. */
  async #mutateBy(
    invocation: Invocation,
    at: { readonly round: number; readonly index: number },
  ): Promise<boolean> {
    const { hook, request } = invocation;
    const place = `mutation.webhook.admission.k8s.io/round_${at.round}_index_${at.index}`;
    const onFailedOpen = (): void => request.annotate?.(`failed-open.${place}`, hook.name);
    const { configuration, name: webhook } = hook;
    const mutated = await this.#ask("admit", invocation, onFailedOpen, async ({ patch }) => ({
      ...{ changed: patch !== "" && (await this.#change(invocation, patch)), patch },
    }));
    const { changed, patch } = mutated ?? { changed: false, patch: "" };
    request.annotate?.(place, JSON.stringify({ configuration, webhook, mutated: changed }));
    if (patch === "" || patch.length > patchSaidMax) return changed;
    const operations = operationsIn(patch, request.kind);
    const said = { configuration, webhook, patch: operations, patchType: "JSONPatch" };
    if (operations.length > 0)
      request.annotate?.(place.replace("mutation", "patch"), JSON.stringify(said), "Request");
    return changed;
  }

  /** Puts the patch into the object that is written; whether anything is another now. */
  async #change({ hook, request, matched, shown }: Invocation, patch: string): Promise<boolean> {
    const { object, operation, isLong } = request;
    if (object === undefined || shown === undefined || operation === "CONNECT") {
      if (operationsIn(patch, request.kind).length === 0) return false;
      const what = `admission webhook ${JSON.stringify(hook.name)} attempted to modify the object`;
      throw internalError(`${what}, which is not supported for this operation`);
    }
    const { kind, subresource, old } = request;
    const write = { kind, subresource, object, old, matched, shown, patch };
    const next = await this.#options.objects.planner.patched(write, isLong);
    if (next === undefined) return false;
    for (const key of Object.keys(object)) delete object[key];
    assignMembers(object, next);
    return true;
  }

  async #validate(request: AdmissionRequest): Promise<void> {
    if (isOwnBusiness(request)) return;
    const invocations: Invocation[] = [];
    for (const hook of this.#validating.all) {
      const invocation = await this.#asked.invocation(hook, request);
      if (invocation !== undefined) invocations.push(invocation);
    }
    const outcomes = await Promise.allSettled(
      invocations.map((invocation, index) => {
        const place = `failed-open.validating.webhook.admission.k8s.io/round_0_index_${index}`;
        const onFailedOpen = (): void => request.annotate?.(place, invocation.hook.name);
        return this.#ask("validating", invocation, onFailedOpen, () => undefined);
      }),
    );
    for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
  }

  /** What is made of what it says, if it lets the write be; undefined: nobody has answered, and need not. */
  async #ask<T>(
    type: AskedHook["type"],
    invocation: Invocation,
    onFailedOpen: () => void,
    use: (verdict: Verdict) => T | Promise<T>,
  ): Promise<T | undefined> {
    const { name, failsOpen, tries } = invocation.hook;
    const { operation, dryRun } = invocation.request;
    const done = this.#metrics.begin({ name, type, operation }, this.#options.clock);
    if (dryRun && !tries) {
      done("no_error", 400);
      const message = `admission webhook ${JSON.stringify(name)} does not support dry run`;
      throw new StatusError(400, "BadRequest", message);
    }
    let refusal: StatusError | undefined;
    try {
      const verdict = await this.#verdict(type, invocation);
      refusal = verdict.allowed ? undefined : deniedBy(name, verdict.result);
      const made = refusal === undefined ? await use(verdict) : undefined;
      done(refusal && "no_error", refusal?.code ?? 200);
      if (refusal === undefined) return made;
    } catch (error) {
      if (error instanceof StatusError) {
        done("apiserver_internal_error", 0);
        throw error;
      }
      const why = `failed calling webhook ${JSON.stringify(name)}: ${describeError(error)}`;
      if (!failsOpen) {
        done("calling_webhook_error", 500);
        throw internalError(why, error);
      }
      done(undefined, 0);
      this.#metrics.failedOpen({ name, type });
      this.#options.log.warn("a webhook did not answer, and need not have", { webhook: name, why });
      onFailedOpen();
      return undefined;
    }
    throw refusal;
  }

  /** Its words for the client and the audit log are passed on. */
  async #verdict(
    type: AskedHook["type"],
    { hook, request, value, shown, old }: Invocation,
  ): Promise<Verdict> {
    const { name, target, timeout, versions } = hook;
    const [version, uid] = [reviewVersion(versions), this.#options.uid()];
    const objects = { object: shown ?? null, oldObject: old ?? null };
    const body = reviewOf(version, uid, { ...value, ...objects });
    const answer = await this.#client.ask({ target, body, timeout }).catch((error: unknown) => {
      throw error instanceof HookError ? new HookError(`failed to call webhook: ${error.message}`) : error;
    });
    const verdict = verdictOf({ version, uid, mutates: type === "admit" }, answer);
    for (const [key, text] of Object.entries(verdict.annotations)) request.annotate?.(`${name}/${key}`, text);
    let left = warningsMax;
    for (const text of verdict.warnings) {
      if (left > 0) request.warn(text.slice(0, left));
      left -= text.length;
    }
    return verdict;
  }
}

function duePrevious({ asked, due }: Rounds): void {
  for (const hook of asked) due.add(hook);
  asked.clear();
}

function overdue(): StatusError {
  return new StatusError(504, "Timeout", "Timeout: request did not complete within requested timeout", {});
}
