import type { FieldError, KindDefinition, KubeObject } from "@selvedge/apimachinery";
import { parseQuantity } from "@selvedge/apimachinery";
import { jsonEqual } from "@selvedge/base";
import { ageColumn, column, nameColumn } from "../columns.ts";
import { Faults, immutable } from "../faults.ts";
import {
  atomic,
  kindMessage,
  type Message,
  mapAtomic,
  message,
  needed,
  object,
  objects,
  pointer,
  quantityMap,
  text,
  texts,
} from "../fields.ts";
import { builtIn } from "../kind.ts";

export interface ResourceQuota extends KubeObject {
  apiVersion: "v1";
  kind: "ResourceQuota";
  spec: ResourceQuotaSpec;
  status?: { hard?: Record<string, string>; used?: Record<string, string> };
}

export interface ResourceQuotaSpec {
  hard?: Record<string, string>;
  scopes?: string[];
  scopeSelector?: { matchExpressions?: ScopeRequirement[] };
}

export interface ScopeRequirement {
  scopeName: string;
  operator: "In" | "NotIn" | "Exists" | "DoesNotExist";
  values?: string[];
}

/** What a quota may be about, besides huge pages and what is qualified by a domain, as `count/…` is. */
const countable = [
  ...["configmaps", "persistentvolumeclaims", "pods", "replicationcontrollers", "resourcequotas", "secrets"],
  ...["services", "services.loadbalancers", "services.nodeports"],
];
const amounts = [
  ...["cpu", "memory", "ephemeral-storage", "requests.cpu", "requests.memory", "requests.storage"],
  ...["requests.ephemeral-storage", "limits.cpu", "limits.memory", "limits.ephemeral-storage"],
];
const standard = [...countable, ...amounts];
/** What Pods are or are not: there are no values of it. */
const yesOrNo = ["Terminating", "NotTerminating", "BestEffort", "NotBestEffort", "CrossNamespacePodAffinity"];
const scopes = [
  ...["Terminating", "NotTerminating", "BestEffort", "NotBestEffort", "PriorityClass"],
  ...["CrossNamespacePodAffinity", "VolumeAttributesClass"],
];

const scopeRequirement: Message = message("One requirement on Pods.", {
  scopeName: text(1, "Terminating, NotTerminating, BestEffort, NotBestEffort, PriorityClass, …", needed),
  operator: text(2, "In, NotIn, Exists or DoesNotExist.", needed),
  values: texts(3, "The values to compare with.", atomic),
});

const scopeSelector: Message = message(
  "Which Pods count.",
  {
    matchExpressions: objects(1, scopeRequirement, "All must be met.", atomic),
  },
  mapAtomic,
);

const quotaSpec: Message = message("How much a namespace may have.", {
  hard: quantityMap(1, "The most of each: pods, requests.cpu, count/deployments.apps, …"),
  scopes: texts(2, "Which Pods count: those that all of these fit.", atomic),
  scopeSelector: object(3, scopeSelector, "Which Pods count.", pointer),
});

const quotaStatus: Message = message("How much it has.", {
  hard: quantityMap(1, "The most, as enforced."),
  used: quantityMap(2, "What it has."),
});

const resourceQuota: Message = kindMessage("How much a namespace may have.", {
  spec: object(2, quotaSpec, "How much it may have."),
  status: object(3, quotaStatus, "How much it has."),
});

export const resourceQuotaKind: KindDefinition = builtIn(resourceQuota, {
  group: "",
  version: "v1",
  kind: "ResourceQuota",
  plural: "resourcequotas",
  returnsDeleted: true,
  singular: "resourcequota",
  shortNames: ["quota"],
  namespaced: true,
  hasGeneration: false,
  subresources: { status: true },
  applyDefaults: (object) => {
    const quota = object as ResourceQuota;
    quota.spec ??= {};
    quota.status ??= {};
  },
  validate: (object, old) => validate(object as ResourceQuota, old as ResourceQuota | undefined),
  validateStatus: (object) => {
    const faults = new Faults();
    const { hard, used } = (object as ResourceQuota).status ?? {};
    checkLimits(faults, "status.hard", hard);
    checkLimits(faults, "status.used", used);
    return faults.errors;
  },
  columns: [
    nameColumn,
    column<ResourceQuota>("Request", "What it has of what it may request.", (quota) =>
      usedText(quota, false),
    ),
    column<ResourceQuota>("Limit", "What it has of its limits.", (quota) => usedText(quota, true)),
    ageColumn,
  ],
});

/** `pods: 1/4, requests.cpu: 100m/1` */
function usedText({ status }: ResourceQuota, isLimit: boolean): string {
  const { hard = {}, used = {} } = status ?? {};
  const names = Object.keys(hard).sort();
  return names
    .filter((name) => name.includes("limits.") === isLimit)
    .map((name) => `${name}: ${used[name] ?? "0"}/${hard[name]}`)
    .join(", ");
}

function validate({ spec }: ResourceQuota, old: ResourceQuota | undefined): FieldError[] {
  const faults = new Faults();
  if (spec === old?.spec) return faults.errors;
  checkLimits(faults, "spec.hard", spec.hard);
  checkScopes(faults, spec);
  for (const requirement of spec.scopeSelector?.matchExpressions ?? []) {
    checkRequirement(faults, requirement);
    for (const _name of outside(requirement.scopeName, spec))
      faults.invalid("spec.scopeSelector.matchExpressions", spec.scopeSelector, notOfScope);
  }
  if (
    old !== undefined &&
    !jsonEqual([spec.scopes ?? []].flat().sort(), [old.spec.scopes ?? []].flat().sort())
  ) {
    faults.invalid("spec.scopes", spec.scopes, immutable);
  }
  return faults.errors;
}

/** Upstream does not say which of them it is. */
function checkRequirement(faults: Faults, { scopeName, operator, values = [] }: ScopeRequirement): void {
  const path = "spec.scopeSelector.matchExpressions";
  if (!scopes.includes(scopeName)) faults.invalid(`${path}.scopeName`, scopeName, "unsupported scope");
  if (yesOrNo.includes(scopeName) && operator !== "Exists") {
    const named = yesOrNo.map((scope) => `ResourceQuotaScope${scope}`);
    const any = `${named.slice(0, -1).join(", ")} or ${named.at(-1)}`;
    faults.invalid(`${path}.operator`, operator, `must be 'Exists' when scope is any of ${any}`);
  }
  const isList = operator === "In" || operator === "NotIn";
  if (!isList && operator !== "Exists" && operator !== "DoesNotExist") {
    faults.invalid(`${path}.operator`, operator, "not a valid selector operator");
  } else if (isList && values.length === 0) {
    const detail = "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector";
    faults.required(`${path}.values`, detail);
  } else if (!isList && values.length > 0) {
    const detail = "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector";
    faults.invalid(`${path}.values`, values, detail);
  }
}

function checkLimits(faults: Faults, at: string, limits: Readonly<Record<string, string>> = {}): void {
  for (const [name, amount] of Object.entries(limits)) {
    const path = `${at}[${name}]`;
    const before = faults.errors.length;
    faults.key(path, name);
    const isKnown = standard.includes(name) || name.includes("/") || /^(requests\.)?hugepages-/.test(name);
    if (!isKnown && faults.errors.length === before)
      faults.invalid(path, name, "must be a standard resource type or fully qualified");
    if (!isKnown) faults.invalid(path, name, "must be a standard resource for quota");
    const value = parseQuantity(amount);
    if (value !== undefined && value < 0n) faults.invalid(path, amount, "must be greater than or equal to 0");
    if (value !== undefined && countable.includes(name) && value % 1_000_000_000n !== 0n) {
      faults.invalid(path, amount, "must be an integer");
    }
  }
}

const notOfScope = "unsupported scope applied to resource";
const opposites = [
  ["BestEffort", "NotBestEffort"],
  ["Terminating", "NotTerminating"],
] as const;

function checkScopes(faults: Faults, spec: ResourceQuota["spec"]): void {
  const { scopes: asked = [] } = spec;
  for (const scope of asked) {
    if (!scopes.includes(scope)) faults.invalid("spec.scopes", asked, "unsupported scope");
    for (const _name of outside(scope, spec)) faults.invalid("spec.scopes", asked, notOfScope);
  }
  for (const pair of opposites) {
    if (pair.every((scope) => asked.includes(scope)))
      faults.invalid("spec.scopes", asked, "conflicting scopes");
  }
}

const ofPods = [
  ...["pods", "cpu", "memory", "requests.cpu", "requests.memory", "limits.cpu", "limits.memory"],
];
const ofClaims = ["persistentvolumeclaims", "requests.storage"];

/** What a quota limits that has nothing to do with the things of the scope. */
function outside(scope: string, { hard = {} }: ResourceQuota["spec"]): string[] {
  const kept = scope === "BestEffort" ? ["pods"] : scope === "VolumeAttributesClass" ? ofClaims : ofPods;
  return scopes.includes(scope)
    ? Object.keys(hard).filter((name) => standard.includes(name) && !kept.includes(name))
    : [];
}
