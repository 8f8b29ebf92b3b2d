/** What a Pod's RuntimeClass says of it: that there is such a class, what it costs, and where it can run. */

import { type AdmissionMember, type AdmissionRequest, refusedBy } from "@selvedge/apiserver";
import { canonicalJson } from "@selvedge/base";
import { type Pod, podKind, type RuntimeClass } from "@selvedge/kinds";
import type { Policies } from "./policies.ts";

export function runtimeAdmission(policies: Policies): AdmissionMember {
  return {
    name: "RuntimeClass",
    handles: ({ kind, operation, subresource }) =>
      kind === podKind && operation === "CREATE" && subresource === undefined,
    mutate(request) {
      const { spec } = request.object as Pod;
      const { runtimeClassName: name } = spec;
      const found = name === undefined ? undefined : policies.runtimeClasses.get(name);
      if (name !== undefined && found === undefined)
        throw rejected(request, `RuntimeClass "${name}" not found`);
      setOverhead(request, spec, found?.overhead?.podFixed);
      if (found?.scheduling !== undefined) setPlaces(request, spec, found.scheduling);
    },
  };
}

function setOverhead(
  request: AdmissionRequest,
  spec: Pod["spec"],
  fixed: Readonly<Record<string, string>> | undefined,
): void {
  const own = spec.overhead;
  if (own !== undefined && fixed === undefined) {
    throw rejected(request, "Pod Overhead set without corresponding RuntimeClass defined Overhead");
  }
  if (fixed === undefined) return;
  if (own !== undefined && canonicalJson(own) !== canonicalJson(fixed)) {
    throw rejected(request, "Pod's Overhead doesn't match RuntimeClass's defined Overhead");
  }
  spec.overhead = { ...fixed };
}

function setPlaces(
  request: AdmissionRequest,
  spec: Pod["spec"],
  { nodeSelector = {}, tolerations = [] }: NonNullable<RuntimeClass["scheduling"]>,
): void {
  for (const [key, value] of Object.entries(nodeSelector)) {
    const own = spec.nodeSelector?.[key] ?? value;
    if (own === value) continue;
    const both = `runtimeClass.scheduling.nodeSelector[${key}] = ${value}; pod.spec.nodeSelector[${key}] = ${own}`;
    throw rejected(request, `conflict: ${both}`);
  }
  if (Object.keys(nodeSelector).length > 0) spec.nodeSelector = { ...spec.nodeSelector, ...nodeSelector };
  const known = new Set(spec.tolerations?.map(canonicalJson));
  const more = tolerations.filter((one) => !known.has(canonicalJson(one)));
  if (more.length > 0) spec.tolerations = [...(spec.tolerations ?? []), ...more];
}

function rejected(request: AdmissionRequest, why: string): Error {
  return refusedBy(request, `pod rejected: ${why}`);
}
