/** `selvedge controller backup` and `restore`. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Encryption, PostgresStore, type Row, SqliteStore, sealedWith } from "@selvedge/apiserver";
import { between, type Clock, type Instant, type Log, seconds, sleep } from "@selvedge/base";
import { FlagError } from "../address.ts";
import { DataFolder } from "../data-folder.ts";
import { databaseUrl, type StoreFlags } from "../flags.ts";
import { type OpenedStore, openStore } from "../open-store.ts";
import { FolderPkiFiles } from "../pki/pki-files.ts";
import { readRecords, replaceRecords } from "../records/records-file.ts";
import { keyOf, recordsPrefix } from "../records/store-records.ts";
import { renderedBucket, restampedRecord } from "../render/rendered-configs.ts";
import { leaseName, leaseNamespace } from "../replicas/election-plan.ts";
import { ArchiveError, type ArchiveHead, readHead, readRows, writeArchive } from "./archive.ts";

export interface UpkeepPorts {
  readonly clock: Clock;
  readonly log: Log;
}

type UpkeepFlags = StoreFlags & { readonly file: string };

/** More than any store writes in a second: since a backup it has not used up more revisions than these. */
const revisionsPerSecond = 20_000;
/** For clocks that differ a little. */
const revisionsMore = 1_000_000;
const page = 500;
const pkiBucket = "pki";

/** Copies what there is while a controller goes on. Returns what to tell whoever asked. */
export async function backUpFrom({ data, database, file }: UpkeepFlags, ports: UpkeepPorts): Promise<string> {
  const path = join(data, "controller.db");
  if (database === undefined && !existsSync(path))
    throw new FlagError(`--data: there is no controller in ${data}`);
  const store =
    database === undefined
      ? new SqliteStore(path)
      : await PostgresStore.open({ url: databaseUrl(database), ...ports });
  try {
    await using dump = await store.dump();
    const head: ArchiveHead = { revision: dump.revision, at: ports.clock.now() };
    const others = database === undefined ? ownRecords(data, path) : undefined;
    const rows = await writeArchive(file, head, both(dump.pages, others));
    return `${file}: ${rows} values at revision ${head.revision}`;
  } finally {
    await store.close();
  }
}

/** Puts a backup in the place of what there is. Returns what to tell whoever asked. */
export async function restoreInto(flags: UpkeepFlags, ports: UpkeepPorts): Promise<string> {
  const { file, data, database } = flags;
  const head = await readHead(file);
  using folder = new DataFolder(data);
  // What is there now goes, whatever it is sealed with.
  await using opened = await openStore(flags, folder, ports, { anyKey: true });
  if (database !== undefined) await requireRest(opened, ports.clock);
  const revision = head.revision + jump(head.at, ports.clock.now());
  const from: Restoring = { file, encryption: opened.encryption, now: ports.clock.now() };
  await opened.raw.load(chunks(objectsOf(from, database !== undefined)), revision);
  if (database === undefined) await restoreRecords(from, folder);
  return `${head.rows} values of revision ${head.revision}; the store goes on from ${await opened.raw.revision()}`;
}

/** Revisions that the lost future may have used up. */
function jump(at: Instant, now: Instant): number {
  return Math.ceil(Math.max(0, between(at, now)) / 1000) * revisionsPerSecond + revisionsMore;
}

/** Who leads renews its lease every second. */
async function requireRest({ raw }: OpenedStore, clock: Clock): Promise<void> {
  const key = `coordination.k8s.io/leases/${leaseNamespace}/${leaseName}`;
  const before = await raw.get(key);
  if (before === undefined) return;
  await sleep(clock, seconds(2.5));
  if ((await raw.get(key))?.revision === before.revision) return;
  throw new FlagError("--database: a controller runs on this database; stop all of them first");
}

interface Restoring {
  readonly file: string;
  readonly encryption: Encryption | undefined;
  readonly now: Instant;
}

/** What the store of objects gets: with several controllers the records too. */
async function* objectsOf({ file, encryption, now }: Restoring, withRecords: boolean): AsyncGenerator<Row> {
  for await (const row of readRows(file)) {
    if (row.key.startsWith(recordsPrefix)) {
      if (withRecords) yield { ...row, value: restamped(row, encryption, now) };
    } else yield row;
  }
}

/** Alone a controller has its records beside the objects, and its keys in files. */
async function restoreRecords(from: Restoring, folder: DataFolder): Promise<void> {
  await replaceRecords(folder.in("controller.db"), recordsOf(from, new FolderPkiFiles(folder.in("pki"))));
}

/** The records; keys go into their files on the way. */
async function* recordsOf(
  { file, encryption, now }: Restoring,
  keys: FolderPkiFiles,
): AsyncGenerator<readonly [bucket: string, key: string, value: Uint8Array]> {
  for await (const row of readRows(file)) {
    if (!row.key.startsWith(recordsPrefix)) continue;
    const [bucket = "", ...rest] = row.key.slice(recordsPrefix.length).split("/");
    const name = rest.join("/");
    const text = plain({ ...row, value: restamped(row, encryption, now) }, encryption);
    const bytes = Buffer.from(text, "base64");
    if (bucket === pkiBucket) keys.write(name, bytes.toString());
    else yield [bucket, name, bytes];
  }
}

const configs = keyOf(renderedBucket, "");

/** What nodes would not take as it was then is given a new time. */
function restamped(row: Row, encryption: Encryption | undefined, now: Instant): string {
  if (!row.key.startsWith(configs)) return row.value;
  const bytes = restampedRecord(Buffer.from(plain(row, encryption), "base64"), now);
  const value = Buffer.from(bytes).toString("base64");
  return encryption === undefined ? value : encryption.seal(row.key, value);
}

function plain({ key, value }: Row, encryption: Encryption | undefined): string {
  const id = sealedWith(value);
  if (id === undefined) return value;
  if (encryption === undefined)
    throw new ArchiveError(`${key} is sealed with key ${id}: give it by --encryption-keys`);
  return encryption.open(key, value);
}

async function* chunks(rows: AsyncIterable<Row>): AsyncGenerator<readonly Row[]> {
  let chunk: Row[] = [];
  for await (const row of rows) {
    chunk.push(row);
    if (chunk.length < page) continue;
    yield chunk;
    chunk = [];
  }
  if (chunk.length > 0) yield chunk;
}

/** The records and keys of a controller that is alone, as the store of several has them. */
function* ownRecords(data: string, path: string): Generator<Row> {
  for (const [bucket, key, value] of readRecords(path)) {
    yield { key: keyOf(bucket, key), revision: 1, value: Buffer.from(value).toString("base64") };
  }
  const folder = join(data, pkiBucket);
  for (const name of readdirSync(folder).filter((file) => /\.(?:pem|secret)$/.test(file))) {
    const value = readFileSync(join(folder, name)).toString("base64");
    yield { key: keyOf(pkiBucket, name), revision: 1, value };
  }
}

async function* both(
  pages: AsyncIterable<readonly Row[]>,
  others: Iterable<Row> | undefined,
): AsyncGenerator<readonly Row[]> {
  yield* pages;
  for (const row of others ?? []) yield [row];
}
