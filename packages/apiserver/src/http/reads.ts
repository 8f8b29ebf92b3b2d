/** GET: one object, a list, or a watch, in the form the client asks for. */
import type { KindDefinition, KubeObject } from "@selvedge/apimachinery";
import type { Clock, Instant, Random } from "@selvedge/base";
import { apiVersionOf, listKindOf } from "../rest/kind-names.ts";
import { jsonOf } from "../rest/lazy-object.ts";
import { type ListPiece, type ListQuery, listMetadata, type StoredList } from "../rest/listing.ts";
import type { ObjectRegistry } from "../rest/object-registry.ts";
import { badRequest, tooLargeRevision } from "../rest/refusals.ts";
import { readRevision } from "../rest/revision-text.ts";
import { scaleDefinition } from "../rest/scale.ts";
import type { Stored } from "../rest/stored.ts";
import { partial, tableOf } from "../rest/table.ts";
import type { Exchange } from "./exchange.ts";
import { type ListForm, sendList, sendYamlList } from "./list-stream.ts";
import { checkPartial, formOf, type View } from "./negotiation.ts";
import { protobufListOf, sendProtobufList } from "./protobuf-list.ts";
import { includeObject, isGoTrue, listQuery, timeoutSeconds } from "./query.ts";
import { answer } from "./respond.ts";

export interface ReadPorts {
  readonly objects: ObjectRegistry;
  readonly clock: Clock;
  readonly random: Random;
}

export async function serveObject(exchange: Exchange, ports: ReadPorts): Promise<void> {
  const { request, query, target } = exchange;
  const { kind, name = "", namespace, subresource } = target;
  const form = formOf(request.headers.accept, { protobuf: kind.protobuf !== undefined });
  const { view, encoding } = form;
  if (isGoTrue(query.get("export")))
    throw badRequest("the export parameter, deprecated since v1.14, is no longer supported");
  await checkReached(exchange, ports);
  const stored = await ports.objects.getStored(kind, name, namespace);
  checkPartial(form, kind, false);
  if (view !== "partial") await ports.objects.planner.settle(stored, kind);
  const now = ports.clock.now();
  if (subresource === "scale") {
    const scale = await ports.objects.planner.scale(kind, stored.object);
    await answer(exchange, encoding, 200, jsonOf(shown(scale, view, exchange, now, scaleDefinition)));
    return;
  }
  if (view === "table") await exchange.answers.look(stored, kind, now);
  if (view === "object") {
    await answer(exchange, encoding, 200, stored.json);
    return;
  }
  await answer(exchange, encoding, 200, jsonOf(shown(stored.object, view, exchange, now)));
}

/** Who has seen a revision must not be shown what was before it. */
async function checkReached({ query }: Exchange, { objects }: ReadPorts): Promise<void> {
  const asked = query.get("resourceVersion") ?? "";
  const revision = readRevision(asked);
  if (revision === 0) return;
  const current = await objects.revision();
  if (revision > current) throw tooLargeRevision(asked, current);
}

export async function serveList(exchange: Exchange, ports: ReadPorts): Promise<void> {
  const { request, query, target } = exchange;
  const { kind, namespace } = target;
  const asked = formOf(request.headers.accept, { protobuf: kind.protobuf !== undefined });
  const { view, encoding } = asked;
  checkPartial(asked, kind, true);
  const kept = ports.objects.listPieces(kind, listedQuery(query, namespace));
  const now = ports.clock.now();
  const isKept = view === "partial" || (view === "object" && kind.view === undefined);
  const pieces = isKept ? kept : settled(kept, exchange, view, ports, now);
  const first = await pieces.next();
  if (first.done) throw new Error("a list has no end");
  const form = listFormOf(exchange, view, now);
  const { revision, items, end } = first.value;
  // What is sent in pieces is more than is written down; only a Table in YAML is put together all the same.
  if (end === undefined && (encoding !== "yaml" || view !== "table")) exchange.audit?.tooLong();
  if (encoding === "protobuf") {
    const again = (revision: number): AsyncIterable<ListPiece> =>
      ports.objects.listPieces(kind, { ...listQuery(query, namespace), again: revision });
    if (end !== undefined && exchange.audit?.wants("RequestResponse") === true)
      exchange.audit.answered(wholeList(form, { revision, items, ...end }));
    const list = protobufListOf(kind, view === "partial", exchange.answers);
    await sendProtobufList(exchange, list, first.value, pieces, again);
    return;
  }
  if (end === undefined && encoding === "json") {
    await sendList(exchange, form, first.value, pieces);
    return;
  }
  // A Table's rows come after its metadata.
  if (end === undefined && encoding === "yaml" && view !== "table") {
    await sendYamlList(exchange, form, first.value, pieces);
    return;
  }
  const all = [...items];
  let last = end;
  for await (const piece of pieces) {
    for (const stored of piece.items) all.push(stored);
    last = piece.end;
  }
  await answer(exchange, encoding, 200, wholeList(form, { revision, items: all, ...(last ?? noEnd) }));
}

/** With long ones made, or looked into, that only a thread can do in good time. */
async function* settled(
  pieces: AsyncGenerator<ListPiece>,
  { target: { kind }, answers }: Exchange,
  view: View,
  { objects }: ReadPorts,
  now: Instant,
): AsyncGenerator<ListPiece> {
  for await (const piece of pieces) {
    for (const stored of piece.items) {
      const settling = objects.planner.settle(stored, kind);
      if (settling !== undefined) await settling;
      const looking = view === "table" ? answers.look(stored, kind, now) : undefined;
      if (looking !== undefined) await looking;
    }
    yield piece;
  }
}

function wholeList(form: ListForm, list: StoredList): string {
  return `${form.head(listMetadata(list))}${form.items(list.items)}]}`;
}

export const noEnd = { continue: undefined, remaining: undefined };

/** How a list is written, whatever is in it. */
function listFormOf({ query, target: { kind } }: Exchange, view: View, now: Instant): ListForm {
  if (view === "table") {
    const include = includeObject(query);
    const { rows: _rows, metadata: _metadata, ...rest } = tableOf(kind, [], undefined, now, include);
    return {
      head: (metadata) => open({ ...rest, ...(metadata && { metadata }) }, "rows"),
      items: (list) => {
        const objects = list.map(({ object }) => object);
        return jsonOf(tableOf(kind, objects, undefined, now, include)["rows"]).slice(1, -1);
      },
    };
  }
  const isPartial = view === "partial";
  const [apiVersion, name] = isPartial
    ? ["meta.k8s.io/v1", "PartialObjectMetadataList"]
    : [apiVersionOf(kind), listKindOf(kind)];
  const said = `{"apiVersion":"${apiVersion}","kind":"${kind.kind}",`;
  return {
    head: (metadata) => open({ kind: name, apiVersion, ...(metadata && { metadata }) }, "items"),
    // Objects are put in as the text they are stored as: reading and writing them again would be most of the work.
    items: (list) =>
      list.map((stored) => (isPartial ? jsonOf(partial(stored.object)) : itemOf(stored))).join(","),
  };

  /** The list says what a built-in kind's items are; users' kinds say it of each. */
  function itemOf(stored: Stored): string {
    const { json } = stored;
    if (kind.custom) return json;
    if (json.startsWith(said)) return `{${json.slice(said.length)}`;
    const { apiVersion: _apiVersion, kind: _kind, ...item } = stored.object;
    return JSON.stringify(item);
  }
}

function open(rest: Record<string, unknown>, list: string): string {
  return `${JSON.stringify(rest).slice(0, -1)},"${list}":[`;
}

/** Which objects a query lists; what no list can be asked is refused. */
export function listedQuery(query: URLSearchParams, namespace: string | undefined): ListQuery {
  timeoutSeconds(query);
  return listQuery(query, namespace);
}

/** One object in the form asked for. */
export function shown(
  object: KubeObject,
  view: View,
  { target, query }: Exchange,
  now: Instant,
  kind: KindDefinition = target.kind,
): unknown {
  const { resourceVersion = "" } = object.metadata;
  if (view === "table") return tableOf(kind, [object], { resourceVersion }, now, includeObject(query));
  return view === "partial" ? partial(object) : object;
}
