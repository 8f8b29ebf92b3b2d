import { type Authorizer, PolicyAdmission } from "@selvedge/apiserver";
import type { Clock, Log } from "@selvedge/base";
import { validatingAdmissionPolicyBindingKind, validatingAdmissionPolicyKind } from "@selvedge/kinds";
import type { Api } from "../api.ts";

export interface AdmissionPoliciesOptions {
  readonly api: Pick<Api, "registry" | "metrics">;
  /** Undefined until the program has begun: nobody asks before. */
  readonly authorizer: () => Authorizer | undefined;
  readonly clock: Clock;
  readonly log: Log;
}

/** What users' policies say of writes; every replica asks them by itself. */
export function createAdmissionPolicies({
  api,
  authorizer,
  clock,
  log,
}: AdmissionPoliciesOptions): PolicyAdmission {
  return new PolicyAdmission({
    ...{ clock, log, objects: api.registry, metrics: api.metrics, authorizer: () => authorizer() ?? nobody },
    kinds: { policy: validatingAdmissionPolicyKind, binding: validatingAdmissionPolicyBindingKind },
  });
}

const nobody: Authorizer = {
  authorize: async () => ({ allowed: false, reason: "the controller is about to start" }),
};
