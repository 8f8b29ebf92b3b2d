import { isReason } from "@selvedge/client";
import { type EnrollmentProfile, enrollmentProfileKind, type Node, nodeKind } from "@selvedge/kinds";
import type { KubeConnection } from "../kube.ts";

/** Admits the nodes of this machine without a human. */
export async function enrollmentProfile(
  { objects }: KubeConnection,
  onboardingCertificate: string,
): Promise<true> {
  const profile: EnrollmentProfile = {
    apiVersion: "selvedge.dev/v1alpha1",
    kind: "EnrollmentProfile",
    metadata: { name: "local" },
    spec: {
      onboardingCertificate,
      serials: ["node-*"],
      approve: "Automatic",
      nodeName: "{serial}",
      labels: { "selvedge.dev/site": "local" },
    },
  };
  const options = { fieldManager: "selvedge-up", force: true };
  await objects.patch(enrollmentProfileKind, "local", undefined, "apply", profile, options);
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
