/**
 * What the controller exports, read by OpenTelemetry's own definitions as strictly as protobuf's JSON is defined: no
 * field of another name, no value of another type.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create } from "@bufbuild/protobuf";
import { instant, MetricRegistry } from "@selvedge/base";
import { metrics } from "@selvedge/eve-api";
import type { EdgeNode } from "@selvedge/kinds";
import { UsageBook } from "../../packages/controller/src/ingest/usage-book.ts";
import type { LogLine } from "../../packages/controller/src/logs/log-bundle.ts";
import type { Caches } from "../../packages/controller/src/objects/caches.ts";
import { FleetFigures } from "../../packages/controller/src/telemetry/figures/fleet-figures.ts";
import {
  logsMessage,
  metricsMessage,
  toldMessage,
} from "../../packages/controller/src/telemetry/otlp-messages.ts";
import { ManualClock } from "../../packages/controller/test/manual-clock.ts";
import { buildGo } from "./go-program.ts";

const program = buildGo("otlp");
const now = instant(Date.parse("2026-01-01T00:00:00Z"));
const resource = { "service.name": "s" };

function line(text: string, more: Partial<LogLine> = {}): LogLine {
  return { at: 5n, container: "c", stream: "stdout", restart: 0, id: 1, partial: false, text, ...more };
}

/** Of the controller: one of each kind, the longest numbers there are. */
function own(): unknown {
  const registry = new MetricRegistry();
  registry.counter("a_total", "A.", ["x"]).add(["1"], Number.MAX_SAFE_INTEGER);
  registry.gauge("b", "B.", [], () => [[[], -0.5]]);
  registry.histogram("c_seconds", "C.", ["verb"], [0.1, 1]).observe(["get"], 5);
  return metricsMessage(registry.families(), resource, now, now);
}

/** Of a node: a counter, a gauge and a sum that goes up and down. */
function told(): unknown {
  const value = create(metrics.deviceMetricSchema, {
    deviceMemory: { memoryMB: 4096, usedEveMB: 1 },
    network: [{ iName: "eth0", rxBytes: 2n ** 64n - 1n }],
  });
  const said = create(metrics.ZMetricMsgSchema, { MetricContent: { case: "dm", value } });
  const node = { metadata: { name: "box" }, status: { nodeID: "n" } } as EdgeNode;
  const [clock, usages] = [new ManualClock(now), new UsageBook()];
  usages.take("n", said, true, now);
  const caches = { pods: { by: () => [] } } as unknown as Pick<Caches, "edgeNodes" | "pods">;
  const figures = new FleetFigures({ caches, usages, clock, said: () => said });
  return toldMessage(figures.of(node, "whole"), () => resource);
}

describe("what is exported", { skip: typeof program === "string" ? program : false }, () => {
  const lines = [
    { owner: "app", line: line("hällo \u2028 \u0000 😀 \ud83d", { stream: "stderr", partial: true }) },
    {
      owner: "node",
      line: line("disk full", { at: 2n ** 63n - 1n, origin: { source: "e", severity: "err" } }),
    },
  ];
  const rows: readonly (readonly [string, object, count: RegExp])[] = [
    ["of the controller's figures is OTLP", { metrics: own() }, /^3$/],
    ["of a node's figures is OTLP", { metrics: told() }, /^\d\d$/],
    ["of logs is OTLP", { logs: logsMessage(lines, () => resource, now) }, /^2$/],
    ["is looked at strictly", { metrics: { resourceMetrics: [{ resorce: {} }] } }, /unknown field "resorce"/],
  ];
  for (const [name, question, answer] of rows) {
    it(name, () => {
      assert.ok(typeof program === "function");
      assert.match(program([JSON.stringify(question)])[0] ?? "", answer);
    });
  }
});
