/** The thread in which the worlds of one file live (seeds.ts). */
import { inspect } from "node:util";
import { parentPort, workerData } from "node:worker_threads";
import { World } from "../../packages/harness/src/index.ts";
import { type Order, type Report, rowsOfThread } from "./seeds.ts";

await import(workerData as string);

parentPort?.on("message", async ({ what, seed }: Order) => {
  parentPort?.postMessage({ failure: await runOne(what, seed) } satisfies Report);
});

async function runOne(what: string, seed: number): Promise<string | undefined> {
  const row = rowsOfThread.get(what);
  if (row === undefined) return `there is no scenario ${what}`;
  try {
    await using world = await World.make(seed, row.options);
    await row.scenario(world);
    return undefined;
  } catch (error) {
    return inspect(error);
  }
}
