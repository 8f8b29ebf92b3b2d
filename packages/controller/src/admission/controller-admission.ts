import type { AdmissionMember } from "@selvedge/apiserver";
import type { Policies } from "./policies.ts";
import { storageAdmission } from "./storage-admission.ts";

/** All who have a say in writes for the controller's sake, in upstream's order. */
export function controllerAdmission(policies: Policies): AdmissionMember[] {
  return storageAdmission(policies);
}
