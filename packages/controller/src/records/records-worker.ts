/** The thread that writes records and waits for the disk, so that no node does that has nothing to write. */
import { workerData } from "node:worker_threads";
import { commitGroups } from "@selvedge/apiserver";
import { openRecords, recordsWriter } from "./records-file.ts";

const database = openRecords(workerData as string);
commitGroups(database, recordsWriter(database));
