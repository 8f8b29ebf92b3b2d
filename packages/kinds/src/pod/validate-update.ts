/** What may be changed of a Pod that is there, as upstream has it. */
import { canonicalJson, jsonEqual } from "@selvedge/base";
import type { Faults } from "../faults.ts";
import type { NodeAffinity, NodeSelectorTerm } from "./affinity-types.ts";
import type { PodSpec, Toleration } from "./pod-types.ts";

const changeable = [
  "`spec.containers[*].image`",
  "`spec.initContainers[*].image`",
  "`spec.activeDeadlineSeconds`",
  "`spec.tolerations` (only additions to existing tolerations)",
  "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)",
];

export function checkUpdate(faults: Faults, spec: PodSpec, old: PodSpec, binds: boolean): void {
  for (const list of ["containers", "initContainers"] as const) {
    if ((spec[list]?.length ?? 0) === (old[list]?.length ?? 0)) continue;
    faults.forbidden(`spec.${list}`, "pod updates may not add or remove containers");
    return;
  }
  const [now, before] = [spec.activeDeadlineSeconds, old.activeDeadlineSeconds];
  const deadline = "spec.activeDeadlineSeconds";
  if (before !== undefined && now === undefined) {
    faults.invalid(deadline, null, "must not update from a positive integer to nil value");
  } else if (before !== undefined && now !== undefined && now > before) {
    faults.invalid(deadline, now, "must be less than or equal to previous value");
  }
  const tolerated = new Set(spec.tolerations?.map(withoutSeconds));
  const kept = (old.tolerations ?? []).every((one) => tolerated.has(withoutSeconds(one)));
  if (!kept) {
    const detail = "existing toleration can not be modified except its tolerationSeconds";
    faults.forbidden("spec.tolerations", detail);
  }
  const gates = new Set(old.schedulingGates?.map(({ name }) => name));
  for (const [index, { name }] of (spec.schedulingGates ?? []).entries()) {
    if (gates.has(name)) continue;
    const detail = `only deletion is allowed, but found new scheduling gate '${name}'`;
    faults.forbidden(`spec.schedulingGates[${index}].name`, detail);
  }
  const wanted = comparable(spec, old);
  // A Pod is placed once, by its binding.
  if (binds && !old.nodeName) delete wanted.nodeName;
  if (old.schedulingGates?.length) checkPlaceUpdate(faults, wanted, old);
  const changed = changedMembers(wanted, comparable(old, old));
  if (changed.length > 0) {
    const list = changed.map((name) => `spec.${name}`).join(", ");
    faults.forbidden(
      "spec",
      `pod updates may not change fields other than ${changeable.join(",")}\nchanged: ${list}`,
    );
  }
}

function withoutSeconds({ tolerationSeconds: _seconds, ...toleration }: Toleration): string {
  return canonicalJson(toleration);
}

/** Whoever lifts a Pod's gates may narrow down where it goes before. What was asked is taken out of `wanted`. */
function checkPlaceUpdate(faults: Faults, wanted: PodSpec, old: PodSpec): void {
  const { nodeSelector = {} } = wanted;
  if (Object.entries(old.nodeSelector ?? {}).some(([key, value]) => nodeSelector[key] !== value)) {
    const detail = "only additions to spec.nodeSelector are allowed (no mutations or deletions)";
    faults.invalid("spec.nodeSelector", wanted.nodeSelector ?? null, detail);
  }
  const before = old.affinity?.nodeAffinity;
  if (before !== undefined) checkTermsUpdate(faults, wanted.affinity?.nodeAffinity, before);
  const { nodeAffinity: _nodes, ...others } = wanted.affinity ?? {};
  const isPlaceAlone = Object.keys(others).length === 0;
  Object.assign(wanted, {
    nodeSelector: old.nodeSelector,
    affinity: isPlaceAlone && old.affinity === undefined ? undefined : { ...others, nodeAffinity: before },
  });
}

function checkTermsUpdate(faults: Faults, now: NodeAffinity | undefined, old: NodeAffinity): void {
  const field = "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms";
  const before = old.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [];
  const after = now?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  if (before.length > 0 && before.length !== (after?.length ?? 0)) {
    const detail = "no additions/deletions to non-empty NodeSelectorTerms list are allowed";
    faults.invalid(field, after ?? null, detail);
    return;
  }
  for (const [index, term] of before.entries()) {
    if (isNarrower(after?.[index] ?? {}, term)) continue;
    const detail = "only additions are allowed (no mutations or deletions)";
    faults.invalid(`${field}[${index}]`, after?.[index], detail);
  }
}

/** A term without requirements is met by no node: what is added to it would widen it. */
function isNarrower(now: NodeSelectorTerm, old: NodeSelectorTerm): boolean {
  const lists = ["matchExpressions", "matchFields"] as const;
  if (!lists.some((list) => old[list]?.length)) return !lists.some((list) => now[list]?.length);
  return lists.every((list) => {
    const before = old[list] ?? [];
    return jsonEqual((now[list] ?? []).slice(0, before.length), before);
  });
}

/** The spec with what may change set to what it was. */
function comparable(spec: PodSpec, old: PodSpec): PodSpec {
  const copy: Record<string, unknown> = { ...spec };
  for (const member of ["activeDeadlineSeconds", "tolerations", "schedulingGates"] as const) {
    if (old[member] === undefined) delete copy[member];
    else copy[member] = old[member];
  }
  const grace = "terminationGracePeriodSeconds";
  if ((old[grace] ?? 0) < 0 && spec[grace] === 1) copy[grace] = old[grace];
  for (const list of ["containers", "initContainers"] as const) {
    copy[list] = spec[list]?.map((one, index) => ({ ...one, image: old[list]?.[index]?.image }));
  }
  return copy as unknown as PodSpec;
}

function changedMembers(spec: PodSpec, old: PodSpec): string[] {
  const members = new Set([...Object.keys(spec), ...Object.keys(old)]) as Set<keyof PodSpec>;
  return [...members].filter((member) => !jsonEqual(spec[member], old[member])).sort();
}
