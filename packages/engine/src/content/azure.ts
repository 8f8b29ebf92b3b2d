/** What Azure's blob storage is asked with: a shared key that signs, or a shared access signature as it is. */

import { createHmac } from "node:crypto";
import type { Instant } from "@selvedge/base";
import type { Credentials, Datastore } from "../desired.ts";
import { baseUrl, encodePath, type FileRequest } from "./address.ts";
import { BadImageError } from "./image-builder.ts";

const version = "2021-08-06";

/** `path` is the container and the blob in it. Without credentials it is asked as anybody. */
export function azureRequest(
  datastore: Pick<Datastore, "fqdn" | "type">,
  path: string,
  credentials: Credentials | undefined,
  more: Readonly<Record<string, string>>,
  now: Instant,
): FileRequest {
  if (!path.includes("/"))
    throw new BadImageError("an Azure datastore needs a container in dpath, and a blob");
  const account = credentials?.user ?? "";
  if (datastore.fqdn === "" && account === "")
    throw new BadImageError("an Azure datastore needs fqdn, or an account in its cipherData");
  const base = datastore.fqdn === "" ? `https://${account}.blob.core.windows.net` : baseUrl(datastore);
  const url = `${base}/${encodePath(path)}`;
  const headers = { "x-ms-date": new Date(now).toUTCString(), "x-ms-version": version };
  const token = [credentials?.password, credentials?.user].find((text) => /(^|[?&])sig=/.test(text ?? ""));
  if (token !== undefined)
    return { url: `${url}?${token.replace(/^\?/, "")}`, headers: { "x-ms-version": version } };
  if (credentials === undefined) return { url, headers: { "x-ms-version": version } };
  const authorization = sharedKey(new URL(url), { ...headers, ...more }, credentials);
  return { url, headers: { ...headers, authorization } };
}

/** The signature of a GET: of what the standard headers say there is only the range. */
export function sharedKey(
  url: URL,
  headers: Readonly<Record<string, string>>,
  { user, password }: Credentials,
): string {
  const own = Object.keys(headers)
    .filter((name) => name.startsWith("x-ms-"))
    .sort()
    .map((name) => `${name}:${headers[name]}\n`)
    .join("");
  const empty = "\n".repeat(emptyHeaders);
  const query = [...url.searchParams].sort().map(([name, value]) => `\n${name.toLowerCase()}:${value}`);
  const text = `GET${empty}\n${headers["range"] ?? ""}\n${own}/${user}${url.pathname}${query.join("")}`;
  const signature = createHmac("sha256", Buffer.from(password, "base64")).update(text).digest("base64");
  return `SharedKey ${user}:${signature}`;
}

/** Encoding, language, length, MD5, type, date, and four conditions. */
const emptyHeaders = 10;
