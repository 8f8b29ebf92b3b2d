/** The thread that writes to a SQLite file and waits for its disk, so that nobody else does. */
import { workerData } from "node:worker_threads";
import { openSqlite, sqliteWriter, type WorkerPlace } from "./sqlite-file.ts";
import { commitGroups } from "./sqlite-thread.ts";

const { path, workspace, kept } = workerData as WorkerPlace;
const database = openSqlite(path);
commitGroups(database, sqliteWriter(database, workspace, kept));
