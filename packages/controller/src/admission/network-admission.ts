/** What is accepted and does not act is said to whoever makes it. */
import type { AdmissionMember } from "@selvedge/apiserver";
import { type NetworkPolicy, networkPolicyKind, type Service, serviceKind } from "@selvedge/kinds";
import { plainFindings } from "../network/policy-findings.ts";

const inert: Readonly<Record<string, string>> = {
  LoadBalancer: "there is no load balancer: each node that runs its Pods opens the node ports",
  ExternalName: "ExternalName is kept, but nothing on the nodes resolves the Service's name",
};

export const networkAdmission: AdmissionMember = {
  name: "NetworkWarnings",
  handles: ({ kind, operation, subresource }) =>
    (kind === networkPolicyKind || kind === serviceKind) &&
    operation !== "DELETE" &&
    subresource === undefined,
  validate({ kind, object, warn }) {
    if (kind === networkPolicyKind) {
      for (const finding of plainFindings(object as NetworkPolicy)) warn(finding);
      return;
    }
    const text = inert[(object as Service).spec.type ?? ""];
    if (text !== undefined) warn(text);
  },
};
