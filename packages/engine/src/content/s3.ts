/** What S3 and all that speak like it are asked with: addresses of both styles, and version 4 signatures. */

import { createHash, createHmac } from "node:crypto";
import type { Instant } from "@selvedge/base";
import type { Credentials, Datastore } from "../desired.ts";
import { baseUrl, encodePath, type FileRequest } from "./address.ts";
import { BadImageError } from "./image-builder.ts";

/** EVE's own, where the configuration names none. */
const regionDefault = "us-west-2";
const emptyHash = createHash("sha256").digest("hex");

/** `path` is the bucket and the key in it. Without credentials it is asked as anybody. */
export function s3Request(
  datastore: Pick<Datastore, "fqdn" | "region" | "type">,
  path: string,
  credentials: Credentials | undefined,
  now: Instant,
): FileRequest {
  const region = datastore.region || regionDefault;
  const url = s3Url(datastore.fqdn, region, path);
  if (credentials === undefined) return { url, headers: {} };
  const headers = { host: new URL(url).host, "x-amz-content-sha256": emptyHash, "x-amz-date": amzDate(now) };
  const authorization = sign(new URL(url), headers, credentials, region);
  const { host: _host, ...rest } = headers;
  return { url, headers: { ...rest, authorization } };
}

/**
 * Amazon's own buckets have hosts of their own, unless a dot in the name keeps the certificate from fitting;
 * at an endpoint of somebody else's the bucket is the first part of the path, unless the host begins with it.
 */
function s3Url(fqdn: string, region: string, path: string): string {
  const [bucket = "", ...key] = path.split("/");
  if (bucket === "" || key.length === 0)
    throw new BadImageError("an S3 datastore needs a bucket in dpath, and a key");
  const encoded = encodePath(key.join("/"));
  if (fqdn === "") {
    const domain = `s3.${region}.amazonaws.com`;
    return bucket.includes(".")
      ? `https://${domain}/${bucket}/${encoded}`
      : `https://${bucket}.${domain}/${encoded}`;
  }
  const base = baseUrl({ fqdn, type: "s3" });
  return new URL(base).host.startsWith(`${bucket}.`) ? `${base}/${encoded}` : `${base}/${bucket}/${encoded}`;
}

function amzDate(now: Instant): string {
  return `${new Date(now).toISOString().replace(/[-:]|\.\d+/g, "")}`;
}

/** AWS Signature Version 4 of a GET without a body. */
export function sign(
  url: URL,
  headers: Readonly<Record<string, string>> & { readonly "x-amz-date": string },
  { user, password }: Credentials,
  region: string,
): string {
  const names = Object.keys(headers).sort();
  const signed = names.join(";");
  const request = [
    "GET",
    url.pathname,
    [...url.searchParams]
      .map(([name, value]) => `${encodePath(name)}=${encodePath(value)}`)
      .sort()
      .join("&"),
    ...names.map((name) => `${name}:${headers[name]?.trim()}`),
    "",
    signed,
    emptyHash,
  ].join("\n");
  const date = headers["x-amz-date"];
  const scope = `${date.slice(0, 8)}/${region}/s3/aws4_request`;
  const hash = createHash("sha256").update(request).digest("hex");
  const text = ["AWS4-HMAC-SHA256", date, scope, hash].join("\n");
  const key = scope.split("/").reduce<Uint8Array | string>(hmac, `AWS4${password}`);
  const signature = Buffer.from(hmac(key, text)).toString("hex");
  return `AWS4-HMAC-SHA256 Credential=${user}/${scope}, SignedHeaders=${signed}, Signature=${signature}`;
}

function hmac(key: Uint8Array | string, text: string): Uint8Array {
  return createHmac("sha256", key).update(text).digest();
}
