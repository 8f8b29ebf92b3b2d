import { isReason } from "@selvedge/client";
import { type EnrollmentProfile, enrollmentProfileKind, type Node, nodeKind } from "@selvedge/kinds";
import type { KubeConnection } from "../kube.ts";

export interface Admission {
  readonly name: string;
  readonly onboardingCertificate: string;
  /** Not there: any. */
  readonly serials?: readonly string[];
  readonly site?: string;
}

/** The nodes of this machine. */
export function localProfile(onboardingCertificate: string): Admission {
  return { name: "local", onboardingCertificate, serials: ["node-*"], site: "local" };
}

/** Admits them without a human. */
export async function enrollmentProfile({ objects }: KubeConnection, admission: Admission): Promise<true> {
  const { name, onboardingCertificate, serials, site } = admission;
  const profile: EnrollmentProfile = {
    apiVersion: "selvedge.dev/v1alpha1",
    kind: "EnrollmentProfile",
    metadata: { name },
    spec: {
      onboardingCertificate,
      ...(serials === undefined ? {} : { serials: [...serials] }),
      approve: "Automatic",
      nodeName: "{serial}",
      ...(site === undefined ? {} : { labels: { "selvedge.dev/site": site } }),
    },
  };
  const options = { fieldManager: "selvedge-up", force: true };
  await objects.patch(enrollmentProfileKind, name, undefined, "apply", profile, options);
  return true;
}

/** Says why not, until the node is there and says it is Ready. */
export async function isNodeReady({ objects }: KubeConnection, name: string): Promise<true> {
  const { status } = await objects.get<Node>(nodeKind, name).catch((error: unknown) => {
    if (isReason(error, "NotFound")) throw new Error("it has not enrolled yet");
    throw error;
  });
  const ready = status?.conditions?.find(({ type }) => type === "Ready");
  if (ready?.status === "True") return true;
  throw new Error(ready?.message ?? "it has not reported yet");
}
