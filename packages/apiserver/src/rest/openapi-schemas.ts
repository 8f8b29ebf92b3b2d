/** Kinds as OpenAPI's named schemas: every part that upstream has a name for is one of its own. */
import type { KindDefinition, Schema } from "@selvedge/apimachinery";
import { apiVersionOf, listKindOf } from "./kind-names.ts";
import { withHints } from "./openapi-hints.ts";
import { metaPrefix, metaSchemas } from "./openapi-meta.ts";
import { type Members, typeMembers } from "./openapi-names.ts";

export type OpenApiVersion = "v2" | "v3";

/** Groups whose types live elsewhere than in k8s.io/api. */
const packages: Readonly<Record<string, string>> = {
  "apiextensions.k8s.io": "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions",
  "apiregistration.k8s.io": "io.k8s.kube-aggregator.pkg.apis.apiregistration",
  "metrics.k8s.io": "io.k8s.metrics.pkg.apis.metrics",
};

/** `io.k8s.api.apps.v1.Deployment`, `dev.selvedge.v1alpha1.EdgeNode`. */
export function schemaName({ group, version, kind, custom }: KindDefinition): string {
  const own = packages[group];
  if (own !== undefined) return `${own}.${version}.${kind}`;
  const isUpstreams = group === "" || !group.includes(".") || group.endsWith(".k8s.io");
  if (isUpstreams && !custom) return `io.k8s.api.${group.split(".")[0] || "core"}.${version}.${kind}`;
  return `${group.split(".").reverse().join(".")}.${version}.${kind}`;
}

/** Values that are plain JSON but have a type of their own in upstream's Go, by our formats. */
const scalarTypes: Readonly<Record<string, { readonly name: string; readonly schema: object }>> = {
  quantity: {
    name: "io.k8s.apimachinery.pkg.api.resource.Quantity",
    schema: { description: "An amount: 100m, 1.5Gi, 2e3.", oneOf: [{ type: "string" }, { type: "number" }] },
  },
  "int-or-string": {
    name: "io.k8s.apimachinery.pkg.util.intstr.IntOrString",
    schema: {
      description: "An integer, or a text: a name, a percentage.",
      format: "int-or-string",
      oneOf: [{ type: "integer" }, { type: "string" }],
    },
  },
  "date-time": {
    name: `${metaPrefix}Time`,
    schema: { description: "A point in time, as RFC 3339 writes it.", type: "string", format: "date-time" },
  },
};

type Json = Record<string, unknown>;

/** A user's kind may have thousands of fields: others have their turn between two. */
type Steps<T> = Generator<undefined, T>;

/** Gathers named schemas for one document. */
export class SchemaBook {
  readonly components: Record<string, unknown> = { ...metaSchemas };
  readonly #version: OpenApiVersion;

  constructor(version: OpenApiVersion) {
    this.#version = version;
  }

  /** Adds a kind and its list. */
  *add(kind: KindDefinition): Steps<void> {
    const { group, version } = kind;
    const name = schemaName(kind);
    const identity = { group, version, kind: kind.kind };
    const bare = this.#version === "v2" && preserves(kind.schema);
    const schema = bare ? { type: "object" } : yield* this.#object(kind, name);
    const selectable = (kind.custom ? (kind.selectableFields ?? []) : []).map((path) => ({
      fieldPath: path,
    }));
    const fields = selectable.length > 0 && { "x-kubernetes-selectable-fields": selectable };
    this.components[name] = { ...schema, "x-kubernetes-group-version-kind": [identity], ...fields };
    this.components[nameOfList(kind)] = {
      description: `${listKindOf(kind)} is a list of ${kind.kind}`,
      type: "object",
      required: ["items"],
      properties: {
        apiVersion: apiVersionSchema(kind),
        items: {
          description: `List of ${kind.plural}.`,
          type: "array",
          items: this.#reference(name),
        },
        kind: { type: "string", description: "The kind's name." },
        metadata: this.#described({ description: "What lists have." }, `${metaPrefix}ListMeta`),
      },
      "x-kubernetes-group-version-kind": [{ ...identity, kind: listKindOf(kind) }],
      ...fields,
    };
  }

  *#object(kind: KindDefinition, name: string): Steps<Json> {
    const {
      metadata: _metadata,
      apiVersion: _version,
      kind: _kind,
      ...members
    } = kind.schema.properties ?? {};
    const type = kind.custom ? undefined : typeMembers.get(name);
    const emitted = yield* this.#emit({ ...kind.schema, properties: members }, type, kind.custom === true);
    const description = metadataText;
    const properties = {
      apiVersion: apiVersionSchema(kind),
      kind: { type: "string", description: `The kind's name: ${kind.kind}.` },
      metadata: this.#described({ description }, `${metaPrefix}ObjectMeta`),
      ...(emitted["properties"] as object | undefined),
    };
    const whole = { ...emitted, type: "object", properties };
    return kind.custom ? whole : withHints(name, whole);
  }

  #reference(name: string): Json {
    return { $ref: `#/${this.#version === "v2" ? "definitions" : "components/schemas"}/${name}` };
  }

  /** A reference with words of its own. */
  #described(hints: Json, name: string): Json {
    const reference = this.#reference(name);
    if (this.#version === "v2") return { ...hints, ...reference };
    return { ...hints, allOf: [reference] };
  }

  *#named(name: string, schema: Schema, custom: boolean): Steps<void> {
    if (this.components[name] !== undefined) return;
    // What refers to itself meets this while it is made.
    this.components[name] = {};
    const { definition: _definition, ...plain } = schema;
    const emitted = yield* this.#emit(plain, typeMembers.get(name), custom);
    for (const key of Object.keys(emitted)) if (key.startsWith("x-kubernetes-patch")) delete emitted[key];
    this.components[name] = custom ? emitted : withHints(name, emitted);
  }

  *#emit(schema: Schema, members: Members | undefined, custom: boolean): Steps<Json> {
    const { definition, properties, items, additionalProperties: others, ...plain } = schema;
    if (definition !== undefined) {
      yield* this.#named(definition, schema, custom);
      const { description } = schema;
      return this.#described(description === undefined ? {} : { description }, definition);
    }
    const format = plain.format ?? "";
    const scalar = custom ? undefined : scalarTypes[format];
    if (scalar !== undefined) {
      this.components[scalar.name] ??= scalar.schema;
      const { type: _type, format: _format, oneOf: _oneOf, nullable: _nullable, ...hints } = plain;
      const { "x-kubernetes-int-or-string": _either, ...rest } = hints;
      return this.#described(rest, scalar.name);
    }
    const out: Json = this.#version === "v2" && custom ? withoutJunctors(plain) : { ...plain };
    if (out["nullable"] === true && this.#version === "v2") {
      const { nullable: _nullable, type: _type, ...rest } = out;
      return rest;
    }
    if (this.#version === "v2" && custom && preserves(schema)) return untyped(out);
    if (properties !== undefined) {
      const emitted: [string, Json][] = [];
      for (const [name, part] of Object.entries(properties)) {
        emitted.push([name, yield* this.#member(part, members?.get(name), custom)]);
        yield;
      }
      out["properties"] = Object.fromEntries(emitted);
    }
    if (items !== undefined) out["items"] = yield* this.#emit(items, undefined, custom);
    if (typeof others === "object")
      out["additionalProperties"] = yield* this.#emit(others, undefined, custom);
    else if (others !== undefined) out["additionalProperties"] = others;
    if (custom && schema["x-kubernetes-embedded-resource"]) this.#embed(out);
    return out;
  }

  *#member(schema: Schema, type: string | undefined, custom: boolean): Steps<Json> {
    if (type === undefined) return yield* this.#emit(schema, undefined, custom);
    const { items, additionalProperties: others } = schema;
    if (schema.type === "array" && items !== undefined) {
      yield* this.#named(type, items, custom);
      const emitted = yield* this.#emit({ ...schema, items: {} }, undefined, custom);
      return { ...emitted, items: this.#described({}, type) };
    }
    if (typeof others === "object") {
      yield* this.#named(type, others, custom);
      const { additionalProperties: _others, ...plain } = schema;
      return { ...plain, additionalProperties: this.#reference(type) };
    }
    // The words are the member's; the type has none of its own.
    const { description: _words, ...plain } = schema;
    yield* this.#named(type, plain, custom);
    const { type: _type, properties: _properties, required: _required, ...hints } = schema;
    return this.#described(hints as Json, type);
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
    const needed = new Set([...((out["required"] as string[] | undefined) ?? []), "apiVersion", "kind"]);
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

/** Clients that read Swagger trip over lists without items, and take objects without members to have none. */
function untyped(schema: Json): Json {
  const { type, ...rest } = schema;
  return type === "array" || type === "object" ? rest : schema;
}

/** Swagger knows no alternatives, and clients that read it trip over them. */
function withoutJunctors(schema: Schema): Json {
  const { allOf: _all, anyOf: _any, oneOf: _one, not: _not, ...plain } = schema;
  const { "x-kubernetes-int-or-string": either, type, ...rest } = plain;
  return either ? { ...rest, "x-kubernetes-int-or-string": true } : { ...plain, ...(type && { type }) };
}
