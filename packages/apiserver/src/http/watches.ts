/** GET with watch: a line or a frame for each change, until the client has enough or the time is over. */
import type { ServerResponse } from "node:http";
import { encodeEvents, type ProtobufEvent } from "@selvedge/apimachinery";
import { type Clock, type Instant, seconds } from "@selvedge/base";
import { holdingLazy, jsonOf } from "../rest/lazy-object.ts";
import { protobufType } from "../rest/media-types.ts";
import { answerBody, storedBody } from "../rest/protobuf-answer.ts";
import type { WatchItem } from "../rest/watching.ts";
import { bookmark } from "../rest/watching.ts";
import { bodyComes, isLong, partsOf, sharedLine } from "./event-parts.ts";
import type { Exchange } from "./exchange.ts";
import { type Form, formOf, type View } from "./negotiation.ts";
import { includeObject, isTrue, listQuery, timeoutSeconds } from "./query.ts";
import { type ReadPorts, shown } from "./reads.ts";

/**
 * Without a wish a watch ends after half an hour to an hour, not all at once, so that clients spread anew.
 */
const watchSeconds = 1800;
/**
 * A client that takes nothing for so long is gone, or might as well be: it comes back and goes on where it
 * was.
 */
const stalledAfter = seconds(60);
const watchProtobuf = `${protobufType};stream=watch`;

export async function serveWatch(exchange: Exchange, ports: ReadPorts): Promise<void> {
  const { request, response, query, target } = exchange;
  const { kind, namespace } = target;
  const offer = { protobuf: kind.protobuf !== undefined, stream: true };
  const form = formOf(request.headers.accept, offer);
  const { encoding } = form;
  const type = encoding === "protobuf" ? watchProtobuf : "application/json";
  includeObject(query);
  const stop = new AbortController();
  // The response's own words differ between HTTP/1.1 and HTTP/2; this event is the same.
  let gone = false;
  response.once("close", () => {
    gone = true;
    stop.abort();
  });
  // What is wrong with the question is told here, before the stream begins.
  const batches = await ports.objects.watchStored(kind, {
    ...listQuery(query, namespace),
    allowWatchBookmarks: isTrue(query.get("allowWatchBookmarks")),
    signal: stop.signal,
  });
  const span = timeoutSeconds(query) ?? watchSeconds * (1 + ports.random.next());
  const timer = ports.clock.setTimer(seconds(span), () => stop.abort());
  const lines: Lines = { now: ports.clock.now(), knowsColumns: false };
  response.writeHead(200, {
    ...{ "content-type": type, "cache-control": "no-cache, private", vary: "Accept" },
  });
  response.flushHeaders();
  try {
    for await (const items of batches) {
      lines.now = ports.clock.now();
      await settleAll(items, form, exchange, ports, lines.now);
      // One write for all that is short: each costs a TLS record and a call of the system.
      for await (const part of items.some(isLong) ? partsOf(items) : [items]) {
        if (response.writableEnded || gone) break;
        const all = encodeItems(part, form, exchange, lines);
        if (!response.write(all)) await drained(response, stop.signal, ports.clock);
      }
      if (response.writableEnded || gone) break;
    }
  } finally {
    timer.cancel();
    stop.abort();
  }
  response.end();
}

/** Has long ones made that only a thread can make in good time; for all who watch them. */
async function settleAll(
  items: readonly WatchItem[],
  { view, encoding }: Form,
  { answers, target: { kind } }: Exchange,
  { objects }: ReadPorts,
  now: Instant,
): Promise<void> {
  if (view === "partial") return;
  for (const item of items) {
    if (!isLong(item)) continue;
    const { stored } = item;
    await objects.planner.settle(stored, kind);
    if (view === "table") await answers.look(stored, kind, now);
    else if (encoding === "protobuf") await bodyComes(stored, kind, answers);
  }
}

function encodeItems(
  items: readonly WatchItem[],
  { view, encoding }: Form,
  exchange: Exchange,
  lines: Lines,
): string | Uint8Array {
  if (encoding === "protobuf")
    return encodeEvents(items.map((item) => protobufEvent(item, view, exchange, lines.now)));
  const [item] = items;
  // What has the time or the columns in it is each watcher's own.
  if (items.length === 1 && item !== undefined && isLong(item) && item.isShared && view !== "table")
    return sharedLine(item.stored, `${item.type} ${view}`, () => eventLine(item, view, exchange, lines));
  return items.map((one) => eventLine(one, view, exchange, lines)).join("");
}

/** What went wrong after a watch began, in the form of its events. */
export function errorEvent(response: ServerResponse, status: object): string | Uint8Array {
  if (response.getHeader("content-type") === watchProtobuf)
    return encodeEvents([{ type: "ERROR", body: answerBody(status, undefined) }]);
  return `${JSON.stringify({ type: "ERROR", object: status })}\n`;
}

function protobufEvent(item: WatchItem, view: View, exchange: Exchange, now: Instant): ProtobufEvent {
  const { kind } = exchange.target;
  const { type } = item;
  if (item.type !== "BOOKMARK" && view === "object")
    return { type, body: storedBody(item.stored, kind, item.isShared) };
  return { type, body: answerBody(eventObject(item, view, exchange, now) as object, kind) };
}

/** What the columns are is told with the first row. */
interface Lines {
  now: Instant;
  knowsColumns: boolean;
}

function eventLine(item: WatchItem, view: View, exchange: Exchange, lines: Lines): string {
  if (item.type !== "BOOKMARK" && view === "object")
    return `{"type":"${item.type}","object":${item.stored.json}}\n`;
  const object = eventObject(item, view, exchange, lines.now) as { columnDefinitions?: unknown };
  if (view === "table" && item.type !== "BOOKMARK") {
    if (lines.knowsColumns) object.columnDefinitions = null;
    lines.knowsColumns = true;
  }
  return `${jsonOf(holdingLazy({ type: item.type, object }))}\n`;
}

function eventObject(item: WatchItem, view: View, exchange: Exchange, now: Instant): unknown {
  if (item.type !== "BOOKMARK") return shown(item.stored.object, view, exchange, now);
  if (view !== "object") return sparse(view, item);
  return bookmark(exchange.target.kind, item.revision, item.initial);
}

/** A bookmark in the form of the other events. */
function sparse(view: View, { revision, initial }: { revision: number; initial: boolean }): unknown {
  const metadata = {
    resourceVersion: `${revision}`,
    creationTimestamp: null,
    ...(initial && { annotations: { "k8s.io/initial-events-end": "true" } }),
  };
  const apiVersion = "meta.k8s.io/v1";
  const object = { kind: "PartialObjectMetadata", apiVersion, metadata };
  if (view === "partial") return object;
  const rows = [{ cells: [], object }];
  return {
    kind: "Table",
    apiVersion,
    metadata: { resourceVersion: `${revision}` },
    columnDefinitions: null,
    rows,
  };
}

/** The changes wait in the log meanwhile, where they cost nothing more. */
async function drained(response: ServerResponse, ended: AbortSignal, clock: Clock): Promise<void> {
  const timer = clock.setTimer(stalledAfter, () => response.destroy());
  try {
    await new Promise<void>((resolve) => {
      const done = (): void => {
        response.off("drain", done);
        ended.removeEventListener("abort", done);
        resolve();
      };
      response.on("drain", done);
      ended.addEventListener("abort", done);
      if (ended.aborted) done();
    });
  } finally {
    timer.cancel();
  }
}
