/** What is served that is no object: discovery, OpenAPI, version. */
import { createHash } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { type Clock, Turns } from "@selvedge/base";
import { aggregatedDiscovery, discovery } from "../rest/discovery.ts";
import type { LongAnswers } from "../rest/long-answers.ts";
import { protobufType } from "../rest/media-types.ts";
import {
  type OpenApiDocument,
  openapiRoot,
  openapiV2,
  openapiV3,
  type SwaggerDocument,
} from "../rest/openapi.ts";
import { encodeAnswer } from "../rest/protobuf-answer.ts";
import { methodNotAllowed } from "../rest/refusals.ts";
import { type Resource, rootOf } from "../rest/resources.ts";
import {
  checkAccepts,
  type DiscoveryForm,
  discoveryFormOf,
  discoveryTypes,
  plainJson,
  wantsSwaggerProtobuf,
} from "./negotiation.ts";
import { asLine, sendBody, sendJson } from "./respond.ts";

/** The Kubernetes version whose behaviour this is: what clients choose theirs by. */
const major = "1";
const minor = "34";
const gitVersion = `v${major}.${minor}.0+selvedge`;
const version = {
  ...{ major, minor },
  // Which version's behaviour it is, and the earliest that may be beside it.
  ...{ emulationMajor: major, emulationMinor: minor },
  ...{ minCompatibilityMajor: major, minCompatibilityMinor: `${Number(minor) - 1}` },
  ...{ gitVersion, gitCommit: "", gitTreeState: "clean", buildDate: "1970-01-01T00:00:00Z" },
  ...{ goVersion: "", compiler: "", platform: "linux/amd64" },
};
/** As the documents of OpenAPI have it. */
const documented = `${major}.${minor}`;
const v2Path = "/openapi/v2";
const v3Path = "/openapi/v3";
const versionPath = "/version";
const v2Protobuf = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";
const documentTypes = [plainJson, "application/yaml", "application/*"];
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
  checkAccepts(request.headers.accept, [plainJson]);
  checkHead(request);
  void sendJson(request, response, 200, JSON.stringify(version, undefined, 2));
  return true;
}

/** Who asks for the head alone is refused what upstream makes anew for each who asks. */
export function checkHead({ method }: IncomingMessage): void {
  if (method === "HEAD") throw methodNotAllowed();
}

interface OpenApi {
  readonly root: OpenApiDocument;
  readonly documents: ReadonlyMap<string, OpenApiDocument>;
}

export class Documents {
  readonly #legacy: ReadonlyMap<string, string>;
  readonly #aggregated = new Map<string, OpenApiDocument>();
  readonly #resources: readonly Resource[];
  readonly #clock: Clock;
  readonly #answers: LongAnswers;
  #v3: Promise<OpenApi> | undefined;
  #v2: Promise<SwaggerDocument> | undefined;

  constructor(resources: readonly Resource[], clock: Clock, answers: LongAnswers) {
    this.#resources = resources;
    this.#clock = clock;
    this.#answers = answers;
    this.#legacy = new Map(
      [...discovery(resources)].map(([path, value]) => [path, asLine(JSON.stringify(value))]),
    );
  }

  /** Whether the path was one of these; then it has been answered. */
  async serve(asked: string, request: IncomingMessage, response: ServerResponse): Promise<boolean> {
    const path = withoutSlash(asked);
    const legacy = this.#legacy.get(path);
    if (legacy !== undefined) {
      if (path === "/api" || this.#isOwnVersion(path)) checkHead(request);
      checkAccepts(request.headers.accept, discoveryTypes, /^\/apis(\/[^/]+)?$/.test(path));
      const form = discoveryFormOf(request.headers.accept);
      const isRoot = path === "/api" || path === "/apis";
      if (isRoot && form.version !== undefined) return this.#serveAggregated(path, form, request, response);
      if (form.encoding === "json") await sendJson(request, response, 200, legacy, {}, this.#answers);
      else sendProtobuf(request, response, legacy, { "content-type": protobufType });
      return true;
    }
    if (path === "") {
      const paths = [...this.#legacy.keys(), ...others].sort();
      await sendJson(request, response, 200, JSON.stringify({ paths }, undefined, 2), {}, this.#answers);
      return true;
    }
    if (path === v2Path) return await this.#serveV2(request, response);
    if (path !== v3Path && !path.startsWith(`${v3Path}/`)) return false;
    if (path !== v3Path) checkAccepts(request.headers.accept, documentTypes);
    const { root, documents } = await this.#openapi();
    if (path === v3Path) return await this.#serveTagged(request, response, root);
    const document = documents.get(path.slice(v3Path.length + 1));
    if (document === undefined) return false;
    const hash = new URL(request.url ?? "", "https://server").searchParams.get("hash");
    return await this.#serveTagged(request, response, document, hash === document.hash ? immutable : {});
  }

  /** Whether the path is of one that everybody knows: it can be read, and nothing else. */
  has(asked: string): boolean {
    const path = withoutSlash(asked);
    return (
      path === "" || path === v2Path || path === v3Path || path === versionPath || this.#legacy.has(path)
    );
  }

  /** Whether kinds of the program's own are told of there: who tells of users' kinds takes any method. */
  #isOwnVersion(path: string): boolean {
    return this.#resources.some(({ kind }) => !kind.custom && rootOf(kind) === path);
  }

  #serveAggregated(
    root: "/api" | "/apis",
    { version = "v2", encoding }: DiscoveryForm,
    request: IncomingMessage,
    response: ServerResponse,
  ): true | Promise<true> {
    const key = `${root} ${version}`;
    let document = this.#aggregated.get(key);
    if (document === undefined) {
      const json = asLine(JSON.stringify(aggregatedDiscovery(this.#resources, root, version)));
      document = { json, hash: createHash("sha512").update(json).digest("hex").toUpperCase() };
      this.#aggregated.set(key, document);
    }
    const parameters = `g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`;
    if (encoding === "json")
      return this.#serveTagged(request, response, document, {
        "content-type": `application/json;${parameters}`,
      });
    const etag = `"${document.hash}-protobuf"`;
    const type = { etag, "content-type": `${protobufType};${parameters}` };
    if (request.headers["if-none-match"] === etag) notModified(response, etag);
    else sendProtobuf(request, response, document.json, type);
    return true;
  }

  async #serveV2(request: IncomingMessage, response: ServerResponse): Promise<boolean> {
    checkAccepts(request.headers.accept, [
      ...documentTypes,
      v2Protobuf,
      v2Protobuf.replace(".v1.0", "@v1.0"),
    ]);
    this.#v2 ??= new Turns(this.#clock).take(openapiV2(this.#resources, documented));
    const document = await this.#v2;
    if (wantsSwaggerProtobuf(request.headers.accept)) {
      const etag = `"${document.hash}-protobuf"`;
      if (request.headers["if-none-match"] === etag) notModified(response, etag);
      else sendBody(request, response, 200, document.protobuf, { "content-type": v2Protobuf, etag });
      return true;
    }
    return await this.#serveTagged(request, response, document);
  }

  async #serveTagged(
    request: IncomingMessage,
    response: ServerResponse,
    { json, hash }: OpenApiDocument,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<true> {
    const etag = `"${hash}"`;
    if (request.headers["if-none-match"] === etag) notModified(response, etag);
    else await sendJson(request, response, 200, json, { etag, ...headers }, this.#answers);
    return true;
  }

  /** Made when first asked for: most of a start's time would go into it. */
  #openapi(): Promise<OpenApi> {
    this.#v3 ??= new Turns(this.#clock)
      .take(openapiV3(this.#resources, documented))
      .then((documents) => ({ documents, root: openapiRoot(documents) }));
    return this.#v3;
  }
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
