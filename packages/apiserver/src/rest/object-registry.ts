import {
  applySchemaDefaults,
  type FieldError,
  type JsonPatchOperation,
  jsonPatch,
  type KindDefinition,
  type KubeList,
  type KubeObject,
  mergePatch,
  PatchError,
  prune,
  strategicMergePatch,
  validateSchema,
  type WatchEvent,
} from "@selvedge/apimachinery";
import { below, type Clock, jsonEqual, type Random, toRfc3339, uuid } from "@selvedge/base";
import { StatusError } from "../status-error.ts";
import { type Change, CompactedError, type Row, type Store } from "../store/store.ts";
import { matcher } from "./selection.ts";

/** A kind as callers name it; a KindDefinition is one. */
export interface KindName {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly namespaced: boolean;
}

export interface ListQuery {
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
}

export interface WatchQuery extends ListQuery {
  readonly resourceVersion?: string;
  readonly signal: AbortSignal;
}

export type PatchKind = "json" | "merge" | "strategic" | "apply";

export interface WriteQuery {
  readonly dryRun?: boolean;
  readonly subresource?: string;
}

export interface DeleteQuery {
  readonly gracePeriodSeconds?: number;
  readonly propagationPolicy?: "Background" | "Foreground" | "Orphan";
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string };
}

/** A patch that names no revision is tried again when another write came between, as upstream does. */
const patchAttempts = 5;
const nameLetters = "bcdfghjklmnpqrstvwxz2456789";

/** The objects of all kinds in one store, for callers in the same process and for the HTTP side alike. */
export class ObjectRegistry {
  readonly kinds: readonly KindDefinition[];
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #random: Random;

  constructor(kinds: readonly KindDefinition[], store: Store, clock: Clock, random: Random) {
    this.kinds = kinds;
    this.#store = store;
    this.#clock = clock;
    this.#random = random;
  }

  async get<T extends KubeObject>(kind: KindName, name: string, namespace?: string): Promise<T> {
    return (await this.#find(kind, name, namespace)) as T;
  }

  async list<T extends KubeObject>(kind: KindName, query: ListQuery = {}): Promise<KubeList<T>> {
    const definition = this.#definition(kind);
    const matches = matcher(definition, query);
    const { revision, rows } = await this.#store.list(prefixOf(kind, query.namespace));
    return {
      apiVersion: apiVersionOf(kind),
      kind: `${kind.kind}List`,
      metadata: { resourceVersion: `${revision}` },
      items: rows.map(decode).filter(matches) as T[],
    };
  }

  /** Without a resourceVersion (or with "0") it begins with what is there, as ADDED events. */
  async *watch<T extends KubeObject>(kind: KindName, query: WatchQuery): AsyncGenerator<WatchEvent<T>> {
    const matches = matcher(this.#definition(kind), query);
    let from = Number(query.resourceVersion ?? 0);
    if (!Number.isSafeInteger(from)) {
      throw new StatusError(400, "BadRequest", `invalid resourceVersion "${query.resourceVersion}"`);
    }
    if (from === 0) {
      const { items, metadata } = await this.list<T>(kind, query);
      for (const object of items) yield { type: "ADDED", object };
      from = Number(metadata.resourceVersion);
    }
    try {
      const changes = this.#store.watch(prefixOf(kind, query.namespace), from, query.signal);
      for await (const change of changes) {
        const event = eventOf(change, matches);
        if (event !== undefined) yield event as WatchEvent<T>;
      }
    } catch (error) {
      if (!(error instanceof CompactedError)) throw error;
      throw new StatusError(410, "Expired", `too old resource version: ${from}`, undefined, { cause: error });
    }
  }

  async create<T extends KubeObject>(kind: KindName, object: T, options: WriteQuery = {}): Promise<T> {
    const definition = this.#definition(kind);
    const made: KubeObject = structuredClone(object);
    const meta = made.metadata;
    if (!meta.name && meta.generateName) meta.name = meta.generateName + this.#suffix();
    if (!meta.name) {
      throw invalid(kind, "", [
        { type: "FieldValueRequired", field: "metadata.name", detail: "name or generateName is required" },
      ]);
    }
    checkNamespace(kind, made);
    if (kind.namespaced) await this.#checkNamespaceOpen(meta.namespace ?? "");
    meta.uid = uuid(this.#random);
    meta.creationTimestamp = toRfc3339(this.#clock.now());
    delete meta.resourceVersion;
    delete meta.deletionTimestamp;
    if (hasGeneration(definition)) meta.generation = 1;
    if (definition.subresources?.status) delete made["status"];
    prepare(definition, made, undefined);
    if (options.dryRun) return made as T;
    const outcome = await this.#store.write(keyOf(kind, meta.name, meta.namespace), 0, encode(made));
    if (outcome.type === "conflict") {
      const message = `${resourceName(kind)} "${meta.name}" already exists`;
      throw new StatusError(409, "AlreadyExists", message, detailsOf(kind, meta.name));
    }
    meta.resourceVersion = `${outcome.revision}`;
    return made as T;
  }

  async update<T extends KubeObject>(kind: KindName, object: T, options: WriteQuery = {}): Promise<T> {
    const { name, namespace, resourceVersion } = object.metadata;
    const stored = await this.#find(kind, name, namespace);
    if (!resourceVersion && !this.#definition(kind).unconditionalUpdate) {
      const detail = "must be specified for an update";
      throw invalid(kind, name, [
        { type: "FieldValueInvalid", field: "metadata.resourceVersion", value: 0, detail },
      ]);
    }
    if (resourceVersion && resourceVersion !== stored.metadata.resourceVersion) throw conflict(kind, name);
    return (await this.#replace(kind, stored, object, options)) as T;
  }

  updateStatus<T extends KubeObject>(kind: KindName, object: T): Promise<T> {
    return this.update(kind, object, { subresource: "status" });
  }

  async patch<T extends KubeObject>(
    kind: KindName,
    name: string,
    namespace: string | undefined,
    type: PatchKind,
    patch: unknown,
    options: WriteQuery = {},
  ): Promise<T> {
    const definition = this.#definition(kind);
    for (let attempt = 1; ; attempt++) {
      const stored = await this.#find(kind, name, namespace);
      const patched = applyPatch(definition, stored, type, patch);
      const named = patched.metadata.resourceVersion;
      if (named && named !== stored.metadata.resourceVersion) throw conflict(kind, name);
      try {
        return (await this.#replace(kind, stored, patched, options)) as T;
      } catch (error) {
        const again = error instanceof StatusError && error.reason === "Conflict" && attempt < patchAttempts;
        if (!again) throw error;
      }
    }
  }

  async delete(kind: KindName, name: string, namespace?: string, options: DeleteQuery = {}): Promise<void> {
    const definition = this.#definition(kind);
    const stored = await this.#find(kind, name, namespace);
    const { uid, resourceVersion } = options.preconditions ?? {};
    const meta = stored.metadata;
    if ((uid && uid !== meta.uid) || (resourceVersion && resourceVersion !== meta.resourceVersion)) {
      throw conflict(kind, name);
    }
    const grace = options.gracePeriodSeconds ?? definition.gracePeriodSeconds?.(stored) ?? 0;
    const waits = definition.gracePeriodSeconds !== undefined && grace > 0;
    const expected = Number(meta.resourceVersion);
    const key = keyOf(kind, name, namespace);
    if (!waits && (meta.finalizers ?? []).length === 0) {
      const outcome = await this.#store.write(key, expected, undefined);
      if (outcome.type === "conflict") throw conflict(kind, name);
      return;
    }
    if (meta.deletionTimestamp) return;
    meta.deletionTimestamp = toRfc3339(this.#clock.now());
    meta.deletionGracePeriodSeconds = waits ? grace : 0;
    const outcome = await this.#store.write(key, expected, encode(stored));
    if (outcome.type === "conflict") throw conflict(kind, name);
  }

  async #replace(
    kind: KindName,
    stored: KubeObject,
    wanted: KubeObject,
    options: WriteQuery,
  ): Promise<KubeObject> {
    const definition = this.#definition(kind);
    const next = merge(definition, stored, wanted, options.subresource);
    prepare(definition, next, stored);
    if (hasGeneration(definition) && !jsonEqual(contentOf(next), contentOf(stored))) {
      next.metadata.generation = (stored.metadata.generation ?? 0) + 1;
    }
    if (options.dryRun || jsonEqual(next, stored)) return next;
    const { name, namespace, deletionTimestamp, deletionGracePeriodSeconds, finalizers } = next.metadata;
    const gone = deletionTimestamp && !deletionGracePeriodSeconds && (finalizers ?? []).length === 0;
    const value = gone ? undefined : encode(next);
    const expected = Number(stored.metadata.resourceVersion);
    const outcome = await this.#store.write(keyOf(kind, name, namespace), expected, value);
    if (outcome.type === "conflict") throw conflict(kind, name);
    next.metadata.resourceVersion = `${outcome.revision}`;
    return next;
  }

  async #find(kind: KindName, name: string, namespace: string | undefined): Promise<KubeObject> {
    this.#definition(kind);
    const row = await this.#store.get(keyOf(kind, name, namespace));
    if (row !== undefined) return decode(row);
    throw new StatusError(
      404,
      "NotFound",
      `${resourceName(kind)} "${name}" not found`,
      detailsOf(kind, name),
    );
  }

  async #checkNamespaceOpen(name: string): Promise<void> {
    const namespaces = this.kinds.find((kind) => kind.group === "" && kind.plural === "namespaces");
    if (namespaces === undefined) return;
    const namespace = await this.#find(namespaces, name, undefined);
    if (!namespace.metadata.deletionTimestamp) return;
    const message = `unable to create new content in namespace ${name} because it is being terminated`;
    throw new StatusError(403, "Forbidden", message);
  }

  #definition(kind: KindName): KindDefinition {
    const found = this.kinds.find((one) => one.group === kind.group && one.plural === kind.plural);
    if (found !== undefined) return found;
    throw new StatusError(404, "NotFound", "the server could not find the requested resource");
  }

  #suffix(): string {
    return Array.from({ length: 5 }, () => nameLetters[below(this.#random, nameLetters.length)]).join("");
  }
}

function applyPatch(
  definition: KindDefinition,
  stored: KubeObject,
  type: PatchKind,
  patch: unknown,
): KubeObject {
  if (type === "apply" || (type === "strategic" && definition.custom)) {
    const message = "the body of the request was in an unknown format";
    throw new StatusError(415, "UnsupportedMediaType", message);
  }
  try {
    if (type === "json") return jsonPatch(stored, patch as JsonPatchOperation[]) as KubeObject;
    if (type === "merge") return mergePatch(stored, patch) as KubeObject;
    const body = patch as Record<string, unknown>;
    return strategicMergePatch(stored, body, definition.schema) as unknown as KubeObject;
  } catch (error) {
    if (!(error instanceof PatchError)) throw error;
    throw new StatusError(422, "Invalid", error.message, undefined, { cause: error });
  }
}

/**
 * What a write may change: /status only the status, the main resource all but it; the server's own metadata
 * stays.
 */
function merge(
  definition: KindDefinition,
  stored: KubeObject,
  wanted: KubeObject,
  subresource?: string,
): KubeObject {
  const next: KubeObject =
    subresource === "status" ? { ...structuredClone(stored) } : { ...structuredClone(wanted) };
  const source = subresource === "status" ? wanted : definition.subresources?.status ? stored : wanted;
  if (source["status"] === undefined) delete next["status"];
  else next["status"] = structuredClone(source["status"]);
  const own = ["name", "namespace", "uid", "resourceVersion", "generation", "creationTimestamp"] as const;
  const meta: Record<string, unknown> = { ...next.metadata };
  for (const field of [...own, "deletionTimestamp", "deletionGracePeriodSeconds"] as const) {
    if (stored.metadata[field] === undefined) delete meta[field];
    else meta[field] = stored.metadata[field];
  }
  next.metadata = meta as unknown as KubeObject["metadata"];
  return next;
}

function prepare(definition: KindDefinition, object: KubeObject, old: KubeObject | undefined): void {
  object.apiVersion = apiVersionOf(definition);
  object.kind = definition.kind;
  prune(definition.schema, object);
  applySchemaDefaults(definition.schema, object);
  definition.applyDefaults?.(object);
  const errors = validateSchema(definition.schema, object);
  errors.push(...(definition.validate?.(object, old) ?? []));
  if (errors.length > 0) throw invalid(definition, object.metadata.name, errors);
}

function eventOf(change: Change, matches: (object: KubeObject) => boolean): WatchEvent | undefined {
  const read = (value: string | undefined): KubeObject | undefined =>
    value === undefined ? undefined : decode({ key: change.key, revision: change.revision, value });
  const now = read(change.value);
  const before = read(change.previous);
  const is = now !== undefined && matches(now);
  const was = before !== undefined && matches(before);
  if (is) return { type: was ? "MODIFIED" : "ADDED", object: now };
  return was ? { type: "DELETED", object: before } : undefined;
}

function hasGeneration(definition: KindDefinition): boolean {
  return definition.hasGeneration ?? definition.schema.properties?.["spec"] !== undefined;
}

function contentOf(object: KubeObject): Record<string, unknown> {
  const { metadata: _metadata, status: _status, ...content } = object;
  return content;
}

function checkNamespace(kind: KindName, object: KubeObject): void {
  if (!kind.namespaced) delete object.metadata.namespace;
  else if (!object.metadata.namespace) {
    throw new StatusError(400, "BadRequest", "an empty namespace may not be set during creation");
  }
}

function decode(row: Row): KubeObject {
  const object = JSON.parse(row.value) as KubeObject;
  object.metadata.resourceVersion = `${row.revision}`;
  return object;
}

function encode(object: KubeObject): string {
  const { resourceVersion: _revision, ...metadata } = object.metadata;
  return JSON.stringify({ ...object, metadata });
}

function prefixOf(kind: KindName, namespace: string | undefined): string {
  const base = `${kind.group}/${kind.plural}/`;
  return kind.namespaced && namespace ? `${base}${namespace}/` : base;
}

function keyOf(kind: KindName, name: string, namespace: string | undefined): string {
  return `${prefixOf(kind, namespace)}${name}`;
}

export function apiVersionOf(kind: { readonly group: string; readonly version: string }): string {
  return kind.group === "" ? kind.version : `${kind.group}/${kind.version}`;
}

function resourceName(kind: KindName): string {
  return kind.group === "" ? kind.plural : `${kind.plural}.${kind.group}`;
}

function detailsOf(kind: KindName, name: string): { name: string; group: string; kind: string } {
  return { name, group: kind.group, kind: kind.plural };
}

function conflict(kind: KindName, name: string): StatusError {
  const why = "the object has been modified; please apply your changes to the latest version and try again";
  const message = `Operation cannot be fulfilled on ${resourceName(kind)} "${name}": ${why}`;
  return new StatusError(409, "Conflict", message, detailsOf(kind, name));
}

function invalid(kind: KindName, name: string, errors: readonly FieldError[]): StatusError {
  const causes = errors.map(({ type, field, detail }) => ({ reason: type, field, message: detail }));
  const texts = errors.map(({ field, detail }) => `${field}: ${detail}`);
  const qualified = kind.group === "" ? kind.kind : `${kind.kind}.${kind.group}`;
  const text = texts.length === 1 ? texts[0] : `[${texts.join(", ")}]`;
  const details = { name, group: kind.group, kind: kind.kind, causes };
  return new StatusError(422, "Invalid", `${qualified} "${name}" is invalid: ${text}`, details);
}
