/** GET with watch of objects that are made when somebody asks: what is other than it was, when that may be. */
import { encodeEvents, type KubeObject } from "@selvedge/apimachinery";
import { type Clock, type Random, seconds } from "@selvedge/base";
import type { ComputedKind } from "../rest/computed-kind.ts";
import { protobufType } from "../rest/media-types.ts";
import { answerBody } from "../rest/protobuf-answer.ts";
import { expired } from "../rest/refusals.ts";
import { selectionOf } from "../rest/selection.ts";
import { partial, tableOf } from "../rest/table.ts";
import { bookmark } from "../rest/watching.ts";
import type { Exchange } from "./exchange.ts";
import { formOf } from "./negotiation.ts";
import { includeObject, isTrue, listQuery, timeoutSeconds } from "./query.ts";

export interface ComputedPorts {
  readonly clock: Clock;
  readonly random: Random;
}

/** As of stored objects: half an hour to an hour. */
const watchSeconds = 1800;

type Name = string;

/**
 * There is no log of what was: a revision is what the objects are, in a number, and who comes with another one than
 * now's has to list anew.
 */
export function revisionOf(objects: readonly KubeObject[]): number {
  let hash = 0x811c9dc5;
  for (const unit of JSON.stringify(objects)) hash = Math.imul(hash ^ (unit.codePointAt(0) ?? 0), 0x01000193);
  // 0 would be any.
  return (hash >>> 0) + 1;
}

export function stamped(object: KubeObject, revision: number): KubeObject {
  return { ...object, metadata: { ...object.metadata, resourceVersion: `${revision}` } };
}

export function watchComputed(
  exchange: Exchange,
  computed: ComputedKind & Required<Pick<ComputedKind, "onChange">>,
  { clock, random }: ComputedPorts,
): void {
  const { request, response, query, target } = exchange;
  const { kind, namespace } = target;
  const offer = { protobuf: kind.protobuf !== undefined, stream: true };
  const { view, encoding } = formOf(request.headers.accept, offer);
  const asked = listQuery(query, namespace);
  const selection = selectionOf(kind, asked);
  const { sendInitialEvents } = asked;
  const from = query.get("resourceVersion") ?? "";
  const all = computed.list(namespace);
  const known = new Map<Name, KubeObject>();
  if (from !== "" && from !== "0" && sendInitialEvents !== true) {
    if (from !== `${revisionOf(all)}`) throw expired(`too old resource version: ${from}`);
    for (const object of all) if (selection.matchesObject(object)) known.set(object.metadata.name, object);
  }
  const type = encoding === "protobuf" ? `${protobufType};stream=watch` : "application/json";
  response.writeHead(200, { "content-type": type, "cache-control": "no-cache, private", vary: "Accept" });
  response.flushHeaders();
  const shown = (object: KubeObject): unknown => {
    if (view === "object") return object;
    return view === "partial"
      ? partial(object)
      : tableOf(kind, [object], {}, clock.now(), includeObject(query));
  };
  const send = (event: string, object: unknown): void => {
    const body = object as object;
    response.write(
      encoding === "protobuf"
        ? encodeEvents([{ type: event, body: answerBody(body, kind) }])
        : `${JSON.stringify({ type: event, object: body })}\n`,
    );
  };
  const tell = (): void => {
    const list = computed.list(namespace);
    const revision = revisionOf(list);
    const now = new Map(
      list.filter((one) => selection.matchesObject(one)).map((one) => [one.metadata.name, one]),
    );
    for (const [name, object] of known) {
      if (now.has(name)) continue;
      known.delete(name);
      send("DELETED", shown(stamped(object, revision)));
    }
    for (const [name, object] of now) {
      const before = known.get(name);
      if (before !== undefined && JSON.stringify(before) === JSON.stringify(object)) continue;
      known.set(name, object);
      send(before === undefined ? "ADDED" : "MODIFIED", shown(stamped(object, revision)));
    }
  };
  tell();
  if (sendInitialEvents === true && isTrue(query.get("allowWatchBookmarks"))) {
    send("BOOKMARK", bookmark(kind, revisionOf(computed.list(namespace)), true));
  }
  const stop = computed.onChange(tell);
  const span = timeoutSeconds(query) ?? watchSeconds * (1 + random.next());
  const timer = clock.setTimer(seconds(span), () => response.end());
  response.once("close", () => {
    stop();
    timer.cancel();
  });
}
