import type { Datastore } from "../desired.ts";
import { BadImageError } from "./image-builder.ts";

/** What is asked for: where, and with which headers. */
export interface FileRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

export function baseUrl({ fqdn, type }: Pick<Datastore, "fqdn" | "type">): string {
  const scheme = type === "http" ? "http" : "https";
  const url = /^https?:\/\//.test(fqdn) ? fqdn : `${scheme}://${fqdn}`;
  if (!URL.canParse(url)) throw new BadImageError(`datastore ${JSON.stringify(fqdn)} is not an address`);
  return url.replace(/\/+$/, "");
}

/** Each part as RFC 3986 has it, which is also what the signatures of S3 and Azure are over. */
export function encodePath(path: string): string {
  return path.split("/").map(encodePart).join("/");
}

function encodePart(part: string): string {
  return encodeURIComponent(part).replace(
    /[!'()*]/g,
    (it) => `%${it.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** EVE's API key of a web server is the scheme of its password; otherwise the two are a name and a password. */
export function authorizationOf(user: string, password: string): string {
  if (/^(basic|bearer|digest|negotiate|ntlm|token)$/i.test(user)) return `${user} ${password}`;
  return `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
}
