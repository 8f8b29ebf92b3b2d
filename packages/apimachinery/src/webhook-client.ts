/** What is wrong with how a webhook is reached, in upstream's words. Pure. */
import type { FieldError } from "./kind-definition.ts";
import { dnsSubdomainFaults } from "./names.ts";

interface WebhookService {
  readonly namespace: string;
  readonly name: string;
  readonly path?: string;
  readonly port?: number;
}

export function webhookClientErrors(
  at: string,
  { url, service }: { readonly url?: string; readonly service?: WebhookService },
): FieldError[] {
  if (url !== undefined && service === undefined) return urlErrors(`${at}.url`, url);
  if (url === undefined && service !== undefined) return serviceErrors(`${at}.service`, service);
  return [required(at, "exactly one of url or service is required")];
}

const form = "; desired format: https://host[/path]";

function urlErrors(at: string, text: string): FieldError[] {
  const missing = invalid(at, "", `host must be provided${form}`);
  const insecure = (scheme: string): FieldError =>
    invalid(at, scheme, `'https' is the only allowed URL scheme${form}`);
  if (!URL.canParse(text)) return text.includes("://") ? [missing] : [insecure(""), missing];
  const { protocol, host, username, password, hash, search } = new URL(text);
  const user = password === "" ? username : `${username}:${password}`;
  return [
    ...(protocol === "https:" ? [] : [insecure(protocol.slice(0, -1))]),
    ...(host === "" ? [missing] : []),
    ...(user === "" ? [] : [invalid(at, user, "user information is not permitted in the URL")]),
    ...(hash.length > 1 ? [invalid(at, hash.slice(1), "fragments are not permitted in the URL")] : []),
    ...(search.length > 1
      ? [invalid(at, search.slice(1), "query parameters are not permitted in the URL")]
      : []),
  ];
}

const portMax = 65_535;

function serviceErrors(at: string, { name, namespace, path = "", port = 0 }: WebhookService): FieldError[] {
  const errors: FieldError[] = [];
  if (!name) errors.push(required(`${at}.name`, "service name is required"));
  if (!namespace) errors.push(required(`${at}.namespace`, "service namespace is required"));
  if (port < 1 || port > portMax) {
    const detail = `port is not valid: must be between 1 and ${portMax}, inclusive`;
    errors.push(invalid(`${at}.port`, port, detail));
  }
  const wrong = (detail: string): unknown => errors.push(invalid(`${at}.path`, path, detail));
  if (path === "" || path === "/") return errors;
  if (path === "//") {
    wrong("segment[0] may not be empty");
    return errors;
  }
  if (!path.startsWith("/")) wrong("must start with a '/'");
  for (const [index, step] of path.slice(1).replace(/\/$/, "").split("/").entries()) {
    if (step === "") wrong(`segment[${index}] may not be empty`);
    else for (const fault of dnsSubdomainFaults(step)) wrong(`segment[${index}]: ${fault}`);
  }
  return errors;
}

function required(field: string, detail: string): FieldError {
  return { type: "FieldValueRequired", field, detail };
}

function invalid(field: string, value: unknown, detail: string): FieldError {
  return { type: "FieldValueInvalid", field, value, detail };
}
