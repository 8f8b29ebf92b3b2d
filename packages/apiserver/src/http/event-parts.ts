/**
 * The events of long objects: each is a piece of its own, in a turn of its own, for however many watchers; what is the
 * same for all of them is made once.
 */
import type { KindDefinition } from "@selvedge/apimachinery";
import { LruMap } from "@selvedge/base";
import { ReadTurns } from "../read-turns.ts";
import { longMin } from "../rest/lazy-object.ts";
import type { LongAnswers } from "../rest/long-answers.ts";
import { keepBody } from "../rest/protobuf-answer.ts";
import type { Stored } from "../rest/stored.ts";
import type { WatchItem } from "../rest/watching.ts";

/** Of all watches of the program, as it has one event loop. */
const turns = new ReadTurns();
/** Lines that are kept: of a few objects, until all who watch them have been told. */
const keptMax = 16 * 1024 * 1024;
const lines = new LruMap<Stored, Map<string, Uint8Array>>(keptMax, (ofOne) => {
  let length = 0;
  for (const line of ofOne.values()) length += line.length;
  return length;
});

/** The items one after another, in as many parts as there are turns to write them in. */
export async function* partsOf(items: readonly WatchItem[]): AsyncGenerator<readonly WatchItem[]> {
  let short: WatchItem[] = [];
  for (const item of items) {
    if (!isLong(item)) {
      short.push(item);
      continue;
    }
    if (short.length > 0) yield short;
    short = [];
    await turns.next();
    yield [item];
  }
  if (short.length > 0) yield short;
}

export function isLong(item: WatchItem): item is Exclude<WatchItem, { type: "BOOKMARK" }> {
  return item.type !== "BOOKMARK" && item.stored.length > longMin;
}

/** A line that all watchers of a long object are sent; `form` tells it from others about the same. */
export function sharedLine(stored: Stored, form: string, make: () => string): Uint8Array {
  const known = lines.get(stored)?.get(form);
  if (known !== undefined) return known;
  const line = Buffer.from(make());
  lines.set(stored, new Map([...(lines.get(stored) ?? []), [form, line]]));
  return line;
}

/** By object the body that a thread is at. */
const coming = new WeakMap<Stored, Promise<void>>();

/** Has the protobuf of a long object made; undefined: it is short. */
export function bodyComes(
  stored: Stored,
  kind: KindDefinition,
  answers: LongAnswers,
): Promise<void> | undefined {
  if (!stored.isLong) return undefined;
  let made = coming.get(stored);
  if (made === undefined) {
    made = keepMade(stored, kind, answers);
    coming.set(stored, made);
  }
  return made;
}

async function keepMade(stored: Stored, kind: KindDefinition, answers: LongAnswers): Promise<void> {
  const body = await answers.form(stored.json, "protobufObject", kind);
  if (typeof body !== "string") keepBody(stored, body);
}
