/**
 * The store's tables. All statements of one transaction that follow the lock of the one row of selvedge_store see
 * everything that was committed before it: the order of revisions is the order of commits, without gaps.
 */
import type { Client } from "pg";

/** What commits tell of on; its payload is the newest revision. */
export const channel = "selvedge_log";

/** So that two replicas that start together do not make the tables twice; any number nobody else uses. */
const migrationLock = 7_355_608_213;

const collated = `text collate "C" not null`;

/** Each entry takes a database from the version of its place to the next. */
const migrations = [
  `create table selvedge_store (revision bigint not null, compacted bigint not null) with (fillfactor = 10);
   create unique index selvedge_store_one on selvedge_store ((true));
   insert into selvedge_store values (0, 0);
   create table selvedge_objects (workspace ${collated}, key ${collated}, revision bigint not null,
     value text not null, primary key (workspace, key)) with (fillfactor = 80);
   create table selvedge_changes (revision bigint primary key, workspace ${collated}, key ${collated},
     value text, previous text, previous_revision bigint not null);`,
  // Writes as one set. An outcome is the revision, or 0 for a conflict; with it comes the value before.
  `create function selvedge_write(space text, keys text[], expecteds bigint[], vals text[],
     out outcomes double precision[], out previous text[]) language plpgsql as $$
   declare
     last bigint;
     written bigint;
   begin
     select revision into strict last from selvedge_store for update;
     with input as (
       select i, k, e, v from unnest(keys, expecteds, vals) with ordinality as t(k, e, v, i)
     ), fits as (
       select i, k, v, o.value as was, coalesce(o.revision, 0) as was_revision,
         last + row_number() over (order by i) as r
       from input left join selvedge_objects o on o.workspace = space and o.key = k
       where coalesce(o.revision, 0) = e and (v is not null or o.key is not null)
     ), logged as (
       insert into selvedge_changes (revision, workspace, key, value, previous, previous_revision)
       select r, space, k, v, was, was_revision from fits
     ), put as (
       insert into selvedge_objects (workspace, key, revision, value)
       select space, k, r, v from fits where v is not null
       on conflict (workspace, key) do update set revision = excluded.revision, value = excluded.value
     ), gone as (
       delete from selvedge_objects o using fits
       where o.workspace = space and o.key = fits.k and fits.v is null
     )
     select array_agg(coalesce(fits.r, 0) order by input.i), array_agg(fits.was order by input.i), count(fits.r)
       into outcomes, previous, written from input left join fits using (i);
     if written > 0 then
       update selvedge_store set revision = last + written;
       perform pg_notify('${channel}', (last + written)::text);
     end if;
   end $$;`,
  // What some keys were at a revision is found without a look at all that changed since.
  "create index selvedge_changes_by_key on selvedge_changes (workspace, key, revision);",
];

/** Brings the tables to what this program knows, or answers why it cannot: newer ones are left alone. */
export async function migrate(client: Client): Promise<string | undefined> {
  await client.query("begin");
  await client.query("select pg_advisory_xact_lock($1)", [migrationLock]);
  await client.query("create table if not exists selvedge_schema (version integer not null)");
  const found = await client.query<{ version: number }>(
    "select max(version) as version from selvedge_schema",
  );
  const version = found.rows[0]?.version ?? 0;
  if (version > migrations.length) {
    await client.query("rollback");
    return `the store was written by a newer version (${version}); this one knows ${migrations.length}`;
  }
  for (const [index, sql] of migrations.entries()) if (index >= version) await client.query(sql);
  if (version < migrations.length) {
    await client.query("insert into selvedge_schema values ($1)", [migrations.length]);
  }
  await client.query("commit");
  return undefined;
}

/** Keys of a workspace in a range: the first three parameters of every statement. */
const range = "workspace = $1 and key >= $2 and key < $3";
const unchanged = `from selvedge_objects where ${range} and revision <= $4`;
/** What was where it has changed since: of several changes of a key the first holds what was before. */
const before = `from (select distinct on (key) key, previous, previous_revision from selvedge_changes
  where ${range} and revision > $4 order by key, revision) as first where previous is not null`;
const bounds = "s.revision::float8 as newest, s.compacted::float8 as compacted";
/**
 * Rows as they are, but without what is long in those that follow others that weigh so much together: a page of long
 * objects is not read, nor sent, as a whole. What is sent of those says that there is more.
 */
const within = (weight: string, order: string, long: readonly string[], rows: string): string => `
  select key, revision, ${long.map((name) => `case when before < ${weight} then ${name} end as ${name}`).join(", ")}
  from (select *, coalesce(sum(${long.map((name) => `coalesce(octet_length(${name}), 0)`).join(" + ")})
    over (order by ${order} rows between unbounded preceding and 1 preceding), 0) as before
    from (${rows}) as found) as weighed`;
const change = ["value", "previous"];
const inLog = "select key, revision, value, previous from selvedge_changes where";
const there = `select key, revision, value from selvedge_objects where ${range} order by key limit $4`;
// Each part is cut by itself, so that the index is walked for a page and not for all.
const then = `select * from (select key, revision, value ${unchanged} order by key limit $5) as same
  union all select * from (select key, previous_revision, previous ${before} order by key limit $5) as changed
  order by key limit $5`;
const after = `${inLog} ${range} and revision > $4 order by revision limit $5`;
const afterAll = `${inLog} workspace = $1 and revision > $2 order by revision limit $3`;

export type StatementName =
  | "revision"
  | "get"
  | "list"
  | "listAt"
  | "count"
  | "write"
  | "since"
  | "tail"
  | "found"
  | "compacting"
  | "compact";

/** The store's statements, prepared once a connection under their names. */
export const statements: Readonly<Record<StatementName, string>> = {
  revision: "select revision::float8 as newest, compacted::float8 as compacted from selvedge_store",
  get: "select key, revision::float8, value from selvedge_objects where workspace = $1 and key = any($2)",
  list: `select ${bounds}, o.key, o.revision::float8, o.value from selvedge_store s
    left join lateral (${within("$5", "key", ["value"], there)}) o on true order by o.key`,
  listAt: `select ${bounds}, o.key, o.revision::float8, o.value from selvedge_store s
    left join lateral (${within("$6", "key", ["value"], then)}) o on true order by o.key`,
  /** What there is, without what came since and with what went. */
  count: `select (select count(*) from selvedge_objects where ${range})::float8
    - (select count(value) - count(previous) from selvedge_changes where ${range} and revision > $4)::float8 as n`,
  write: "select outcomes, previous from selvedge_write($1, $2, $3, $4)",
  /** A part of the log: after $4. */
  since: `select ${bounds}, c.key, c.revision::float8, c.value, c.previous from selvedge_store s
    left join lateral (${within("$6", "revision", change, after)}) c on true order by c.revision`,
  /** The same for all keys, as the tail reads it. */
  tail: `select ${bounds}, c.key, c.revision::float8, c.value, c.previous from selvedge_store s
    left join lateral (${within("$4", "revision", change, afterAll)}) c on true order by c.revision`,
  /** Whether a write whose outcome we did not hear was done. */
  found: `select revision::float8 from selvedge_changes where workspace = $1 and key = $2
    and previous_revision = $3 and value is not distinct from $4`,
  compacting: "update selvedge_store set compacted = $1 where compacted < $1",
  compact: `delete from selvedge_changes where revision in
    (select revision from selvedge_changes where revision <= $1 order by revision limit $2)`,
};
