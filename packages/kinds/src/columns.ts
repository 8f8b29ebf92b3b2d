/** What columns of `kubectl get` are made of, as upstream prints them. */
import {
  type Column,
  formatRequirements,
  type KubeObject,
  type LabelSelector,
  requirementsOf,
  SelectorError,
} from "@selvedge/apimachinery";
import type { Instant } from "@selvedge/base";
import type { PodTemplateSpec } from "./pod/pod-types.ts";

export const nameColumn: Column = {
  name: "Name",
  type: "string",
  format: "name",
  description: "Its name, unique within its namespace.",
  value: ({ metadata }) => metadata.name,
};

export const ageColumn: Column = {
  name: "Age",
  type: "string",
  description: "How long ago it was made.",
  value: ({ metadata }, now) => timeSince(metadata.creationTimestamp, now),
};

/** When it was made, of kinds that upstream has no columns for. */
export const createdColumn: Column = {
  name: "Created At",
  type: "date",
  absolute: true,
  description: "When it was made.",
  value: ({ metadata }) => metadata.creationTimestamp ?? "<unknown>",
};

/** A column of text, as which upstream declares some of its numbers, too. */
export function column<T extends KubeObject>(
  name: string,
  description: string,
  value: (object: T, now: Instant) => string | number | bigint,
  priority = 0,
): Column {
  return { name, type: "string", description, priority, value: (object, now) => value(object as T, now) };
}

/** A column of whole numbers. */
export function counts<T extends KubeObject>(
  name: string,
  description: string,
  value: (object: T) => number | undefined,
): Column {
  return { name, type: "integer", description, value: (object) => value(object as T) ?? 0 };
}

/** How long ago a time was: `5d3h`. */
export function timeSince(time: string | null | undefined, now: Instant): string {
  const at = time ? Date.parse(time) : Number.NaN;
  return Number.isNaN(at) ? "<unknown>" : humanDuration((now - at) / 1000);
}

/** A length of time in two figures, as kubectl has it. */
export function humanDuration(length: number): string {
  const seconds = Math.trunc(length);
  // Clocks that differ by a second are as good as equal.
  if (seconds < -1) return "<invalid>";
  if (seconds < 0) return "0s";
  if (seconds < 120) return `${seconds}s`;
  const minutes = Math.trunc(seconds / 60);
  if (minutes < 10) return two(minutes, "m", seconds % 60, "s");
  if (minutes < 180) return `${minutes}m`;
  const hours = Math.trunc(minutes / 60);
  if (hours < 8) return two(hours, "h", minutes % 60, "m");
  if (hours < 48) return `${hours}h`;
  const days = Math.trunc(hours / 24);
  if (days < 8) return two(days, "d", hours % 24, "h");
  if (days < 365 * 2) return `${days}d`;
  const years = Math.trunc(days / 365);
  return years < 8 ? two(years, "y", days % 365, "d") : `${years}y`;
}

function two(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large}${largeUnit}` : `${large}${largeUnit}${small}${smallUnit}`;
}

export function labelsText(labels: Readonly<Record<string, string>> = {}): string {
  const pairs = Object.keys(labels)
    .sort()
    .map((key) => `${key}=${labels[key]}`);
  return pairs.join(",") || "<none>";
}

export function selectorText(selector: LabelSelector | undefined): string {
  try {
    const requirements = requirementsOf(selector) ?? [];
    return (
      formatRequirements(requirements.toSorted((left, right) => (left.key < right.key ? -1 : 1))) || "<none>"
    );
  } catch (error) {
    if (error instanceof SelectorError) return "<error>";
    throw error;
  }
}

interface Templated extends KubeObject {
  spec?: { template?: PodTemplateSpec; selector?: LabelSelector };
}

/** What `-o wide` adds to whatever makes Pods. */
export const templateColumns: readonly Column[] = [
  column<Templated>(
    "Containers",
    "Names of the template's containers.",
    (object) => partsOf(object, "name"),
    1,
  ),
  column<Templated>(
    "Images",
    "Images of the template's containers.",
    (object) => partsOf(object, "image"),
    1,
  ),
  column<Templated>("Selector", "Labels of its Pods.", ({ spec }) => selectorText(spec?.selector), 1),
];

function partsOf({ spec }: Templated, part: "name" | "image"): string {
  return (spec?.template?.spec?.containers ?? []).map((container) => container[part] ?? "").join(",");
}
