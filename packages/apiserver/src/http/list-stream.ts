/** A long list, sent as it is read: neither the client's pace nor the length of the list costs memory. */
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { constants, createGzip } from "node:zlib";
import { formatYaml } from "@selvedge/apimachinery";
import { parseJson } from "@selvedge/base";
import { type ListPiece, listMetadata } from "../rest/listing.ts";
import type { LongAnswers } from "../rest/long-answers.ts";
import type { Stored } from "../rest/stored.ts";
import type { Exchange } from "./exchange.ts";
import { asLine } from "./respond.ts";

/** Items written as YAML in one go, and what they weigh, some milliseconds: it takes ten times as long as JSON. */
const yamlItems = 25;
const yamlWeight = 64 * 1024;

/** The text of a list of one kind in one form. */
export interface ListForm {
  /** Everything before the first item; metadata when it is known by then. */
  head(metadata: object | undefined): string;
  /** Items with commas between. */
  items(list: readonly Stored[]): string;
}

/**
 * Sends a list of which there is more than a piece. Where the list goes on is known at its end, so its metadata
 * comes last. What fails in between breaks the connection: the client must not take a part for the whole.
 */
export async function sendList(
  exchange: Exchange,
  form: ListForm,
  first: ListPiece,
  rest: AsyncIterable<ListPiece>,
): Promise<void> {
  await sendParts(exchange, { "content-type": "application/json" }, textOf(form, first, rest));
}

/** The same as YAML, whose members are in order of their names: the metadata is last there anyway. */
export async function sendYamlList(
  exchange: Exchange,
  form: ListForm,
  first: ListPiece,
  rest: AsyncIterable<ListPiece>,
): Promise<void> {
  const parts = yamlOf(form, first, rest, exchange.answers);
  await sendParts(exchange, { "content-type": "application/yaml" }, parts);
}

/** Sends a body as it is made, packed when the client can unpack it. */
export async function sendParts(
  { request, response }: Exchange,
  headers: Readonly<Record<string, string>>,
  parts: AsyncIterable<string | Uint8Array>,
): Promise<void> {
  const packs = /\bgzip\b/.test(String(request.headers["accept-encoding"] ?? ""));
  response.writeHead(200, {
    ...{ ...headers, "cache-control": "no-cache, private" },
    ...(packs ? { "content-encoding": "gzip", vary: "Accept, Accept-Encoding" } : { vary: "Accept" }),
  });
  const source = Readable.from(parts, { objectMode: false });
  try {
    if (packs) await pipeline(source, createGzip({ level: constants.Z_BEST_SPEED }), response);
    else await pipeline(source, response);
  } catch (error) {
    response.destroy();
    // A client that goes away in the middle is no fault of ours.
    if ((error as NodeJS.ErrnoException).code !== "ERR_STREAM_PREMATURE_CLOSE") throw error;
  }
}

async function* textOf(
  form: ListForm,
  first: ListPiece,
  rest: AsyncIterable<ListPiece>,
): AsyncGenerator<string> {
  yield form.head(undefined);
  let comma = "";
  const textFor = (items: readonly Stored[]): string => {
    const text = items.length === 0 ? "" : `${comma}${form.items(items)}`;
    if (items.length > 0) comma = ",";
    return text;
  };
  yield textFor(first.items);
  for await (const { revision, items, end } of rest) {
    yield textFor(items);
    if (end !== undefined)
      yield asLine(`],"metadata":${JSON.stringify(listMetadata({ revision, items: [], ...end }))}}`);
  }
}

export async function* yamlOf(
  form: ListForm,
  first: ListPiece,
  rest: AsyncIterable<ListPiece>,
  answers: LongAnswers,
): AsyncGenerator<string | Uint8Array> {
  const { apiVersion, kind } = parseJson(`${form.head(undefined)}]}`) as Record<string, unknown>;
  yield formatYaml({ apiVersion });
  let isEmpty = true;
  const textsFor = async function* (items: readonly Stored[]): AsyncGenerator<string | Uint8Array> {
    for (const some of portionsOf(items, yamlItems, yamlWeight)) {
      if (!isEmpty) await new Promise(setImmediate);
      if (isEmpty) yield "items:\n";
      isEmpty = false;
      yield await answers.form(`[${form.items(some)}]`, "yamlItems");
    }
  };
  yield* textsFor(first.items);
  for await (const { revision, items, end } of rest) {
    yield* textsFor(items);
    if (end === undefined) continue;
    if (isEmpty) yield formatYaml({ items: [] });
    yield formatYaml({ kind, metadata: listMetadata({ revision, items: [], ...end }) });
  }
}

/** At most so many together, and none after those that weigh so much. */
export function* portionsOf(
  items: readonly Stored[],
  most: number,
  heaviest: number,
): Generator<readonly Stored[]> {
  let some: Stored[] = [];
  let weight = 0;
  for (const stored of items) {
    if (some.length === most || (some.length > 0 && weight >= heaviest)) {
      yield some;
      [some, weight] = [[], 0];
    }
    some.push(stored);
    weight += stored.length;
  }
  if (some.length > 0) yield some;
}
