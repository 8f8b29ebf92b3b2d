/** Watches: what is there, then every change, with a sign of progress now and then. */
import type { FieldError, KindDefinition, KubeObject, WatchEvent } from "@selvedge/apimachinery";
import { type Clock, type Millis, minutes } from "@selvedge/base";
import { type Change, CompactedError, type Store, type Subscription } from "../store/store.ts";
import { apiVersionOf, type KindName, prefixOf } from "./kind-names.ts";
import { listPieces } from "./listing.ts";
import { expired, invalidOptions, tooLargeRevision } from "./refusals.ts";
import { readRevision } from "./revision-text.ts";
import { type Selection, type SelectionQuery, selectionOf } from "./selection.ts";
import { convertChanges, readChange, type Stored } from "./stored.ts";

export interface WatchQuery extends SelectionQuery {
  readonly resourceVersion?: string;
  readonly resourceVersionMatch?: string;
  readonly allowWatchBookmarks?: boolean;
  /** How often; there is one at the end in any case. */
  readonly bookmarkEvery?: Millis;
  readonly sendInitialEvents?: boolean;
  readonly signal: AbortSignal;
  /** The revision that the caller has of an object, by its `namespace/name`: changes up to it are only passed over. */
  readonly known?: (key: string) => string | undefined;
  /** The kind goes, or becomes another: the watch ends when all that happened before has been told. */
  readonly ending?: AbortSignal;
}

export type WatchItem =
  | {
      readonly type: "ADDED" | "MODIFIED" | "DELETED";
      readonly stored: Stored;
      /** Other watchers are given the very same. */
      readonly isShared: boolean;
    }
  /** Nothing else up to this revision; `initial` ends the events that tell what was there at the start. */
  | { readonly type: "BOOKMARK"; readonly revision: number; readonly initial: boolean };

/** As often as upstream. */
const bookmarkDefault = minutes(1);

/** Checks what is asked at once; what comes after is in the generator, as much at once as there is. */
export async function openWatch(
  store: Store,
  kind: KindDefinition,
  query: WatchQuery,
  clock: Clock,
): Promise<AsyncGenerator<readonly WatchItem[]>> {
  checkQuery(query);
  const selection = selectionOf(kind, query);
  const asked = readRevision(query.resourceVersion);
  const current = await store.revision();
  return watchFrom(store, kind, query, selection, { asked, current }, clock);
}

async function* watchFrom(
  store: Store,
  kind: KindDefinition,
  query: WatchQuery,
  selection: Selection,
  { asked, current }: { readonly asked: number; readonly current: number },
  clock: Clock,
): AsyncGenerator<readonly WatchItem[]> {
  // Of changes that are to come: whoever asks for later ones waits for them.
  let from = asked === 0 ? current : Math.min(asked, current);
  if (query.sendInitialEvents ?? asked === 0) {
    if (asked > current) throw tooLargeRevision(query.resourceVersion, current);
    const { namespace, labelSelector, fieldSelector } = query;
    const pieces = listPieces(store, kind, {
      ...(namespace === undefined ? {} : { namespace }),
      ...(labelSelector === undefined ? {} : { labelSelector }),
      ...(fieldSelector === undefined ? {} : { fieldSelector }),
    });
    for await (const { revision, items } of pieces) {
      from = revision;
      yield items.map((stored) => ({ type: "ADDED", stored, isShared: false }));
    }
    if (query.sendInitialEvents && query.allowWatchBookmarks) {
      yield [{ type: "BOOKMARK", revision: from, initial: true }];
    }
  }
  yield* follow(kind, store.subscribe(selection.prefix, from), selection, { ...query, asked }, clock);
}

interface Followed extends WatchQuery {
  /** Nothing is told of this revision or of one before. */
  readonly asked: number;
}

async function* follow(
  kind: KindDefinition,
  log: Subscription,
  selection: Selection,
  { signal, ending, allowWatchBookmarks = false, bookmarkEvery = bookmarkDefault, asked }: Followed,
  clock: Clock,
): AsyncGenerator<readonly WatchItem[]> {
  const wake = (): void => log.wake();
  signal.addEventListener("abort", wake);
  ending?.addEventListener("abort", wake);
  let due = false;
  const arm = (): { cancel(): void } | undefined =>
    allowWatchBookmarks
      ? clock.setTimer(bookmarkEvery, () => {
          due = true;
          wake();
        })
      : undefined;
  let timer = arm();
  try {
    while (!signal.aborted) {
      const last = ending?.aborted === true;
      const changes = await log.take();
      if (kind.view?.converter !== undefined) await convertChanges(changes, kind);
      const items = changes
        .filter(({ revision }) => revision > asked)
        .map((change) => itemOf(kind, change, selection))
        .filter((item) => item !== undefined);
      if (items.length > 0) yield items;
      if (signal.aborted) return;
      if (due) {
        due = false;
        timer = arm();
        yield* bookmarkAt(log.revision, asked);
      }
      if (last && changes.length === 0) break;
      if (!signal.aborted && ending?.aborted !== true) await log.wait();
    }
    // The last word before the end, so that the client goes on from here.
    if (allowWatchBookmarks) yield* bookmarkAt(log.revision, asked);
  } catch (error) {
    if (!(error instanceof CompactedError)) throw error;
    throw expired(`too old resource version: ${log.revision}`);
  } finally {
    timer?.cancel();
    signal.removeEventListener("abort", wake);
    ending?.removeEventListener("abort", wake);
    log.close();
  }
}

function* bookmarkAt(revision: number, asked: number): Generator<readonly WatchItem[]> {
  if (revision >= asked) yield [{ type: "BOOKMARK", revision, initial: false }];
}

/** What the change is to somebody who sees only the selection. */
function itemOf(kind: KindDefinition, change: Change, selection: Selection): WatchItem | undefined {
  const { now, before } = readChange(change, kind);
  const is = now !== undefined && selection.matches(now);
  const was = before !== undefined && selection.matches(before);
  if (is) return { type: was ? "MODIFIED" : "ADDED", stored: now, isShared: true };
  return was ? { type: "DELETED", stored: before, isShared: true } : undefined;
}

/** A batch as a caller in this process hears of it, who may know of most of it already. */
export function* eventsOf<T extends KubeObject>(
  kind: KindName,
  items: readonly WatchItem[],
  { known }: Pick<WatchQuery, "known">,
): Generator<WatchEvent<T>> {
  const nameAt = prefixOf(kind, undefined).length;
  let passed: number | undefined;
  for (const item of items) {
    if (item.type === "BOOKMARK") {
      yield { type: "BOOKMARK", object: bookmark(kind, item.revision, item.initial) as T };
      continue;
    }
    const { type, stored } = item;
    const isKnown =
      known !== undefined &&
      type !== "DELETED" &&
      Number(known(stored.key.slice(nameAt)) ?? 0) >= stored.revision;
    passed = isKnown ? stored.revision : undefined;
    if (!isKnown) yield { type, object: stored.copy() as T };
  }
  if (passed !== undefined) yield { type: "BOOKMARK", object: bookmark(kind, passed, false) as T };
}

/** An object of the kind with nothing but a revision. */
export function bookmark(kind: KindName, revision: number, initial: boolean): unknown {
  const metadata = { resourceVersion: `${revision}`, creationTimestamp: null };
  const annotations = { "k8s.io/initial-events-end": "true" };
  return {
    ...{ apiVersion: apiVersionOf(kind), kind: kind.kind },
    metadata: initial ? { ...metadata, annotations } : metadata,
  };
}

function checkQuery({ sendInitialEvents, resourceVersionMatch: match }: WatchQuery): void {
  const field = "resourceVersionMatch";
  const errors: FieldError[] = [];
  if (sendInitialEvents !== undefined && match !== "NotOlderThan") {
    const detail = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan";
    errors.push({ type: "FieldValueForbidden", field, detail });
  }
  if (match && sendInitialEvents === undefined) {
    const detail = "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided";
    errors.push({ type: "FieldValueForbidden", field, detail });
  }
  if (match && match !== "NotOlderThan") {
    errors.push({
      type: "FieldValueNotSupported",
      field,
      value: match,
      detail: 'supported values: "NotOlderThan"',
    });
  }
  if (errors.length > 0) throw invalidOptions("ListOptions", errors);
}
