import type { Condition, KindDefinition, KubeObject } from "@selvedge/apimachinery";
import { open } from "./open.ts";

/** Which boxes become nodes, and whether a human is asked. */
export interface EnrollmentProfile extends KubeObject {
  apiVersion: "selvedge.dev/v1alpha1";
  kind: "EnrollmentProfile";
  spec: EnrollmentProfileSpec;
  status?: EnrollmentProfileStatus;
}

export interface EnrollmentProfileSpec {
  /** PEM. Boxes carry it with its key; it proves nothing but that they are from the batch it was put in. */
  onboardingCertificate: string;
  /** Which serials: `*` stands for any text, `?` for one character. Unset or empty: any serial. */
  serials?: string[];
  approve?: "Automatic" | "Manual";
  /** `{serial}` stands for the box's serial, made fit for a name. */
  nodeName?: string;
  /** Given to the EdgeNode and its Node. */
  labels?: Record<string, string>;
}

export interface EnrollmentProfileStatus {
  /** How many nodes it admitted. */
  enrolled?: number;
  conditions?: Condition[];
}

export const enrollmentProfileKind: KindDefinition = open({
  group: "selvedge.dev",
  version: "v1alpha1",
  kind: "EnrollmentProfile",
  plural: "enrollmentprofiles",
  singular: "enrollmentprofile",
  shortNames: ["ep"],
  categories: ["selvedge"],
  namespaced: false,
  subresources: { status: true },
  custom: true,
});
