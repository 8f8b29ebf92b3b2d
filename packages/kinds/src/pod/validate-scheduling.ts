/** Where a Pod wants to be. */
import {
  dnsLabelFaults,
  dnsSubdomainFaults,
  labelValueFaults,
  qualifiedNameFaults,
} from "@selvedge/apimachinery";
import type { Faults } from "../faults.ts";
import type {
  Affinity,
  NodeSelector,
  NodeSelectorRequirement,
  NodeSelectorTerm,
  PodAffinity,
  PodAffinityTerm,
} from "./affinity-types.ts";
import type { PodSpec, Toleration, TopologySpreadConstraint } from "./pod-types.ts";

export const taintEffects: readonly string[] = ["NoSchedule", "PreferNoSchedule", "NoExecute"];

export function checkScheduling(faults: Faults, path: string, spec: PodSpec): void {
  faults.labels(`${path}.nodeSelector`, spec.nodeSelector);
  if (spec.nodeName) faults.subdomain(`${path}.nodeName`, spec.nodeName);
  checkTolerations(faults, `${path}.tolerations`, spec.tolerations);
  if (spec.affinity !== undefined) checkAffinity(faults, `${path}.affinity`, spec.affinity);
  const spread = new Set<string>();
  for (const [index, constraint] of (spec.topologySpreadConstraints ?? []).entries()) {
    const at = `${path}.topologySpreadConstraints[${index}]`;
    checkSpread(faults, at, constraint);
    const pair = `{${constraint.topologyKey}, ${constraint.whenUnsatisfiable}}`;
    if (spread.has(pair)) faults.duplicate(`${at}.{topologyKey, whenUnsatisfiable}`, pair);
    spread.add(pair);
  }
}

export function checkTolerations(faults: Faults, path: string, list: readonly Toleration[] = []): void {
  for (const [index, { key, operator, value, effect, tolerationSeconds }] of list.entries()) {
    const at = `${path}[${index}]`;
    if (key) faults.all(`${at}.key`, key, qualifiedNameFaults(key));
    if (!key && operator !== "Exists") {
      const detail =
        'operator must be Exists when `key` is empty, which means "match all values and all keys"';
      faults.invalid(`${at}.operator`, operator ?? "", detail);
    }
    if (tolerationSeconds !== undefined && effect !== "NoExecute") {
      faults.invalid(
        `${at}.effect`,
        effect ?? "",
        "effect must be 'NoExecute' when `tolerationSeconds` is set",
      );
    }
    if (operator === "Exists") {
      if (value) faults.invalid(`${at}.operator`, value, "value must be empty when `operator` is 'Exists'");
    } else if (operator && operator !== "Equal")
      faults.oneOf(`${at}.operator`, operator, ["Equal", "Exists"]);
    else faults.all(`${at}.operator`, value, labelValueFaults(value ?? ""));
    if (effect) faults.oneOf(`${at}.effect`, effect, taintEffects);
  }
}

function checkAffinity(faults: Faults, path: string, affinity: Affinity): void {
  const { nodeAffinity, podAffinity, podAntiAffinity } = affinity;
  if (nodeAffinity !== undefined) {
    const at = `${path}.nodeAffinity`;
    const required = nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution;
    if (required !== undefined)
      checkNodeSelector(faults, `${at}.requiredDuringSchedulingIgnoredDuringExecution`, required);
    const preferred = nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution ?? [];
    for (const [index, { weight, preference }] of preferred.entries()) {
      const one = `${at}.preferredDuringSchedulingIgnoredDuringExecution[${index}]`;
      checkWeight(faults, `${one}.weight`, weight);
      checkTerm(faults, `${one}.preference`, preference, false);
    }
  }
  if (podAffinity !== undefined) checkPodAffinity(faults, `${path}.podAffinity`, podAffinity);
  if (podAntiAffinity !== undefined) checkPodAffinity(faults, `${path}.podAntiAffinity`, podAntiAffinity);
}

/** Which nodes will do: of a Pod's affinity, and of a volume that is not everywhere. */
export function checkNodeSelector(
  faults: Faults,
  path: string,
  { nodeSelectorTerms = [] }: NodeSelector,
): void {
  const terms = `${path}.nodeSelectorTerms`;
  if (nodeSelectorTerms.length === 0) faults.required(terms, "must have at least one node selector term");
  for (const [index, term] of nodeSelectorTerms.entries())
    checkTerm(faults, `${terms}[${index}]`, term, true);
}

function checkWeight(faults: Faults, path: string, weight: number): void {
  if (weight < 1 || weight > 100) faults.invalid(path, weight, "must be in the range 1-100");
}

function checkTerm(
  faults: Faults,
  path: string,
  { matchExpressions = [], matchFields = [] }: NodeSelectorTerm = {},
  isNeeded: boolean,
): void {
  for (const [index, requirement] of matchExpressions.entries()) {
    checkRequirement(faults, `${path}.matchExpressions[${index}]`, requirement, isNeeded);
  }
  for (const [index, { key, operator, values = [] }] of matchFields.entries()) {
    const at = `${path}.matchFields[${index}]`;
    if (operator !== "In" && operator !== "NotIn") {
      faults.invalid(`${at}.operator`, operator, "not a valid selector operator");
    } else if (values.length !== 1) {
      faults.required(
        `${at}.values`,
        "must be only one value when `operator` is 'In' or 'NotIn' for node field selector",
      );
    }
    if (key !== "metadata.name") faults.invalid(`${at}.key`, key, "not a valid field selector key");
    else
      for (const [place, value] of values.entries())
        faults.all(`${at}.values[${place}]`, value, dnsSubdomainFaults(value));
  }
}

/** Of what is only preferred a value may be one that no label has. */
function checkRequirement(
  faults: Faults,
  path: string,
  { key, operator, values = [] }: NodeSelectorRequirement,
  isNeeded: boolean,
): void {
  const at = `${path}.values`;
  if (operator === "In" || operator === "NotIn") {
    if (values.length === 0) faults.required(at, "must be specified when `operator` is 'In' or 'NotIn'");
  } else if (operator === "Exists" || operator === "DoesNotExist") {
    if (values.length > 0) {
      faults.forbidden(at, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
    }
  } else if (operator === "Gt" || operator === "Lt") {
    if (values.length !== 1) {
      faults.required(at, "must be specified single value when `operator` is 'Lt' or 'Gt'");
    }
  } else faults.invalid(`${path}.operator`, operator, "not a valid selector operator");
  faults.key(`${path}.key`, key);
  for (const [index, value] of isNeeded ? values.entries() : [])
    faults.all(`${at}[${index}]`, value, labelValueFaults(value));
}

function checkPodAffinity(faults: Faults, path: string, affinity: PodAffinity): void {
  const required = affinity.requiredDuringSchedulingIgnoredDuringExecution ?? [];
  const preferred = affinity.preferredDuringSchedulingIgnoredDuringExecution ?? [];
  for (const [index, term] of required.entries()) {
    checkPodTerm(faults, `${path}.requiredDuringSchedulingIgnoredDuringExecution[${index}]`, term);
  }
  for (const [index, { weight, podAffinityTerm }] of preferred.entries()) {
    const at = `${path}.preferredDuringSchedulingIgnoredDuringExecution[${index}]`;
    checkWeight(faults, `${at}.weight`, weight);
    checkPodTerm(faults, `${at}.podAffinityTerm`, podAffinityTerm);
  }
}

function checkPodTerm(faults: Faults, path: string, term: PodAffinityTerm | undefined): void {
  if (term === undefined) return;
  faults.selector(`${path}.labelSelector`, term.labelSelector);
  faults.selector(`${path}.namespaceSelector`, term.namespaceSelector);
  for (const name of term.namespaces ?? []) faults.all(`${path}.namespace`, name, dnsLabelFaults(name));
  checkLabelKeys(faults, path, term);
  if (!term.topologyKey) faults.required(`${path}.topologyKey`, "can not be empty");
  else faults.all(`${path}.topologyKey`, term.topologyKey, qualifiedNameFaults(term.topologyKey));
}

/** Keys that a Pod's own labels give the values of. */
function checkLabelKeys(
  faults: Faults,
  path: string,
  term: PodAffinityTerm | TopologySpreadConstraint,
): void {
  const { matchLabelKeys = [], labelSelector } = term;
  const { mismatchLabelKeys = [] } = term as PodAffinityTerm;
  for (const [name, keys] of Object.entries({ matchLabelKeys, mismatchLabelKeys })) {
    if (keys.length === 0) continue;
    if (labelSelector === undefined) {
      faults.forbidden(`${path}.${name}`, "must not be specified when labelSelector is not set");
    }
    for (const [index, key] of keys.entries()) {
      const at = `${path}.${name}[${index}]`;
      faults.all(at, key, qualifiedNameFaults(key));
      if (name === "matchLabelKeys" && mismatchLabelKeys.includes(key)) {
        faults.invalid(at, key, "exists in both matchLabelKeys and mismatchLabelKeys");
      }
    }
  }
}

function checkSpread(faults: Faults, path: string, constraint: TopologySpreadConstraint): void {
  const { maxSkew, topologyKey, whenUnsatisfiable, labelSelector, minDomains } = constraint;
  if (maxSkew <= 0) faults.invalid(`${path}.maxSkew`, maxSkew, "must be greater than zero");
  if (!topologyKey) faults.required(`${path}.topologyKey`, "can not be empty");
  faults.oneOf(`${path}.whenUnsatisfiable`, whenUnsatisfiable, ["DoNotSchedule", "ScheduleAnyway"]);
  if (minDomains !== undefined && minDomains <= 0) {
    faults.invalid(`${path}.minDomains`, minDomains, "must be greater than zero");
  }
  if (minDomains !== undefined && whenUnsatisfiable !== "DoNotSchedule") {
    const detail = `can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ${whenUnsatisfiable}`;
    faults.invalid(`${path}.minDomains`, minDomains, detail);
  }
  for (const member of ["nodeAffinityPolicy", "nodeTaintsPolicy"] as const) {
    if (constraint[member] !== undefined)
      faults.oneOf(`${path}.${member}`, constraint[member], ["Honor", "Ignore"]);
  }
  checkLabelKeys(faults, path, constraint);
  faults.selector(`${path}.labelSelector`, labelSelector);
}
