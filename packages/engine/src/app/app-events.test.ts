import assert from "node:assert/strict";
import { it } from "node:test";
import { type Instant, instant } from "@selvedge/base";
import { hindranceEvent, withEvent } from "./app-events.ts";
import type { AppRecord } from "./app-record.ts";

const at: Instant = instant(0);

it("what keeps an app from starting is said once, until something else happens", () => {
  let record = { events: [] } as unknown as AppRecord;
  const waits = (reason: string, message: string): string[] => {
    const event = hindranceEvent(record, reason, message);
    if (event !== undefined) record = withEvent(record, event, at);
    return record.events.map((it) => `${it.type} ${it.reason} ${it.message} ${it.count}`);
  };
  assert.deepEqual(waits("ContainerCreating", "pulling i:1"), [], "that passes");
  const little = ["Warning OutOfMemory 5 MiB are free 1"];
  assert.deepEqual(waits("OutOfMemory", "5 MiB are free"), little);
  assert.deepEqual(waits("OutOfMemory", "6 MiB are free"), little);
  const other = "Warning ImageInspectError for arm64 1";
  assert.deepEqual(waits("ImageInspectError", "for arm64"), [...little, other]);
  assert.deepEqual(waits("OutOfMemory", "5 MiB are free"), [other, "Warning OutOfMemory 5 MiB are free 2"]);
});
