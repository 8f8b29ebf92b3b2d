/** GET with watch: a line for each change, until the client has enough or the time is over. */
import type { ServerResponse } from "node:http";
import { type Clock, seconds } from "@selvedge/base";
import { bookmark } from "../rest/object-registry.ts";
import type { WatchItem } from "../rest/watching.ts";
import type { Exchange } from "./exchange.ts";
import { type View, viewOf } from "./negotiation.ts";
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

export async function serveWatch(exchange: Exchange, ports: ReadPorts): Promise<void> {
  const { request, response, query, target } = exchange;
  const { kind, namespace } = target;
  const view = viewOf(request.headers.accept);
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
    ...(target.name === undefined ? {} : { fieldSelector: `metadata.name=${target.name}` }),
    ...initialEvents(query),
    allowWatchBookmarks: isTrue(query.get("allowWatchBookmarks")),
    signal: stop.signal,
  });
  const span = timeoutSeconds(query) ?? watchSeconds * (1 + ports.random.next());
  const timer = ports.clock.setTimer(seconds(span), () => stop.abort());
  response.writeHead(200, {
    ...{ "content-type": "application/json", "cache-control": "no-cache, private", vary: "Accept" },
  });
  response.flushHeaders();
  try {
    for await (const items of batches) {
      if (response.writableEnded || gone) break;
      // One write for all that is there: each costs a TLS record and a call of the system.
      const lines = items.map((item) => eventLine(item, view, exchange, ports)).join("");
      if (!response.write(lines)) await drained(response, stop.signal, ports.clock);
    }
  } finally {
    timer.cancel();
    stop.abort();
  }
  response.end();
}

function eventLine(item: WatchItem, view: View, exchange: Exchange, ports: ReadPorts): string {
  const { kind } = exchange.target;
  if (item.type === "BOOKMARK") {
    const object = view === "object" ? bookmark(kind, item.revision, item.initial) : sparse(view, item);
    return `${JSON.stringify({ type: "BOOKMARK", object })}\n`;
  }
  if (view === "object") return `{"type":"${item.type}","object":${item.stored.json}}\n`;
  const object = shown(item.stored.object, view, exchange, ports);
  return `${JSON.stringify({ type: item.type, object })}\n`;
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
export async function drained(response: ServerResponse, ended: AbortSignal, clock: Clock): Promise<void> {
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
