/** The thread that does what would hold everybody else up. */
import { type MessagePort, parentPort } from "node:worker_threads";
import { perform, type Task } from "./tasks.ts";

const port = parentPort as MessagePort;

port.on("message", async (task: Task) => port.postMessage(await perform(task)));
