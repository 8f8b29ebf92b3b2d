/** Nothing more in a namespace than its quotas let in. What is let in is counted before it is stored. */
import { type AdmissionMember, type AdmissionRequest, refusedBy } from "@selvedge/apiserver";
import type { KindRef, Objects } from "@selvedge/client";
import type { Pod, ResourceQuota } from "@selvedge/kinds";
import { inScope, type Usage, usageOf } from "../quota/usage.ts";
import type { Policies } from "./policies.ts";
import { QuotaCharges } from "./quota-charges.ts";

export function quotaAdmission(
  policies: Policies,
  objects: Objects,
  kinds: () => readonly KindRef[],
): AdmissionMember {
  const charges = new QuotaCharges(objects, kinds);
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
        if (Object.keys(delta).length > 0) await charges.take(request, quota, delta);
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
