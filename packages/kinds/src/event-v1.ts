import type { KindDefinition, KubeObject } from "@selvedge/apimachinery";
import { jsonEqual } from "@selvedge/base";
import {
  type Event,
  eventKind,
  eventSeries,
  eventSource,
  type ObjectReference,
  objectReference,
} from "./event.ts";
import { Faults, immutable } from "./faults.ts";
import { int32, kindMessage, type Message, microTime, object, pointer, text, time } from "./fields.ts";
import { builtIn } from "./kind.ts";

/** The same Events in the words of events.k8s.io. */
export interface EventV1 extends KubeObject {
  apiVersion: "events.k8s.io/v1";
  kind: "Event";
  eventTime?: string | null;
  series?: { count?: number; lastObservedTime?: string };
  reportingController?: string;
  reportingInstance?: string;
  action?: string;
  reason?: string;
  regarding?: ObjectReference;
  related?: ObjectReference;
  note?: string;
  type?: string;
  deprecatedSource?: { component?: string; host?: string };
  deprecatedFirstTimestamp?: string | null;
  deprecatedLastTimestamp?: string | null;
  deprecatedCount?: number;
}

const eventV1: Message = kindMessage("Something that happened to an object. Kept for a limited time.", {
  eventTime: microTime(2, "When, to the microsecond."),
  series: object(3, eventSeries, "The same event again and again.", pointer),
  reportingController: text(4, "Who says so, as a domain name."),
  reportingInstance: text(5, "Which of them."),
  action: text(6, "What was done about it."),
  reason: text(7, "What happened, as one word."),
  regarding: object(8, objectReference, "The object."),
  related: object(9, objectReference, "A second object it is about.", pointer),
  note: text(10, "What happened, for people."),
  type: text(11, "Normal or Warning."),
  deprecatedSource: object(12, eventSource, "Who says so, in older words."),
  deprecatedFirstTimestamp: time(13, "When first, in older words."),
  deprecatedLastTimestamp: time(14, "When last, in older words."),
  deprecatedCount: int32(15, "How often, in older words."),
});

const lengths = {
  reason: 128,
  action: 128,
  note: 1024,
  reportingController: 128,
  reportingInstance: 128,
} as const;

export const eventV1Kind: KindDefinition = builtIn(eventV1, {
  group: "events.k8s.io",
  version: "v1",
  kind: "Event",
  plural: "events",
  singular: "event",
  createsOnUpdate: true,
  shortNames: ["ev"],
  namespaced: true,
  selectableFields: [
    "reason",
    "regarding.kind",
    "regarding.namespace",
    "regarding.name",
    "regarding.uid",
    "regarding.apiVersion",
    "regarding.resourceVersion",
    "regarding.fieldPath",
    "reportingController",
    "type",
  ],
  hasGeneration: false,
  validate: (object, old) => {
    const faults = new Faults();
    const event = object as EventV1;
    if (old === undefined) {
      if (!event.eventTime) faults.required("eventTime");
      faults.oneOf("type", event.type, ["Normal", "Warning"]);
      if (!event.reason) faults.required("reason");
      if (!event.action) faults.required("action");
      if (!event.reportingController) faults.required("reportingController");
      if (!event.reportingInstance) faults.required("reportingInstance");
    } else checkChange(faults, event, old as EventV1);
    for (const [field, most] of Object.entries(lengths)) {
      const value = event[field as keyof typeof lengths] ?? "";
      if (value.length > most) faults.invalid(field, "", `can have at most ${most} characters`);
    }
    return faults.errors;
  },
  columns: eventKind.columns.map((column) => ({
    ...column,
    value: (object, now) => column.value(toCore(object as EventV1), now),
  })),
  view: {
    of: eventKind,
    read: (stored) => fromCore(stored as Event),
    write: (object) => toCore(object as EventV1),
    siblings: () => [eventKind, eventV1Kind],
  },
});

/** What has been said stays said, except how often; the members have their other names, as upstream has it. */
function checkChange(faults: Faults, event: EventV1, old: EventV1): void {
  const own = new Map(names.map(([core, name]) => [name as string, core as string]));
  own.set("reportingController", "reportingController");
  for (const member of said) {
    const [now, before] = [saidOf(event, member), saidOf(old, member)];
    if (!jsonEqual(now, before)) faults.invalid(own.get(member) ?? member, now, immutable);
  }
  const { series } = event;
  if (series === undefined || jsonEqual(series, old.series ?? null)) return;
  if ((series.count ?? 0) < 2) faults.invalid("series.count", "", "should be at least 2");
  if (!series.lastObservedTime) faults.required("series.lastObservedTime");
}

/** A source without members is none: upstream always shows one. */
function saidOf(event: EventV1, member: string): unknown {
  const value = event[member] ?? null;
  return member === "deprecatedSource" && jsonEqual(value, {}) ? null : value;
}

const said = [
  ...["regarding", "reason", "note", "deprecatedSource", "deprecatedFirstTimestamp"],
  ...["deprecatedLastTimestamp", "deprecatedCount", "type", "eventTime", "action", "related"],
  ...["reportingController", "reportingInstance"],
];

/** Members that have other names there. */
const names: readonly (readonly [core: keyof Event & string, own: keyof EventV1 & string])[] = [
  ["involvedObject", "regarding"],
  ["message", "note"],
  ["source", "deprecatedSource"],
  ["firstTimestamp", "deprecatedFirstTimestamp"],
  ["lastTimestamp", "deprecatedLastTimestamp"],
  ["count", "deprecatedCount"],
  ["reportingComponent", "reportingController"],
];

function fromCore(event: Event): EventV1 {
  const made = renamed(event, new Map(names));
  return { ...made, apiVersion: "events.k8s.io/v1" } as EventV1;
}

function toCore(event: EventV1): Event {
  const made = renamed(event, new Map(names.map(([core, own]) => [own, core])));
  return { involvedObject: {}, ...made, apiVersion: "v1" } as Event;
}

function renamed(object: KubeObject, to: ReadonlyMap<string, string>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(object).map(([name, value]) => [to.get(name) ?? name, value]));
}
