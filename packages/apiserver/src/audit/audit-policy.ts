/** Which requests are written down, and how much of them: a Policy of audit.k8s.io/v1. */

import type { User } from "../auth/user.ts";
import type { RequestInfo } from "../http/request-info.ts";

export type AuditLevel = "None" | "Metadata" | "Request" | "RequestResponse";
export type AuditStage = "RequestReceived" | "ResponseStarted" | "ResponseComplete" | "Panic";

const levels: readonly AuditLevel[] = ["None", "Metadata", "Request", "RequestResponse"];
const stages: readonly AuditStage[] = ["RequestReceived", "ResponseStarted", "ResponseComplete", "Panic"];

export interface AuditRule {
  readonly level: AuditLevel;
  readonly users?: readonly string[];
  readonly userGroups?: readonly string[];
  readonly verbs?: readonly string[];
  readonly resources?: readonly {
    readonly group?: string;
    readonly resources?: readonly string[];
    readonly resourceNames?: readonly string[];
  }[];
  /** "" is what is in none. */
  readonly namespaces?: readonly string[];
  readonly nonResourceURLs?: readonly string[];
  readonly omitStages?: readonly AuditStage[];
  readonly omitManagedFields?: boolean;
}

export interface AuditPolicy {
  readonly rules: readonly AuditRule[];
  readonly omitStages: readonly AuditStage[];
  readonly omitManagedFields: boolean;
}

/** What becomes of one request. */
export interface AuditTerms {
  readonly level: AuditLevel;
  readonly omitStages: readonly AuditStage[];
  readonly omitManagedFields: boolean;
}

const unheard: AuditTerms = { level: "None", omitStages: [], omitManagedFields: false };

/** By the first rule that matches; what none does is not written down. */
export function auditTerms(policy: AuditPolicy, info: RequestInfo, user: User | undefined): AuditTerms {
  const rule = policy.rules.find((one) => matches(one, info, user));
  if (rule === undefined) return unheard;
  return {
    level: rule.level,
    omitStages: [...policy.omitStages, ...(rule.omitStages ?? [])],
    omitManagedFields: rule.omitManagedFields ?? policy.omitManagedFields,
  };
}

export function atLeast(level: AuditLevel, needed: AuditLevel): boolean {
  return levels.indexOf(level) >= levels.indexOf(needed);
}

function matches(rule: AuditRule, info: RequestInfo, user: User | undefined): boolean {
  const {
    users = [],
    userGroups = [],
    verbs = [],
    resources = [],
    namespaces = [],
    nonResourceURLs = [],
  } = rule;
  if (users.length > 0 && (user === undefined || !users.includes(user.name))) return false;
  if (userGroups.length > 0 && !userGroups.some((group) => user?.groups.includes(group))) return false;
  if (verbs.length > 0 && !verbs.includes(info.verb)) return false;
  if (resources.length > 0 || namespaces.length > 0) return matchesResource(rule, info);
  return nonResourceURLs.length === 0 || matchesPath(nonResourceURLs, info);
}

function matchesPath(urls: readonly string[], info: RequestInfo): boolean {
  if (info.type !== "path") return false;
  return urls.some((url) => {
    if (url === "*" || url === info.path) return true;
    return url.endsWith("*") && info.path.startsWith(url.slice(0, -1));
  });
}

function matchesResource({ resources = [], namespaces = [] }: AuditRule, info: RequestInfo): boolean {
  if (info.type !== "resource") return false;
  const { group, resource, subresource = "", namespace = "", name = "" } = info;
  if (namespaces.length > 0 && !namespaces.includes(namespace)) return false;
  if (resources.length === 0) return true;
  const whole = subresource === "" ? resource : `${resource}/${subresource}`;
  const isIt = (one: string): boolean =>
    one === "*" ||
    one === whole ||
    one === `${resource}/*` ||
    (subresource !== "" && one === `*/${subresource}`);
  return resources.some((of) => {
    if ((of.group ?? "") !== group) return false;
    const { resources: kinds = [], resourceNames: names = [] } = of;
    return kinds.length === 0 || (kinds.some(isIt) && (names.length === 0 || names.includes(name)));
  });
}

export class AuditPolicyError extends Error {
  override name = "AuditPolicyError";
}

/** Reads what a policy's file holds; an error names the field. */
export function parseAuditPolicy(value: unknown): AuditPolicy {
  const policy = objectAt(value, "the policy");
  if (policy["kind"] !== "Policy" || policy["apiVersion"] !== "audit.k8s.io/v1") {
    throw new AuditPolicyError("it must be of apiVersion audit.k8s.io/v1 and kind Policy");
  }
  const rules = policy["rules"];
  if (!Array.isArray(rules) || rules.length === 0)
    throw new AuditPolicyError("rules: at least one is needed");
  return {
    rules: rules.map((rule, index) => parseRule(rule, `rules[${index}]`)),
    omitStages: stagesAt(policy["omitStages"], "omitStages"),
    omitManagedFields: policy["omitManagedFields"] === true,
  };
}

const ruleLists = ["users", "userGroups", "verbs", "namespaces", "nonResourceURLs"] as const;

function parseRule(value: unknown, at: string): AuditRule {
  const rule = objectAt(value, at);
  const level = rule["level"];
  if (!levels.includes(level as AuditLevel)) {
    throw new AuditPolicyError(`${at}.level: ${JSON.stringify(level)} is not one of ${levels.join(", ")}`);
  }
  const lists = Object.fromEntries(ruleLists.map((name) => [name, textsAt(rule[name], `${at}.${name}`)]));
  const resources = listAt(rule["resources"], `${at}.resources`).map((one, index) => {
    const place = `${at}.resources[${index}]`;
    const of = objectAt(one, place);
    return {
      group: String(of["group"] ?? ""),
      resources: textsAt(of["resources"], `${place}.resources`),
      resourceNames: textsAt(of["resourceNames"], `${place}.resourceNames`),
    };
  });
  const paths = lists["nonResourceURLs"] ?? [];
  if (paths.length > 0 && (resources.length > 0 || (lists["namespaces"] ?? []).length > 0)) {
    throw new AuditPolicyError(`${at}.nonResourceURLs: rules cannot apply to both resources and other URLs`);
  }
  const { omitManagedFields } = rule;
  return {
    ...lists,
    ...{
      level: level as AuditLevel,
      resources,
      omitStages: stagesAt(rule["omitStages"], `${at}.omitStages`),
    },
    ...(typeof omitManagedFields === "boolean" && { omitManagedFields }),
  };
}

function objectAt(value: unknown, at: string): Readonly<Record<string, unknown>> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return value as Readonly<Record<string, unknown>>;
  }
  throw new AuditPolicyError(`${at}: an object is needed`);
}

function listAt(value: unknown, at: string): readonly unknown[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value)) return value;
  throw new AuditPolicyError(`${at}: a list is needed`);
}

function textsAt(value: unknown, at: string): string[] {
  return listAt(value, at).map((one) => {
    if (typeof one === "string") return one;
    throw new AuditPolicyError(`${at}: ${JSON.stringify(one)} is no text`);
  });
}

function stagesAt(value: unknown, at: string): AuditStage[] {
  return textsAt(value, at).map((one) => {
    if (stages.includes(one as AuditStage)) return one as AuditStage;
    throw new AuditPolicyError(`${at}: ${one} is not one of ${stages.join(", ")}`);
  });
}
