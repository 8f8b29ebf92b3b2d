/** GET of objects that are made when somebody asks. */
import type { KubeObject } from "@selvedge/apimachinery";
import type { ComputedKind } from "../rest/computed-kind.ts";
import { apiVersionOf } from "../rest/kind-names.ts";
import { methodNotAllowed, notFound, unknownResource } from "../rest/refusals.ts";
import { selectionOf } from "../rest/selection.ts";
import { partial, tableOf } from "../rest/table.ts";
import { type ComputedPorts, revisionOf, stamped, watchComputed } from "./computed-watch.ts";
import type { Exchange } from "./exchange.ts";
import { checkPartial, formOf } from "./negotiation.ts";
import { includeObject, isTrue, listQuery } from "./query.ts";
import { answer } from "./respond.ts";

export async function serveComputed(
  exchange: Exchange,
  computed: ComputedKind,
  ports: ComputedPorts,
): Promise<void> {
  const { clock } = ports;
  const { request, query, target } = exchange;
  const { kind, name, namespace, subresource } = target;
  if (subresource !== undefined) throw unknownResource();
  const reads = request.method === "GET";
  const { onChange } = computed;
  const watches = isTrue(query.get("watch"));
  if (reads && watches && onChange !== undefined) {
    watchComputed(exchange, { ...computed, onChange }, ports);
    return;
  }
  if (!reads || watches) throw methodNotAllowed(reads ? undefined : computed.whyNotWritten);
  const form = formOf(request.headers.accept, { protobuf: kind.protobuf !== undefined });
  const { view, encoding } = form;
  checkPartial(form, kind, name === undefined);
  const send = async (value: unknown): Promise<void> =>
    answer(exchange, encoding, 200, JSON.stringify(value));
  const table = (objects: readonly KubeObject[]): unknown =>
    tableOf(kind, objects, {}, clock.now(), includeObject(query));
  if (name !== undefined) {
    const object = computed.get(name, namespace);
    if (object === undefined) throw notFound(kind, name);
    await send(view === "table" ? table([object]) : view === "partial" ? partial(object) : object);
    return;
  }
  // All of them, whatever page was asked for: a client takes that for the last one.
  const selection = selectionOf(kind, listQuery(query, namespace));
  const all = computed.list(namespace);
  const revision = onChange && revisionOf(all);
  const objects = all
    .filter((object) => selection.matchesObject(object))
    .map((object) => (revision === undefined ? object : stamped(object, revision)));
  const metadata = revision === undefined ? {} : { resourceVersion: `${revision}` };
  if (view === "table") await send(table(objects));
  else if (view === "partial") {
    const items = objects.map(partial);
    await send({ kind: "PartialObjectMetadataList", apiVersion: "meta.k8s.io/v1", metadata, items });
  } else await send({ kind: `${kind.kind}List`, apiVersion: apiVersionOf(kind), metadata, items: objects });
}
