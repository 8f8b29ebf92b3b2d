/**
 * Groups below k8s.io and kubernetes.io belong to the Kubernetes community: who defines kinds there says who
 * agreed.
 */
import type { Condition } from "@selvedge/apimachinery";
import type { CustomResourceDefinition } from "./definition.ts";

export const approvalAnnotation = "api-approved.kubernetes.io";

export interface Approval {
  readonly state: "missing" | "invalid" | "approved" | "bypassed";
  readonly reason: string;
}

/** Undefined for groups of anybody else. */
export function approvalOf({ metadata, spec }: CustomResourceDefinition): Approval | undefined {
  if (!/(^|\.)(k8s\.io|kubernetes\.io)$/.test(spec.group ?? "")) return undefined;
  const text = metadata.annotations?.[approvalAnnotation] ?? "";
  const must = `protected groups must have approval annotation "${approvalAnnotation}"`;
  const see = "see https://github.com/kubernetes/enhancements/pull/1111";
  if (text === "") return { state: "missing", reason: `${must}, ${see}` };
  if (text.startsWith("unapproved"))
    return { state: "bypassed", reason: `not approved: ${JSON.stringify(text)}` };
  if (/^[a-zA-Z][-+.a-zA-Z0-9]*:\/\/[^/]/.test(text))
    return { state: "approved", reason: `approved in ${text}` };
  return {
    state: "invalid",
    reason: `${must} with either a URL or a reason starting with "unapproved", ${see}`,
  };
}

const words = {
  missing: ["False", "MissingAnnotation"],
  invalid: ["False", "InvalidAnnotation"],
  bypassed: ["False", "UnapprovedAnnotation"],
  approved: ["True", "ApprovedAnnotation"],
} as const;

export function approvalCondition(definition: CustomResourceDefinition): Condition | undefined {
  const approval = approvalOf(definition);
  if (approval === undefined) return undefined;
  const [status, reason] = words[approval.state];
  return { type: "KubernetesAPIApprovalPolicyConformant", status, reason, message: approval.reason };
}
