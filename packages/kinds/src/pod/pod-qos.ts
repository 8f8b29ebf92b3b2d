import { parseQuantity } from "@selvedge/apimachinery";
import type { Container } from "./container-types.ts";
import type { PodSpec, PodStatus } from "./pod-types.ts";

const counted = ["cpu", "memory"] as const;

/** How much of what it uses a Pod has been promised: all, some or nothing. */
export function qosClassOf({ containers, initContainers = [] }: PodSpec): NonNullable<PodStatus["qosClass"]> {
  const all = [...containers, ...initContainers];
  const asks = all.some(({ resources: { limits = {}, requests = {} } = {} }) =>
    counted.some((name) => isSome(limits[name]) || isSome(requests[name])),
  );
  if (!asks) return "BestEffort";
  return all.every(isGuaranteed) ? "Guaranteed" : "Burstable";
}

function isGuaranteed({ resources: { limits = {}, requests = {} } = {} }: Container): boolean {
  return counted.every((name) => {
    const [limit, request] = [limits[name], requests[name] ?? limits[name]];
    if (!isSome(limit) || limit === undefined || request === undefined) return false;
    return parseQuantity(limit) === parseQuantity(request);
  });
}

function isSome(amount: string | undefined): boolean {
  return amount !== undefined && (parseQuantity(amount) ?? 0n) > 0n;
}
