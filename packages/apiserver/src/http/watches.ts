/** GET with watch: a line or a frame for each change, until the client has enough or the time is over. */
import type { ServerResponse } from "node:http";
import { encodeEvents, type KindDefinition, type ProtobufEvent } from "@selvedge/apimachinery";
import { type Clock, seconds } from "@selvedge/base";
import type { WatchItem } from "../rest/watching.ts";
import { bookmark } from "../rest/watching.ts";
import type { Exchange } from "./exchange.ts";
import { formOf, protobufType, type View } from "./negotiation.ts";
import { answerBody, storedBody } from "./protobuf-answer.ts";
import { includeObject, initialEvents, isTrue, listQuery, timeoutSeconds } from "./query.ts";
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
  const { view, encoding } = formOf(request.headers.accept, offer);
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
    ...initialEvents(query),
    allowWatchBookmarks: isTrue(query.get("allowWatchBookmarks")),
    signal: stop.signal,
  });
  const span = timeoutSeconds(query) ?? watchSeconds * (1 + ports.random.next());
  const timer = ports.clock.setTimer(seconds(span), () => stop.abort());
  const lines: Lines = { ports, knowsColumns: false };
  response.writeHead(200, {
    ...{ "content-type": type, "cache-control": "no-cache, private", vary: "Accept" },
  });
  response.flushHeaders();
  try {
    for await (const items of batches) {
      if (view !== "partial") await settleAll(items, kind, ports);
      if (response.writableEnded || gone) break;
      // One write for all that is there: each costs a TLS record and a call of the system.
      const all =
        encoding === "protobuf"
          ? encodeEvents(items.map((item) => protobufEvent(item, view, exchange, ports)))
          : items.map((item) => eventLine(item, view, exchange, lines)).join("");
      if (!response.write(all)) await drained(response, stop.signal, ports.clock);
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
  kind: KindDefinition,
  { objects }: ReadPorts,
): Promise<void> {
  for (const item of items) {
    const settled = item.type === "BOOKMARK" ? undefined : objects.planner.settle(item.stored, kind);
    if (settled !== undefined) await settled;
  }
}

/** What went wrong after a watch began, in the form of its events. */
export function errorEvent(response: ServerResponse, status: object): string | Uint8Array {
  if (response.getHeader("content-type") === watchProtobuf)
    return encodeEvents([{ type: "ERROR", body: answerBody(status, undefined) }]);
  return `${JSON.stringify({ type: "ERROR", object: status })}\n`;
}

function protobufEvent(item: WatchItem, view: View, exchange: Exchange, ports: ReadPorts): ProtobufEvent {
  const { kind } = exchange.target;
  const { type } = item;
  if (item.type !== "BOOKMARK" && view === "object")
    return { type, body: storedBody(item.stored, kind, item.isShared) };
  return { type, body: answerBody(eventObject(item, view, exchange, ports) as object, kind) };
}

/** What the columns are is told with the first row. */
interface Lines {
  readonly ports: ReadPorts;
  knowsColumns: boolean;
}

function eventLine(item: WatchItem, view: View, exchange: Exchange, lines: Lines): string {
  if (item.type !== "BOOKMARK" && view === "object")
    return `{"type":"${item.type}","object":${item.stored.json}}\n`;
  const object = eventObject(item, view, exchange, lines.ports) as { columnDefinitions?: unknown };
  if (view === "table" && item.type !== "BOOKMARK") {
    if (lines.knowsColumns) object.columnDefinitions = null;
    lines.knowsColumns = true;
  }
  return `${JSON.stringify({ type: item.type, object })}\n`;
}

function eventObject(item: WatchItem, view: View, exchange: Exchange, ports: ReadPorts): unknown {
  if (item.type !== "BOOKMARK") return shown(item.stored.object, view, exchange, ports);
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
