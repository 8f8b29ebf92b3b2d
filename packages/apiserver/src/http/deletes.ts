/** DELETE: of one object, or of all that a query selects. */
import type { KindDefinition, KubeObject } from "@selvedge/apimachinery";
import { decodeFault } from "../rest/decode-fault.ts";
import type { DeleteQuery } from "../rest/delete-plan.ts";
import { apiVersionOf, listKindOf } from "../rest/kind-names.ts";
import { listMetadata } from "../rest/listing.ts";
import type { ObjectRegistry } from "../rest/object-registry.ts";
import { deleteOptionsKind } from "../rest/posted-kinds.ts";
import { methodNotAllowed } from "../rest/refusals.ts";
import { removeAll } from "../rest/remove-all.ts";
import { StatusError } from "../status-error.ts";
import type { Exchange } from "./exchange.ts";
import { deleteOptions } from "./query.ts";
import { listedQuery, noEnd } from "./reads.ts";
import { bodyOf } from "./written-body.ts";

export const success = { kind: "Status", apiVersion: "v1", metadata: {}, status: "Success" };

export async function remove(
  exchange: Exchange,
  objects: ObjectRegistry,
  body: Uint8Array,
  ears: Pick<DeleteQuery, "warn" | "annotate">,
): Promise<{ readonly code: number; readonly body: object }> {
  const { query, target } = exchange;
  const { kind, name, namespace } = target;
  if (name === undefined) {
    if (kind.namespaced && namespace === undefined) throw methodNotAllowed();
    if (kind.verbs?.includes("deletecollection") === false) throw methodNotAllowed();
  }
  const said = body.length === 0 ? undefined : await saidIn(exchange, objects, body);
  const options = { ...deleteOptions(query, said), user: exchange.user, ...ears };
  if (name === undefined) return { code: 200, body: await removeMany(exchange, objects, options) };
  const { gone, object } = await objects.remove(kind, name, namespace, options);
  if (!gone) return { code: options.orphanDependents === false ? 202 : 200, body: object };
  if (kind.returnsDeleted === true) return { code: 200, body: object };
  const group = kind.group === "" ? {} : { group: kind.group };
  const details = { name, ...group, kind: kind.plural, uid: object.metadata.uid };
  return { code: 200, body: { ...success, details } };
}

/** What is deleted together is told in an answer up to here, in characters: it is made in one go. */
const toldMax = 1024 * 1024;

/** What upstream answers, a list of what they were; of very many, the Status that its documents speak of. */
async function removeMany(
  { query, response, target: { kind, namespace } }: Exchange,
  objects: ObjectRegistry,
  options: DeleteQuery,
): Promise<object> {
  const gone = new AbortController();
  response.once("close", () => gone.abort());
  const items: object[] = [];
  let [length, count] = [0, 0];
  const removed = (object: KubeObject, index: number): void => {
    count++;
    if (length <= toldMax) length += JSON.stringify(object).length;
    if (length <= toldMax) items[index] = itemOf(kind, object);
    else items.length = 0;
  };
  const asked = { ...listedQuery(query, namespace), gone: gone.signal, removed };
  const { revision, end } = await removeAll(objects, kind, asked, options);
  if (length > toldMax) return { ...success, message: `${count} objects were deleted` };
  const metadata = listMetadata({ revision, items: [], ...(end ?? noEnd) });
  return { kind: listKindOf(kind), apiVersion: apiVersionOf(kind), metadata, items: items.filter(Boolean) };
}

/** Built-in kinds' lists say what their items are; users' kinds say it of each. */
function itemOf({ custom }: KindDefinition, object: KubeObject): object {
  const { apiVersion: _apiVersion, kind: _kind, ...item } = object;
  return custom ? object : item;
}

async function saidIn(
  exchange: Exchange,
  objects: ObjectRegistry,
  body: Uint8Array,
): Promise<Readonly<Record<string, unknown>>> {
  const { value } = await bodyOf(exchange, objects, body, deleteOptionsKind).catch((error: unknown) => {
    if (!(error instanceof StatusError) || error.code !== 400) throw error;
    throw unread(error.message.replace(/^the object provided is unrecognized \(.*?\): /, ""));
  });
  return optionsIn(value);
}

/** The options that a body says. Upstream has no code for those that cannot be read. */
export function optionsIn(value: unknown): Readonly<Record<string, unknown>> {
  if (value !== null && (typeof value !== "object" || Array.isArray(value)))
    throw unread("couldn't get version/kind; json parse error: the body of the request is no object");
  const said = { ...value } as Partial<KubeObject>;
  if (said.kind && said.kind !== "DeleteOptions") {
    const scheme = 'in scheme "pkg/runtime/scheme.go:110"';
    throw unread(`no kind "${said.kind}" is registered for version "${said.apiVersion || "v1"}" ${scheme}`);
  }
  const fault = decodeFault(deleteOptionsKind, said);
  if (fault !== undefined) throw unread(fault);
  return said;
}

function unread(why: string): StatusError {
  return new StatusError(500, "", why);
}
