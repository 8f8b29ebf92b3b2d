/** What a write's body says: at once, but for long YAML, which a thread reads. */
import {
  BodyError,
  deleteOptionsMessage,
  type KindDefinition,
  type ParsedBody,
  parseJsonBody,
} from "@selvedge/apimachinery";
import type { ObjectRegistry } from "../rest/object-registry.ts";
import { badRequest } from "../rest/refusals.ts";
import { StatusError } from "../status-error.ts";
import { decodeBody, mediaTypeOf, textOf } from "./body.ts";
import type { Exchange } from "./exchange.ts";

export const deleteOptionsKind: Pick<KindDefinition, "kind" | "protobuf"> = {
  kind: "DeleteOptions",
  protobuf: deleteOptionsMessage,
};

/** An object of the kind that is expected. */
export function bodyOf(
  { request }: Exchange,
  { planner }: ObjectRegistry,
  body: Uint8Array,
  kind: Pick<KindDefinition, "kind" | "protobuf" | "keepsIntegers">,
): Promise<ParsedBody> {
  return decodeBody(body, mediaTypeOf(request), kind, (text) => planner.readYaml(text, false, kind));
}

/** Of all patches what is applied alone may be YAML. */
export async function patchOf(
  { planner }: ObjectRegistry,
  body: Uint8Array,
  isApplied: boolean,
  kind: Pick<KindDefinition, "keepsIntegers">,
): Promise<ParsedBody> {
  const text = textOf(body);
  try {
    return isApplied ? await planner.readYaml(text, true, kind) : parseJsonBody(text, kind.keepsIntegers);
  } catch (error) {
    if (!(error instanceof BodyError)) throw error;
    throw badRequest(`error decoding patch: ${error.message}`, error);
  }
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
      await (isPatch ? patchOf(objects, body, true, target.kind) : bodyOf(exchange, objects, body, expected))
    ).value;
  } catch (error) {
    // What is wrong with it the client is told.
    if (error instanceof StatusError) return undefined;
    throw error;
  }
}
