import { type Authorizer, type DialService, WebhookAdmission } from "@selvedge/apiserver";
import { type Clock, type Log, type Random, uuid } from "@selvedge/base";
import { mutatingWebhookKind, validatingWebhookKind } from "@selvedge/kinds";
import type { Api } from "../api.ts";

export interface WebhooksOptions {
  readonly api: Pick<Api, "registry" | "metrics">;
  /** Undefined until the program has begun: nobody asks before. */
  readonly authorizer: () => Authorizer | undefined;
  readonly dial: DialService;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** Who is asked about writes besides this program; every replica asks by itself. */
export function createWebhooks({ api, authorizer, random, ...parts }: WebhooksOptions): WebhookAdmission {
  return new WebhookAdmission({
    ...{ ...parts, objects: api.registry, metrics: api.metrics, uid: () => uuid(random) },
    kinds: { mutating: mutatingWebhookKind, validating: validatingWebhookKind },
    authorizer: () => authorizer() ?? nobody,
  });
}

const nobody: Authorizer = {
  authorize: async () => ({ allowed: false, reason: "the controller is about to start" }),
};
