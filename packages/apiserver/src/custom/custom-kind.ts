/** A definition as the kinds that the server serves: one for each of its versions. Pure. */
import {
  applySchemaDefaults,
  type Column,
  dropNulls,
  type FieldError,
  type KindDefinition,
  type KindView,
  type KubeObject,
  parseLabelSelector,
  prune,
  type ScalePaths,
  type Schema,
  SelectorError,
  validateEmbedded,
} from "@selvedge/apimachinery";
import { cloneJson, isInteger, keepsIntegers } from "@selvedge/base";
import { higherVersion } from "../rest/version-order.ts";
import type { CustomResourceDefinition, DefinitionVersion, PrinterColumn } from "./definition.ts";
import { invalid } from "./faults.ts";
import { compileJsonPath, printJson } from "./json-path.ts";

/** The same kinds while their objects are taken away: nothing new comes, and who watches sees them go. */
export function terminatingKinds(kinds: readonly KindDefinition[]): KindDefinition[] {
  const verbs = ["delete", "deletecollection", "get", "list", "watch"];
  return kinds.map((kind) => ({ ...kind, verbs }));
}

/** The same kinds until they are established: a client that finds one writes its definition at once. */
export function untoldKinds(kinds: readonly KindDefinition[]): KindDefinition[] {
  return kinds.map((kind) => {
    const untold = { ...kind, untold: true };
    const definition = definitions.get(kind);
    if (definition !== undefined) definitions.set(untold, definition);
    return untold;
  });
}

/** Turns objects into others of an API version, in the same order. */
export type Conversion = (
  objects: readonly KubeObject[],
  apiVersion: string,
) => Promise<readonly KubeObject[]>;

/** The kinds that are served, under their accepted names. Without a conversion, versions are alike. */
export function customKinds(definition: CustomResourceDefinition, conversion?: Conversion): KindDefinition[] {
  const { spec, status } = definition;
  const names = { ...spec.names, ...status?.acceptedNames };
  const all: KindDefinition[] = [];
  const place = { group: spec.group, plural: names.plural };
  const storage = spec.versions.find((version) => version.storage)?.name ?? "";
  const schemas = new Map(spec.versions.map((version) => [version.name, schemaOf(version)]));
  for (const version of spec.versions) {
    const schema = schemas.get(version.name) ?? {};
    const columns = columnsOf(version);
    const { status: hasStatus, scale } = version.subresources ?? {};
    const fields = (version.selectableFields ?? []).map(({ jsonPath }) => jsonPath.replace(/^\./, ""));
    const kind: KindDefinition = {
      ...{ group: spec.group, version: version.name, kind: names.kind, plural: names.plural },
      singular: names.singular ?? names.kind.toLowerCase(),
      ...(names.listKind !== undefined && { listKind: names.listKind }),
      ...(names.shortNames?.length && { shortNames: names.shortNames }),
      ...(names.categories?.length && { categories: names.categories }),
      ...{ namespaced: spec.scope === "Namespaced", custom: true, hasGeneration: true, schema, columns },
      keepsIntegers,
      ...(hasStatus !== undefined || scale !== undefined
        ? { subresources: { status: hasStatus !== undefined, ...(scale && { scale: scalePaths(scale) }) } }
        : {}),
      ...(fields.length > 0 && { selectableFields: fields }),
      ...(version.deprecated && { deprecationWarning: deprecation(definition, version) }),
      validate: (object) => [
        ...validateEmbedded(schema, object),
        ...(scale === undefined ? [] : scaleErrors(scalePaths(scale), object)),
      ],
      view: viewOf(place, version.name, { storage, schemas, all, conversion }),
    };
    all.push(kind);
    definitions.set(kind, definition);
  }
  const served = new Set(spec.versions.filter((version) => version.served).map(({ name }) => name));
  return all.filter(({ version }) => served.has(version));
}

const definitions = new WeakMap<KindDefinition, CustomResourceDefinition>();
const texts = new WeakMap<CustomResourceDefinition, string>();

/**
 * What makes the same kind again elsewhere, as JSON; undefined: it is no user's, or its objects are being taken
 * away.
 */
export function definitionTextOf(kind: KindDefinition): string | undefined {
  const definition = definitions.get(kind);
  if (definition === undefined) return undefined;
  let text = texts.get(definition);
  if (text === undefined) {
    const { metadata, spec, status } = definition;
    text = JSON.stringify({
      ...{ metadata: { name: metadata.name }, spec },
      status: { acceptedNames: status?.acceptedNames },
    });
    texts.set(definition, text);
  }
  return text;
}

/** Without a schema, and without its root keeping what it does not know, nothing would be kept. */
function schemaOf({ schema }: DefinitionVersion): Schema {
  return schema?.openAPIV3Schema ?? { type: "object", "x-kubernetes-preserve-unknown-fields": true };
}

interface ViewParts {
  readonly storage: string;
  readonly schemas: ReadonlyMap<string, Schema>;
  readonly all: readonly KindDefinition[];
  readonly conversion: Conversion | undefined;
}

/**
 * What is stored is brought to what its own version says now, with the defaults it has now, and then to what the
 * version asked for knows. Without a conversion versions differ in nothing but their schemas.
 */
function viewOf(of: KindView["of"], version: string, parts: ViewParts): KindView {
  const { storage, all, conversion } = parts;
  return {
    of,
    siblings: () => all,
    read: (stored) => {
      settleOwn(stored, parts);
      if (stored.apiVersion === `${of.group}/${version}` || !parts.schemas.has(version)) return stored;
      stored.apiVersion = `${of.group}/${version}`;
      return settleShown(stored, version, parts);
    },
    write: (object) => ({ ...object, apiVersion: `${of.group}/${storage}` }),
    keptAs: `${of.group}/${storage}`,
    ...(conversion && {
      converter: {
        ...{ version, kept: storage },
        convert: async (objects, to) => {
          const own = objects.map((object) => settleOwn(cloneJson(object), parts));
          const made = await conversion(own, `${of.group}/${to}`);
          return made.map((object) => settleShown(object, to, parts));
        },
      },
    }),
  };
}

function settleOwn(stored: KubeObject, { schemas }: ViewParts): KubeObject {
  const own = schemas.get(stored.apiVersion.split("/").at(-1) ?? "");
  if (own === undefined) return stored;
  prune(own, stored);
  dropNulls(own, stored);
  applySchemaDefaults(own, stored);
  return stored;
}

function settleShown(object: KubeObject, version: string, { schemas }: ViewParts): KubeObject {
  const schema = schemas.get(version);
  if (schema === undefined) return object;
  prune(schema, object);
  dropNulls(schema, object);
  return object;
}

function scalePaths(scale: NonNullable<NonNullable<DefinitionVersion["subresources"]>["scale"]>): ScalePaths {
  const { specReplicasPath, statusReplicasPath, labelSelectorPath } = scale;
  return {
    specReplicas: specReplicasPath,
    statusReplicas: statusReplicasPath,
    ...(labelSelectorPath && { selector: labelSelectorPath }),
  };
}

const int32Max = 2 ** 31 - 1;

/** What the scale subresource reads must be what it says it is. */
function scaleErrors(
  { specReplicas, statusReplicas, selector }: ScalePaths,
  object: KubeObject,
): FieldError[] {
  const errors: FieldError[] = [];
  const valueAt = (path: string): unknown => compileJsonPath(path)(object)[0];
  for (const path of [specReplicas, statusReplicas]) {
    const value = valueAt(path);
    if (value === undefined || value === null) continue;
    if (!isInteger(value)) {
      const detail = `${path} accessor error: ${printJson(value)} is of the type ${typeof value}, expected int64`;
      errors.push(invalid(path, value, detail));
    } else if (value < 0) errors.push(invalid(path, value, "should be a non-negative integer"));
    else if (value > int32Max)
      errors.push(invalid(path, value, `should be less than or equal to ${int32Max}`));
  }
  const text = selector === undefined ? undefined : valueAt(selector);
  if (selector === undefined || typeof text !== "string") return errors;
  try {
    parseLabelSelector(text);
  } catch (error) {
    if (!(error instanceof SelectorError)) throw error;
    errors.push(invalid(selector, text, error.message));
  }
  return errors;
}

const age: PrinterColumn = {
  name: "Age",
  type: "date",
  jsonPath: ".metadata.creationTimestamp",
  description: "When the object was created. Set by the server; cannot be changed.",
};

function columnsOf({ additionalPrinterColumns = [] }: DefinitionVersion): Column[] {
  const printed = additionalPrinterColumns.length > 0 ? additionalPrinterColumns : [age];
  const description = "The object's name, unique among objects of its kind and namespace. Cannot be changed.";
  return [
    { name: "Name", type: "string", format: "name", description, value: ({ metadata }) => metadata.name },
    ...printed.map(columnOf),
  ];
}

function columnOf({ name, type, format, description, priority, jsonPath }: PrinterColumn): Column {
  const find = findOf(jsonPath);
  return {
    name,
    type: type as Column["type"],
    ...(format && { format }),
    description: description || `Custom resource definition column (in JSONPath format): ${jsonPath}`,
    ...(priority && { priority }),
    value: (object) => cellOf(type, find(object)[0]),
  };
}

/** A path that cannot be read shows nothing: upstream takes such definitions too. */
function findOf(path: string): (value: unknown) => unknown[] {
  try {
    return compileJsonPath(path);
  } catch {
    return () => [];
  }
}

function cellOf(type: string, value: unknown): ReturnType<Column["value"]> {
  if (value === undefined || value === null) return null;
  switch (type) {
    case "string":
      return printJson(value);
    case "integer":
      if (typeof value === "number") return Math.trunc(value);
      return typeof value === "bigint" ? value : null;
    case "number":
      return typeof value === "number" || typeof value === "bigint" ? value : null;
    case "boolean":
      return typeof value === "boolean" ? value : null;
    case "date":
      if (typeof value !== "string") return null;
      return Number.isNaN(Date.parse(value)) ? "<invalid>" : value;
    default:
      return null;
  }
}

/** Names a newer version, where there is one to go to. */
function deprecation({ spec }: CustomResourceDefinition, version: DefinitionVersion): string {
  if (version.deprecationWarning !== undefined) return version.deprecationWarning;
  const { kind } = spec.names;
  const text = `${spec.group}/${version.name} ${kind} is deprecated`;
  const [best] = spec.versions
    .filter(({ served, deprecated, name }) => served && !deprecated && higherVersion(name, version.name) < 0)
    .sort((a, b) => higherVersion(a.name, b.name));
  return best === undefined ? text : `${text}; use ${spec.group}/${best.name} ${kind}`;
}
