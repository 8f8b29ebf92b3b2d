import type { Clock } from "@selvedge/base";
import type { ContentSpec, Datastore } from "../desired.ts";
import type { HttpClient, HttpResponse } from "../host/http.ts";
import type { SftpClient } from "../host/sftp.ts";
import { authorizationOf, baseUrl, encodePath, type FileRequest } from "./address.ts";
import { azureRequest } from "./azure.ts";
import type { FetchSettings } from "./fetch-settings.ts";
import { GoogleTokens, googleRequest, serviceAccount } from "./google.ts";
import { BadImageError } from "./image-builder.ts";
import { refusal, SourceError } from "./registry-client.ts";
import { s3Request } from "./s3.ts";

/** Bytes of a file from `offset` on; `offset` in what comes back says where they really start. */
export interface FilePart {
  readonly offset: number;
  /** Of the whole file; undefined when the source does not say. */
  readonly total: number | undefined;
  readonly body: AsyncIterable<Uint8Array>;
}

export interface FileSource {
  open(offset: number, signal: AbortSignal): Promise<FilePart>;
}

export interface SourceParts {
  readonly http: HttpClient;
  readonly sftp: SftpClient;
  readonly clock: Pick<Clock, "now">;
  /** Among them, whether credentials may be sent where everybody on the way reads them. */
  readonly settings: () => Pick<FetchSettings, "insecureAuth">;
}

/** A source that says nothing for so long is gone; a file arrives in pieces, each of which counts anew. */
const answerMs = 60_000;
/** Files often live elsewhere; more hops than this are a loop. */
const redirectsMax = 5;

/** Where a file that the configuration names is got from. */
export async function fileSource(
  parts: SourceParts,
  spec: ContentSpec,
  datastore: Datastore,
): Promise<FileSource> {
  const credentials = await datastore.credentials();
  const path = joinPath(datastore.path, spec.url);
  switch (datastore.type) {
    case "http":
    case "https": {
      const url = `${baseUrl(datastore)}/${encodePath(path)}`;
      const authorization = credentials && authorizationOf(credentials.user, credentials.password);
      if (authorization !== undefined && url.startsWith("http:") && !parts.settings().insecureAuth)
        throw new BadImageError(
          `${url}: credentials are not sent over http; use https, or set datastore.http.security.allowinsecureauth`,
        );
      return overHttp(parts, datastore, () => ({
        url,
        headers: authorization === undefined ? {} : { authorization },
      }));
    }
    case "s3":
      return overHttp(parts, datastore, () => s3Request(datastore, path, credentials, parts.clock.now()));
    case "azure":
      return overHttp(parts, datastore, (headers) =>
        azureRequest(datastore, path, credentials, headers, parts.clock.now()),
      );
    case "google": {
      const tokens =
        credentials && new GoogleTokens(parts.http, serviceAccount(credentials), datastore.certificates);
      return overHttp(parts, datastore, async () =>
        googleRequest(datastore, path, await tokens?.token(parts.clock.now())),
      );
    }
    case "sftp": {
      if (credentials === undefined)
        throw new BadImageError("an SFTP datastore needs a user, in its cipherData");
      const { host, port } = sftpAddress(datastore.fqdn);
      // A folder without a slash at its beginning is below the user's own.
      const file = `${datastore.path.startsWith("/") ? "/" : ""}${path}`;
      return {
        open: (offset, signal) => parts.sftp.open({ host, port, path: file, credentials }, offset, signal),
      };
    }
    default:
      throw new BadImageError(`datastores of type ${datastore.type} are not supported`);
  }
}

function overHttp(
  { http }: SourceParts,
  { certificates }: Datastore,
  request: (headers: Readonly<Record<string, string>>) => FileRequest | Promise<FileRequest>,
): FileSource {
  const send = (url: string, headers: Readonly<Record<string, string>>, signal: AbortSignal) =>
    http.send({
      ...{ method: "GET" as const, url, headers, timeoutMs: answerMs, signal },
      ...(certificates.length === 0 ? {} : { certificates, systemRoots: true }),
    });
  return {
    async open(offset, signal) {
      const range: Record<string, string> = offset > 0 ? { range: `bytes=${offset}-` } : {};
      const first = await request(range);
      let response = await send(first.url, { ...range, ...first.headers }, signal);
      for (let hop = 0, at = first.url; isRedirect(response); hop++) {
        if (hop >= redirectsMax) throw new SourceError(`${first.url} sends us in circles`);
        const next = new URL(response.headers["location"] ?? "", at);
        if (at.startsWith("https:") && next.protocol !== "https:")
          throw new SourceError(`${first.url} sends us from https to ${next.protocol}`);
        // What proves who we are goes to whom it was meant for and nowhere else.
        const own = next.origin === new URL(at).origin;
        at = next.href;
        response = await send(at, own ? { ...range, ...first.headers } : range, signal);
      }
      return await partOf(response, offset, first.url.replace(/\?.*/, ""));
    },
  };
}

function isRedirect({ status, headers }: HttpResponse): boolean {
  return [301, 302, 303, 307, 308].includes(status) && headers["location"] !== undefined;
}

async function partOf(response: HttpResponse, offset: number, what: string): Promise<FilePart> {
  const length = response.headers["content-length"];
  if (response.status === 200)
    return { offset: 0, total: length === undefined ? undefined : Number(length), body: response.body };
  const [, start, whole] = /^bytes (\d+)-\d+\/(\d+|\*)/.exec(response.headers["content-range"] ?? "") ?? [];
  if (response.status === 206 && Number(start) === offset)
    return { offset, total: whole === "*" ? undefined : Number(whole), body: response.body };
  // Asked to go on after the last byte, a server says the range cannot be had: everything is here already.
  if (response.status === 416 && offset > 0) return { offset, total: offset, body: noBytes() };
  throw await refusal(response, what);
}

async function* noBytes(): AsyncGenerator<Uint8Array> {}

function joinPath(...parts: readonly string[]): string {
  return parts
    .map((part) => part.replace(/^\/+|\/+$/g, ""))
    .filter((part) => part !== "")
    .join("/");
}

function sftpAddress(fqdn: string): { host: string; port: number } {
  const url = `sftp://${fqdn.replace(/^\w+:\/\//, "")}`;
  if (!URL.canParse(url)) throw new BadImageError(`datastore ${JSON.stringify(fqdn)} is not host[:port]`);
  const { hostname, port } = new URL(url);
  return { host: hostname.replace(/^\[|\]$/g, ""), port: port === "" ? sftpPort : Number(port) };
}

const sftpPort = 22;
