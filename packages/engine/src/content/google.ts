/** What Google's storage is asked with: a token, for which the key of a service account signs. */
import { createSign } from "node:crypto";
import { type Instant, minutes, seconds } from "@selvedge/base";
import type { Credentials, Datastore } from "../desired.ts";
import { type HttpClient, readBody } from "../host/http.ts";
import { baseUrl, encodePath, type FileRequest } from "./address.ts";
import { BadImageError } from "./image-builder.ts";
import { SourceError } from "./registry-client.ts";

const storage = "https://storage.googleapis.com";
const tokens = "https://oauth2.googleapis.com/token";
const scope = "https://www.googleapis.com/auth/devstorage.read_only";
const grant = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/** What Google gives at most. */
const lifetime = minutes(60);
/** A download that begins now shall not find its token used up on the way. */
const margin = minutes(5);
const answerMax = 64 * 1024;
const answerMs = seconds(30);

interface ServiceAccount {
  readonly email: string;
  readonly key: string;
  readonly keyId: string;
  readonly tokens: string;
}

/** EVE has it as it was downloaded, or that in base64. Its other part names the project, which reading needs not. */
export function serviceAccount({ password }: Credentials): ServiceAccount {
  const text = password.trimStart().startsWith("{")
    ? password
    : Buffer.from(password, "base64").toString("utf8");
  try {
    const { client_email: email, private_key: key, private_key_id: keyId, token_uri } = JSON.parse(text);
    if (typeof email === "string" && typeof key === "string")
      return { email, key, keyId: String(keyId ?? ""), tokens: String(token_uri ?? tokens) };
  } catch {
    // Said below: what is in it is secret.
  }
  throw new BadImageError(
    "a Google datastore needs the key of a service account as its password: the JSON with client_email and private_key",
  );
}

/** Asks for tokens as they are needed, one for as long as it holds. */
export class GoogleTokens {
  readonly #http: HttpClient;
  readonly #account: ServiceAccount;
  readonly #certificates: readonly string[];
  #token: { readonly text: string; readonly until: number } | undefined;

  constructor(http: HttpClient, account: ServiceAccount, certificates: readonly string[]) {
    this.#http = http;
    this.#account = account;
    this.#certificates = certificates;
    if (!account.tokens.startsWith("https://"))
      throw new BadImageError(`token_uri ${account.tokens}: what a key signs is sent over https only`);
  }

  async token(now: Instant): Promise<string> {
    if (this.#token === undefined || this.#token.until < now) {
      const body = new URLSearchParams({ grant_type: grant, assertion: assertion(this.#account, now) });
      const response = await this.#http.send({
        ...{ method: "POST", url: this.#account.tokens, timeoutMs: answerMs },
        headers: { "content-type": "application/x-www-form-urlencoded" },
        body: new TextEncoder().encode(body.toString()),
        ...(this.#certificates.length === 0 ? {} : { certificates: this.#certificates, systemRoots: true }),
      });
      const text = new TextDecoder().decode(await readBody(response, answerMax));
      const { access_token: token, expires_in: left, error_description: why } = parsed(text);
      if (response.status !== 200 || typeof token !== "string")
        throw new SourceError(
          `${this.#account.tokens} gives no token for ${this.#account.email} (${response.status}): ${why ?? ""}`,
        );
      this.#token = { text: token, until: now + (Number(left) || 0) * 1000 - margin };
    }
    return this.#token.text;
  }
}

/** `path` is the bucket and the object in it. Without a token it is asked as anybody. */
export function googleRequest(
  { fqdn }: Pick<Datastore, "fqdn">,
  path: string,
  token: string | undefined,
): FileRequest {
  if (!path.includes("/"))
    throw new BadImageError("a Google datastore needs a bucket in dpath, and an object");
  const base = fqdn === "" ? storage : baseUrl({ fqdn, type: "google" });
  const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
  return { url: `${base}/${encodePath(path)}`, headers };
}

/** A JWT by the account's own key (RFC 7523). */
function assertion({ email, key, keyId, tokens: audience }: ServiceAccount, now: Instant): string {
  const issued = Math.floor(now / 1000);
  const claims = { iss: email, scope, aud: audience, iat: issued, exp: issued + lifetime / 1000 };
  const head = { alg: "RS256", typ: "JWT", ...(keyId === "" ? {} : { kid: keyId }) };
  const text = [head, claims].map((it) => Buffer.from(JSON.stringify(it)).toString("base64url")).join(".");
  try {
    return `${text}.${createSign("sha256").update(text).sign(key, "base64url")}`;
  } catch (cause) {
    throw new BadImageError(`private_key of ${email} is no RSA key in PEM`, { cause });
  }
}

function parsed(text: string): Readonly<Record<string, unknown>> {
  try {
    // `null` is JSON, too.
    return Object(JSON.parse(text)) as Record<string, unknown>;
  } catch {
    return {};
  }
}
