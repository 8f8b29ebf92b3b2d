/**
 * Lists in protobuf. The envelope says how long the list is before it begins, so a long one is read twice: to
 * learn its length, then, as it was, to send it. Neither time is it in memory as a whole.
 */
import {
  encodeItems,
  envelopeAround,
  type KindDefinition,
  listMetaMessage,
  type ProtobufMessage,
} from "@selvedge/apimachinery";
import { concatBytes } from "@selvedge/base";
import { apiVersionOf, listKindOf } from "../rest/kind-names.ts";
import { type ListPiece, listMetadata } from "../rest/listing.ts";
import type { LongAnswers } from "../rest/long-answers.ts";
import { protobufType } from "../rest/media-types.ts";
import { partialMessage } from "../rest/server-messages.ts";
import type { Stored } from "../rest/stored.ts";
import { partial } from "../rest/table.ts";
import type { Exchange } from "./exchange.ts";
import { portionsOf, sendParts } from "./list-stream.ts";
import { sendBody } from "./respond.ts";

/** Lists up to here are kept while their length is found out: most are, and are read once. */
const keptMax = 4 * 1024 * 1024;

/** What objects weigh that are encoded in one go, some ten milliseconds; a list's first piece is more. */
const weightMax = 256 * 1024;

export interface ProtobufList {
  readonly apiVersion: string;
  readonly kind: string;
  items(list: readonly Stored[]): Promise<Uint8Array>;
}

export function protobufListOf(kind: KindDefinition, isPartial: boolean, answers: LongAnswers): ProtobufList {
  const message: ProtobufMessage | undefined = isPartial ? partialMessage : kind.protobuf;
  if (message === undefined) throw new Error(`there is no protobuf table of ${kind.kind}`);
  const [apiVersion, name] = isPartial
    ? ["meta.k8s.io/v1", "PartialObjectMetadataList"]
    : [apiVersionOf(kind), listKindOf(kind)];
  const objectOf = ({ object }: Stored): object => (isPartial ? partial(object) : object);
  const portion = async (list: readonly Stored[]): Promise<Uint8Array> => {
    if (isPartial || !list.some(({ isLong }) => isLong)) return encodeItems(2, message, list.map(objectOf));
    const parts: Uint8Array[] = [];
    for (const stored of list) {
      const made = stored.isLong ? await answers.form(stored.json, "protobufItem", kind) : undefined;
      parts.push(made instanceof Uint8Array ? made : encodeItems(2, message, [stored.object]));
    }
    return concatBytes(parts);
  };
  const items = async (list: readonly Stored[]): Promise<Uint8Array> => {
    const parts: Uint8Array[] = [];
    for (const some of portionsOf(list, Number.POSITIVE_INFINITY, weightMax)) {
      if (parts.length > 0) await new Promise(setImmediate);
      parts.push(await portion(some));
    }
    return concatBytes(parts);
  };
  return { apiVersion, kind: name, items };
}

export async function sendProtobufList(
  exchange: Exchange,
  form: ProtobufList,
  first: ListPiece,
  rest: AsyncIterable<ListPiece>,
  again: (revision: number) => AsyncIterable<ListPiece>,
): Promise<void> {
  const kept: Uint8Array[] = [];
  let [length, { end }] = [0, first];
  const take = async (items: readonly Stored[]): Promise<void> => {
    const bytes = await form.items(items);
    length += bytes.length;
    if (length <= keptMax) kept.push(bytes);
    else kept.length = 0;
  };
  await take(first.items);
  for await (const piece of rest) {
    await take(piece.items);
    end = piece.end;
  }
  if (end === undefined) throw new Error("a list has no end");
  const metadata = listMetadata({ revision: first.revision, items: [], ...end });
  const meta = encodeItems(1, listMetaMessage, [metadata]);
  const { head, tail } = envelopeAround(form, meta.length + length);
  const { request, response } = exchange;
  if (length <= keptMax) {
    const body = concatBytes([head, meta, ...kept, tail]);
    sendBody(request, response, 200, body, { "content-type": protobufType });
    return;
  }
  const parts = partsOf(form, await begun(again(first.revision)), length);
  await sendParts(exchange, { "content-type": protobufType }, surrounded([head, meta], parts, tail));
}

/** Before anything is sent it is known whether what there was can be read still. */
async function begun<T>(all: AsyncIterable<T>): Promise<AsyncIterable<T>> {
  const rest = all[Symbol.asyncIterator]();
  const first = await rest.next();
  async function* both(): AsyncGenerator<T> {
    if (first.done !== true) yield first.value;
    yield* { [Symbol.asyncIterator]: () => rest };
  }
  return both();
}

async function* partsOf(
  form: ProtobufList,
  pieces: AsyncIterable<ListPiece>,
  expected: number,
): AsyncGenerator<Uint8Array> {
  let length = 0;
  for await (const { items } of pieces) {
    const bytes = await form.items(items);
    length += bytes.length;
    yield bytes;
  }
  if (length !== expected) throw new Error(`a list of ${expected} bytes has ${length} when it is read again`);
}

async function* surrounded(
  before: readonly Uint8Array[],
  parts: AsyncIterable<Uint8Array>,
  after: Uint8Array,
): AsyncGenerator<Uint8Array> {
  yield* before;
  yield* parts;
  yield after;
}
