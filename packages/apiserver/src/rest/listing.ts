/** Lists: whole, at a revision, or in pages that fit together. */
import type { FieldError, KindDefinition, KubeList } from "@selvedge/apimachinery";
import { ReadTurns } from "../read-turns.ts";
import { CompactedError, type Row, type Store } from "../store/store.ts";
import { type Place, readContinue, writeContinue } from "./continue-token.ts";
import { badRequest, expired, invalidOptions, tooLargeRevision } from "./refusals.ts";
import { listRevision } from "./revision-text.ts";
import { type Selection, type SelectionQuery, selectionOf } from "./selection.ts";
import { type Stored, showRow, showRows } from "./stored.ts";

export interface ListQuery extends SelectionQuery {
  readonly limit?: number;
  readonly continue?: string;
  readonly resourceVersion?: string;
  readonly resourceVersionMatch?: string;
  /** Only a watch has them. */
  readonly sendInitialEvents?: boolean;
  /** The revision of the same list as it was read before, to read it once more. */
  readonly again?: number;
}

export interface StoredList {
  readonly revision: number;
  readonly items: readonly Stored[];
  readonly continue: string | undefined;
  /** Unknown where a selector leaves some out. */
  readonly remaining: number | undefined;
}

export function listMetadata(list: StoredList): KubeList["metadata"] {
  return {
    resourceVersion: `${list.revision}`,
    ...(list.continue === undefined ? {} : { continue: list.continue }),
    ...(list.remaining === undefined ? {} : { remainingItemCount: list.remaining }),
  };
}

/** Rows looked at before others have their turn, and what they may weigh: some milliseconds. */
const piece = 250;
const pieceWeight = 256 * 1024;
/** What a list begins with. Most have no more than that, and are answered, and written down, at once. */
const firstPiece = 100;
const firstWeight = 1024 * 1024;
/** Of all lists of the program, as it has one event loop. */
const turns = new ReadTurns();
const inconsistent: string = [
  "The provided continue parameter is too old to display a consistent list result. You can start a new list",
  "without the continue parameter, or use the continue token in this response to retrieve the remainder of the",
  "results. Continuing with the provided token results in an inconsistent list - objects that were created,",
  "modified, or deleted between the time the first chunk was returned and now may show up in the list.",
].join(" ");

/** A part of a list; the last one has its end. */
export interface ListPiece {
  readonly revision: number;
  readonly items: readonly Stored[];
  readonly end: Pick<StoredList, "continue" | "remaining"> | undefined;
}

export async function listStored(store: Store, kind: KindDefinition, query: ListQuery): Promise<StoredList> {
  const items: Stored[] = [];
  for await (const { revision, items: some, end } of listPieces(store, kind, query)) {
    for (const stored of some) items.push(stored);
    if (end !== undefined) return { revision, items, ...end };
  }
  throw new Error("a list has no end");
}

/**
 * The list piece by piece, all of one revision, so that a long one is never in memory as a whole. Between pieces
 * others have their turn.
 */
export async function* listPieces(
  store: Store,
  kind: KindDefinition,
  query: ListQuery,
): AsyncGenerator<ListPiece> {
  const selection = selectionOf(kind, query);
  checkQuery(query);
  const token = query.continue ? readContinue(query.continue, selection.prefix) : undefined;
  if (token !== undefined && query.resourceVersion && query.resourceVersion !== "0")
    throw badRequest("specifying resource version is not allowed when using continue");
  if (!selection.prefix.endsWith("/")) {
    yield await singlePiece(store, kind, query, selection);
    return;
  }
  try {
    yield* pagesOf(store, kind, query, selection, token);
  } catch (error) {
    if (!(error instanceof CompactedError)) throw error;
    if (token === undefined) throw expired(`The resourceVersion for the provided list is too old.`);
    const rest = { revision: undefined, after: token.after, remaining: undefined };
    throw expired(inconsistent, writeContinue(rest, selection.prefix));
  }
}

async function singlePiece(
  store: Store,
  kind: KindDefinition,
  query: ListQuery,
  selection: Selection,
): Promise<ListPiece> {
  const asked = await startRevision(store, query);
  const { row, revision } = await rowAt(store, selection.prefix);
  const stored = row === undefined ? undefined : await showRow(row, kind);
  const items = stored !== undefined && selection.matches(stored) ? [stored] : [];
  const end = { continue: undefined, remaining: undefined };
  return { revision: asked ?? revision, items, end };
}

/** How often a row is read again because something was written meanwhile. */
const rereadsMax = 5;

/**
 * A row and the revision it was read at: a watch from there misses nothing that became of it. Where much is written
 * the revision is of just before: what came between is told once more.
 */
async function rowAt(
  store: Store,
  key: string,
): Promise<{ readonly row: Row | undefined; readonly revision: number }> {
  let revision = await store.revision();
  for (let again = 0; ; again++) {
    const row = await store.get(key);
    const now = await store.revision();
    if (now === revision || again === rereadsMax) return { row, revision };
    revision = now;
  }
}

async function* pagesOf(
  store: Store,
  kind: KindDefinition,
  query: ListQuery,
  selection: Selection,
  token: Place | undefined,
): AsyncGenerator<ListPiece> {
  let at = query.again ?? (token === undefined ? await startRevision(store, query) : token.revision);
  // Of a list that has begun to be sent nobody could be told that the rest is gone.
  using _held = store.hold(at);
  let [after, remaining, taken] = [token?.after, token?.remaining, 0];
  const limit = query.limit !== undefined && query.limit > 0 ? query.limit : Number.POSITIVE_INFINITY;
  // Pages of one revision fit together, so the first one counts for all.
  let counts = selection.whole && limit < Number.POSITIVE_INFINITY && remaining === undefined;
  for (let [rows, weight] = [firstPiece, firstWeight]; ; [rows, weight] = [piece, pieceWeight]) {
    const page = await store.page({
      ...{ prefix: selection.prefix, counts, weight },
      limit: selection.whole ? Math.min(limit - taken, rows) : rows,
      ...(after === undefined ? {} : { after }),
      ...(at === undefined ? {} : { revision: at }),
    });
    // Answers of a database may come together: what is long is gone through in a turn of its own.
    if (page.rows.length >= firstPiece || weightOf(page.rows) >= pieceWeight) await turns.next();
    at = page.revision;
    remaining = counts ? page.remaining : remaining === undefined ? undefined : remaining - page.rows.length;
    counts = false;
    const items: Stored[] = [];
    const shown = showRows(page.rows, kind);
    for (const [index, stored] of (shown instanceof Promise ? await shown : shown).entries()) {
      after = stored.key;
      if (!selection.matches(stored)) continue;
      items.push(stored);
      if (++taken === limit && (page.more || index + 1 < page.rows.length)) {
        const next = writeContinue({ revision: at, after, remaining }, selection.prefix);
        yield { revision: at, items, end: { continue: next, remaining } };
        return;
      }
    }
    const end = page.more ? undefined : { continue: undefined, remaining: undefined };
    yield { revision: at, items, end };
    if (end !== undefined) return;
    await turns.next();
  }
}

function weightOf(rows: readonly Row[]): number {
  return rows.reduce((sum, { value }) => sum + value.length, 0);
}

/** The revision to list at; undefined for now. */
async function startRevision(store: Store, query: ListQuery): Promise<number | undefined> {
  const { resourceVersion, resourceVersionMatch: match, limit = 0 } = query;
  const asked = listRevision(resourceVersion);
  if (asked === 0) return undefined;
  const current = await store.revision();
  // As upstream, which did not have the word once: a page is of the very revision.
  const exact = match === "Exact" || (!match && limit > 0) ? "exact" : undefined;
  if (asked > current) throw tooLargeRevision(resourceVersion, current, exact);
  return exact && asked;
}

function checkQuery({ resourceVersion, resourceVersionMatch: match, ...query }: ListQuery): void {
  const errors: FieldError[] = [];
  const forbid = (detail: string, field = "resourceVersionMatch"): unknown =>
    errors.push({ type: "FieldValueForbidden", field, detail });
  if (match && !resourceVersion)
    forbid("resourceVersionMatch is forbidden unless resourceVersion is provided");
  if (match && query.continue) forbid("resourceVersionMatch is forbidden when continue is provided");
  if (match && match !== "Exact" && match !== "NotOlderThan") {
    const detail = 'supported values: "Exact", "NotOlderThan", ""';
    errors.push({ type: "FieldValueNotSupported", field: "resourceVersionMatch", value: match, detail });
  }
  if (match === "Exact" && resourceVersion === "0") {
    forbid('resourceVersionMatch "exact" is forbidden for resourceVersion "0"');
  }
  if (query.sendInitialEvents !== undefined)
    forbid("sendInitialEvents is forbidden for list", "sendInitialEvents");
  if (errors.length > 0) throw invalidOptions("ListOptions", errors);
}
