/**
 * The operations of OpenAPI v3, path by path: what can be done with a kind, under the names by which generators of
 * clients make functions of them. Pure.
 */
import type { SubresourceDefinition } from "@selvedge/apimachinery";
import { metaPrefix } from "./openapi-meta.ts";
import {
  deleteAllParameters,
  deleteParameters,
  listParameters,
  namespaceParameter,
  type Parameter,
  patchParameters,
  pathParameter,
  pretty,
  proxiedPath,
  readParameters,
  streamParameters,
  writeParameters,
} from "./openapi-parameters.ts";
import { nameOfList, schemaName } from "./openapi-schemas.ts";
import { articled, capital, tagOf, titleOf } from "./operation-names.ts";
import { patchTypesOf } from "./patching.ts";
import { type Resource, rootOf } from "./resources.ts";

type Json = Readonly<Record<string, unknown>>;
/** A path below the root, and what can be done there. */
export type PathEntry = readonly [path: string, item: Json];
/** A reference to a schema, which is in the document from then on. */
export type Refer = (name: string) => Json;

const texts = ["application/json", "application/yaml"];
const encodings = [...texts, "application/vnd.kubernetes.protobuf"];
const watched = [
  ...encodings,
  "application/json;stream=watch",
  "application/vnd.kubernetes.protobuf;stream=watch",
];
const anything = ["*/*"];
const connected: ReadonlySet<string> = new Set(["attach", "exec", "portforward", "proxy"]);
const instead = "deprecated: use the 'watch' parameter with a list operation instead";

/** What one method of a path does. */
interface Operation {
  /** As `x-kubernetes-action` says it. */
  readonly action: string;
  /** The name's parts before group and version, behind them, and behind what says whether there is a namespace. */
  readonly id: readonly [verb: string, way: string, rest: string];
  readonly description: string;
  readonly parameters?: readonly Parameter[];
  readonly body?: Json;
  readonly responses: Json;
  readonly identity?: Json;
}

export function* pathsOf(resource: Resource, refer: Refer): Generator<PathEntry> {
  yield* new KindPaths(resource, refer).all();
}

class KindPaths {
  readonly #resource: Resource;
  readonly #refer: Refer;
  readonly #identity: Json;
  readonly #root: string;
  readonly #below: string;
  readonly #name: string;

  constructor(resource: Resource, refer: Refer) {
    const { kind } = resource;
    this.#resource = resource;
    this.#refer = refer;
    this.#identity = { group: kind.group, version: kind.version, kind: kind.kind };
    this.#root = rootOf(kind);
    this.#below = `${kind.namespaced ? "/namespaces/{namespace}" : ""}/${kind.plural}`;
    this.#name = schemaName(kind);
  }

  *all(): Generator<PathEntry> {
    const { kind, verbs, subresources } = this.#resource;
    const has = (verb: string): boolean => verbs.includes(verb);
    const named = `${this.#below}/{name}`;
    if (kind.namespaced && has("list"))
      yield this.#item(`/${kind.plural}`, { get: this.#list("ForAllNamespaces") });
    yield this.#item(this.#below, {
      ...(has("list") && { get: this.#list() }),
      ...(has("create") && { post: this.#create() }),
      ...(has("deletecollection") && { delete: this.#deleteAll() }),
    });
    if (has("get")) yield this.#item(named, this.#one(verbs), kind.kind);
    for (const part of subresources) yield* this.#part(part, `${named}/${part.name}`);
    if (!has("watch") || kind.custom) return;
    if (kind.namespaced)
      yield this.#item(`/watch/${kind.plural}`, { get: this.#watchList("ForAllNamespaces") });
    yield this.#item(`/watch${this.#below}`, { get: this.#watchList() });
    if (has("get")) yield this.#item(`/watch${named}`, { get: this.#watchOne() }, kind.kind);
  }

  /** What all of a path's operations can be asked stands beside them. */
  #item(
    below: string,
    operations: Readonly<Record<string, Operation>>,
    named?: string,
    more: readonly Parameter[] = [],
  ): PathEntry {
    const path = this.#root + below;
    const place = [
      ...(named === undefined ? [] : [pathParameter("name", `name of the ${named}`)]),
      ...(path.includes("{namespace}") ? [namespaceParameter] : []),
      ...more,
    ];
    const all = Object.values(operations).map(({ parameters = [] }) => parameters);
    const common = (all[0] ?? []).filter((one) => all.every((some) => some.includes(one)));
    const item = Object.entries(operations).map(([method, operation]) => [
      method,
      this.#written(operation, common, path),
    ]);
    const shared = [...place, ...common].sort(byName);
    return [path, { ...Object.fromEntries(item), ...(shared.length > 0 && { parameters: shared }) }];
  }

  #written(
    { action, id: [verb, way, rest], description, ...said }: Operation,
    common: readonly Parameter[],
    path: string,
  ): Json {
    const { kind } = this.#resource;
    const own = (said.parameters ?? []).filter((one) => !common.includes(one)).sort(byName);
    const where = path.includes("{namespace}") ? "Namespaced" : "";
    return {
      tags: [tagOf(kind)],
      ...{ description, operationId: `${verb}${titleOf(kind)}${way}${where}${rest}` },
      // Readers of the document know no empty lists: what they write back has none.
      ...(own.length > 0 && { parameters: own }),
      ...(said.body !== undefined && { requestBody: said.body }),
      responses: said.responses,
      "x-kubernetes-action": action,
      "x-kubernetes-group-version-kind": said.identity ?? this.#identity,
    };
  }

  #answers(schema: Json, types: readonly string[], ...codes: readonly string[]): Json {
    const content = contentOf(types, schema);
    const answers = codes.map((code) => [code, { description: phrases[code], content }]);
    return { ...Object.fromEntries(answers), "401": { description: "Unauthorized" } };
  }

  #types(): readonly string[] {
    return this.#resource.kind.custom ? texts : encodings;
  }

  #body(schema: Json): Json {
    return { content: contentOf(this.#resource.kind.custom ? texts : anything, schema), required: true };
  }

  #list(suffix = ""): Operation {
    const { kind, verbs } = this.#resource;
    const watches = verbs.includes("watch") && !kind.custom;
    return {
      ...{
        action: "list",
        id: ["list", "", `${kind.kind}${suffix}`],
        parameters: [...listParameters, pretty],
      },
      description: `list ${watches ? "or watch " : ""}objects of kind ${kind.kind}`,
      responses: this.#answers(this.#refer(nameOfList(kind)), kind.custom ? texts : watched, "200"),
    };
  }

  #watchList(suffix = ""): Operation {
    const { kind } = this.#resource.kind;
    return {
      ...{
        action: "watchlist",
        id: ["watch", "", `${kind}List${suffix}`],
        parameters: [...listParameters, pretty],
      },
      description: `watch individual changes to a list of ${kind}. ${instead}.`,
      responses: this.#answers(this.#refer(`${metaPrefix}WatchEvent`), watched, "200"),
    };
  }

  #watchOne(): Operation {
    const { kind } = this.#resource.kind;
    const filtered = "filtered to a single item with the 'fieldSelector' parameter";
    return {
      ...this.#watchList(),
      ...{ action: "watch", id: ["watch", "", kind] },
      description: `watch changes to an object of kind ${kind}. ${instead}, ${filtered}.`,
    };
  }

  #create(part?: Part): Operation {
    const { kind } = this.#resource.kind;
    const description =
      part === undefined ? `create${articled(kind)}` : `create ${part.name} of${articled(kind)}`;
    const schema = this.#refer(part?.schema ?? this.#name);
    return {
      ...{ action: "post", id: ["create", "", `${kind}${part?.title ?? ""}`], description },
      ...{ parameters: [...writeParameters, pretty], body: this.#body(schema) },
      responses: this.#answers(schema, this.#types(), "200", "201", "202"),
      ...(part && { identity: part.identity }),
    };
  }

  #deleteAll(): Operation {
    const { kind, custom } = this.#resource.kind;
    return {
      ...{ action: "deletecollection", id: ["delete", "Collection", kind] },
      description: `delete collection of ${kind}`,
      parameters: [...(custom ? listParameters : deleteAllParameters), pretty],
      ...(!custom && { body: this.#options() }),
      responses: this.#answers(this.#refer(`${metaPrefix}Status`), this.#types(), "200"),
    };
  }

  #options(): Json {
    const schema = this.#refer(`${metaPrefix}DeleteOptions`);
    return { content: contentOf(this.#resource.kind.custom ? texts : anything, schema) };
  }

  /** The object itself, or a part of it. */
  #one(verbs: readonly string[], part?: Part): Readonly<Record<string, Operation>> {
    const { kind } = this.#resource;
    const id = `${kind.kind}${part?.title ?? ""}`;
    const what = `${part === undefined ? "" : `${part.name} of `}the specified ${kind.kind}`;
    const schema = this.#refer(part?.schema ?? this.#name);
    const types = this.#types();
    const responses = this.#answers(schema, types, "200", "201");
    const common = part === undefined ? {} : { identity: part.identity };
    const parameters = [...writeParameters, pretty];
    const get: Operation = {
      ...{ action: "get", id: ["read", "", id], description: `read ${what}`, ...common },
      parameters: [...(kind.custom ? readParameters : []), pretty],
      responses: this.#answers(schema, types, "200"),
    };
    const put: Operation = {
      ...{ action: "put", id: ["replace", "", id], description: `replace ${what}`, ...common },
      ...{ parameters, body: this.#body(schema), responses },
    };
    const patch: Operation = {
      ...{ action: "patch", id: ["patch", "", id], description: `partially update ${what}`, ...common },
      ...{ parameters: [...patchParameters, pretty], body: this.#patchBody() },
      responses: kind.custom ? this.#answers(schema, types, "200") : responses,
    };
    return {
      ...(verbs.includes("get") && { get }),
      ...(verbs.includes("update") && { put }),
      ...(verbs.includes("delete") && part === undefined && { delete: this.#delete() }),
      ...(verbs.includes("patch") && { patch }),
    };
  }

  #patchBody(): Json {
    const schema = this.#refer(`${metaPrefix}Patch`);
    return { content: contentOf(patchTypesOf(this.#resource.kind), schema), required: true };
  }

  #delete(): Operation {
    const { kind } = this.#resource;
    const answer = this.#refer(kind.returnsDeleted ? this.#name : `${metaPrefix}Status`);
    return {
      ...{ action: "delete", id: ["delete", "", kind.kind], description: `delete${articled(kind.kind)}` },
      ...{ parameters: [...deleteParameters, pretty], body: this.#options() },
      responses: this.#answers(answer, this.#types(), "200", "202"),
    };
  }

  *#part(definition: SubresourceDefinition, path: string): Generator<PathEntry> {
    const { kind } = this.#resource;
    const part = this.#partOf(definition);
    const named = kind.custom ? kind.kind : definition.kind;
    if (part.name === "log") yield this.#item(path, { get: this.#log(part) }, named);
    else if (!connected.has(part.name)) {
      const creates = definition.verbs.includes("create");
      yield this.#item(
        path,
        creates ? { post: this.#create(part) } : this.#one(definition.verbs, part),
        named,
      );
    } else {
      yield this.#item(path, this.#connect(part), named);
      if (part.name !== "proxy") return;
      yield this.#item(`${path}/{path}`, this.#connect(part, "WithPath"), named, [proxiedPath]);
    }
  }

  #partOf({ name, ...of }: SubresourceDefinition): Part {
    const { kind } = this.#resource;
    const place = of.version === undefined ? kind : { group: of.group ?? "", version: of.version };
    const identity = { group: place.group, version: place.version, kind: of.kind };
    return {
      ...{ name, title: capital(name), schema: of.kind === kind.kind ? this.#name : schemaName(identity) },
      identity: kind.custom ? this.#identity : identity,
    };
  }

  #connect({ name, title, identity }: Part, suffix = ""): Readonly<Record<string, Operation>> {
    const { kind } = this.#resource.kind;
    const methods =
      name === "proxy" ? ["get", "put", "post", "delete", "options", "head", "patch"] : ["get", "post"];
    const operations = methods.map((method) => [
      method,
      {
        ...{ action: "connect", id: ["connect", capital(method), `${kind}${title}${suffix}`], identity },
        description: `connect ${method.toUpperCase()} requests to ${name} of ${kind}`,
        ...{ parameters: streamParameters[name], responses: this.#answers(text, anything, "200") },
      },
    ]);
    return Object.fromEntries(operations);
  }

  #log({ name, title, identity }: Part): Operation {
    const { kind } = this.#resource.kind;
    return {
      ...{
        action: "get",
        id: ["read", "", `${kind}${title}`],
        description: `read log of the specified ${kind}`,
        identity,
      },
      ...{ parameters: streamParameters[name] ?? [] },
      responses: this.#answers(text, ["text/plain", ...encodings], "200"),
    };
  }
}

/** A part of an object, as it is told of. */
interface Part {
  readonly name: string;
  /** As names of operations end in it. */
  readonly title: string;
  readonly schema: string;
  readonly identity: Json;
}

const text: Json = { type: "string" };
const phrases: Readonly<Record<string, string>> = { "200": "OK", "201": "Created", "202": "Accepted" };

/** What is there besides objects: which groups, versions and kinds there are. */
export function discoveryPath(
  path: string,
  title: string,
  words: string,
  schema: Json,
  tag: string,
): PathEntry {
  const answer = { description: "OK", content: contentOf(encodings, schema) };
  const responses = { "200": answer, "401": { description: "Unauthorized" } };
  return [
    `${path}/`,
    { get: { tags: [tag], description: `get ${words}`, operationId: `get${title}`, responses } },
  ];
}

export function versionPath(schema: Json): PathEntry {
  const [path, item] = discoveryPath(
    "/version",
    "CodeVersion",
    "the version information for this server",
    schema,
    "version",
  );
  const { responses, ...get } = item["get"] as { readonly responses: Json };
  const answer = { ...(responses["200"] as Json), content: contentOf(["application/json"], schema) };
  return [path, { get: { ...get, responses: { ...responses, "200": answer } } }];
}

function contentOf(types: readonly string[], schema: Json): Json {
  return Object.fromEntries(types.map((type) => [type, { schema }]));
}

function byName(a: Parameter, b: Parameter): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}
