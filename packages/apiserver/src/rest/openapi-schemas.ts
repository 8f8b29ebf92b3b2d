/** Kinds as OpenAPI's named schemas: every part that upstream has a name for is one of its own. */
import type { KindDefinition, ProtobufMessage, Schema } from "@selvedge/apimachinery";
import { apiVersionOf, listKindOf } from "./kind-names.ts";
import { defaultOf, fieldsOf, zeroOf } from "./openapi-defaults.ts";
import { withHints } from "./openapi-hints.ts";
import { metaPrefix } from "./openapi-meta.ts";
import { type Members, typeMembers } from "./openapi-names.ts";
import { sharedSchemas } from "./openapi-shared.ts";
import type { ApiGroup } from "./resources.ts";

export type OpenApiVersion = "v2" | "v3";

/** Groups whose types live elsewhere than in k8s.io/api. */
const packages: Readonly<Record<string, string>> = {
  "apiextensions.k8s.io": "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions",
  "apiregistration.k8s.io": "io.k8s.kube-aggregator.pkg.apis.apiregistration",
  "meta.k8s.io": metaPrefix.replace(/\.v1\.$/, ""),
  "metrics.k8s.io": "io.k8s.metrics.pkg.apis.metrics",
};

/** `io.k8s.api.apps.v1.Deployment`, `dev.selvedge.v1alpha1.EdgeNode`. */
export function schemaName({
  group,
  version,
  kind,
  custom,
}: Pick<KindDefinition, "group" | "version" | "kind" | "custom">): string {
  const own = packages[group];
  if (own !== undefined) return `${own}.${version}.${kind}`;
  const isUpstreams = group === "" || !group.includes(".") || group.endsWith(".k8s.io");
  if (isUpstreams && !custom) return `io.k8s.api.${group.split(".")[0] || "core"}.${version}.${kind}`;
  return `${group.split(".").reverse().join(".")}.${version}.${kind}`;
}

/** Values that are plain JSON but have a type of their own in upstream's Go, by our formats and wire types. */
const scalarNames: Readonly<Record<string, string>> = {
  "date-time": `${metaPrefix}Time`,
  "int-or-string": "io.k8s.apimachinery.pkg.util.intstr.IntOrString",
  microtime: `${metaPrefix}MicroTime`,
  quantity: "io.k8s.apimachinery.pkg.api.resource.Quantity",
  "raw-extension": "io.k8s.apimachinery.pkg.runtime.RawExtension",
};

type Json = Record<string, unknown>;

/** A user's kind may have thousands of fields: others have their turn between two. */
type Steps<T> = Generator<undefined, T>;

/** Gathers named schemas for one document. */
export class SchemaBook {
  readonly components: Record<string, unknown> = {};
  readonly #version: OpenApiVersion;
  readonly #groups: readonly ApiGroup[];
  readonly #kinds: ReadonlyMap<string, KindDefinition>;
  readonly #added = new Set<string>();

  constructor(version: OpenApiVersion, groups: readonly ApiGroup[]) {
    this.#version = version;
    this.#groups = groups;
    const kinds = groups.flatMap(({ versions }) => versions.flatMap(({ resources }) => resources));
    this.#kinds = new Map(kinds.map(({ kind }) => [schemaName(kind), kind]));
  }

  /** Adds a kind, and its list. */
  *add(kind: KindDefinition, listed: boolean): Steps<void> {
    const { group, version } = kind;
    const name = schemaName(kind);
    const identity = { group, version, kind: kind.kind };
    const selectable = (kind.custom ? (kind.selectableFields ?? []) : []).map((path) => ({
      fieldPath: path,
    }));
    const fields = selectable.length > 0 && { "x-kubernetes-selectable-fields": selectable };
    if (!this.#added.has(name)) {
      this.#added.add(name);
      const bare = this.#version === "v2" && preserves(kind.schema);
      const schema = bare ? { type: "object" } : yield* this.#object(kind, name);
      this.components[name] = { ...schema, "x-kubernetes-group-version-kind": [identity], ...fields };
    }
    if (listed) this.components[nameOfList(kind)] = { ...this.#list(kind, name), ...fields };
  }

  #list(kind: KindDefinition, name: string): Json {
    const { group, version, custom } = kind;
    const zero = custom ? {} : { default: {} };
    return {
      description: `${listKindOf(kind)} is a list of ${kind.kind}`,
      type: "object",
      required: ["items"],
      properties: {
        apiVersion: apiVersionSchema(kind),
        items: {
          description: `List of ${kind.plural}.`,
          type: "array",
          items: this.#described(zero, name),
        },
        kind: { type: "string", description: "The kind's name." },
        metadata: this.#described({ description: "What lists have.", ...zero }, `${metaPrefix}ListMeta`),
      },
      "x-kubernetes-group-version-kind": [{ group, version, kind: listKindOf(kind) }],
    };
  }

  *#object(kind: KindDefinition, name: string): Steps<Json> {
    const {
      metadata: _metadata,
      apiVersion: _version,
      kind: _kind,
      ...members
    } = kind.schema.properties ?? {};
    const custom = kind.custom === true;
    const type: Type = { ...(!custom && { members: typeMembers.get(name), fields: kind.protobuf }), custom };
    const emitted = yield* this.#emit({ ...kind.schema, properties: members }, type);
    const description = metadataText;
    const properties = {
      apiVersion: apiVersionSchema(kind),
      kind: { type: "string", description: `The kind's name: ${kind.kind}.` },
      metadata: this.#described({ description, ...(!custom && { default: {} }) }, `${metaPrefix}ObjectMeta`),
      ...(emitted["properties"] as object | undefined),
    };
    const whole = { ...emitted, type: "object", properties };
    return custom ? whole : withHints(name, whole, this.#version === "v3");
  }

  /** A reference to a schema; one that all documents share is in this one from then on. */
  refer(name: string): Json {
    const shared = this.components[name] === undefined ? sharedSchemas[name] : undefined;
    if (shared !== undefined) {
      this.components[name] = {};
      this.components[name] = { ...this.#shared(shared, false), ...this.#everywhere(name) };
    }
    return { $ref: `#/${this.#version === "v2" ? "definitions" : "components/schemas"}/${name}` };
  }

  /** Some types are of every version of every group that is the program's own. */
  #everywhere(name: string): Json {
    const kind = name.slice(metaPrefix.length);
    if (kind !== "DeleteOptions" && kind !== "WatchEvent") return {};
    const own = this.#groups.flatMap(({ name: group, versions }) =>
      versions
        .filter(({ resources }) => resources.some((one) => !one.kind.custom))
        .map(({ version }) => ({ group, kind, version })),
    );
    return { "x-kubernetes-group-version-kind": own };
  }

  /** As this version of the documents has it: a type of its own, or a part of one. */
  #shared(schema: Json, part = true): Json {
    const { v2, ...said } = schema;
    const out: Json = this.#version === "v2" ? { ...said, ...(v2 as Json | undefined) } : said;
    if (this.#version === "v2") for (const gone of ["default", "oneOf"]) delete out[gone];
    const { allOf, properties, items, additionalProperties } = schema as Schema;
    if (part && schema["format"] === "date-time")
      return this.#described(hintsOf(schema as Schema), scalarNames["date-time"] ?? "");
    const [reference] = (allOf ?? []) as readonly { readonly $ref?: string }[];
    if (reference?.$ref !== undefined) {
      delete out["allOf"];
      return this.#described(out, reference.$ref);
    }
    if (properties !== undefined) {
      const all = Object.entries(properties).map(([name, one]) => [name, this.#shared(one as Json)]);
      out["properties"] = Object.fromEntries(all);
    }
    if (items !== undefined) out["items"] = this.#shared(items as Json);
    if (typeof additionalProperties === "object")
      out["additionalProperties"] = this.#shared(additionalProperties as Json);
    return out;
  }

  /** A reference with words of its own. */
  #described(hints: Json, name: string): Json {
    const reference = this.refer(name);
    if (this.#version === "v3")
      return Object.keys(hints).length > 0 ? { ...hints, allOf: [reference] } : reference;
    const { default: _default, ...words } = hints;
    return { ...words, ...reference };
  }

  *#named(name: string, schema: Schema, { custom, fields }: Type): Steps<void> {
    if (this.components[name] !== undefined || sharedSchemas[name] !== undefined) return;
    const whole = this.#kinds.get(name);
    if (whole !== undefined) return yield* this.add(whole, false);
    // What refers to itself meets this while it is made.
    this.components[name] = {};
    const { definition: _definition, default: _default, ...plain } = schema;
    const emitted = yield* this.#emit(plain, { custom, fields, members: typeMembers.get(name) });
    for (const key of Object.keys(emitted)) if (key.startsWith("x-kubernetes-patch")) delete emitted[key];
    this.components[name] = custom ? emitted : withHints(name, emitted, this.#version === "v3");
  }

  *#emit(schema: Schema, type: Type): Steps<Json> {
    const { definition, properties, items, additionalProperties: others, ...plain } = schema;
    const { custom } = type;
    if (definition !== undefined) {
      yield* this.#named(definition, schema, type);
      const { description } = schema;
      return this.#described(description === undefined ? {} : { description }, definition);
    }
    const wire = schema.type === "array" ? "" : (type.wire ?? "");
    const scalar = custom ? undefined : (scalarNames[wire] ?? scalarNames[plain.format ?? ""]);
    if (scalar !== undefined) return this.#described(hintsOf(plain), scalar);
    const out: Json = custom ? this.#customs(plain) : { ...plain };
    if (this.#version === "v2" && out["nullable"] === true) {
      const { nullable: _nullable, type: _type, ...rest } = out;
      return rest;
    }
    if (this.#version === "v2" && custom && preserves(schema)) return untyped(out);
    if (this.#version === "v2") delete out["default"];
    if (properties !== undefined) {
      const fields = fieldsOf(type.fields);
      const emitted: [string, Json][] = [];
      for (const [name, part] of Object.entries(properties)) {
        const field = fields.get(name);
        const own = { custom, fields: field?.message, wire: field?.type };
        const made = yield* this.#member(part, type.members?.get(name), own);
        const value = custom || this.#version === "v2" ? undefined : defaultOf(field);
        emitted.push([name, value === undefined || "default" in made ? made : withDefault(made, value)]);
        yield;
      }
      out["properties"] = Object.fromEntries(emitted);
    }
    const inner = { custom, fields: type.fields };
    if (items !== undefined) out["items"] = this.#zeroed(yield* this.#emit(items, inner), custom);
    if (typeof others === "object")
      out["additionalProperties"] = this.#zeroed(yield* this.#emit(others, inner), custom);
    else if (others !== undefined) out["additionalProperties"] = others;
    if (custom && schema["x-kubernetes-embedded-resource"]) this.#embed(out);
    return out;
  }

  /** What is in a list or a map is at least the zero of its type. */
  #zeroed(made: Json, custom: boolean): Json {
    const value = custom || this.#version === "v2" ? undefined : zeroOf(made);
    return value === undefined ? made : withDefault(made, value);
  }

  /** A user's schema as the document may have it. */
  #customs({ example: _example, externalDocs: _docs, ...schema }: Schema): Json {
    if (this.#version === "v2") return withoutJunctors(schema);
    const { default: value, ...plain } = schema;
    const either =
      schema["x-kubernetes-int-or-string"] && schema.anyOf === undefined && schema.allOf === undefined;
    return {
      ...plain,
      ...(value !== undefined && value !== null && { default: value }),
      ...(either && { anyOf: [{ type: "integer" }, { type: "string" }] }),
    };
  }

  *#member(schema: Schema, name: string | undefined, type: Type): Steps<Json> {
    if (name === undefined) return yield* this.#emit(schema, type);
    const { items, additionalProperties: others } = schema;
    if (schema.type === "array" && items !== undefined) {
      yield* this.#named(name, items, type);
      const emitted = yield* this.#emit({ ...schema, items: {} }, type);
      return { ...emitted, items: this.#zeroed(this.refer(name), type.custom) };
    }
    if (typeof others === "object") {
      yield* this.#named(name, others, type);
      const { additionalProperties: _others, ...plain } = schema;
      return { ...plain, additionalProperties: this.#zeroed(this.refer(name), type.custom) };
    }
    // The words are the member's; the type has none of its own.
    const { description: _words, ...plain } = schema;
    yield* this.#named(name, plain, type);
    const { type: _type, properties: _properties, required: _required, ...hints } = schema;
    const { "x-kubernetes-map-type": map, "x-kubernetes-preserve-unknown-fields": _any, ...own } = hints;
    const granular = map === "granular" && { "x-kubernetes-map-type": map };
    return this.#described({ ...own, ...granular }, name);
  }

  /** Whole objects within an object have what objects have. */
  #embed(out: Json): void {
    const description = metadataText;
    out["properties"] = {
      ...(out["properties"] as object | undefined),
      apiVersion: { type: "string", description: "Group and version of the object's kind." },
      kind: { type: "string", description: "The name of the object's kind." },
      metadata: this.#described({ description }, `${metaPrefix}ObjectMeta`),
    };
    const needed = new Set([...((out["required"] as string[] | undefined) ?? []), "kind", "apiVersion"]);
    out["required"] = [...needed];
  }
}

export function nameOfList(kind: KindDefinition): string {
  return schemaName(kind).replace(/[^.]+$/, listKindOf(kind));
}

function preserves(schema: Schema): boolean {
  return schema["x-kubernetes-preserve-unknown-fields"] === true;
}

/** Begins as upstream's does, as do others here: what people search for, and what its tests compare. */
const metadataText = "Standard object's metadata: name, namespace, labels, annotations.";

function apiVersionSchema(kind: KindDefinition): Json {
  const what = "APIVersion defines the versioned schema of this representation of an object";
  return { type: "string", description: `${what}: ${apiVersionOf(kind)}.` };
}

/** A kind, or a part of one: the types that its members have, and how they are on the wire. */
interface Type {
  readonly custom: boolean;
  readonly members?: Members | undefined;
  readonly fields?: ProtobufMessage | undefined;
  readonly wire?: string | undefined;
}

/** What is said of a member besides its type. */
function hintsOf(schema: Schema): Json {
  const { type: _type, format: _format, oneOf: _oneOf, nullable: _nullable, ...hints } = schema;
  const {
    "x-kubernetes-int-or-string": _either,
    "x-kubernetes-preserve-unknown-fields": _any,
    ...rest
  } = hints;
  return rest;
}

function withDefault(schema: Json, value: unknown): Json {
  const { $ref: _reference, ...rest } = schema;
  return { ...rest, default: value, ...("$ref" in schema && { allOf: [{ $ref: schema["$ref"] }] }) };
}

/** Clients that read Swagger trip over lists without items, and take objects without members to have none. */
function untyped(schema: Json): Json {
  const { type, ...rest } = schema;
  return type === "array" || type === "object" ? rest : schema;
}

/** Swagger knows no alternatives, and clients that read it trip over them. */
function withoutJunctors(schema: Schema): Json {
  const { allOf: _all, anyOf: _any, oneOf: _one, not: _not, default: _default, ...plain } = schema;
  const { "x-kubernetes-int-or-string": either, type, ...rest } = plain;
  return either ? { ...rest, "x-kubernetes-int-or-string": true } : { ...plain, ...(type && { type }) };
}
