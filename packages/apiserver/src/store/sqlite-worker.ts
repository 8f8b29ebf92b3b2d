/** The thread that writes to a SQLite file and waits for its disk, so that nobody else does. */
import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { openSqlite, sqliteWriter } from "./sqlite-file.ts";
import type { Answer, Ask, WorkerPlace } from "./sqlite-thread.ts";

const { path, workspace, kept } = workerData as WorkerPlace;
const port = parentPort as MessagePort;
const database = openSqlite(path);
const commit = sqliteWriter(database, workspace, kept);

port.on("message", (ask: Ask) => {
  if (ask === "close") {
    database.close();
    port.close();
    return;
  }
  let answer: Answer;
  try {
    answer = { committed: commit(ask) };
  } catch (error) {
    answer = { error };
  }
  port.postMessage(answer);
});
