/** What is wrong with a webhook, with upstream's paths and words. Pure. */
import { dns1035LabelFaults, dnsSubdomainFaults, webhookClientErrors } from "@selvedge/apimachinery";
import type { Faults } from "../faults.ts";
import { checkConditions, checkRule, defaultRule, sameConditions } from "./rule-fields.ts";
import type { Webhook } from "./webhook-fields.ts";

export function defaultWebhook(webhook: Webhook): void {
  webhook.failurePolicy ??= "Fail";
  webhook.matchPolicy ??= "Equivalent";
  webhook.namespaceSelector ??= {};
  webhook.objectSelector ??= {};
  webhook.timeoutSeconds ??= 10;
  for (const rule of webhook.rules ?? []) defaultRule(rule);
  const { service } = webhook.clientConfig ?? {};
  if (service !== undefined) service.port ??= 443;
}

/** What an update need not mend, since it was there before. */
interface Leniency {
  readonly sideEffects: boolean;
  readonly versions: boolean;
  readonly names: boolean;
  readonly conditions: boolean;
}

const known = ["v1", "v1beta1"];
const harmless = ["None", "NoneOnDryRun"];
const allSideEffects = ["None", "NoneOnDryRun", "Some", "Unknown"];

export function checkWebhooks(
  faults: Faults,
  webhooks: readonly Webhook[],
  old: readonly Webhook[] | undefined,
): void {
  const lenient: Leniency = {
    sideEffects: old?.some(({ sideEffects }) => !harmless.includes(sideEffects ?? "")) === true,
    versions:
      old?.some(({ admissionReviewVersions: all = [] }) => all.length > 0 && !all.some(isKnown)) === true,
    names: old !== undefined && new Set(old.map(({ name }) => name)).size < old.length,
    conditions: old !== undefined && sameConditions(webhooks, old),
  };
  const names = new Set<string>();
  for (const [index, webhook] of webhooks.entries()) {
    const at = `webhooks[${index}]`;
    checkWebhook(faults, at, webhook, lenient);
    checkVersions(faults, `${at}.admissionReviewVersions`, webhook.admissionReviewVersions ?? [], lenient);
    const { name } = webhook;
    if (!lenient.names && name && names.has(name)) faults.duplicate(`${at}.name`, name);
    names.add(name);
  }
}

function isKnown(version: string): boolean {
  return known.includes(version);
}

function checkWebhook(faults: Faults, at: string, webhook: Webhook, lenient: Leniency): void {
  checkName(faults, `${at}.name`, webhook.name);
  const { rules = [], failurePolicy, matchPolicy, sideEffects, timeoutSeconds, reinvocationPolicy } = webhook;
  for (const [index, rule] of rules.entries()) checkRule(faults, `${at}.rules[${index}]`, rule);
  faults.oneOf(`${at}.failurePolicy`, failurePolicy, ["Fail", "Ignore"]);
  faults.oneOf(`${at}.matchPolicy`, matchPolicy, ["Equivalent", "Exact"]);
  const allowed = lenient.sideEffects ? allSideEffects : harmless;
  if (sideEffects === undefined)
    faults.required(`${at}.sideEffects`, `must specify one of ${allowed.join(", ")}`);
  else faults.oneOf(`${at}.sideEffects`, sideEffects, allowed);
  if (timeoutSeconds !== undefined && (timeoutSeconds > 30 || timeoutSeconds < 1)) {
    const detail = "the timeout value must be between 1 and 30 seconds";
    faults.invalid(`${at}.timeoutSeconds`, timeoutSeconds, detail);
  }
  faults.selector(`${at}.namespaceSelector`, webhook.namespaceSelector);
  faults.selector(`${at}.objectSelector`, webhook.objectSelector);
  if (reinvocationPolicy !== undefined)
    faults.oneOf(`${at}.reinvocationPolicy`, reinvocationPolicy, ["IfNeeded", "Never"]);
  faults.errors.push(...webhookClientErrors(`${at}.clientConfig`, webhook.clientConfig ?? {}));
  if (!lenient.conditions) checkConditions(faults, `${at}.matchConditions`, webhook.matchConditions);
}

function checkName(faults: Faults, at: string, name = ""): void {
  const wrong = dnsSubdomainFaults(name);
  if (name === "") faults.required(at);
  else if (wrong.length > 0) faults.invalid(at, name, wrong.join(","));
  else if (name.split(".").length < 3)
    faults.invalid(at, name, "should be a domain with at least three segments separated by dots");
}

function checkVersions(faults: Faults, at: string, versions: readonly string[], lenient: Leniency): void {
  const some = known.join(", ");
  if (versions.length === 0) {
    faults.required(at, `must specify one of ${some}`);
    return;
  }
  for (const [index, version] of versions.entries()) {
    if (versions.indexOf(version) < index) faults.invalid(`${at}[${index}]`, version, "duplicate version");
    else faults.all(`${at}[${index}]`, version, dns1035LabelFaults(version));
  }
  if (!lenient.versions && !versions.some(isKnown))
    faults.invalid(at, versions, `must include at least one of ${some}`);
}
