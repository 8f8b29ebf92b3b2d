import type { FieldError, KindDefinition, KubeObject } from "@selvedge/apimachinery";
import { ageColumn, counts, nameColumn } from "../columns.ts";
import { Faults } from "../faults.ts";
import { byKeys, kindMessage, type Message, message, objects, pointer, text } from "../fields.ts";
import { builtIn } from "../kind.ts";
import { type Webhook, webhookFields } from "./webhook-fields.ts";
import { checkWebhooks, defaultWebhook } from "./webhook-rules.ts";

/** Who is asked about writes, and may change them. */
export interface MutatingWebhookConfiguration extends KubeObject {
  apiVersion: "admissionregistration.k8s.io/v1";
  kind: "MutatingWebhookConfiguration";
  webhooks?: Webhook[];
}

const webhook: Message = message("Somebody who is asked.", {
  ...webhookFields(11),
  reinvocationPolicy: text(
    10,
    "Never, or IfNeeded: asked once more when others have changed the object. Never when not said.",
    pointer,
  ),
});

const configuration: Message = kindMessage("Who is asked about writes, and may change them.", {
  webhooks: objects(2, webhook, "Who is asked, one after another.", byKeys("name")),
});

export const mutatingWebhookKind: KindDefinition = builtIn(configuration, {
  group: "admissionregistration.k8s.io",
  version: "v1",
  kind: "MutatingWebhookConfiguration",
  plural: "mutatingwebhookconfigurations",
  singular: "mutatingwebhookconfiguration",
  categories: ["api-extensions"],
  namespaced: false,
  hasGeneration: true,
  unconditionalUpdate: false,
  applyDefaults: (object) => {
    for (const one of (object as MutatingWebhookConfiguration).webhooks ?? []) {
      defaultWebhook(one);
      one.reinvocationPolicy ??= "Never";
    }
  },
  validate: (object, old) =>
    validate(object as MutatingWebhookConfiguration, old as MutatingWebhookConfiguration | undefined),
  columns: [
    nameColumn,
    counts<MutatingWebhookConfiguration>(
      "Webhooks",
      "How many are asked.",
      ({ webhooks = [] }) => webhooks.length,
    ),
    ageColumn,
  ],
});

function validate(
  { webhooks = [] }: MutatingWebhookConfiguration,
  old: MutatingWebhookConfiguration | undefined,
): FieldError[] {
  const faults = new Faults();
  checkWebhooks(faults, webhooks, old && (old.webhooks ?? []));
  return faults.errors;
}
