import { dnsLabelFaults, dnsSubdomainFaults } from "@selvedge/apimachinery";
import type { Faults } from "../faults.ts";

/** Requests of somebody. */
export interface FlowRules {
  subjects?: FlowSubject[];
  resourceRules?: ResourceRule[];
  nonResourceRules?: OtherRule[];
}

export interface FlowSubject {
  kind: "User" | "Group" | "ServiceAccount";
  user?: { name: string };
  group?: { name: string };
  serviceAccount?: { namespace: string; name: string };
}

interface ResourceRule {
  verbs?: string[];
  apiGroups?: string[];
  resources?: string[];
  clusterScope?: boolean;
  namespaces?: string[];
}

interface OtherRule {
  verbs?: string[];
  nonResourceURLs?: string[];
}

export function checkFlowRules(faults: Faults, at: string, rules: FlowRules): void {
  const { subjects = [], resourceRules = [], nonResourceRules = [] } = rules;
  if (subjects.length === 0) {
    faults.required(`${at}.subjects`, "subjects must contain at least one value");
  }
  for (const [index, subject] of subjects.entries())
    checkSubject(faults, `${at}.subjects[${index}]`, subject);
  if (resourceRules.length === 0 && nonResourceRules.length === 0) {
    faults.required(at, "at least one of resourceRules and nonResourceRules has to be non-empty");
  }
  for (const [index, rule] of resourceRules.entries()) {
    checkResources(faults, `${at}.resourceRules[${index}]`, rule);
  }
  for (const [index, rule] of nonResourceRules.entries()) {
    checkOthers(faults, `${at}.nonResourceRules[${index}]`, rule);
  }
}

const subjectKinds = ["Group", "ServiceAccount", "User"] as const;
const memberOf = { Group: "group", ServiceAccount: "serviceAccount", User: "user" } as const;

function checkSubject(faults: Faults, at: string, subject: FlowSubject): void {
  const { kind } = subject;
  if (!subjectKinds.includes(kind)) {
    faults.oneOf(`${at}.kind`, kind, subjectKinds);
    return;
  }
  for (const other of subjectKinds) {
    const member = memberOf[other];
    const isSaid = subject[member] !== undefined;
    if (other === kind && !isSaid) {
      faults.required(`${at}.${member}`, `${member} is required when subject kind is '${kind}'`);
    } else if (other !== kind && isSaid) {
      faults.forbidden(`${at}.${member}`, `${member} is forbidden when subject kind is not '${other}'`);
    }
  }
  const said = subject[memberOf[kind]];
  if (said !== undefined && !said.name) faults.required(`${at}.${memberOf[kind]}.name`);
  if (kind !== "ServiceAccount" || subject.serviceAccount === undefined) return;
  const { name, namespace } = subject.serviceAccount;
  if (name && name !== "*") faults.all(`${at}.serviceAccount.name`, name, dnsSubdomainFaults(name));
  const place = `${at}.serviceAccount.namespace`;
  if (namespace) faults.label(place, namespace);
  else faults.required(place, "must specify namespace for service account");
}

const verbsKnown = [
  ...["create", "delete", "deletecollection", "get", "list", "patch", "proxy", "update", "watch"],
];

function checkVerbs(faults: Faults, at: string, verbs: readonly string[] = []): void {
  if (verbs.length === 0) faults.required(at, "verbs must contain at least one value");
  else if (verbs.includes("*")) checkAlone(faults, at, verbs, "verbs");
  else if (verbs.some((verb) => !verbsKnown.includes(verb))) faults.oneOf(at, verbs, verbsKnown);
}

/** All of them is said alone. */
function checkAlone(faults: Faults, at: string, values: readonly string[], what: string): void {
  if (values.length > 1 && values.includes("*")) {
    faults.invalid(at, values, `if '*' is present, must not specify other ${what}`);
  }
}

function checkResources(faults: Faults, at: string, rule: ResourceRule): void {
  const { apiGroups = [], resources = [], namespaces = [], clusterScope = false } = rule;
  checkVerbs(faults, `${at}.verbs`, rule.verbs);
  if (apiGroups.length === 0) {
    faults.required(`${at}.apiGroups`, "resource rules must supply at least one api group");
  }
  checkAlone(faults, `${at}.apiGroups`, apiGroups, "api groups");
  if (resources.length === 0) {
    faults.required(`${at}.resources`, "resource rules must supply at least one resource");
  }
  checkAlone(faults, `${at}.resources`, resources, "resources");
  if (namespaces.length === 0 && !clusterScope) {
    const why = "resource rules that are not cluster scoped must supply at least one namespace";
    faults.required(`${at}.namespaces`, why);
  }
  checkAlone(faults, `${at}.namespaces`, namespaces, "namespaces");
  if (namespaces.includes("*")) return;
  for (const [index, namespace] of namespaces.entries()) {
    const each = "each member of this list must be '*' or a DNS-1123 label; ";
    const wrong = dnsLabelFaults(namespace).map((fault) => each + fault);
    faults.all(`${at}.namespaces[${index}]`, namespace, wrong);
  }
}

function checkOthers(faults: Faults, at: string, { verbs, nonResourceURLs: paths = [] }: OtherRule): void {
  checkVerbs(faults, `${at}.verbs`, verbs);
  const place = `${at}.nonResourceURLs`;
  if (paths.length === 0) faults.required(place, "nonResourceURLs must contain at least one value");
  checkAlone(faults, place, paths, "non-resource URLs");
  if (paths.includes("*")) return;
  for (const [index, path] of paths.entries()) {
    const fault = pathFault(path);
    if (fault !== undefined) faults.invalid(`${place}[${index}]`, path, fault);
  }
}

function pathFault(path: string): string | undefined {
  if (path === "") return "must not be empty";
  if (!path.startsWith("/")) return "must start with slash";
  if (path.includes(" ")) return "must not contain white-space";
  if (path.includes("//")) return "must not contain double slash";
  const stars = path.split("*").length - 1;
  if (stars > 1 || (stars === 1 && !path.endsWith("/*"))) return "wildcard can only do suffix matching";
  return undefined;
}
