/** JSON Patch (RFC 6902), with what upstream lets through besides: docs/decisions/0420 says why. */
import { jsonEqual } from "@selvedge/base";
import { isObject } from "../structural/walk.ts";
import { PatchError } from "./patch-error.ts";

export interface JsonPatchOperation {
  readonly op: "add" | "remove" | "replace" | "move" | "copy" | "test";
  readonly path: string;
  readonly from?: string;
  readonly value?: unknown;
}

/** Upstream's bound. */
const operationsMax = 10_000;
/** What copies may add together: a patch of a few bytes must not make an object of gigabytes. */
const copiedBytesMax = 3 * 1024 * 1024;

/** The object after all operations; the one given is left as it is. */
export function jsonPatch(object: unknown, operations: readonly JsonPatchOperation[]): unknown {
  if (!Array.isArray(operations)) throw new PatchError("a JSON patch is a list of operations");
  if (operations.length > operationsMax) {
    const why = `The allowed maximum operations in a JSON patch is ${operationsMax}, got ${operations.length}`;
    throw new PatchError(why, true);
  }
  const document = { root: structuredClone(object) };
  let copied = 0;
  for (const operation of operations) {
    if (!isObject(operation as unknown)) throw new PatchError("a JSON patch operation is an object");
    if (operation.op === "copy") {
      copied += JSON.stringify(valueAt(document, pointer(operation.from, "from")) ?? null).length;
      if (copied > copiedBytesMax) throw new PatchError(`copies add more than ${copiedBytesMax} bytes`);
    }
    apply(document, operation);
  }
  return document.root;
}

interface Document {
  root: unknown;
}

function apply(document: Document, operation: JsonPatchOperation): void {
  const path = pointer(operation.path, "path");
  switch (operation.op) {
    case "add":
      add(document, path, structuredClone(givenValue(operation)));
      return;
    case "remove":
      remove(document, path);
      return;
    case "replace":
      if (path.length === 0) document.root = structuredClone(givenValue(operation));
      else put(parentOf(document, path), path, structuredClone(givenValue(operation)));
      return;
    case "move": {
      const from = pointer(operation.from, "from");
      if (from.length < path.length && from.every((token, index) => token === path[index])) {
        throw new PatchError("a value cannot be moved into itself");
      }
      add(document, path, remove(document, from));
      return;
    }
    case "copy":
      add(document, path, structuredClone(valueAt(document, pointer(operation.from, "from"))));
      return;
    case "test":
      if (!jsonEqual(valueOrNull(document, path), givenValue(operation))) {
        throw new PatchError(`testing value ${operation.path} failed`);
      }
      return;
    default:
      throw new PatchError(`unexpected kind of operation: ${JSON.stringify(operation.op)}`);
  }
}

function givenValue(operation: JsonPatchOperation): unknown {
  if (!Object.hasOwn(operation, "value")) throw new PatchError(`${operation.op} operation has no value`);
  return operation.value;
}

function pointer(text: unknown, field: string): string[] {
  if (typeof text !== "string") throw new PatchError(`operation has no ${field}`);
  if (text === "") return [];
  if (!text.startsWith("/")) throw new PatchError(`${field} ${JSON.stringify(text)} must begin with "/"`);
  if (/~(?![01])/.test(text)) throw new PatchError(`${field} ${JSON.stringify(text)} has a wrong escape`);
  return text
    .slice(1)
    .split("/")
    .map((token) => token.replaceAll("~1", "/").replaceAll("~0", "~"));
}

function index(token: string, limit: number): number {
  if (!/^(0|[1-9]\d*)$/.test(token)) throw new PatchError(`${JSON.stringify(token)} is not an index`);
  const value = Number(token);
  if (value > limit) throw new PatchError(`index ${token} is out of bounds`);
  return value;
}

function step(holder: unknown, token: string): unknown {
  if (Array.isArray(holder)) return holder[index(token, holder.length - 1)];
  if (isObject(holder) && Object.hasOwn(holder, token)) return holder[token];
  throw new PatchError(`the path has no ${JSON.stringify(token)}`);
}

function valueAt(document: Document, path: readonly string[]): unknown {
  return path.reduce(step, document.root);
}

/** A member that is not there is as good as null. */
function valueOrNull(document: Document, path: readonly string[]): unknown {
  const token = path.at(-1);
  if (token === undefined) return document.root;
  const holder = parentOf(document, path);
  return isObject(holder) && !Object.hasOwn(holder, token) ? null : step(holder, token);
}

function parentOf(document: Document, path: readonly string[]): unknown {
  return valueAt(document, path.slice(0, -1));
}

/** Sets a member; `__proto__` becomes a member like any other. */
function put(holder: unknown, path: readonly string[], value: unknown): void {
  const token = path.at(-1) ?? "";
  if (Array.isArray(holder)) holder[index(token, holder.length - 1)] = value;
  else if (isObject(holder)) {
    Object.defineProperty(holder, token, { value, writable: true, enumerable: true, configurable: true });
  } else throw new PatchError(`${JSON.stringify(token)} is not inside an object or a list`);
}

function add(document: Document, path: readonly string[], value: unknown): void {
  const token = path.at(-1);
  if (token === undefined) {
    document.root = value;
    return;
  }
  const holder = parentOf(document, path);
  if (Array.isArray(holder))
    holder.splice(token === "-" ? holder.length : index(token, holder.length), 0, value);
  else put(holder, path, value);
}

function remove(document: Document, path: readonly string[]): unknown {
  const token = path.at(-1);
  const value = valueAt(document, path);
  if (token === undefined) {
    document.root = null;
    return value;
  }
  const holder = parentOf(document, path);
  if (Array.isArray(holder)) holder.splice(index(token, holder.length - 1), 1);
  else if (isObject(holder)) delete holder[token];
  return value;
}
