/** OpenAPI: one v3 document for each group and version, addressed by hash; all of them as one v2 document. */
import { createHash } from "node:crypto";
import { parseJson } from "@selvedge/base";
import { metaPrefix } from "./openapi-meta.ts";
import { nameOfList, SchemaBook, schemaName } from "./openapi-schemas.ts";
import { patchTypesOf } from "./patching.ts";
import { groupsOf, type Resource, rootOf } from "./resources.ts";
import { swaggerPaths } from "./swagger-paths.ts";
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
  gitVersion: string,
): Steps<Map<string, OpenApiDocument>> {
  const documents = new Map<string, OpenApiDocument>();
  for (const { versions } of groupsOf(resources)) {
    for (const { resources: own } of versions) {
      const [first] = own;
      if (first === undefined) continue;
      const paths = Object.assign({}, ...own.map(pathsOf)) as Record<string, unknown>;
      const book = new SchemaBook("v3");
      for (const { kind } of own) yield* book.add(kind);
      documents.set(rootOf(first.kind).slice(1), hashed(document(gitVersion, paths, book.components)));
      yield;
    }
  }
  return documents;
}

export function openapiRoot(documents: ReadonlyMap<string, OpenApiDocument>): OpenApiDocument {
  const paths = Object.fromEntries(
    [...documents].map(([path, { hash }]) => [
      path,
      { serverRelativeURL: `/openapi/v3/${path}?hash=${hash}` },
    ]),
  );
  return hashed({ paths });
}

/** For clients from before v3: the same schemas; the operations in JSON only, as who asks for protobuf reads none. */
export function* openapiV2(resources: readonly Resource[], gitVersion: string): Steps<SwaggerDocument> {
  const book = new SchemaBook("v2");
  const paths: Record<string, unknown> = {};
  for (const resource of resources) {
    yield* book.add(resource.kind);
    Object.assign(paths, pathsOf(resource));
    yield;
  }
  const definitions: string[] = [];
  const encoded: Uint8Array[] = [];
  for (const [name, schema] of Object.entries(book.components)) {
    const text = swaggerText(schema);
    definitions.push(`${JSON.stringify(name)}:${text}`);
    yield;
    const read = parseJson(text) as object;
    yield;
    encoded.push(yield* encodeDefinition(name, read));
    yield;
  }
  const operations: string[] = [];
  for (const [path, item] of Object.entries(swaggerPaths(paths))) {
    operations.push(`${JSON.stringify(path)}:${swaggerText(item)}`);
    yield;
  }
  const head = { swagger: "2.0", info: { title: "Kubernetes", version: gitVersion } };
  const json =
    `${JSON.stringify(head).slice(0, -1)},"definitions":{${definitions.join(",")}},` +
    `"paths":{${operations.join(",")}}}`;
  yield;
  return { json, hash: hashOf(json), protobuf: encodeSwagger(head, encoded) };
}

function swaggerText(value: unknown): string {
  return JSON.stringify(value).replaceAll("#/components/schemas/", "#/definitions/");
}

function document(
  gitVersion: string,
  paths: Readonly<Record<string, unknown>>,
  schemas: Readonly<Record<string, unknown>>,
): unknown {
  return {
    openapi: "3.0.0",
    info: { title: "Kubernetes", version: gitVersion },
    paths,
    components: { schemas },
  };
}

function hashed(value: unknown): OpenApiDocument {
  const json = JSON.stringify(value);
  return { json, hash: hashOf(json) };
}

function hashOf(text: string): string {
  return createHash("sha512").update(text).digest("hex").toUpperCase();
}

interface QueryParameter {
  readonly name: string;
  readonly in: "query";
  readonly description: string;
  readonly schema: object;
}

const query = (name: string, type: string, description: string): QueryParameter => ({
  ...{ name, in: "query", description },
  schema: { type, uniqueItems: true },
});
const listParameters = [
  query("allowWatchBookmarks", "boolean", "Whether a watch may send bookmarks."),
  query("continue", "string", "Where an earlier page of the list ended."),
  query("fieldSelector", "string", "Only objects whose fields are as said."),
  query("labelSelector", "string", "Limits the list of returned objects to those whose labels are as said."),
  query("limit", "integer", "At most so many objects in one answer."),
  query("resourceVersion", "string", "The revision to start from."),
  query("resourceVersionMatch", "string", "How resourceVersion is meant."),
  query("sendInitialEvents", "boolean", "Whether a watch begins with what is there."),
  query("timeoutSeconds", "integer", "When a watch ends."),
  query("watch", "boolean", "Watch for changes to the described resources instead of listing them."),
];
const writeParameters = [
  query("dryRun", "string", "All: say what would happen, and change nothing."),
  query("fieldManager", "string", "Who writes, for managedFields."),
  query(
    "fieldValidation",
    "string",
    "What to do about unknown and duplicate fields: Ignore, Warn or Strict.",
  ),
];
const patchParameters = [
  ...writeParameters,
  query("force", "boolean", "Apply: take over what others manage."),
];
const deleteParameters = [
  query("dryRun", "string", "All: say what would happen, and change nothing."),
  query("gracePeriodSeconds", "integer", "How long the object may take to end."),
  query("propagationPolicy", "string", "What becomes of dependents: Orphan, Background or Foreground."),
];

/** What a list may be asked that is not asked of one that is deleted. */
const watchOnly: ReadonlySet<string> = new Set(["allowWatchBookmarks", "watch"]);

function pathsOf({ kind, verbs, subresources }: Resource): Record<string, unknown> {
  const identity = { group: kind.group, version: kind.version, kind: kind.kind };
  const name = schemaName(kind);
  const body = (schema: string, types: readonly string[] = ["application/json"]): unknown => ({
    content: Object.fromEntries(
      types.map((type) => [type, { schema: { $ref: `#/components/schemas/${schema}` } }]),
    ),
  });
  const answer = (schema: string): unknown => ({
    "200": { description: "OK", ...(body(schema) as object) },
    "401": { description: "Unauthorized" },
  });
  const operation = (action: string, parameters: readonly unknown[], more: object = {}): unknown => ({
    tags: [identity.group || "core"],
    // Readers of the document know no empty lists: what they write back has none.
    ...{ ...(parameters.length > 0 && { parameters }), responses: answer(name), ...more },
    "x-kubernetes-action": action,
    "x-kubernetes-group-version-kind": identity,
  });
  const write = (action: string): unknown =>
    operation(action, writeParameters, { requestBody: body(name, writeTypes) });
  const patch = operation("patch", patchParameters, {
    requestBody: body(`${metaPrefix}Patch`, patchTypesOf(kind)),
  });
  const options = { requestBody: body(`${metaPrefix}DeleteOptions`) };
  const remove = operation("delete", deleteParameters, options);
  const parametersOfAll = [
    ...deleteParameters,
    ...listParameters.filter(({ name: of }) => !watchOnly.has(of)),
  ];
  const all = verbs.includes("deletecollection") && {
    delete: operation("deletecollection", parametersOfAll, options),
  };
  const collection = `${rootOf(kind)}${kind.namespaced ? "/namespaces/{namespace}" : ""}/${kind.plural}`;
  const place = (named: boolean): { readonly parameters?: readonly unknown[] } => {
    const names = [...(kind.namespaced ? ["namespace"] : []), ...(named ? ["name"] : [])];
    const parameters = names.map((one) => ({
      ...{ name: one, in: "path", required: true, schema: { type: "string" } },
    }));
    return parameters.length > 0 ? { parameters } : {};
  };
  if (!verbs.includes("get")) return { [collection]: { post: write("post"), ...place(false) } };
  const list = operation("list", listParameters, { responses: answer(nameOfList(kind)) });
  const one = { get: operation("get", []), put: write("put"), patch, delete: remove };
  const parts = subresources
    .filter((part) => part.version === undefined && part.kind === kind.kind && part.verbs.includes("patch"))
    .map(({ name: part }) => [
      `${collection}/{name}/${part}`,
      { get: operation("get", []), put: write("put"), patch, ...place(true) },
    ]);
  return {
    ...(kind.namespaced && { [`${rootOf(kind)}/${kind.plural}`]: { get: list } }),
    [collection]: { get: list, post: write("post"), ...all, ...place(false) },
    [`${collection}/{name}`]: { ...one, ...place(true) },
    ...Object.fromEntries(parts),
  };
}

const writeTypes = ["application/json", "application/yaml", "application/vnd.kubernetes.protobuf"];
