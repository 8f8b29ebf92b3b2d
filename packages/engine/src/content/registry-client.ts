import { createHash } from "node:crypto";
import type { Credentials } from "../desired.ts";
import { type HttpClient, HttpError, type HttpResponse, readBody } from "../host/http.ts";
import { manifestMax, manifestTypes } from "./oci.ts";
import type { ImageReference } from "./reference.ts";

export interface RegistryAccess {
  readonly http: HttpClient;
  readonly credentials: Credentials | undefined;
  readonly certificates: readonly string[];
}

/** The source answered, but not with what was asked for. `final`: asking again in a moment cannot help. */
export class SourceError extends Error {
  override name = "SourceError";
}

/** A registry that says nothing for so long is gone; layers arrive in pieces, each of which counts anew. */
const answerMs = 60_000;
/** Blobs often live elsewhere; more hops than this are a loop. */
const redirectsMax = 5;
const tokenMax = 64 * 1024;

/** Pulls from one repository of an OCI registry, over whatever network the HttpClient speaks. */
export class RegistryClient {
  readonly #access: RegistryAccess;
  readonly #reference: ImageReference;
  #authorization: string | undefined;

  constructor(access: RegistryAccess, reference: ImageReference) {
    this.#access = access;
    this.#reference = reference;
  }

  /** A manifest by tag or digest, with the digest of exactly these bytes. */
  async manifest(name: string, signal: AbortSignal): Promise<{ bytes: Uint8Array; digest: string }> {
    const url = `${this.#repositoryUrl}/manifests/${name}`;
    const response = await this.#get(url, { accept: manifestTypes.join(", ") }, signal);
    if (response.status !== 200) throw await refusal(response, `manifest ${name}`);
    const bytes = await readBody(response, manifestMax);
    const digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
    if (name.startsWith("sha256:") && name !== digest)
      throw new SourceError(`the registry sent ${digest} for manifest ${name}`);
    return { bytes, digest };
  }

  /** The bytes of a blob from `offset` on; `offset` in the answer says where they really start. */
  async blob(
    digest: string,
    offset: number,
    signal: AbortSignal,
  ): Promise<{ offset: number; body: AsyncIterable<Uint8Array> }> {
    const range: Record<string, string> = offset > 0 ? { range: `bytes=${offset}-` } : {};
    const response = await this.#get(`${this.#repositoryUrl}/blobs/${digest}`, range, signal);
    if (response.status === 200) return { offset: 0, body: response.body };
    const start = /^bytes (\d+)-/.exec(response.headers["content-range"] ?? "")?.[1];
    if (response.status === 206 && Number(start) === offset) return { offset, body: response.body };
    if (response.status === 416) return { offset: 0, body: noBytes };
    throw await refusal(response, `blob ${digest}`);
  }

  get #repositoryUrl(): string {
    return `${this.#reference.base}/v2/${this.#reference.repository}`;
  }

  async #get(url: string, headers: Record<string, string>, signal: AbortSignal): Promise<HttpResponse> {
    const first = await this.#follow(url, headers, signal);
    if (first.status !== 401) return first;
    await drain(first);
    const challenge = first.headers["www-authenticate"] ?? "";
    this.#authorization = await this.#authorize(challenge, signal);
    if (this.#authorization === undefined)
      throw new SourceError("the registry wants credentials: unauthorized");
    return await this.#follow(url, headers, signal);
  }

  /** Follows redirects; our credentials go to the registry's own host and nowhere else. */
  async #follow(url: string, headers: Record<string, string>, signal: AbortSignal): Promise<HttpResponse> {
    let at = url;
    for (let hop = 0; hop <= redirectsMax; hop++) {
      const own = new URL(at).origin === new URL(this.#reference.base).origin;
      const authorization =
        own && this.#authorization !== undefined ? { authorization: this.#authorization } : {};
      const response = await this.#send(at, { ...headers, ...authorization }, signal);
      const location = response.headers["location"];
      if (![301, 302, 303, 307, 308].includes(response.status) || location === undefined) return response;
      await drain(response);
      const next = new URL(location, at);
      if (at.startsWith("https:") && next.protocol !== "https:")
        throw new SourceError(`the registry sends us from https to ${next.protocol}`);
      at = next.href;
    }
    throw new SourceError("the registry sends us in circles");
  }

  async #authorize(challenge: string, signal: AbortSignal): Promise<string | undefined> {
    const { credentials } = this.#access;
    const basic = credentials && `Basic ${btoa(`${credentials.user}:${credentials.password}`)}`;
    if (/^basic\b/i.test(challenge)) return basic;
    if (!/^bearer\b/i.test(challenge)) return undefined;
    const parts = new Map(
      [...challenge.matchAll(/(\w+)="([^"]*)"/g)].map(([, key, value]) => [key ?? "", value ?? ""]),
    );
    const realm = parts.get("realm");
    if (realm === undefined) throw new SourceError("the registry's challenge names no realm");
    const url = new URL(realm, this.#reference.base);
    if (url.protocol !== "https:" && !this.#reference.base.startsWith("http:"))
      throw new SourceError(`the registry's token service ${url.href} is not https`);
    const service = parts.get("service");
    if (service !== undefined) url.searchParams.set("service", service);
    url.searchParams.set("scope", parts.get("scope") ?? `repository:${this.#reference.repository}:pull`);
    const response = await this.#send(url.href, basic === undefined ? {} : { authorization: basic }, signal);
    if (response.status !== 200) throw await refusal(response, "token");
    const answer = JSON.parse(new TextDecoder().decode(await readBody(response, tokenMax)));
    const token = answer?.token ?? answer?.access_token;
    if (typeof token !== "string") throw new SourceError("the token service sent no token");
    return `Bearer ${token}`;
  }

  #send(url: string, headers: Record<string, string>, signal: AbortSignal): Promise<HttpResponse> {
    const { http, certificates } = this.#access;
    return http.send({
      method: "GET",
      url,
      headers,
      ...(certificates.length === 0 ? {} : { certificates, systemRoots: true }),
      timeoutMs: answerMs,
      signal,
    });
  }
}

const noBytes: AsyncIterable<Uint8Array> = (async function* () {})();
/** What we read of an error's text, to show it. */
const refusalMax = 4096;

export async function refusal(response: HttpResponse, what: string): Promise<SourceError> {
  let detail = "";
  try {
    detail = new TextDecoder().decode(await readBody(response, refusalMax)).slice(0, 200);
  } catch (error) {
    if (!(error instanceof HttpError)) throw error;
  }
  const meaning = response.status === 404 ? "not found" : `status ${response.status}`;
  return new SourceError(`${what}: ${meaning}${detail === "" ? "" : ` (${detail.trim()})`}`);
}

async function drain(response: HttpResponse): Promise<void> {
  try {
    await readBody(response, tokenMax);
  } catch (error) {
    if (!(error instanceof HttpError)) throw error;
  }
}
