import assert from "node:assert/strict";
import { it } from "node:test";
import { millis } from "@selvedge/base";
import { onStopSignal } from "./stop-signals.ts";

it("a signal that comes twice at once is one; who asks again does not wait", () => {
  let now = 5000;
  const done: string[] = [];
  const onSignal = onStopSignal(
    { monotonic: () => millis(now) },
    () => void done.push("put away"),
    () => void done.push("left"),
  );
  onSignal();
  onSignal();
  now += 900;
  onSignal();
  assert.deepEqual(done, ["put away"]);
  now += 200;
  onSignal();
  assert.deepEqual(done, ["put away", "left"]);
});
