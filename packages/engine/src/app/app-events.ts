import type { Instant } from "@selvedge/base";
import { unreadable } from "../unread.ts";
import type { AppRecord, EventRecord } from "./app-record.ts";

/** They travel with every report: enough to see what happened lately. */
const eventsMax = 40;
/** A complaint may quote a program's output. */
const messageMax = 1024;

export interface AppEventInput {
  readonly type: "Normal" | "Warning";
  readonly reason: string;
  readonly message: string;
  readonly container?: string;
}

/** The record with one more event; the same again is counted, and moves to the end. */
export function withEvent(record: AppRecord, input: AppEventInput, now: Instant): AppRecord {
  const event = {
    type: input.type,
    reason: input.reason,
    message: input.message.slice(0, messageMax),
    container: input.container ?? "",
  };
  const same = (it: EventRecord): boolean =>
    it.reason === event.reason && it.message === event.message && it.container === event.container;
  const before = record.events.find(same);
  const fresh: EventRecord = {
    ...event,
    firstAt: before?.firstAt ?? now,
    lastAt: now,
    count: (before?.count ?? 0) + 1,
  };
  const others = record.events.filter((it) => !same(it));
  return { ...record, events: [...others, fresh].slice(-eventsMax) };
}

/** Why an app does not start that time alone does not mend: another image, box or neighbour would. */
const lasting: ReadonlySet<string> = new Set([
  "ImageInspectError",
  "NoHardwareVirtualization",
  "OutOfMemory",
  "UnsupportedIsolation",
  unreadable,
]);

/**
 * What there is to say of a reason to wait: once, until something else happens to the app. How much memory is
 * free is another number each time.
 */
export function hindranceEvent(
  { events }: Pick<AppRecord, "events">,
  reason: string,
  message: string,
): AppEventInput | undefined {
  if (!lasting.has(reason) || events.at(-1)?.reason === reason) return undefined;
  return { type: "Warning", reason, message };
}

export function withEvents(record: AppRecord, inputs: readonly AppEventInput[], now: Instant): AppRecord {
  return inputs.reduce((sum, input) => withEvent(sum, input, now), record);
}
