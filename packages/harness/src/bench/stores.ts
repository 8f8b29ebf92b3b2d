import { PostgresStore, SqliteStore } from "@selvedge/apiserver";
import { Log, SystemClock } from "@selvedge/base";

const clock = new SystemClock();

/** In a file, or in the database at the URL. */
export async function openStore(path: string, url: string | undefined): Promise<SqliteStore | PostgresStore> {
  if (url === undefined) return new SqliteStore(path);
  return await PostgresStore.open({ url, clock, log: new Log("store", clock, () => undefined) });
}
