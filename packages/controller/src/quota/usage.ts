/** What an object takes of a namespace's quotas, in upstream's names. Pure. */
import {
  formatBinary,
  formatDecimal,
  type KubeObject,
  type Nano,
  parseQuantity,
} from "@selvedge/apimachinery";
import type { KindRef } from "@selvedge/client";
import type { PersistentVolumeClaim, Pod, ResourceQuota, ScopeRequirement, Service } from "@selvedge/kinds";
import { asHeld } from "../objects/held-size.ts";
import { isOver } from "../objects/pods.ts";

export type Usage = Readonly<Record<string, Nano>>;

const one: Nano = 1_000_000_000n;
/** Kinds that quotas also call by their plural alone. */
const plain = new Set([
  ...["configmaps", "secrets", "services", "pods", "replicationcontrollers", "resourcequotas"],
  "persistentvolumeclaims",
]);
const computed = ["cpu", "memory", "ephemeral-storage"];

export function countName({ group, plural }: Pick<KindRef, "group" | "plural">): string {
  return group === "" ? `count/${plural}` : `count/${plural}.${group}`;
}

/** What one object takes: nothing of what it does not name. */
export function usageOf(kind: Pick<KindRef, "group" | "plural">, object: KubeObject): Usage {
  const counted: Record<string, Nano> = { [countName(kind)]: one };
  if (kind.group !== "") return counted;
  if (kind.plural === "pods") return { ...counted, ...podUsage(object as Pod) };
  if (plain.has(kind.plural)) counted[kind.plural] = one;
  if (kind.plural === "persistentvolumeclaims")
    Object.assign(counted, claimUsage(object as PersistentVolumeClaim));
  if (kind.plural === "services") Object.assign(counted, serviceUsage(object as Service));
  return counted;
}

/** A Pod that has ended takes nothing but its place in the store. */
function podUsage(pod: Pod): Usage {
  if (isOver(pod)) return {};
  const used: Record<string, Nano> = { pods: one };
  const held = { ...pod, spec: asHeld(pod) };
  for (const name of computed) {
    const requests = amountOfPod(held, "requests", name);
    const limits = amountOfPod(held, "limits", name);
    if (requests !== undefined) used[name] = used[`requests.${name}`] = requests;
    if (limits !== undefined) used[`limits.${name}`] = limits;
  }
  for (const name of extendedOf(pod)) {
    const requests = amountOfPod(pod, "requests", name);
    if (requests !== undefined) used[`requests.${name}`] = requests;
  }
  return used;
}

/** What it asks for of what only some nodes have: `example.com/dongle`, `hugepages-2Mi`. */
export function extendedOf({ spec }: Pod): Set<string> {
  const said = [...(spec.initContainers ?? []), ...spec.containers].flatMap(({ resources }) =>
    Object.keys(resources?.requests ?? {}),
  );
  return new Set(said.filter((name) => name.startsWith("hugepages-") || name.includes("/")));
}

/**
 * The sum over its containers, or more if an initial one takes more beside the sidecars before it; undefined
 * when none says.
 */
export function amountOfPod({ spec }: Pod, side: "requests" | "limits", name: string): Nano | undefined {
  const amounts = (list: Pod["spec"]["containers"] = []): Nano[] =>
    list.flatMap(({ resources }) => parseQuantity(resources?.[side]?.[name] ?? "") ?? []);
  const all = [...(spec.initContainers ?? []), ...spec.containers];
  if (amounts(all).length === 0) return undefined;
  let beside = 0n;
  let most = 0n;
  for (const container of spec.initContainers ?? []) {
    const [amount = 0n] = amounts([container]);
    if (container.restartPolicy === "Always") beside += amount;
    const now = container.restartPolicy === "Always" ? beside : beside + amount;
    if (now > most) most = now;
  }
  const sum = amounts(spec.containers).reduce((total, amount) => total + amount, beside);
  return sum > most ? sum : most;
}

function claimUsage({ spec }: PersistentVolumeClaim): Usage {
  const storage = parseQuantity(spec.resources?.requests?.["storage"] ?? "0") ?? 0n;
  const used: Record<string, Nano> = { "requests.storage": storage };
  if (spec.storageClassName) {
    const prefix = `${spec.storageClassName}.storageclass.storage.k8s.io`;
    used[`${prefix}/requests.storage`] = storage;
    used[`${prefix}/persistentvolumeclaims`] = one;
  }
  return used;
}

function serviceUsage({ spec }: Service): Usage {
  const ports = BigInt(spec.ports?.length ?? 0) * one;
  if (spec.type === "NodePort") return { "services.nodeports": ports };
  if (spec.type !== "LoadBalancer") return {};
  const noPorts = spec.allocateLoadBalancerNodePorts === false;
  return { "services.loadbalancers": one, ...(noPorts ? {} : { "services.nodeports": ports }) };
}

/** Whether a quota is about an object at all: scopes are about Pods. */
export function inScope(
  { spec }: ResourceQuota,
  kind: Pick<KindRef, "group" | "plural">,
  object: KubeObject,
): boolean {
  const required: ScopeRequirement[] = [
    ...(spec.scopes ?? []).map((scopeName) => ({ scopeName, operator: "Exists" as const })),
    ...(spec.scopeSelector?.matchExpressions ?? []),
  ];
  if (required.length === 0) return true;
  if (kind.group !== "" || kind.plural !== "pods") return false;
  return required.every((one) => fits(one, object as Pod));
}

function fits({ scopeName, operator, values = [] }: ScopeRequirement, { spec, status }: Pod): boolean {
  switch (scopeName) {
    case "Terminating":
      return spec.activeDeadlineSeconds !== undefined;
    case "NotTerminating":
      return spec.activeDeadlineSeconds === undefined;
    case "BestEffort":
      return status?.qosClass === "BestEffort";
    case "NotBestEffort":
      return status?.qosClass !== "BestEffort";
    case "PriorityClass": {
      const name = spec.priorityClassName ?? "";
      if (operator === "Exists") return name !== "";
      if (operator === "DoesNotExist") return name === "";
      return values.includes(name) === (operator === "In");
    }
    case "CrossNamespacePodAffinity":
      return crossesNamespaces(spec);
    default:
      return false;
  }
}

function crossesNamespaces({ affinity }: Pod["spec"]): boolean {
  const terms = [affinity?.podAffinity, affinity?.podAntiAffinity].flatMap((one) => [
    ...(one?.requiredDuringSchedulingIgnoredDuringExecution ?? []),
    ...(one?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map(
      ({ podAffinityTerm }) => podAffinityTerm,
    ),
  ]);
  return terms.some(
    ({ namespaces = [], namespaceSelector }) => namespaces.length > 0 || namespaceSelector !== undefined,
  );
}

/** An amount as upstream shows it: bytes with binary suffixes, all else with decimal ones. */
export function amountText(name: string, amount: Nano): string {
  return /memory|storage/.test(name) && !name.endsWith("persistentvolumeclaims")
    ? formatBinary(amount)
    : formatDecimal(amount);
}

/** `pods=1,requests.cpu=100m` */
export function usageText(usage: Usage): string {
  const names = Object.keys(usage).sort();
  return names.map((name) => `${name}=${amountText(name, usage[name] ?? 0n)}`).join(",");
}
