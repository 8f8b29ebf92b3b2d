/** What is done to a whole PostgreSQL store. */
import type { Client, PoolClient } from "pg";
import { type Dump, dumpPage } from "./dump.ts";
import type { KeyRange } from "./keys.ts";
import { channel } from "./postgres-schema.ts";
import type { Row } from "./store.ts";

const range = "workspace = $1 and key >= $2 and key < $3";

/** One read transaction on a connection of its own, which it ends: writers go on beside it. */
export async function dumpPostgres(client: Client, workspace: string): Promise<Dump> {
  await client.query("begin isolation level repeatable read read only");
  const { rows: state } = await client.query<{ revision: number }>(
    "select revision::float8 from selvedge_store",
  );
  async function* pages(): AsyncGenerator<readonly Row[]> {
    for (let after = ""; ; ) {
      const { rows } = await client.query<Row>(
        `select key, revision::float8, value from selvedge_objects where workspace = $1 and key > $2
         order by key limit ${dumpPage}`,
        [workspace, after],
      );
      if (rows.length > 0) yield rows;
      const last = rows.at(-1);
      if (last === undefined || rows.length < dumpPage) return;
      after = last.key;
    }
  }
  return {
    revision: state[0]?.revision ?? 0,
    pages: pages(),
    [Symbol.asyncDispose]: () => client.end(),
  };
}

export async function loadPostgres(
  client: Client,
  workspace: string,
  pages: AsyncIterable<readonly Row[]>,
  revision: number,
): Promise<void> {
  await client.query("begin");
  // Writers wait for the end of it.
  await client.query("select revision from selvedge_store for update");
  await client.query("delete from selvedge_objects where workspace = $1", [workspace]);
  await client.query("delete from selvedge_changes where workspace = $1", [workspace]);
  for await (const rows of pages) {
    await client.query(
      `insert into selvedge_objects (workspace, key, revision, value)
       select $1, key, revision, value from unnest($2::text[], $3::bigint[], $4::text[]) as r(key, revision, value)`,
      [workspace, ...columns(rows)],
    );
  }
  await client.query(
    `update selvedge_store set revision = greatest(revision, $1), compacted = greatest(revision, $1)`,
    [revision],
  );
  await client.query(`select pg_notify('${channel}', revision::text) from selvedge_store`);
  await client.query("commit");
}

const batch = 200;

/** Each value only where nobody has written another meanwhile: who writes seals with the newest key anyway. */
export async function rewritePostgres(
  read: <R extends object>(act: (connection: PoolClient) => Promise<R>) => Promise<R>,
  workspace: string,
  { from, to }: KeyRange,
  change: (key: string, value: string) => string,
): Promise<number> {
  let changed = 0;
  for (let after = from; ; ) {
    const rows = await read(async (connection) => {
      const found = await connection.query<Row>(
        `select key, revision::float8, value from selvedge_objects where ${range} order by key limit ${batch}`,
        [workspace, after, to],
      );
      const next = found.rows
        .map((row) => ({ ...row, value: change(row.key, row.value) }))
        .filter(({ value }, index) => value !== found.rows[index]?.value);
      const done = await connection.query(
        `update selvedge_objects o set value = r.value
         from unnest($2::text[], $3::bigint[], $4::text[]) as r(key, revision, value)
         where o.workspace = $1 and o.key = r.key and o.revision = r.revision`,
        [workspace, ...columns(next)],
      );
      changed += done.rowCount ?? 0;
      return found.rows;
    });
    const last = rows.at(-1);
    if (last === undefined || rows.length < batch) break;
    after = `${last.key}\u0001`;
  }
  await rewriteLog(read, workspace, { from, to }, change);
  return changed;
}

async function rewriteLog(
  read: <R extends object>(act: (connection: PoolClient) => Promise<R>) => Promise<R>,
  workspace: string,
  { from, to }: KeyRange,
  change: (key: string, value: string) => string,
): Promise<void> {
  for (let after = 0; ; ) {
    const rows = await read(async (connection) => {
      const found = await connection.query<LogRow>(
        `select revision::float8, key, value, previous from selvedge_changes
         where ${range} and revision > $4 order by revision limit ${batch}`,
        [workspace, from, to, after],
      );
      const sealed = (key: string, text: string | null): string | null =>
        text === null ? null : change(key, text);
      const next = found.rows.map(
        ({ key, value, previous }) => [sealed(key, value), sealed(key, previous)] as const,
      );
      await connection.query(
        `update selvedge_changes c set value = r.value, previous = r.previous
         from unnest($1::bigint[], $2::text[], $3::text[]) as r(revision, value, previous)
         where c.revision = r.revision`,
        [
          found.rows.map(({ revision }) => revision),
          next.map(([value]) => value),
          next.map(([, before]) => before),
        ],
      );
      return found.rows;
    });
    const last = rows.at(-1);
    if (last === undefined || rows.length < batch) return;
    after = last.revision;
  }
}

interface LogRow {
  readonly revision: number;
  readonly key: string;
  readonly value: string | null;
  readonly previous: string | null;
}

function columns(rows: readonly Row[]): [keys: string[], revisions: number[], values: string[]] {
  return [rows.map(({ key }) => key), rows.map(({ revision }) => revision), rows.map(({ value }) => value)];
}
