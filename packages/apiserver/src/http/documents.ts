/** What is served that is no object: discovery, OpenAPI, version. */
import { createHash } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { aggregatedDiscovery, discovery } from "../rest/discovery.ts";
import {
  type OpenApiDocument,
  openapiRoot,
  openapiV2,
  openapiV3,
  type SwaggerDocument,
} from "../rest/openapi.ts";
import type { Resource } from "../rest/resources.ts";
import { type DiscoveryForm, discoveryFormOf, protobufType, wantsSwaggerProtobuf } from "./negotiation.ts";
import { encodeAnswer } from "./protobuf-answer.ts";
import { sendBody, sendJson } from "./respond.ts";

/** The Kubernetes version whose behaviour this is: what clients choose theirs by. */
const major = "1";
const minor = "34";
const gitVersion = `v${major}.${minor}.0+selvedge`;
const version = {
  ...{ major, minor, gitVersion, gitCommit: "", gitTreeState: "clean", buildDate: "1970-01-01T00:00:00Z" },
  ...{ goVersion: "", compiler: "", platform: "linux/amd64" },
};
const v2Path = "/openapi/v2";
const v3Path = "/openapi/v3";
const versionPath = "/version";
const v2Protobuf = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";
/** What the root names besides discovery. */
const others = [v2Path, v3Path, "/healthz", "/livez", "/metrics", "/readyz", versionPath];
/** A hashed document never changes. */
const immutable = { "cache-control": "public, immutable", expires: "Fri, 31 Dec 2100 23:59:59 GMT" };

/** Some clients, Python's among them, end the names of documents in a slash. */
export function withoutSlash(path: string): string {
  return path.endsWith("/") ? path.slice(0, -1) : path;
}

/** For clients that do not know yet who they are. Whether the path was this; then it has been answered. */
export function serveVersion(asked: string, request: IncomingMessage, response: ServerResponse): boolean {
  if (withoutSlash(asked) !== versionPath) return false;
  sendJson(request, response, 200, JSON.stringify(version));
  return true;
}

export class Documents {
  readonly #legacy: ReadonlyMap<string, string>;
  readonly #aggregated = new Map<string, OpenApiDocument>();
  readonly #resources: readonly Resource[];
  #v3:
    | { readonly root: OpenApiDocument; readonly documents: ReadonlyMap<string, OpenApiDocument> }
    | undefined;
  #v2: SwaggerDocument | undefined;

  constructor(resources: readonly Resource[]) {
    this.#resources = resources;
    this.#legacy = new Map([...discovery(resources)].map(([path, value]) => [path, JSON.stringify(value)]));
  }

  /** Whether the path was one of these; then it has been answered. */
  serve(asked: string, request: IncomingMessage, response: ServerResponse): boolean {
    const path = withoutSlash(asked);
    const legacy = this.#legacy.get(path);
    if (legacy !== undefined) {
      const form = discoveryFormOf(request.headers.accept);
      const isRoot = path === "/api" || path === "/apis";
      if (isRoot && form.version !== undefined) return this.#serveAggregated(path, form, request, response);
      if (form.encoding === "json") sendJson(request, response, 200, legacy);
      else sendProtobuf(request, response, legacy, { "content-type": protobufType });
      return true;
    }
    if (path === "") {
      sendJson(request, response, 200, JSON.stringify({ paths: [...this.#legacy.keys(), ...others].sort() }));
      return true;
    }
    if (path === v2Path) return this.#serveV2(request, response);
    if (path === v3Path) return serveTagged(request, response, this.#openapi.root);
    const document = path.startsWith(`${v3Path}/`)
      ? this.#openapi.documents.get(path.slice(v3Path.length + 1))
      : undefined;
    if (document === undefined) return false;
    const hash = new URL(request.url ?? "", "https://server").searchParams.get("hash");
    return serveTagged(request, response, document, hash === document.hash ? immutable : {});
  }

  /** Whether the path is of one that everybody knows: it can be read, and nothing else. */
  has(asked: string): boolean {
    const path = withoutSlash(asked);
    return (
      path === "" || path === v2Path || path === v3Path || path === versionPath || this.#legacy.has(path)
    );
  }

  #serveAggregated(
    root: "/api" | "/apis",
    { version = "v2", encoding }: DiscoveryForm,
    request: IncomingMessage,
    response: ServerResponse,
  ): boolean {
    const key = `${root} ${version}`;
    let document = this.#aggregated.get(key);
    if (document === undefined) {
      const json = JSON.stringify(aggregatedDiscovery(this.#resources, root, version));
      document = { json, hash: createHash("sha512").update(json).digest("hex").toUpperCase() };
      this.#aggregated.set(key, document);
    }
    const parameters = `g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`;
    if (encoding === "json")
      return serveTagged(request, response, document, { "content-type": `application/json;${parameters}` });
    const etag = `"${document.hash}-protobuf"`;
    const type = { etag, "content-type": `${protobufType};${parameters}` };
    if (request.headers["if-none-match"] === etag) notModified(response, etag);
    else sendProtobuf(request, response, document.json, type);
    return true;
  }

  #serveV2(request: IncomingMessage, response: ServerResponse): boolean {
    this.#v2 ??= openapiV2(this.#resources, gitVersion);
    if (wantsSwaggerProtobuf(request.headers.accept)) {
      const etag = `"${this.#v2.hash}-protobuf"`;
      if (request.headers["if-none-match"] === etag) notModified(response, etag);
      else sendBody(request, response, 200, this.#v2.protobuf, { "content-type": v2Protobuf, etag });
      return true;
    }
    return serveTagged(request, response, this.#v2);
  }

  /** Made when first asked for: most of a start's time would go into it. */
  get #openapi(): {
    readonly root: OpenApiDocument;
    readonly documents: ReadonlyMap<string, OpenApiDocument>;
  } {
    if (this.#v3 === undefined) {
      const documents = openapiV3(this.#resources, gitVersion);
      this.#v3 = { documents, root: openapiRoot(documents) };
    }
    return this.#v3;
  }
}

function serveTagged(
  request: IncomingMessage,
  response: ServerResponse,
  { json, hash }: OpenApiDocument,
  headers: Readonly<Record<string, string>> = {},
): true {
  const etag = `"${hash}"`;
  if (request.headers["if-none-match"] === etag) notModified(response, etag);
  else sendJson(request, response, 200, json, { etag, ...headers });
  return true;
}

function notModified(response: ServerResponse, etag: string): void {
  response.writeHead(304, { etag, vary: "Accept" });
  response.end();
}

function sendProtobuf(
  request: IncomingMessage,
  response: ServerResponse,
  json: string,
  headers: Readonly<Record<string, string>>,
): void {
  sendBody(request, response, 200, encodeAnswer(JSON.parse(json) as object, undefined), headers);
}
