/** OpenAPI: one v3 document for each group and version, addressed by hash; all of them as one v2 document. */
import { createHash, type Hash } from "node:crypto";
import { parseJson } from "@selvedge/base";
import { tokenRequestKind } from "../auth/review-schemas.ts";
import { metaPrefix } from "./openapi-meta.ts";
import { discoveryPath, type PathEntry, pathsOf, versionPath } from "./openapi-operations.ts";
import { SchemaBook } from "./openapi-schemas.ts";
import { versionInfo } from "./openapi-shared.ts";
import { groupTitle, tagOf, titleOf } from "./operation-names.ts";
import { type ApiGroup, groupsOf, type Resource, rootOf } from "./resources.ts";
import { SwaggerPaths } from "./swagger-paths.ts";
import { encodeDefinition, encodeSwagger } from "./swagger-protobuf.ts";

export interface OpenApiDocument {
  readonly json: string;
  /** SHA-512 in hex, upper case: what clients keep the document under. */
  readonly hash: string;
}

/** The same document in two encodings. */
export interface SwaggerDocument extends OpenApiDocument {
  /** Gnostic's, which is what client-go asks for. */
  readonly protobuf: Uint8Array;
}

/** What takes as long as all kinds take: others have their turn between two steps. */
type Steps<T> = Generator<undefined, T>;

/** The v3 documents by their path below /openapi/v3: `api/v1`, `apis/apps/v1`. */
export function* openapiV3(
  resources: readonly Resource[],
  version: string,
): Steps<Map<string, OpenApiDocument>> {
  const documents = new Map<string, OpenApiDocument>();
  const groups = groupsOf(resources);
  const add = function* (
    path: string,
    entries: (book: SchemaBook) => Steps<PathEntry[]>,
    custom = false,
  ): Steps<void> {
    const book = new SchemaBook("v3", groups);
    const written = yield* members(yield* entries(book));
    const schemas = yield* members(Object.entries(book.components));
    const info = custom ? customInfo : { title, version };
    documents.set(path, yield* document(info, written, schemas, custom));
  };
  for (const [path, entry] of roots(groups))
    yield* add(path, function* (book) {
      yield;
      return [entry(book)];
    });
  for (const { versions } of groups) {
    for (const { resources: own } of versions) {
      const [first] = own;
      if (first === undefined) continue;
      const custom = own.every(({ kind }) => kind.custom);
      yield* add(rootOf(first.kind).slice(1), (book) => versionEntries(own, book), custom);
    }
  }
  return documents;
}

const title = "Kubernetes";
/** As upstream heads the documents of users' kinds. */
const customInfo = { title: "Kubernetes CRD Swagger", version: "v0.1.0" };

export function openapiRoot(documents: ReadonlyMap<string, OpenApiDocument>): OpenApiDocument {
  const paths = Object.fromEntries(
    [...documents].map(([path, { hash }]) => [
      path,
      { serverRelativeURL: `/openapi/v3/${path}?hash=${hash}` },
    ]),
  );
  const json = JSON.stringify({ paths });
  return documentOf(json, createHash("sha512").update(json));
}

/** For clients from before v3: the same schemas; the operations in JSON only, as who asks for protobuf reads none. */
export function* openapiV2(resources: readonly Resource[], version: string): Steps<SwaggerDocument> {
  const groups = groupsOf(resources);
  const book = new SchemaBook("v2", groups);
  const paths = new SwaggerPaths();
  const operations: string[] = [];
  const add = function* (entries: readonly PathEntry[]): Steps<void> {
    for (const [path, item] of entries) {
      operations.push(`${JSON.stringify(path)}:${JSON.stringify(paths.item(item))}`);
      yield;
    }
  };
  for (const [, entry] of roots(groups)) yield* add([entry(book)]);
  for (const { versions } of groups)
    for (const { resources: own } of versions) yield* add(yield* versionEntries(own, book));
  const definitions: string[] = [];
  const encoded: Uint8Array[] = [];
  for (const [name, schema] of Object.entries(book.components)) {
    const text = JSON.stringify(schema);
    definitions.push(`${JSON.stringify(name)}:${text}`);
    yield;
    const read = parseJson(text) as object;
    yield;
    encoded.push(yield* encodeDefinition(name, read));
    yield;
  }
  const head = { swagger: "2.0", info: { title, version } };
  const parameters = Object.fromEntries(paths.parameters);
  const rest = { parameters, securityDefinitions: security, security: [{ BearerToken: [] }] };
  const document = yield* hashed([
    ...[JSON.stringify(head).slice(0, -1), ',"paths":{', ...withCommas(operations)],
    ...['},"definitions":{', ...withCommas(definitions), "},", JSON.stringify(rest).slice(1)],
  ]);
  return { ...document, protobuf: encodeSwagger(head, encoded) };
}

/** How whoever asks is known. */
const security = {
  BearerToken: {
    ...{ description: "Bearer Token authentication", type: "apiKey", name: "authorization", in: "header" },
  },
};

/** What can be done with the kinds of one version of a group; their schemas are in the book then. */
function* versionEntries(own: readonly Resource[], book: SchemaBook): Steps<PathEntry[]> {
  const entries: PathEntry[] = [];
  const [first] = own;
  if (first !== undefined && !own.every(({ kind }) => kind.custom)) {
    const { kind } = first;
    const list = book.refer(`${metaPrefix}APIResourceList`);
    const about = ["available resources", list, tagOf(kind)] as const;
    entries.push(discoveryPath(rootOf(kind), `${titleOf(kind)}APIResources`, ...about));
  }
  for (const resource of own) {
    yield* book.add(resource.kind, resource.verbs.includes("list"));
    if (resource.subresources.some(({ kind }) => kind === tokenRequestKind.kind))
      yield* book.add(tokenRequestKind, false);
    for (const entry of pathsOf(resource, (name) => book.refer(name))) {
      entries.push(entry);
      yield;
    }
  }
  return entries;
}

/** Where it is told what there is, by the documents that tell of it: none of groups with users' kinds only. */
function roots(groups: readonly ApiGroup[]): [path: string, entry: (book: SchemaBook) => PathEntry][] {
  const meta = (book: SchemaBook, type: string) => book.refer(`${metaPrefix}${type}`);
  const versions = "available API versions";
  const own = groups.filter(({ name, versions: all }) => name !== "" && !all.every(isCustom));
  return [
    ["api", (book) => discoveryPath("/api", "CoreAPIVersions", versions, meta(book, "APIVersions"), "core")],
    ["apis", (book) => discoveryPath("/apis", "APIVersions", versions, meta(book, "APIGroupList"), "apis")],
    ...own.map(({ name }): [string, (book: SchemaBook) => PathEntry] => {
      const tag = tagOf({ group: name, version: "" }).slice(0, -1);
      const words = "information of a group";
      const id = `${groupTitle(name)}APIGroup`;
      return [
        `apis/${name}`,
        (book) => discoveryPath(`/apis/${name}`, id, words, meta(book, "APIGroup"), tag),
      ];
    }),
    ["version", (book) => versionPath(book.refer(versionInfo))],
  ];
}

function isCustom({ resources }: ApiGroup["versions"][number]): boolean {
  return resources.every(({ kind }) => kind.custom);
}

/** The text of each by its name, in turns. */
function* members(entries: readonly (readonly [name: string, value: unknown])[]): Steps<string[]> {
  const texts: string[] = [];
  for (const [name, value] of entries) {
    texts.push(`${JSON.stringify(name)}:${JSON.stringify(value)}`);
    yield;
  }
  return texts;
}

function document(
  info: object,
  paths: readonly string[],
  schemas: readonly string[],
  custom: boolean,
): Steps<OpenApiDocument> {
  const schemes = custom ? "" : `,"securitySchemes":${JSON.stringify(security)}`;
  return hashed([
    ...[`{"openapi":"3.0.0","info":${JSON.stringify(info)},"paths":{`, ...withCommas(paths)],
    ...['},"components":{"schemas":{', ...withCommas(schemas), `}${schemes}}}`],
  ]);
}

function withCommas(texts: readonly string[]): readonly string[] {
  return texts.map((text, index) => (index === 0 ? text : `,${text}`));
}

/** Of two hundred users' kinds it takes a tenth of a second. */
function* hashed(parts: readonly string[]): Steps<OpenApiDocument> {
  const hash = createHash("sha512");
  for (const part of parts) {
    hash.update(part);
    yield;
  }
  return documentOf(parts.join(""), hash);
}

function documentOf(json: string, hash: Hash): OpenApiDocument {
  return { json, hash: hash.digest("hex").toUpperCase() };
}
