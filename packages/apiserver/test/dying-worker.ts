/** The thread of a SQLite store, but it dies: of which group and how, it is told. */
import { workerData } from "node:worker_threads";
import { openSqlite, sqliteWriter, type WorkerPlace } from "../src/store/sqlite-file.ts";
import { commitGroups } from "../src/store/sqlite-thread.ts";

export interface Dying {
  readonly place: WorkerPlace;
  /** The group it dies of, counted from one. */
  readonly group: number;
  readonly death: "before" | "amid" | "after" | "idle";
}

const { place, group, death } = workerData as Dying;
const database = openSqlite(place.path);
const commit = sqliteWriter(database, place.workspace, place.kept);
const die = (): never => process.exit(3);
let groups = 0;
commitGroups(database, (writes: Parameters<typeof commit>[0]) => {
  if (++groups !== group) return commit(writes);
  if (death === "before") die();
  if (death === "amid") {
    database.function("die", die);
    database.exec("create temp trigger amid after insert on changes begin select die(); end");
  }
  const committed = commit(writes);
  if (death === "after") die();
  // It has answered by then.
  setImmediate(() => {
    throw new Error("nothing to do is what it dies of");
  });
  return committed;
});
