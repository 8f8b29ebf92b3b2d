import assert from "node:assert/strict";
import { it } from "node:test";
import { NetworkDriverError } from "../network-driver.ts";
import { run } from "./run.ts";

it("what a program says is taken whole, or not at all", async () => {
  assert.equal(await run("sh", ["-c", "cat; echo b"], "a\n"), "a\nb\n");
  await assert.rejects(run("sh", ["-c", "echo half; exit 3"]), NetworkDriverError);
  // Ended before it is done, it calls that a success.
  const stuck = 'trap "exit 0" TERM; printf "[{"; sleep 9 & wait';
  await assert.rejects(run("sh", ["-c", stuck], "", 200), /does not end within 200 ms/);
});
