/** What a write's body says: at once, but for a long one, which a thread reads. */
import { deleteOptionsMessage, type KindDefinition } from "@selvedge/apimachinery";
import type { ObjectRegistry } from "../rest/object-registry.ts";
import type { LongBody } from "../rest/planner.ts";
import type { Target } from "../rest/target.ts";
import { StatusError } from "../status-error.ts";
import { mediaTypeOf, type ReadKind } from "./body.ts";
import type { Exchange } from "./exchange.ts";

export const deleteOptionsKind: Pick<KindDefinition, "kind" | "protobuf"> = {
  kind: "DeleteOptions",
  protobuf: deleteOptionsMessage,
};

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
