import type { FieldError, KindDefinition, KubeObject } from "@selvedge/apimachinery";
import { ageColumn, counts, nameColumn } from "../columns.ts";
import { Faults } from "../faults.ts";
import { byKeys, kindMessage, type Message, message, objects } from "../fields.ts";
import { builtIn } from "../kind.ts";
import { type Webhook, webhookFields } from "./webhook-fields.ts";
import { checkWebhooks, defaultWebhook } from "./webhook-rules.ts";

/** Who is asked whether writes may be. */
export interface ValidatingWebhookConfiguration extends KubeObject {
  apiVersion: "admissionregistration.k8s.io/v1";
  kind: "ValidatingWebhookConfiguration";
  webhooks?: Webhook[];
}

const webhook: Message = message("Somebody who is asked.", webhookFields(10));

const configuration: Message = kindMessage("Who is asked whether writes may be.", {
  webhooks: objects(2, webhook, "Who is asked, all at once.", byKeys("name")),
});

export const validatingWebhookKind: KindDefinition = builtIn(configuration, {
  group: "admissionregistration.k8s.io",
  version: "v1",
  kind: "ValidatingWebhookConfiguration",
  plural: "validatingwebhookconfigurations",
  singular: "validatingwebhookconfiguration",
  categories: ["api-extensions"],
  namespaced: false,
  hasGeneration: true,
  unconditionalUpdate: false,
  applyDefaults: (object) => {
    for (const one of (object as ValidatingWebhookConfiguration).webhooks ?? []) defaultWebhook(one);
  },
  validate: (object, old) =>
    validate(object as ValidatingWebhookConfiguration, old as ValidatingWebhookConfiguration | undefined),
  columns: [
    nameColumn,
    counts<ValidatingWebhookConfiguration>(
      "Webhooks",
      "How many are asked.",
      ({ webhooks = [] }) => webhooks.length,
    ),
    ageColumn,
  ],
});

function validate(
  { webhooks = [] }: ValidatingWebhookConfiguration,
  old: ValidatingWebhookConfiguration | undefined,
): FieldError[] {
  const faults = new Faults();
  checkWebhooks(faults, webhooks, old && (old.webhooks ?? []));
  return faults.errors;
}
