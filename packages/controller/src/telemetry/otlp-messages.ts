/** OpenTelemetry's messages in their JSON form: what an exporter posts to `v1/metrics` and `v1/logs`. */
import type { Instant, MetricFamily, MetricSample } from "@selvedge/base";
import type { LogLine } from "../logs/log-bundle.ts";

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

export function logsMessage(
  lines: readonly ExportedLine[],
  resourceOfOwner: (owner: string) => Resource,
  now: Instant,
): unknown {
  const owners = Map.groupBy(lines, ({ owner }) => owner);
  const resourceLogs = [...owners].map(([owner, own]) => ({
    resource: resourceOf(resourceOfOwner(owner)),
    scopeLogs: [{ scope, logRecords: own.map(({ line }) => recordOf(line, now)) }],
  }));
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

function recordOf({ at, container, stream, text, origin, partial }: LogLine, now: Instant): unknown {
  const severity = origin?.severity ?? "";
  const number = severities.find(([pattern]) => pattern.test(severity))?.[1];
  return {
    timeUnixNano: `${at}`,
    observedTimeUnixNano: nanos(now),
    body: { stringValue: text },
    ...(number === undefined ? {} : { severityNumber: number, severityText: severity }),
    attributes: attributesOf({
      "log.iostream": origin === undefined ? stream : "",
      "k8s.container.name": origin === undefined ? container : "",
      "selvedge.source": origin?.source ?? "",
      "selvedge.partial": partial ? "true" : "",
    }),
  };
}

function resourceOf(resource: Resource): unknown {
  return { attributes: attributesOf(resource) };
}

/** What is empty is not said. */
function attributesOf(values: Resource): unknown[] {
  return Object.entries(values)
    .filter(([, value]) => value !== "")
    .map(([key, value]) => ({ key, value: { stringValue: value } }));
}

function nanos(at: Instant): string {
  return `${BigInt(at) * 1_000_000n}`;
}
