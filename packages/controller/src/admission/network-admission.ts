/** What is accepted and does not act is said to whoever makes it. */
import type { AdmissionMember } from "@selvedge/apiserver";
import {
  ingressClassKind,
  ingressKind,
  type NetworkPolicy,
  networkPolicyKind,
  type Service,
  serviceKind,
} from "@selvedge/kinds";
import { plainFindings } from "../network/policy-findings.ts";

const inert: Readonly<Record<string, string>> = {
  LoadBalancer: "there is no load balancer: each node that runs its Pods opens the node ports",
};

const unrouted = "no node routes by hosts and paths: reach the Service itself, or run a proxy as an app";
const oldClass = "kubernetes.io/ingress.class";

export const networkAdmission: AdmissionMember = {
  name: "NetworkWarnings",
  handles: ({ kind, operation, subresource }) =>
    [networkPolicyKind, serviceKind, ingressKind, ingressClassKind].includes(kind) &&
    operation !== "DELETE" &&
    subresource === undefined,
  validate({ kind, object, operation, warn }) {
    if (kind === ingressKind || kind === ingressClassKind) {
      const { ingressClassName } = (object?.["spec"] ?? {}) as { ingressClassName?: string };
      const isOld = object?.metadata.annotations?.[oldClass] !== undefined;
      if (operation === "CREATE" && isOld && ingressClassName === undefined) {
        warn(`annotation "${oldClass}" is deprecated, please use 'spec.ingressClassName' instead`);
      }
      warn(`${kind.kind} is kept, but ${unrouted}`);
      return;
    }
    if (kind === networkPolicyKind) {
      for (const finding of plainFindings(object as NetworkPolicy)) warn(finding);
      return;
    }
    const text = inert[(object as Service).spec.type ?? ""];
    if (text !== undefined) warn(text);
  },
};
