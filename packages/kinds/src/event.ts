import type { FieldError, KindDefinition, KubeObject } from "@selvedge/apimachinery";
import type { Instant } from "@selvedge/base";
import { column, nameColumn, timeSince } from "./columns.ts";
import { Faults } from "./faults.ts";
import {
  int32,
  kindMessage,
  type Message,
  mapAtomic,
  message,
  microTime,
  needed,
  object,
  pointer,
  text,
  time,
} from "./fields.ts";
import { builtIn } from "./kind.ts";

export interface ObjectReference {
  kind?: string;
  namespace?: string;
  name?: string;
  uid?: string;
  apiVersion?: string;
  resourceVersion?: string;
  fieldPath?: string;
}

export interface Event extends KubeObject {
  apiVersion: "v1";
  kind: "Event";
  involvedObject: ObjectReference;
  reason?: string;
  message?: string;
  type?: "Normal" | "Warning";
  source?: { component?: string; host?: string };
  firstTimestamp?: string | null;
  lastTimestamp?: string | null;
  count?: number;
  eventTime?: string | null;
  series?: { count?: number; lastObservedTime?: string };
  action?: string;
  related?: ObjectReference;
  reportingComponent?: string;
  reportingInstance?: string;
}

export const objectReference: Message = message(
  "An object of any kind.",
  {
    kind: text(1, "Its kind."),
    namespace: text(2, "Its namespace."),
    name: text(3, "Its name."),
    uid: text(4, "Its UID."),
    apiVersion: text(5, "Its group and version."),
    resourceVersion: text(6, "Its state."),
    fieldPath: text(7, "A part of it: spec.containers{name}."),
  },
  mapAtomic,
);

export const eventSource: Message = message("Who says so.", {
  component: text(1, "The part."),
  host: text(2, "The node."),
});

export const eventSeries: Message = message("The same event again and again.", {
  count: int32(1, "How often."),
  lastObservedTime: microTime(2, "When last."),
});

const event: Message = kindMessage("Something that happened to an object. Kept for a limited time.", {
  involvedObject: object(2, objectReference, "The object.", needed),
  reason: text(3, "What happened, as one word."),
  message: text(4, "What happened, for people."),
  source: object(5, eventSource, "Who says so."),
  firstTimestamp: time(6, "When first."),
  lastTimestamp: time(7, "When last."),
  count: int32(8, "How often."),
  type: text(9, "Normal or Warning."),
  eventTime: microTime(10, "When, to the microsecond."),
  series: object(11, eventSeries, "The same event again and again.", pointer),
  action: text(12, "What was done about it."),
  related: object(13, objectReference, "A second object it is about.", pointer),
  reportingComponent: text(14, "Who says so, as a domain name."),
  reportingInstance: text(15, "Which of them."),
});

export const eventKind: KindDefinition = builtIn(event, {
  group: "",
  version: "v1",
  kind: "Event",
  plural: "events",
  singular: "event",
  createsOnUpdate: true,
  shortNames: ["ev"],
  namespaced: true,
  selectableFields: [
    "involvedObject.kind",
    "involvedObject.namespace",
    "involvedObject.name",
    "involvedObject.uid",
    "involvedObject.apiVersion",
    "involvedObject.resourceVersion",
    "involvedObject.fieldPath",
    "reason",
    "reportingComponent",
    "type",
  ],
  computedFields: {
    source: (object) => {
      const { source: from, reportingComponent } = object as Event;
      return from?.component || reportingComponent || "";
    },
  },
  hasGeneration: false,
  validate: (object) => validate(object as Event),
  columns: [
    column<Event>("Last Seen", "When it last happened.", lastSeen),
    column<Event>("Type", "Normal or Warning.", ({ type }) => type ?? ""),
    column<Event>("Reason", "What happened.", ({ reason }) => reason ?? ""),
    column<Event>("Object", "What it happened to.", ({ involvedObject }) => targetText(involvedObject)),
    column<Event>("Subobject", "Which part.", ({ involvedObject }) => involvedObject.fieldPath ?? "", 1),
    column<Event>("Source", "Who says so.", sourceText, 1),
    column<Event>("Message", "What happened, for people.", ({ message: text }) => (text ?? "").trim()),
    column<Event>("First Seen", "When it first happened.", firstSeen, 1),
    column<Event>("Count", "How often it happened.", countOf, 1),
    { ...nameColumn, priority: 1 },
  ],
});

function firstSeen({ firstTimestamp, eventTime }: Event, now: Instant): string {
  return timeSince(firstTimestamp || eventTime, now);
}

function lastSeen(event: Event, now: Instant): string {
  const { series, lastTimestamp } = event;
  if (series !== undefined) return timeSince(series.lastObservedTime, now);
  return lastTimestamp ? timeSince(lastTimestamp, now) : firstSeen(event, now);
}

function countOf({ series, count }: Event): number {
  return series?.count ?? (count || 1);
}

function targetText({ kind = "", name }: ObjectReference): string {
  return name ? `${kind.toLowerCase()}/${name}` : kind.toLowerCase();
}

function sourceText({ source, reportingComponent, reportingInstance }: Event): string {
  const component = source?.component || reportingComponent || "";
  const host = source?.host || reportingInstance;
  return host ? `${component}, ${host}` : component;
}

function validate({ metadata, involvedObject, eventTime, type }: Event): FieldError[] {
  const faults = new Faults();
  const { namespace = "" } = involvedObject ?? {};
  // An object without a namespace has its events in the default one.
  const agrees = namespace === "" ? metadata.namespace === "default" : namespace === metadata.namespace;
  if (!eventTime && !agrees) {
    faults.invalid("involvedObject.namespace", namespace, "does not match event.namespace");
  }
  if (eventTime) faults.oneOf("type", type, ["Normal", "Warning"]);
  return faults.errors;
}
