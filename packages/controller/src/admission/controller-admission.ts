import type { AdmissionMember } from "@selvedge/apiserver";
import type { Clock } from "@selvedge/base";
import type { KindRef, Objects } from "@selvedge/client";
import { defaultServiceRange, type ServiceRange } from "../endpoints/service-range.ts";
import { evictionAdmission } from "./eviction-admission.ts";
import { gapAdmission } from "./gap-admission.ts";
import { keptAdmission } from "./kept-admission.ts";
import { limitsAdmission } from "./limits-admission.ts";
import { networkAdmission } from "./network-admission.ts";
import type { Policies } from "./policies.ts";
import { priorityAdmission } from "./priority-admission.ts";
import { quotaAdmission } from "./quota-admission.ts";
import { runtimeAdmission } from "./runtime-admission.ts";
import { serviceAdmission } from "./service-admission.ts";
import { storageAdmission } from "./storage-admission.ts";

export interface ControllerAdmissionOptions {
  readonly policies: Policies;
  readonly objects: Objects;
  readonly clock: Clock;
  /** Every kind with a namespace that the API server serves. */
  readonly contents: () => readonly KindRef[];
  readonly serviceRange?: ServiceRange;
}

/** All who have a say in writes for the controller's sake, in upstream's order; the quota has the last word. */
export function controllerAdmission({
  policies,
  objects,
  clock,
  contents,
  serviceRange = defaultServiceRange,
}: ControllerAdmissionOptions): AdmissionMember[] {
  return [
    runtimeAdmission(policies),
    limitsAdmission(policies),
    ...priorityAdmission(policies),
    ...storageAdmission(policies),
    serviceAdmission(policies, objects, serviceRange),
    networkAdmission,
    keptAdmission(serviceRange),
    gapAdmission,
    evictionAdmission(policies, objects, clock),
    quotaAdmission(policies, objects, contents),
  ];
}
