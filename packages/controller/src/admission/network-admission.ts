/** What is accepted and does not act is said to whoever makes it. */
import type { AdmissionMember } from "@selvedge/apiserver";
import { networkPolicyKind, type Service, serviceKind } from "@selvedge/kinds";

const unenforced =
  "NetworkPolicy is kept but not enforced: nodes let Pods of one node talk to each other, and nobody else " +
  "reaches a Pod but by a hostPort or a Service of type NodePort";
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
    if (kind === networkPolicyKind) return warn(unenforced);
    const text = inert[(object as Service).spec.type ?? ""];
    if (text !== undefined) warn(text);
  },
};
