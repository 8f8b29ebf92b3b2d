/** OpenTelemetry's messages in their JSON form: what an exporter posts to `v1/metrics` and `v1/logs`. */
import type { Instant, MetricFamily, MetricSample } from "@selvedge/base";
import type { LogLine } from "../logs/log-bundle.ts";
import { attributeValue, isCounter } from "./figures/figure.ts";
import type { Told } from "./figures/fleet-figures.ts";

/** Whose lines these are, in the words of OpenTelemetry's conventions. */
export type Resource = Readonly<Record<string, string>>;

export interface ExportedLine {
  /** The node or app it is of. */
  readonly owner: string;
  readonly line: LogLine;
}

const scope = { name: "selvedge" };
const cumulative = 2;

export function metricsMessage(
  families: readonly MetricFamily[],
  resource: Resource,
  started: Instant,
  now: Instant,
): unknown {
  const times = { startTimeUnixNano: nanos(started), timeUnixNano: nanos(now) };
  const metrics = families
    .filter(({ samples }) => samples.length > 0)
    .map((family) => {
      const { name, help, kind, samples, labels } = family;
      const points = samples.map((sample) => pointOf(sample, labels, times));
      const data =
        kind === "gauge"
          ? { gauge: { dataPoints: points } }
          : kind === "counter"
            ? { sum: { dataPoints: points, aggregationTemporality: cumulative, isMonotonic: true } }
            : { histogram: { dataPoints: points, aggregationTemporality: cumulative } };
      return { name, description: help, ...data };
    });
  return { resourceMetrics: [{ resource: resourceOf(resource), scopeMetrics: [{ scope, metrics }] }] };
}

function pointOf(sample: MetricSample, names: readonly string[], times: object): unknown {
  const labels = Object.fromEntries(names.map((name, index) => [name, sample.labels[index] ?? ""]));
  const attributes = attributesOf(labels);
  if (sample.type === "number") return { attributes, ...times, asDouble: sample.value };
  const count = sample.counts.reduce((sum, one) => sum + one, 0);
  return {
    ...{ attributes, ...times, count: `${count}`, sum: sample.sum },
    bucketCounts: sample.counts.map(String),
    explicitBounds: sample.bounds,
  };
}

/**
 * What nodes and apps measure, each under its own name. When a counter of a node began is not said: some begin with
 * the box, some with the engine, and nobody tells which.
 */
export function toldMessage(all: readonly Told[], resourceOfTold: (told: Told) => Resource): unknown {
  const resourceMetrics = all.map((told) => ({
    resource: resourceOf(resourceOfTold(told)),
    scopeMetrics: [{ scope, metrics: told.figures.map((one) => figureOf(one, nanos(told.at))) }],
  }));
  return { resourceMetrics };
}

function figureOf({ figure, samples, before }: Told["figures"][number], timeUnixNano: string): unknown {
  const { convention, help, labels } = figure;
  const dataPoints = samples.map((sample) => {
    const values = sample.labels.slice(before);
    const said = labels.map((label, at) => [
      convention.attributes[at] ?? label,
      attributeValue(label, values[at] ?? ""),
    ]);
    const asDouble = sample.type === "number" ? sample.value : sample.sum;
    return { attributes: attributesOf(Object.fromEntries(said)), timeUnixNano, asDouble };
  });
  const isMonotonic = isCounter(figure);
  const data =
    isMonotonic || convention.adds === true
      ? { sum: { dataPoints, aggregationTemporality: cumulative, isMonotonic } }
      : { gauge: { dataPoints } };
  return { name: convention.name, description: help, unit: convention.unit, ...data };
}

export function logsMessage(
  lines: readonly ExportedLine[],
  resourceOfOwner: (owner: string) => Resource,
  now: Instant,
): unknown {
  const isApp = ({ origin }: LogLine): boolean => origin === undefined;
  const sources = Map.groupBy(lines, ({ owner, line }) => `${owner}/${isApp(line) ? line.container : ""}`);
  const resourceLogs = [...sources.values()].flatMap((own) => {
    const [first] = own;
    if (first === undefined) return [];
    const container = isApp(first.line) ? first.line.container : "";
    return {
      resource: resourceOf({ ...resourceOfOwner(first.owner), "k8s.container.name": container }),
      scopeLogs: [{ scope, logRecords: own.map(({ line }) => recordOf(line, now)) }],
    };
  });
  return { resourceLogs };
}

/** OpenTelemetry's numbers of what syslog and EVE call a severity. */
const severities: readonly (readonly [RegExp, number])[] = [
  [/^trace/i, 1],
  [/^debug/i, 5],
  [/^(info|notice)/i, 9],
  [/^warn/i, 13],
  [/^err/i, 17],
  [/^(crit|alert|emerg|fatal|panic)/i, 21],
];

function recordOf({ at, stream, text, origin, partial, restart }: LogLine, now: Instant): unknown {
  const severity = origin?.severity ?? "";
  const number = severities.find(([pattern]) => pattern.test(severity))?.[1];
  return {
    timeUnixNano: `${at}`,
    observedTimeUnixNano: nanos(now),
    body: { stringValue: text.toWellFormed() },
    ...(number === undefined ? {} : { severityNumber: number, severityText: severity }),
    attributes: attributesOf({
      "log.iostream": origin === undefined ? stream : "",
      "k8s.container.restart_count": origin === undefined ? `${restart}` : "",
      "selvedge.source": origin?.source ?? "",
      "selvedge.partial": partial ? "true" : "",
    }),
  };
}

function resourceOf(resource: Resource): unknown {
  return { attributes: attributesOf(resource) };
}

/** What is empty is not said. One half of a character, where a text was cut, would spoil the whole message. */
function attributesOf(values: Resource): unknown[] {
  return Object.entries(values)
    .filter(([, value]) => value !== "")
    .map(([key, value]) => ({ key, value: { stringValue: value.toWellFormed() } }));
}

function nanos(at: Instant): string {
  return `${BigInt(Math.round(at)) * 1_000_000n}`;
}
