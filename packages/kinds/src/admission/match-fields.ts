/** Which writes a policy or a binding of one is about. */
import type { LabelSelector } from "@selvedge/apimachinery";
import type { Faults } from "../faults.ts";
import {
  atomic,
  embedded,
  type Message,
  mapAtomic,
  message,
  object,
  objects,
  pointer,
  text,
  texts,
} from "../fields.ts";
import { labelSelector } from "../meta-fields.ts";
import { pathSegmentFaults } from "../rbac/policy-rule.ts";
import { checkRule, defaultRule, type ResourceRule, ruleWithOperations } from "./rule-fields.ts";

export interface NamedRule extends ResourceRule {
  resourceNames?: string[];
}

export interface MatchResources {
  namespaceSelector?: LabelSelector;
  objectSelector?: LabelSelector;
  resourceRules?: NamedRule[];
  excludeResourceRules?: NamedRule[];
  matchPolicy?: string;
}

const namedRule: Message = message(
  "What is done with which objects.",
  {
    resourceNames: texts(1, "Names of objects; none is all.", atomic),
    ruleWithOperations: embedded(2, ruleWithOperations),
  },
  mapAtomic,
);

export const matchResources: Message = message(
  "Which writes.",
  {
    namespaceSelector: object(1, labelSelector, "Labels of the objects' namespaces.", pointer),
    objectSelector: object(2, labelSelector, "Labels of the objects, before or after.", pointer),
    resourceRules: objects(3, namedRule, "What is done with which objects; any of them.", atomic),
    excludeResourceRules: objects(4, namedRule, "What it is not about, whatever else is said.", atomic),
    matchPolicy: text(
      7,
      "Exact, or Equivalent: also what is written in other versions. Equivalent when not said.",
      pointer,
    ),
  },
  mapAtomic,
);

export function defaultMatch(match: MatchResources | undefined): void {
  if (match === undefined) return;
  match.matchPolicy ??= "Equivalent";
  match.namespaceSelector ??= {};
  match.objectSelector ??= {};
  for (const rule of [...(match.resourceRules ?? []), ...(match.excludeResourceRules ?? [])]) {
    defaultRule(rule);
  }
}

export function checkMatch(faults: Faults, at: string, match: MatchResources): void {
  faults.oneOf(`${at}.matchPolicy`, match.matchPolicy, ["Equivalent", "Exact"]);
  faults.selector(`${at}.namespaceSelector`, match.namespaceSelector);
  faults.selector(`${at}.objectSelector`, match.objectSelector);
  for (const field of ["resourceRules", "excludeResourceRules"] as const) {
    for (const [index, rule] of (match[field] ?? []).entries()) {
      checkNamed(faults, `${at}.${field}[${index}]`, rule);
    }
  }
}

function checkNamed(faults: Faults, at: string, rule: NamedRule): void {
  const names = rule.resourceNames ?? [];
  for (const [index, name] of names.entries()) {
    faults.all(`${at}.resourceNames[${index}]`, name, pathSegmentFaults(name));
    if (names.indexOf(name) < index) faults.duplicate(`${at}.resourceNames[${index}]`, name);
  }
  checkRule(faults, at, rule);
}
