/** What a namespace's LimitRanges give to containers that say nothing, and what they refuse. */
import { type Nano, parseQuantity } from "@selvedge/apimachinery";
import { type AdmissionMember, type AdmissionRequest, refusedBy } from "@selvedge/apiserver";
import {
  type LimitRange,
  type LimitRangeItem,
  type PersistentVolumeClaim,
  type Pod,
  persistentVolumeClaimKind,
  podKind,
} from "@selvedge/kinds";
import { amountOfPod } from "../quota/usage.ts";
import type { Policies } from "./policies.ts";

const annotation = "kubernetes.io/limit-ranger";
type Container = Pod["spec"]["containers"][number];

export function limitsAdmission(policies: Policies): AdmissionMember {
  const rangesOf = ({ namespace = "" }: AdmissionRequest): LimitRange[] =>
    policies.limitRanges.by("namespace", namespace);
  return {
    name: "LimitRanger",
    handles: ({ kind, operation, subresource }) =>
      (kind === podKind && subresource === "resize" && operation === "UPDATE") ||
      (subresource === undefined &&
        ((kind === podKind && operation === "CREATE") ||
          (kind === persistentVolumeClaimKind && operation !== "DELETE"))),
    mutate(request) {
      if (request.kind === podKind)
        for (const range of rangesOf(request)) complete(request.object as Pod, range);
    },
    validate(request) {
      const faults = rangesOf(request)
        .flatMap(({ spec }) => spec.limits ?? [])
        .flatMap((item) =>
          request.kind === podKind
            ? podFaults(request.object as Pod, item)
            : claimFaults(request.object as PersistentVolumeClaim, item),
        );
      if (faults.length === 0) return;
      throw refusedBy(request, faults.length === 1 ? (faults[0] ?? "") : `[${faults.join(", ")}]`);
    },
  };
}

function complete(pod: Pod, { spec }: LimitRange): void {
  const limits: Record<string, string> = {};
  const requests: Record<string, string> = {};
  for (const item of spec.limits ?? []) {
    if (item.type !== "Container") continue;
    Object.assign(limits, item.default);
    Object.assign(requests, item.defaultRequest);
  }
  const told = [
    ...(pod.spec.containers ?? []).flatMap((one) => fill(one, "container", requests, limits)),
    ...(pod.spec.initContainers ?? []).flatMap((one) => fill(one, "init container", requests, limits)),
  ];
  if (told.length === 0) return;
  const message = `LimitRanger plugin set: ${told.join("; ")}`;
  pod.metadata.annotations = { ...pod.metadata.annotations, [annotation]: message };
}

function fill(
  container: Container,
  what: string,
  requests: Readonly<Record<string, string>>,
  limits: Readonly<Record<string, string>>,
): string[] {
  const told: string[] = [];
  for (const [side, amounts] of [
    ["requests", requests],
    ["limits", limits],
  ] as const) {
    const own = container.resources?.[side] ?? {};
    const missing = Object.keys(amounts)
      .filter((name) => own[name] === undefined)
      .sort();
    if (missing.length === 0) continue;
    const added = Object.fromEntries(missing.map((name) => [name, amounts[name] ?? "0"]));
    container.resources = { ...container.resources, [side]: { ...own, ...added } };
    told.push(
      `${missing.join(", ")} ${side === "limits" ? "limit" : "request"} for ${what} ${container.name}`,
    );
  }
  return told;
}

interface Said {
  readonly request: Nano | undefined;
  readonly limit: Nano | undefined;
  /** As it was written. */
  readonly text: (side: "request" | "limit") => string;
}

function podFaults(pod: Pod, item: LimitRangeItem): string[] {
  if (item.type === "Container") {
    return [...pod.spec.containers, ...(pod.spec.initContainers ?? [])].flatMap((container) =>
      faultsOf(item, (name) => saidBy(container, name)),
    );
  }
  if (item.type !== "Pod") return [];
  return faultsOf(item, (name) => {
    const [request, limit] = [amountOfPod(pod, "requests", name), amountOfPod(pod, "limits", name)];
    return { request, limit, text: (side) => numberText((side === "request" ? request : limit) ?? 0n) };
  });
}

function saidBy({ resources = {} }: Container, name: string): Said {
  const texts = { request: resources.requests?.[name], limit: resources.limits?.[name] };
  const parsed = (text: string | undefined): Nano | undefined =>
    text === undefined ? undefined : parseQuantity(text);
  return { request: parsed(texts.request), limit: parsed(texts.limit), text: (side) => texts[side] ?? "0" };
}

function numberText(amount: Nano): string {
  return amount % 1_000_000_000n === 0n ? `${amount / 1_000_000_000n}` : `${amount / 1_000_000n}m`;
}

function faultsOf(item: LimitRangeItem, said: (name: string) => Said): string[] {
  const { type, min = {}, max = {}, maxLimitRequestRatio: ratios = {} } = item;
  const faults: string[] = [];
  for (const [name, bound] of Object.entries(min)) {
    const { request, limit, text } = said(name);
    const rule = `minimum ${name} usage per ${type} is ${bound}`;
    const least = parseQuantity(bound) ?? 0n;
    if (request === undefined) faults.push(`${rule}.  No request is specified`);
    else if (limit !== undefined && limit < least) faults.push(`${rule}, but limit is ${text("limit")}`);
    else if (request < least) faults.push(`${rule}, but request is ${text("request")}`);
  }
  for (const [name, bound] of Object.entries(max)) {
    const { request, limit, text } = said(name);
    const rule = `maximum ${name} usage per ${type} is ${bound}`;
    const most = parseQuantity(bound) ?? 0n;
    if (limit === undefined) faults.push(`${rule}.  No limit is specified`);
    else if (limit > most) faults.push(`${rule}, but limit is ${text("limit")}`);
    else if (request !== undefined && request > most)
      faults.push(`${rule}, but request is ${text("request")}`);
  }
  for (const [name, bound] of Object.entries(ratios)) {
    const { request, limit } = said(name);
    const rule = `${name} max limit to request ratio per ${type} is ${bound}`;
    if (request === undefined || request === 0n)
      faults.push(`${rule}, but no request is specified or request is 0`);
    else if (limit === undefined || limit === 0n)
      faults.push(`${rule}, but no limit is specified or limit is 0`);
    else if (Number(limit) / Number(request) > Number(parseQuantity(bound) ?? 0n) / 1e9) {
      faults.push(`${rule}, but provided ratio is ${(Number(limit) / Number(request)).toFixed(6)}`);
    }
  }
  return faults;
}

function claimFaults(
  { spec }: PersistentVolumeClaim,
  { type, min = {}, max = {} }: LimitRangeItem,
): string[] {
  if (type !== "PersistentVolumeClaim") return [];
  const text = spec.resources?.requests?.["storage"];
  const asked = text === undefined ? undefined : parseQuantity(text);
  const faults: string[] = [];
  const [least, most] = [min["storage"], max["storage"]];
  if (least !== undefined && (asked ?? 0n) < (parseQuantity(least) ?? 0n)) {
    faults.push(`minimum storage usage per PersistentVolumeClaim is ${least}, but request is ${text}`);
  }
  if (most !== undefined && asked !== undefined && asked > (parseQuantity(most) ?? 0n)) {
    faults.push(`maximum storage usage per PersistentVolumeClaim is ${most}, but request is ${text}`);
  }
  return faults;
}
