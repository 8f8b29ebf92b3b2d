/** What a write's body says: at once, but for a long one, which a thread reads. */
import type { KindDefinition, KubeObject, ParsedBody } from "@selvedge/apimachinery";
import { apiVersionOf } from "../rest/kind-names.ts";
import { withMembers } from "../rest/lazy-object.ts";
import type { ReadKind } from "../rest/object-body.ts";
import type { ObjectRegistry } from "../rest/object-registry.ts";
import type { LongBody } from "../rest/planner.ts";
import { deleteOptionsKind } from "../rest/posted-kinds.ts";
import { badRequest } from "../rest/refusals.ts";
import type { Target } from "../rest/target.ts";
import { StatusError } from "../status-error.ts";
import { mediaTypeOf } from "./body.ts";
import type { Exchange } from "./exchange.ts";

/** An object of the kind that is expected. */
export function bodyOf(
  { request, target }: Exchange,
  objects: ObjectRegistry,
  body: Uint8Array,
  kind: ReadKind,
): Promise<LongBody> {
  const form = { type: "object", media: mediaTypeOf(request) } as const;
  return objects.planner.readBody(body, form, kind, servedOf(target, objects, kind));
}

export function patchOf(
  { target }: Exchange,
  objects: ObjectRegistry,
  body: Uint8Array,
  isApplied: boolean,
  kind: ReadKind,
): Promise<LongBody> {
  const type = isApplied ? "apply" : "patch";
  return objects.planner.readBody(body, { type }, kind, servedOf(target, objects, kind));
}

/** Undefined: it is none whose objects are kept, but a question or a part. */
function servedOf({ kind }: Target, { table }: ObjectRegistry, asked: ReadKind): KindDefinition | undefined {
  return asked === kind && table.find(kind) === kind ? kind : undefined;
}

/** A body as the audit log shows it; undefined: there is none, or none that can be read. */
export async function readable(
  exchange: Exchange,
  objects: ObjectRegistry,
  body: Uint8Array,
): Promise<unknown> {
  if (body.length === 0) return undefined;
  const { request, target } = exchange;
  const expected = request.method === "DELETE" ? deleteOptionsKind : target.kind;
  try {
    const isPatch = request.method === "PATCH";
    return (
      await (isPatch
        ? patchOf(exchange, objects, body, true, target.kind)
        : bodyOf(exchange, objects, body, expected))
    ).value;
  } catch (error) {
    // What is wrong with it the client is told.
    if (error instanceof StatusError) return undefined;
    throw error;
  }
}

export function objectIn({ value }: ParsedBody): Record<string, unknown> {
  if (typeof value === "object" && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>;
  throw badRequest("the body of the request is no object");
}

/** What a body must say that it is. */
export interface Expected {
  readonly kind: string;
  readonly apiVersion: string;
}

/** The URL is the authority on what an object is and where; a body that says otherwise is refused. */
export function placed(parsed: ParsedBody, { target }: Exchange, saysName = false): KubeObject {
  const { kind } = target;
  return placedAs(parsed, { kind: kind.kind, apiVersion: apiVersionOf(kind) }, target, saysName);
}

/** The same of what is sent that is of another kind than the object it is about. */
export function placedAs(
  parsed: ParsedBody,
  { kind, apiVersion: expected }: Expected,
  { name, namespace }: Pick<Target, "name" | "namespace">,
  saysName = false,
): KubeObject {
  const body = objectIn(parsed);
  const { apiVersion = expected, kind: said = kind } = body as Partial<KubeObject>;
  const metadata = body.metadata ?? {};
  if (said !== "" && said !== kind) {
    const version = String(apiVersion).split("/").at(-1);
    const why = `no kind "${said}" is expected here`;
    throw badRequest(`${said} in version "${version}" cannot be handled as a ${kind}: ${why}`);
  }
  if (apiVersion !== "" && apiVersion !== expected) {
    throw badRequest(
      `the API version in the data (${apiVersion}) does not match the expected API version (${expected})`,
    );
  }
  if (typeof metadata !== "object" || Array.isArray(metadata)) {
    throw badRequest("metadata must be an object");
  }
  const meta = metadata as KubeObject["metadata"];
  if (meta.namespace && namespace && meta.namespace !== namespace) {
    throw badRequest("the namespace of the provided object does not match the namespace sent on the request");
  }
  if (saysName && !meta.name) {
    throw badRequest(
      `the name of the object (${name} based on URL) was undeterminable: name must be provided`,
    );
  }
  if (meta.name && name !== undefined && meta.name !== name) {
    throw badRequest(`the name of the object (${meta.name}) does not match the name on the URL (${name})`);
  }
  const place = { ...(name && { name }), ...(namespace && { namespace }) };
  return withMembers(body, {
    ...{ apiVersion: expected, kind },
    metadata: withMembers(meta, place),
  }) as KubeObject;
}
