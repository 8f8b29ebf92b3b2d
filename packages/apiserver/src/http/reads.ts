/** GET: one object, a list, or a watch, in the form the client asks for. */
import type { KubeObject } from "@selvedge/apimachinery";
import type { Clock, Random } from "@selvedge/base";
import { apiVersionOf, listKindOf } from "../rest/kind-names.ts";
import { listMetadata, type ObjectRegistry } from "../rest/object-registry.ts";
import { scaleOf } from "../rest/scale.ts";
import { partial, tableOf } from "../rest/table.ts";
import { StatusError } from "../status-error.ts";
import type { Exchange } from "./exchange.ts";
import { type View, viewOf } from "./negotiation.ts";
import { includeObject, listQuery } from "./query.ts";
import { answer } from "./respond.ts";

export interface ReadPorts {
  readonly objects: ObjectRegistry;
  readonly clock: Clock;
  readonly random: Random;
}

export async function serveObject(exchange: Exchange, ports: ReadPorts): Promise<void> {
  const { request, target } = exchange;
  const { kind, name = "", namespace, subresource } = target;
  const view = viewOf(request.headers.accept);
  const stored = await ports.objects.getStored(kind, name, namespace);
  if (subresource === "scale") {
    answer(exchange, 200, JSON.stringify(scaleOf(kind, stored.object)));
    return;
  }
  if (view === "object") {
    answer(exchange, 200, stored.json);
    return;
  }
  answer(exchange, 200, JSON.stringify(shown(stored.object, view, exchange, ports)));
}

export async function serveList(exchange: Exchange, ports: ReadPorts): Promise<void> {
  const { request, query, target } = exchange;
  const { kind, namespace } = target;
  const view = viewOf(request.headers.accept);
  if (query.has("sendInitialEvents")) throw forbiddenForList();
  const list = await ports.objects.listStored(kind, listQuery(query, namespace));
  const metadata = listMetadata(list);
  if (view === "table") {
    const objects = list.items.map(({ object }) => object);
    const table = tableOf(kind, objects, metadata, ports.clock.now(), includeObject(query));
    answer(exchange, 200, JSON.stringify(table));
    return;
  }
  const [apiVersion, name] =
    view === "partial"
      ? ["meta.k8s.io/v1", "PartialObjectMetadataList"]
      : [apiVersionOf(kind), listKindOf(kind)];
  const items = list.items.map((stored) =>
    view === "partial" ? JSON.stringify(partial(stored.object)) : stored.json,
  );
  // Objects are put in as the text they are stored as: reading and writing them again would be most of the
  // work.
  const head = JSON.stringify({ kind: name, apiVersion, metadata });
  answer(exchange, 200, `${head.slice(0, -1)},"items":[${items.join(",")}]}`);
}

function forbiddenForList(): StatusError {
  const message = "sendInitialEvents is forbidden for list";
  const causes = [
    { reason: "FieldValueForbidden", message: `Forbidden: ${message}`, field: "sendInitialEvents" },
  ];
  const text = `ListOptions.meta.k8s.io "" is invalid: sendInitialEvents: Forbidden: ${message}`;
  return new StatusError(422, "Invalid", text, { group: "meta.k8s.io", kind: "ListOptions", causes });
}

/** One object in the form asked for. */
export function shown(
  object: KubeObject,
  view: View,
  { target: { kind }, query }: Exchange,
  { clock }: ReadPorts,
): unknown {
  const { resourceVersion = "" } = object.metadata;
  if (view === "table")
    return tableOf(kind, [object], { resourceVersion }, clock.now(), includeObject(query));
  return view === "partial" ? partial(object) : object;
}
