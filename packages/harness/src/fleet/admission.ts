/** What lets simulated nodes in: an onboarding pair, and an enrollment profile that admits it. */
import type { X509Certificate } from "node:crypto";
import type { Instant } from "@selvedge/base";
import { isReason } from "@selvedge/client";
import type { EnrolmentConfig } from "@selvedge/engine";
import { type EnrollmentProfile, edgeNodeKind, enrollmentProfileKind } from "@selvedge/kinds";
import type { KubeClient } from "../real/kube-client.ts";
import { makeOnboarding } from "../wire/wire-node.ts";

export type Admission = Pick<EnrolmentConfig, "baseUrl" | "roots" | "onboarding">;

/** Makes a pair and a profile for serials that begin with `prefix`. */
export async function admitThroughApi(
  client: KubeClient,
  baseUrl: string,
  prefix: string,
  now: Instant,
): Promise<Admission> {
  const pair = await makeOnboarding(prefix, now);
  await client.apply<EnrollmentProfile>(enrollmentProfileKind, {
    apiVersion: "selvedge.dev/v1alpha1",
    kind: "EnrollmentProfile",
    metadata: { name: prefix },
    spec: {
      onboardingCertificate: pair.certificatePem,
      serials: [`${prefix}-*`],
      approve: "Automatic",
      nodeName: "{serial}",
      labels: { "selvedge.dev/simulated": prefix },
    },
  });
  const keyPem = pair.key.export({ format: "pem", type: "pkcs8" }) as string;
  return { baseUrl, roots: [client.ca], onboarding: { certificatePem: pair.certificatePem, keyPem } };
}

export function givenAdmission(
  controller: string,
  onboarding: NonNullable<EnrolmentConfig["onboarding"]>,
  root: X509Certificate,
): Admission {
  return { baseUrl: controller.replace(/\/+$/, ""), roots: [root.toString()], onboarding };
}

/** Removes the nodes of the prefix and their profile. */
export async function forget(client: KubeClient, prefix: string): Promise<void> {
  const { items } = await client.list(edgeNodeKind);
  const names = items.map(({ metadata }) => metadata.name).filter((name) => name.startsWith(`${prefix}-`));
  for (const name of names) await client.delete(edgeNodeKind, name).catch(ignoreAbsence);
  await client.delete(enrollmentProfileKind, prefix).catch(ignoreAbsence);
}

function ignoreAbsence(error: unknown): void {
  if (!isReason(error, "NotFound")) throw error;
}
