/**
 * What DaemonSets, Deployments and ReplicaSets have in common: a selector, a template, and steps of a
 * change.
 */
import { type LabelSelector, matchesLabels, requirementsOf, SelectorError } from "@selvedge/apimachinery";
import { jsonEqual } from "@selvedge/base";
import { type Faults, immutable } from "./faults.ts";
import { defaultPodSpec } from "./pod/pod-defaults.ts";
import type { PodTemplateSpec } from "./pod/pod-types.ts";
import { checkTemplate } from "./pod/validate-pod.ts";

interface WorkloadSpec {
  readonly selector?: LabelSelector;
  readonly template?: PodTemplateSpec;
  readonly minReadySeconds?: number;
  readonly revisionHistoryLimit?: number;
}

/** A template that is missing, or has no spec, is an empty one: what it lacks is then said by name. */
export function defaultTemplate(spec: { template?: PodTemplateSpec }): void {
  spec.template ??= { spec: { containers: [] } };
  spec.template.spec ??= { containers: [] };
  defaultPodSpec(spec.template.spec);
}

/** `owner` as upstream's messages name it: daemonset, deployment. */
export function checkWorkload(
  faults: Faults,
  spec: WorkloadSpec,
  old: WorkloadSpec | undefined,
  owner: { readonly inSelector: string; readonly kind: string },
): void {
  const { selector, template } = spec;
  faults.selector("spec.selector", selector);
  if (selector !== undefined && isEmpty(selector)) {
    faults.invalid("spec.selector", selector, `empty selector is invalid for ${owner.inSelector}`);
  }
  if (template === undefined) faults.required("spec.template");
  else if (selector !== undefined && !isReadable(selector)) {
    faults.invalid("spec.selector", selector, "invalid label selector");
  } else {
    if (selector === undefined || !isEmpty(selector)) checkOwnTemplate(faults, "spec", selector, template);
    checkTemplate(faults, "spec.template", template);
    if (template.spec.activeDeadlineSeconds !== undefined) {
      const field = "spec.template.spec.activeDeadlineSeconds";
      faults.forbidden(field, `activeDeadlineSeconds in ${owner.kind} is not Supported`);
    }
  }
  faults.atLeastZero("spec.minReadySeconds", spec.minReadySeconds);
  faults.atLeastZero("spec.revisionHistoryLimit", spec.revisionHistoryLimit);
  if (old !== undefined && !jsonEqual(selector, old.selector)) {
    faults.invalid("spec.selector", selector ?? null, immutable);
  }
}

/** An owner that does not know its own Pods would make them without end; without a selector it knows none. */
export function checkOwnTemplate(
  faults: Faults,
  path: string,
  selector: LabelSelector | undefined,
  template: PodTemplateSpec,
): void {
  const { labels } = template.metadata ?? {};
  if (selector !== undefined && matches(selector, labels ?? {})) return;
  const detail = "`selector` does not match template `labels`";
  const sorted = labels && Object.fromEntries(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)));
  faults.invalid(`${path}.template.metadata.labels`, sorted ?? null, detail);
}

function isEmpty({ matchLabels = {}, matchExpressions = [] }: LabelSelector): boolean {
  return Object.keys(matchLabels).length + matchExpressions.length === 0;
}

const operators = ["In", "NotIn", "Exists", "DoesNotExist"];

function isReadable({ matchExpressions = [] }: LabelSelector): boolean {
  return matchExpressions.every(({ operator }) => operators.includes(operator));
}

export function matches(selector: LabelSelector, labels: Readonly<Record<string, string>>): boolean {
  // What is wrong with the selector itself has been said.
  if (selector.matchExpressions?.some(({ key }) => key === undefined)) return true;
  try {
    return matchesLabels(requirementsOf(selector) ?? [], labels);
  } catch (error) {
    if (error instanceof SelectorError) return true;
    throw error;
  }
}

/** A number, or a share in percent. */
export function checkShare(faults: Faults, path: string, share: number | string | undefined): void {
  if (typeof share === "number") faults.atLeastZero(path, share);
  else if (share !== undefined && !/^[0-9]+%$/.test(share)) {
    const rule = "a valid percent string must be a numeric string followed by an ending '%'";
    faults.invalid(path, share, `${rule} (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')`);
  }
}

export function checkAtMostAll(faults: Faults, path: string, share: number | string | undefined): void {
  if (typeof share === "string" && Number.parseInt(share, 10) > 100) {
    faults.invalid(path, share, "must not be greater than 100%");
  }
}

export function isNothing(share: number | string | undefined): boolean {
  return share === undefined || Number.parseInt(String(share), 10) === 0;
}
