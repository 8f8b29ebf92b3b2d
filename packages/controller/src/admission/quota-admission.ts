/** Nothing more in a namespace than its quotas let in. What is let in is counted before it is stored. */
import { type KubeObject, type Nano, parseQuantity } from "@selvedge/apimachinery";
import { type AdmissionMember, type AdmissionRequest, refusedBy } from "@selvedge/apiserver";
import { isReason, type KindRef, type Objects } from "@selvedge/client";
import { type Pod, type ResourceQuota, resourceQuotaKind } from "@selvedge/kinds";
import { usedOf } from "../quota/quota-usage.ts";
import { amountText, inScope, type Usage, usageOf, usageText } from "../quota/usage.ts";
import type { Policies } from "./policies.ts";

/** Others that are let in at the same time change what is used: each attempt lets one of them in. */
const attemptsMax = 50;

export function quotaAdmission(
  policies: Policies,
  objects: Objects,
  kinds: () => readonly KindRef[],
): AdmissionMember {
  return {
    ...{ name: "ResourceQuota", rank: 2 },
    handles: ({ kind, operation, subresource }) =>
      kind.namespaced && operation !== "DELETE" && (subresource === undefined || subresource === "resize"),
    async validate(request) {
      const { object, old, namespace = "", kind } = request;
      const quotas = policies.quotas.by("namespace", namespace);
      if (quotas.length === 0 || object === undefined) return;
      for (const quota of quotas) {
        if (!inScope(quota, kind, object)) continue;
        const before = old === undefined || !inScope(quota, kind, old) ? {} : usageOf(kind, old);
        const delta = increase(usageOf(kind, object), before, quota);
        if (old === undefined) checkSaid(request, quota);
        if (Object.keys(delta).length > 0) await take(request, quota, delta, objects, kinds);
      }
    },
  };
}

/** What is taken more, of what the quota limits. */
function increase(now: Usage, before: Usage, { spec }: ResourceQuota): Usage {
  const grown = Object.entries(now).filter(
    ([name, amount]) => spec.hard?.[name] !== undefined && amount > (before[name] ?? 0n),
  );
  return Object.fromEntries(grown.map(([name, amount]) => [name, amount - (before[name] ?? 0n)]));
}

const computed = /^((requests|limits)\.)?(cpu|memory|ephemeral-storage)$/;

/** Who says nothing would slip through: every container must say what the quota limits. */
function checkSaid(request: AdmissionRequest, { metadata, spec }: ResourceQuota): void {
  const { kind, object } = request;
  if (kind.group !== "" || kind.plural !== "pods") return;
  const { containers, initContainers = [] } = (object as Pod).spec;
  const missing: string[] = [];
  for (const name of Object.keys(spec.hard ?? {}).sort()) {
    if (!computed.test(name)) continue;
    const side = name.startsWith("limits.") ? "limits" : "requests";
    const plain = name.replace(/^(requests|limits)\./, "");
    const silent = [...containers, ...initContainers].filter(
      ({ resources }) => resources?.[side]?.[plain] === undefined,
    );
    if (silent.length > 0) missing.push(`${name} for: ${silent.map((one) => one.name).join(",")}`);
  }
  if (missing.length === 0) return;
  throw refusedBy(request, `failed quota: ${metadata.name}: must specify ${missing.join("; ")}`);
}

async function take(
  request: AdmissionRequest,
  quota: ResourceQuota,
  delta: Usage,
  objects: Objects,
  kinds: () => readonly KindRef[],
): Promise<void> {
  const { name, namespace = "" } = quota.metadata;
  for (let attempt = 1; ; attempt++) {
    try {
      const stored = await objects.get<ResourceQuota>(resourceQuotaKind, name, namespace);
      const hard = stored.spec.hard ?? {};
      const isCounted = Object.keys(delta).every((one) => stored.status?.used?.[one] !== undefined);
      const used = isCounted ? (stored.status?.used ?? {}) : await usedOf(stored, objects, kinds());
      const sums = Object.entries(delta).map(([one, amount]) => [one, amountIn(used, one) + amount] as const);
      const over = sums.filter(([one, sum]) => hard[one] !== undefined && sum > amountIn(hard, one));
      if (over.length > 0)
        refuse(
          request,
          stored,
          delta,
          used,
          over.map(([one]) => one),
        );
      if (request.dryRun) return;
      const now = Object.fromEntries(sums.map(([one, sum]) => [one, amountText(one, sum)]));
      stored.status = { hard, used: { ...used, ...now } };
      await objects.updateStatus(resourceQuotaKind, stored as KubeObject);
      return;
    } catch (error) {
      if (isReason(error, "NotFound")) return;
      if (!isReason(error, "Conflict") || attempt >= attemptsMax) throw error;
    }
  }
}

function refuse(
  request: AdmissionRequest,
  { metadata, spec }: ResourceQuota,
  delta: Usage,
  used: Readonly<Record<string, string>>,
  names: readonly string[],
): never {
  const only = (amount: (name: string) => Nano): string =>
    usageText(Object.fromEntries(names.map((name) => [name, amount(name)])));
  throw refusedBy(
    request,
    `exceeded quota: ${metadata.name}, requested: ${only((name) => delta[name] ?? 0n)}, ` +
      `used: ${only((name) => amountIn(used, name))}, limited: ${only((name) => amountIn(spec.hard ?? {}, name))}`,
  );
}

function amountIn(amounts: Readonly<Record<string, string>>, name: string): Nano {
  return parseQuantity(amounts[name] ?? "0") ?? 0n;
}
