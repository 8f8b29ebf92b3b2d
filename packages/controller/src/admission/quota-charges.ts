/**
 * What is let in is added to what its quota says is used, before it is stored. Who comes while a write of the quota is
 * under way is in the next one, with all others: side by side, each would write over what the others have read.
 */
import { type KubeObject, type Nano, parseQuantity } from "@selvedge/apimachinery";
import { type AdmissionRequest, refusedBy, type StatusError } from "@selvedge/apiserver";
import { isReason, type KindRef, type Objects } from "@selvedge/client";
import { type ResourceQuota, resourceQuotaKind } from "@selvedge/kinds";
import { usedOf } from "../quota/quota-usage.ts";
import { amountText, type Usage, usageText } from "../quota/usage.ts";

/** Other controllers, and whoever counts anew, write the quota too. */
const attemptsMax = 50;

interface Charge {
  readonly request: AdmissionRequest;
  readonly delta: Usage;
  readonly settle: PromiseWithResolvers<void>;
}

export class QuotaCharges {
  readonly #objects: Objects;
  readonly #kinds: () => readonly KindRef[];
  /** By namespace and name; as many as requests are worked on at once. */
  readonly #waiting = new Map<string, Charge[]>();

  constructor(objects: Objects, kinds: () => readonly KindRef[]) {
    this.#objects = objects;
    this.#kinds = kinds;
  }

  /** Resolves when it is counted; refuses what would be more than the quota lets in. */
  take(request: AdmissionRequest, { metadata }: ResourceQuota, delta: Usage): Promise<void> {
    const { name, namespace = "" } = metadata;
    const key = `${namespace}/${name}`;
    const charge: Charge = { request, delta, settle: Promise.withResolvers() };
    const waiting = this.#waiting.get(key);
    if (waiting !== undefined) waiting.push(charge);
    else {
      this.#waiting.set(key, [charge]);
      void this.#run(key, name, namespace);
    }
    return charge.settle.promise;
  }

  async #run(key: string, name: string, namespace: string): Promise<void> {
    for (;;) {
      const group = this.#waiting.get(key)?.splice(0) ?? [];
      if (group.length === 0) break;
      try {
        const refused = await this.#charge(group, name, namespace);
        for (const charge of group) {
          const why = refused.get(charge);
          if (why === undefined) charge.settle.resolve();
          else charge.settle.reject(why);
        }
      } catch (error) {
        for (const { settle } of group) settle.reject(error);
      }
    }
    this.#waiting.delete(key);
  }

  /** Adds what fits, one after another, in one write; tells what does not. */
  async #charge(
    group: readonly Charge[],
    name: string,
    namespace: string,
  ): Promise<ReadonlyMap<Charge, StatusError>> {
    for (let attempt = 1; ; attempt++) {
      try {
        const stored = await this.#objects.get<ResourceQuota>(resourceQuotaKind, name, namespace);
        const used = { ...(await this.#usedOf(stored, group)) };
        const refused = new Map<Charge, StatusError>();
        let isMore = false;
        for (const charge of group) {
          const why = add(charge, stored, used);
          if (why !== undefined) refused.set(charge, why);
          else if (!charge.request.dryRun) isMore = true;
        }
        if (!isMore) return refused;
        stored.status = { hard: stored.spec.hard ?? {}, used };
        await this.#objects.updateStatus(resourceQuotaKind, stored as KubeObject);
        return refused;
      } catch (error) {
        if (isReason(error, "NotFound")) return new Map();
        if (!isReason(error, "Conflict") || attempt >= attemptsMax) throw error;
      }
    }
  }

  /** As it says itself, if it does. */
  async #usedOf(quota: ResourceQuota, group: readonly Charge[]): Promise<Readonly<Record<string, string>>> {
    const { used } = quota.status ?? {};
    const names = group.flatMap(({ delta }) => Object.keys(delta));
    if (used !== undefined && names.every((one) => used[one] !== undefined)) return used;
    return await usedOf(quota, this.#objects, this.#kinds());
  }
}

/** What would be too much is not added, nor what is only asked. */
function add(
  { request, delta }: Charge,
  quota: ResourceQuota,
  used: Record<string, string>,
): StatusError | undefined {
  const hard = quota.spec.hard ?? {};
  const sums = Object.entries(delta).map(([one, amount]) => [one, amountIn(used, one) + amount] as const);
  const over = sums.filter(([one, sum]) => hard[one] !== undefined && sum > amountIn(hard, one));
  const names = over.map(([one]) => one);
  if (names.length > 0) return refusal(request, quota, delta, used, names);
  if (!request.dryRun) for (const [one, sum] of sums) used[one] = amountText(one, sum);
  return undefined;
}

function refusal(
  request: AdmissionRequest,
  { metadata, spec }: ResourceQuota,
  delta: Usage,
  used: Readonly<Record<string, string>>,
  names: readonly string[],
): StatusError {
  const only = (amount: (name: string) => Nano): string =>
    usageText(Object.fromEntries(names.map((name) => [name, amount(name)])));
  return refusedBy(
    request,
    `exceeded quota: ${metadata.name}, requested: ${only((name) => delta[name] ?? 0n)}, ` +
      `used: ${only((name) => amountIn(used, name))}, limited: ${only((name) => amountIn(spec.hard ?? {}, name))}`,
  );
}

function amountIn(amounts: Readonly<Record<string, string>>, name: string): Nano {
  return parseQuantity(amounts[name] ?? "0") ?? 0n;
}
