/**
 * The snapshots of one app, by EVE's rules. Pure. What is asked for is due when its moment has come: at once, or
 * with the next change of the app. It is taken while the machine is off, before another is started. A way back
 * is begun by a counter that grows: the app becomes what it was, and waits until its volumes are, too. From
 * then on it stays there until the configuration says something else of it.
 */
import { type Instant, instant } from "@selvedge/base";
import type { AppSpec, ContentId, VolumeKey } from "../desired.ts";
import { volumeUses } from "../desired.ts";
import type { AppSnapshot, VolumeStatus } from "../observed.ts";
import { unreadText } from "../unread.ts";
import { type AppEventInput, withEvents } from "./app-events.ts";
import { afresh, foldSpec } from "./app-fold.ts";
import {
  type AppRecord,
  decodeSpec,
  encodeSpec,
  ownContainers,
  type SnapshotBook,
  type SnapshotRecord,
} from "./app-record.ts";
import { changesApp, refuseChange } from "./change-rules.ts";
import type { SnapshotWish } from "./snapshot-spec.ts";

/** Each may come to take as much of the disk as the volumes do. */
const snapshotsMax = 8;
/** They become names inside an image. */
const idForm = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

export type VolumeView = (key: VolumeKey) => VolumeStatus | undefined;

export interface Followed {
  readonly record: AppRecord;
  /** What the app is to be now. */
  readonly wanted: AppSpec;
  /** Why what is asked for is not followed. */
  readonly refusal: string | undefined;
}

/** Takes over what is asked of an app, as far as the rules for changes and its ways back let it. */
export function followAsked(before: AppRecord, given: AppSpec, volume: VolumeView): Followed {
  const asked = readable(before, given);
  const followed = follow(before, asked, volume);
  const { unread } = given;
  // One that never could be read says so by what it waits for.
  if (unread === undefined || asked.unread?.goesOn === false) return followed;
  return { ...followed, refusal: followed.refusal ?? unreadText({ ...unread, goesOn: true }) };
}

/** What its entry cannot say of an app, its record does: also when the configuration before is not known any more. */
function readable({ spec }: AppRecord, given: AppSpec): AppSpec {
  if (given.unread?.goesOn !== false || spec.unread?.goesOn === false) return given;
  const { active, snapshots } = given;
  const { revision } = active === spec.active ? spec : given;
  return { ...spec, active, revision, ...(snapshots === undefined ? {} : { snapshots }) };
}

function follow(before: AppRecord, asked: AppSpec, volume: VolumeView): Followed {
  const { record, fresh } = named(before, asked.snapshots);
  const back = rollBack(record, asked, volume);
  if (back !== undefined) return { record: back, wanted: back.spec, refusal: undefined };
  const there = staysBack(record, asked, volume);
  const spec = there ? asItWas(record.spec, asked) : asked;
  const refusal = record.machine === undefined ? undefined : refuseChange(record.spec, spec);
  const changes = refusal === undefined && changesApp(record.spec, spec);
  const due = fresh.filter(({ kind }) => kind === "now" || changes);
  const noted = withDue(there ? record : movedOn(record), due);
  if (refusal !== undefined)
    return { record: noted, wanted: { ...record.spec, active: asked.active }, refusal };
  const next = foldSpec(noted, spec);
  return { record: next, wanted: next.spec, refusal: undefined };
}

type Asked = { readonly id: string; readonly kind: "update" | "now" };

/** Forgets what is not asked for any more or is too much, and says what is asked for anew. */
function named(record: AppRecord, wish: SnapshotWish | undefined): { record: AppRecord; fresh: Asked[] } {
  const book = record.snapshots ?? (wish && { records: [], dropped: [], counter: wish.counter });
  if (book === undefined) return { record, fresh: [] };
  const names = new Map((wish?.named ?? []).map(({ id, kind }) => [id, kind]));
  const busy = book.rollback?.id;
  const held = book.records.filter(({ id }) => names.has(id) || id === busy);
  const known = new Set([...held.map(({ id }) => id), ...book.dropped]);
  const asked = [...names].flatMap(([id, kind]): Asked[] =>
    known.has(id) || kind === "unknown" || !idForm.test(id) ? [] : [{ id, kind }],
  );
  const most = Math.min(wish?.most ?? 0, snapshotsMax);
  const over = held.filter(({ state }) => state !== "failed").length + asked.length - most;
  const old = held
    .filter(({ id, state }) => state === "kept" && id !== busy)
    .sort((left, right) => left.at - right.at)
    .slice(0, Math.max(0, over));
  const gone = [...old, ...asked.slice(0, Math.max(0, over - old.length))].map(({ id }) => id);
  const dropped = [...book.dropped.filter((id) => names.has(id)), ...gone.filter((id) => names.has(id))];
  const records = held.filter(({ id }) => !gone.includes(id));
  return {
    record: { ...record, snapshots: { ...book, records, dropped } },
    fresh: asked.filter(({ id }) => !gone.includes(id)),
  };
}

function withDue(record: AppRecord, due: readonly Asked[]): AppRecord {
  const { snapshots: book, spec } = record;
  if (book === undefined || due.length === 0) return record;
  const { snapshots: _, ...bare } = spec;
  const [saved, uses] = [encodeSpec(bare), volumeUses(spec)];
  const added = due.map(
    ({ id, kind }): SnapshotRecord => ({
      ...{ id, kind, state: "due", message: "", at: instant(0), spec: saved, version: spec.version },
      volumes: uses.map(({ key }) => key),
      contents: contentsOf(spec),
      written: uses.flatMap(({ key, readOnly, form }) => (readOnly || form === "cdrom" ? [] : [key])),
    }),
  );
  return { ...record, snapshots: { ...book, records: [...book.records, ...added] } };
}

/** The record of an app that begins to go back; undefined when nothing new is asked, or it cannot. */
function rollBack(record: AppRecord, asked: AppSpec, volume: VolumeView): AppRecord | undefined {
  const { snapshots: book } = record;
  const wish = asked.snapshots;
  if (book === undefined || wish === undefined || wish.counter <= book.counter) return undefined;
  const to = book.records.find(({ id, state }) => id === wish.target && state === "kept");
  if (to === undefined || lostBy(to, volume) !== undefined) return undefined;
  const { fault: _, ...rest } = book;
  const { counter } = wish;
  const rollback = { id: to.id, token: `${to.id}/${counter}`, written: to.written };
  const next = foldSpec(record, asItWas(decodeSpec(to.spec), asked));
  return {
    ...next,
    end: undefined,
    // What crashes after a change that is taken back has nothing to wait for.
    containers: next.containers.map(afresh),
    snapshots: { ...rest, counter, rollback, instead: saying(asked) },
  };
}

/** The saved app with what is the configuration's to say at any time, whatever the app is made of. */
function asItWas({ hindrance: _, ...saved }: AppSpec, asked: AppSpec): AppSpec {
  const { active, restartCounter, purgeCounter, displayName, nics, hindrance } = asked;
  const { adapters, functions, profiles, startDelaySeconds, bootOrder, snapshots, ...own } = saved;
  const [devices, when] = [asked.adapters, asked.profiles];
  return {
    ...{ ...own, active, restartCounter, purgeCounter, displayName, nics },
    ...(devices === undefined ? {} : { adapters: devices }),
    ...(asked.functions === undefined ? {} : { functions: asked.functions }),
    ...(when === undefined ? {} : { profiles: when }),
    ...(asked.startDelaySeconds === undefined ? {} : { startDelaySeconds: asked.startDelaySeconds }),
    ...(asked.bootOrder === undefined ? {} : { bootOrder: asked.bootOrder }),
    // Whatever else hinders the newer app says nothing of the older.
    ...(hindrance?.reason === "MaintenanceMode" ? { hindrance } : {}),
    revision: `${own.version} instead of ${asked.revision}`,
  };
}

/** What the configuration says an app is made of. */
function saying(spec: AppSpec): string {
  return [spec.version, ...volumeUses(spec).map(({ key }) => key)].join(" ");
}

function staysBack({ snapshots: book }: AppRecord, asked: AppSpec, volume: VolumeView): boolean {
  if (book?.instead === undefined) return false;
  if (book.instead === saying(asked)) return true;
  // Half way back is nowhere: another wish waits, unless the way does not go on.
  return book.rollback?.written.some((key) => volume(key)?.phase === "failed") === false;
}

function movedOn(record: AppRecord): AppRecord {
  const { snapshots: book } = record;
  if (book?.instead === undefined) return record;
  const { instead: _, rollback: __, ...rest } = book;
  return { ...record, snapshots: rest };
}

/** Brings the book up to what the volumes say, and to commands that cannot be carried out. */
export function settleSnapshots(
  record: AppRecord,
  wish: SnapshotWish | undefined,
  volume: VolumeView,
  now: Instant,
): AppRecord {
  const { snapshots: book } = record;
  if (book === undefined) return record;
  const events: AppEventInput[] = [];
  // As long as the machine has them, the volumes say nothing of this.
  const off = record.machine === undefined;
  const records = book.records.map((it) => {
    if (it.state === "due") return off ? settled(it, volume, now, events) : it;
    return it.state === "kept" && lostBy(it, volume) !== undefined ? lost(it, volume, now, events) : it;
  });
  let next: SnapshotBook = { ...book, records };
  const { rollback } = book;
  if (off && rollback?.written.every((key) => isBack(volume(key), rollback.token))) {
    const { rollback: _, ...rest } = next;
    next = rest;
    const message = `The app is as it was at snapshot ${rollback.id}, version ${record.spec.version}`;
    events.push({ type: "Normal", reason: "RolledBack", message });
  }
  if (wish !== undefined && wish.counter > book.counter) {
    const target = wish.target || "(none named)";
    const fault = `cannot roll back to snapshot ${target}: there is none, or a volume has it no more`;
    next = { ...next, counter: wish.counter, fault };
    events.push({ type: "Warning", reason: "RollbackFailed", message: fault });
  }
  return withEvents({ ...record, snapshots: next }, events, now);
}

function settled(
  record: SnapshotRecord,
  volume: VolumeView,
  now: Instant,
  events: AppEventInput[],
): SnapshotRecord {
  const { id, version } = record;
  let left = 0;
  for (const key of record.written) {
    const status = volume(key);
    const fault =
      status?.phase === "failed"
        ? status.message
        : status?.phase === "ready" && !status.snapshots?.includes(id)
          ? status.untaken?.[id]
          : undefined;
    if (fault !== undefined) {
      const message = `volume ${key}: ${fault}`;
      events.push({ type: "Warning", reason: "SnapshotFailed", message: `Snapshot ${id}: ${message}` });
      return { ...record, state: "failed", message, at: now };
    }
    if (status?.phase !== "ready" || !status.snapshots?.includes(id)) left++;
  }
  if (left > 0) return record;
  const message = `Snapshot ${id} of version ${version} is taken`;
  events.push({ type: "Normal", reason: "SnapshotTaken", message });
  return { ...record, state: "kept", at: now };
}

/** A volume that is there and has nothing of it any more: it was raw and is sealed now, or was made anew. */
function lostBy({ id, written }: SnapshotRecord, volume: VolumeView): VolumeKey | undefined {
  return written.find((key) => {
    const status = volume(key);
    return status?.phase === "ready" && !status.snapshots?.includes(id);
  });
}

function lost(
  record: SnapshotRecord,
  volume: VolumeView,
  now: Instant,
  events: AppEventInput[],
): SnapshotRecord {
  const message = `volume ${lostBy(record, volume)} has it no more`;
  events.push({ type: "Warning", reason: "SnapshotLost", message: `Snapshot ${record.id}: ${message}` });
  return { ...record, state: "failed", message, at: now };
}

function isBack(status: VolumeStatus | undefined, token: string): boolean {
  return status?.phase === "ready" && status.restored === token;
}

/** What keeps an app from being started; `stop`: its machine has to end for it. */
export interface SnapshotHold {
  readonly stop: boolean;
  readonly reason: string;
  readonly message: string;
}

/** Reasons of an app that is off for a moment only. */
export const takingSnapshot = "TakingSnapshot";
export const rollingBack = "RollingBack";

export function holdOf(book: SnapshotBook | undefined): SnapshotHold | undefined {
  if (book?.rollback !== undefined)
    return { stop: true, reason: rollingBack, message: `going back to snapshot ${book.rollback.id}` };
  const due = book?.records.filter(({ state }) => state === "due") ?? [];
  const [first] = due;
  if (first === undefined) return undefined;
  const stop = due.some(({ kind }) => kind === "now");
  return { stop, reason: takingSnapshot, message: `taking snapshot ${first.id}` };
}

/** What is told of an app's snapshots: also of those that can never be. */
export function toldSnapshots(book: SnapshotBook | undefined, wish: SnapshotWish | undefined): AppSnapshot[] {
  const known = (book?.records ?? []).map(({ id, kind, state, message, at, version, written }) => ({
    ...{ id, kind, state, message, at, version, written },
  }));
  const odd = (wish?.named ?? []).flatMap(({ id, kind }): AppSnapshot[] => {
    const message = !idForm.test(id)
      ? `${JSON.stringify(id)} is not a UUID`
      : kind === "unknown"
        ? "type is not known; use APP_UPDATE or IMMEDIATE"
        : undefined;
    if (message === undefined) return [];
    return [{ id, kind, state: "failed", message, at: instant(0), version: "", written: [] }];
  });
  return [...known, ...odd];
}

/** Contents that an app of this specification runs on. */
export function contentsOf(spec: AppSpec): ContentId[] {
  const own = ownContainers(spec).map(({ container }) => container.contentTreeId as ContentId);
  const below = volumeUses(spec).flatMap(({ contentId }) => contentId ?? []);
  return [...new Set([...own, ...below])].filter((id) => id !== "");
}
