/** What policies and webhooks have in common: which requests they are about, by the kind and by expressions. */
import { AdmissionCompiler } from "@selvedge/apimachinery";
import { jsonEqual } from "@selvedge/base";
import type { Faults } from "../faults.ts";
import { atomic, embedded, type Message, message, needed, pointer, text, texts } from "../fields.ts";

export interface ResourceRule {
  operations?: string[];
  apiGroups?: string[];
  apiVersions?: string[];
  resources?: string[];
  scope?: string;
}

export interface MatchCondition {
  name: string;
  expression: string;
}

const rule: Message = message("Kinds of objects.", {
  apiGroups: texts(1, "Their groups; * for all.", atomic),
  apiVersions: texts(2, "Their versions; * for all.", atomic),
  resources: texts(3, "Them, in the plural: pods, pods/status, pods/*, */scale, * or */*.", atomic),
  scope: text(4, "Cluster, Namespaced or *. * when not said.", pointer),
});

export const ruleWithOperations: Message = message("What is done with which kinds of objects.", {
  operations: texts(1, "What is done: CREATE, UPDATE, DELETE, CONNECT, or * for all.", atomic),
  rule: embedded(2, rule),
});

export const matchCondition: Message = message("What a request must be like besides.", {
  name: text(1, "What the condition is called.", needed),
  expression: text(2, "True or false, in CEL, of object, oldObject, request and authorizer.", needed),
});

/** Of one webhook or policy; upstream's. */
const conditionsMax = 64;
const operations = ["*", "CONNECT", "CREATE", "DELETE", "UPDATE"];

export function defaultRule(rule: ResourceRule): void {
  rule.scope ??= "*";
}

export function checkRule(faults: Faults, at: string, rule: ResourceRule): void {
  const { operations: asked = [], apiGroups = [], apiVersions = [], resources = [], scope } = rule;
  const alone = (field: string, list: readonly string[], what: string): void => {
    if (list.length === 0) faults.required(`${at}.${field}`);
    else if (list.length > 1 && list.includes("*"))
      faults.invalid(`${at}.${field}`, list, `if '*' is present, must not specify other ${what}`);
  };
  alone("operations", asked, "operations");
  for (const [index, one] of asked.entries()) faults.oneOf(`${at}.operations[${index}]`, one, operations);
  alone("apiGroups", apiGroups, "API groups");
  alone("apiVersions", apiVersions, "API versions");
  for (const [index, one] of apiVersions.entries())
    if (one === "") faults.required(`${at}.apiVersions[${index}]`);
  checkResources(faults, `${at}.resources`, resources);
  if (scope !== undefined) faults.oneOf(`${at}.scope`, scope, ["*", "Cluster", "Namespaced"]);
}

function checkResources(faults: Faults, at: string, resources: readonly string[]): void {
  if (resources.length === 0) faults.required(at);
  const [allParts, allKinds] = [new Set<string>(), new Set<string>()];
  let lastIsWhole = false;
  for (const [index, one] of resources.entries()) {
    if (one === "") {
      faults.required(`${at}[${index}]`);
      continue;
    }
    const slash = one.indexOf("/");
    if (slash < 0) {
      lastIsWhole = one !== "*";
      continue;
    }
    const [kind, part] = [one.slice(0, slash), one.slice(slash + 1)];
    const fault = (given: string): void =>
      faults.invalid(`${at}[${index}]`, one, `if '${given}' is present, must not specify ${one}`);
    if (allParts.has(kind)) fault(`${kind}/*`);
    if (allKinds.has(part)) fault(`*/${part}`);
    if (part === "*") allParts.add(kind);
    if (kind === "*") allKinds.add(part);
  }
  if (resources.length > 1 && resources.includes("*/*"))
    faults.invalid(at, resources, "if '*/*' is present, must not specify other resources");
  if (resources.includes("*") && lastIsWhole) {
    const detail = "if '*' is present, must not specify other resources without subresources";
    faults.invalid(at, resources, detail);
  }
}

export function checkConditions(
  faults: Faults,
  at: string,
  conditions: readonly MatchCondition[] = [],
  compiler: AdmissionCompiler = new AdmissionCompiler({ params: false }),
): void {
  if (conditions.length > conditionsMax) faults.tooMany(at, conditions.length, conditionsMax);
  const names = new Set<string>();
  for (const [index, { name, expression }] of conditions.entries()) {
    const source = expression?.trim();
    const fault = source ? compiler.compile(source, "bool").fault : undefined;
    if (!source) faults.required(`${at}[${index}].expression`);
    else if (fault !== undefined) faults.invalid(`${at}[${index}].expression`, source, fault);
    if (name) faults.key(`${at}[${index}].name`, name);
    else faults.required(`${at}[${index}].name`);
    if (name && names.has(name)) faults.duplicate(`${at}[${index}].name`, name);
    names.add(name);
  }
}

/** Whether some of many say the same conditions as before: what was let be then is let be now. */
export function sameConditions(
  now: readonly { readonly matchConditions?: MatchCondition[] }[],
  before: readonly { readonly matchConditions?: MatchCondition[] }[],
): boolean {
  const of = (all: typeof now): unknown => all.map(({ matchConditions = [] }) => matchConditions);
  return jsonEqual(of(now), of(before));
}
