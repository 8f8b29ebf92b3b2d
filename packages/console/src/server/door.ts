/**
 * Who is let in, and to what. Everything that a browser tells of where a request comes from is held against
 * what our own page's requests look like: anything else is refused, whatever it carries.
 */
import type { IncomingHttpHeaders } from "node:http";

export interface Knock {
  readonly method: string;
  /** As it came: path and query. */
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly isUpgrade: boolean;
}

export type Verdict =
  /** A file of the page: public code, the same for everyone. */
  | { readonly is: "page"; readonly path: string }
  /** A secret for a session. */
  | { readonly is: "exchange" }
  /** A request to the API. `offered` are the subprotocols without the key. */
  | { readonly is: "api"; readonly path: string; readonly offered: readonly string[] }
  /** A GET of the API whose answer has no end, over a WebSocket. */
  | { readonly is: "stream"; readonly path: string }
  | { readonly is: "refused"; readonly status: number; readonly why: string };

/** Where and who we are. */
export interface House {
  /** `127.0.0.1:8010` */
  readonly host: string;
  readonly cookieName: string;
  readonly knows: (cookie: string, key: string) => boolean;
}

const exchangePath = "/console/session";
const streamPath = "/console/stream";
/** The half of a session that the page holds: a header, or a subprotocol where a browser sends no headers. */
const keyHeader = "x-selvedge-key";
const keyProtocol = "key.";

/** Longer than any path of the API with its selectors. */
const urlMax = 8192;
const reads: readonly string[] = ["GET", "HEAD"];
const writes: readonly string[] = ["POST", "PUT", "PATCH", "DELETE"];
/** What of the API a page has a use for. */
const apiPath = /^\/(?:api|apis|version|livez|readyz)(?:\/|$)/;

export function judge(knock: Knock, house: House): Verdict {
  const { method, url, headers, isUpgrade } = knock;
  const own = `http://${house.host}`;
  if (headers.host !== house.host) return refused(421, `this is ${own}, and nothing else`);
  const { origin } = headers;
  if (origin !== undefined && origin !== own) return refused(403, "another page asked");
  const changes = !reads.includes(method) || isUpgrade;
  if (changes && origin === undefined)
    return refused(403, "a request that changes something says its Origin");
  if (![...reads, ...writes].includes(method)) return refused(405, "no such method here");
  const path = pathIn(url);
  if (path === undefined) return refused(400, "no such path");
  const isApi = apiPath.test(path);
  const site = headers["sec-fetch-site"];
  // A link somewhere else may open the page, which shows nothing to who has no session.
  const isVisit = headers["sec-fetch-dest"] === "document" && headers["sec-fetch-mode"] === "navigate";
  const isOwn = site === undefined || site === "same-origin" || (isVisit && !isApi);
  if (!isOwn) return refused(403, "another page asked");
  if (path === exchangePath) return method === "POST" ? { is: "exchange" } : refused(405, "POST a secret");
  if (!isApi && path !== streamPath) {
    return changes ? refused(405, "a page is only read") : { is: "page", path };
  }
  return judgeApi(knock, house, path);
}

function judgeApi({ url, headers, isUpgrade }: Knock, house: House, path: string): Verdict {
  const into = headers["sec-fetch-dest"];
  // Nothing that the API says is ever shown as a document, run as a script or drawn as a picture.
  if (into !== undefined && into !== "empty" && into !== "websocket")
    return refused(403, "not for a page to show");
  const protocols = listOf(headers["sec-websocket-protocol"]);
  const key = isUpgrade
    ? (protocols.find((name) => name.startsWith(keyProtocol))?.slice(keyProtocol.length) ?? "")
    : textOf(headers[keyHeader]);
  if (!house.knows(cookieIn(headers.cookie, house.cookieName), key)) {
    return refused(401, "open the address that the console printed");
  }
  if (path !== streamPath) {
    if (isProxied(path)) return refused(403, "what apps serve is not shown under this address");
    return { is: "api", path: url, offered: protocols.filter((name) => !name.startsWith(keyProtocol)) };
  }
  const wanted = new URL(url, "http://console").searchParams.get("path") ?? "";
  const target = pathIn(wanted);
  if (!isUpgrade || target === undefined || !apiPath.test(target) || isProxied(target)) {
    return refused(400, "path names what of the API to follow");
  }
  return { is: "stream", path: wanted };
}

/** The path of a URL that is written as it is meant; undefined for one that says something in a roundabout way. */
function pathIn(url: string): string | undefined {
  if (url.length > urlMax || !/^\/[\x21-\x7e]*$/.test(url)) return undefined;
  const path = url.split("?", 1)[0] ?? "";
  // What is left encoded in names of the API is never a dot, a slash or a backslash.
  return /\/\.{1,2}(?:\/|$)|\/\/|\\|#|%2e|%2f|%5c/i.test(path) ? undefined : path;
}

/** Pages of apps, through the API: they would be of our origin, and could do all that ours can. */
function isProxied(path: string): boolean {
  return path.split("/").includes("proxy");
}

function cookieIn(header: string | undefined, name: string): string {
  const pairs = (header ?? "").split(";").map((pair) => pair.trim());
  return pairs.find((pair) => pair.startsWith(`${name}=`))?.slice(name.length + 1) ?? "";
}

function listOf(header: string | undefined): string[] {
  return (header ?? "")
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
}

function textOf(header: string | string[] | undefined): string {
  return typeof header === "string" ? header : "";
}

function refused(status: number, why: string): Verdict {
  return { is: "refused", status, why };
}
