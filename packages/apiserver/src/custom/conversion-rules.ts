/** What is wrong with how a definition has versions converted, with upstream's paths and words. Pure. */
import { dns1035LabelFaults, type FieldError, webhookClientErrors } from "@selvedge/apimachinery";
import type { DefinitionConversion } from "./definition.ts";
import { forbidden, invalid, notSupported, required } from "./faults.ts";

const at = "spec.conversion";
const known = ["v1", "v1beta1"];
const unneeded = "should not be set when strategy is not set to Webhook";

/** `old`: what it was before; what was let be then is let be now. */
export function conversionErrors(
  conversion: DefinitionConversion | undefined,
  old: DefinitionConversion | undefined,
): FieldError[] {
  if (conversion === undefined) return [];
  const { strategy, webhook } = conversion;
  const errors: FieldError[] = [];
  if (!strategy) errors.push(required(`${at}.strategy`));
  else if (strategy !== "None" && strategy !== "Webhook")
    errors.push(notSupported(`${at}.strategy`, strategy, ["None", "Webhook"]));
  if (strategy !== "Webhook") {
    if (webhook?.clientConfig !== undefined) errors.push(forbidden(`${at}.webhookClientConfig`, unneeded));
    if ((webhook?.conversionReviewVersions ?? []).length > 0)
      errors.push(forbidden(`${at}.conversionReviewVersions`, unneeded));
    return errors;
  }
  const client = webhook?.clientConfig;
  if (client === undefined)
    errors.push(required(`${at}.webhookClientConfig`, "required when strategy is set to Webhook"));
  else {
    errors.push(...webhookClientErrors(`${at}.webhookClientConfig`, client));
    errors.push(...bundleErrors(client.caBundle, old?.webhook?.clientConfig?.caBundle));
  }
  return [...errors, ...versionErrors(webhook?.conversionReviewVersions ?? [], old)];
}

function bundleErrors(bundle: string | undefined, old: string | undefined): FieldError[] {
  if (!bundle || isBundle(bundle) || (old && !isBundle(old))) return [];
  const detail = "unable to load root certificates: unable to parse bytes as PEM block";
  return [invalid(`${at}.webhookClientConfig.caBundle`, bundle, detail)];
}

function isBundle(base64: string): boolean {
  return /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/.test(
    Buffer.from(base64, "base64").toString("latin1"),
  );
}

function versionErrors(versions: readonly string[], old: DefinitionConversion | undefined): FieldError[] {
  const field = `${at}.conversionReviewVersions`;
  if (versions.length === 0) return [required(field)];
  const errors: FieldError[] = [];
  for (const [index, version] of versions.entries()) {
    const place = `${field}[${index}]`;
    if (versions.indexOf(version) < index) errors.push(invalid(place, version, "duplicate version"));
    else for (const fault of dns1035LabelFaults(version)) errors.push(invalid(place, version, fault));
  }
  const before = old?.webhook?.conversionReviewVersions ?? [];
  const lenient = before.length > 0 && !before.some(isKnown);
  if (!lenient && !versions.some(isKnown))
    errors.push(invalid(field, versions, `must include at least one of ${known.join(", ")}`));
  return errors;
}

function isKnown(version: string): boolean {
  return known.includes(version);
}
