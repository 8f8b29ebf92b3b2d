import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { instant, Log, MetricRegistry, minutes, SeededRandom, seconds, silentSink } from "@selvedge/base";
import { ManualClock } from "../../test/manual-clock.ts";
import type { LogLine } from "../logs/log-bundle.ts";
import { type OtlpAnswer, OtlpExporter, type OtlpPost } from "./otlp-exporter.ts";
import { pauseOf, rejectedOf } from "./otlp-http.ts";
import { logsMessage, metricsMessage } from "./otlp-messages.ts";

const at = instant(Date.parse("2026-01-01T00:00:00Z"));
const nano = `${BigInt(at) * 1_000_000n}`;

function line(text: string, more: Partial<LogLine> = {}): LogLine {
  return { at: 5n, container: "c", stream: "stdout", restart: 0, id: 1, partial: false, text, ...more };
}

describe("OTLP messages", () => {
  it("carry figures as sums, gauges and histograms", () => {
    const registry = new MetricRegistry();
    registry.counter("a_total", "A.", ["x"]).add(["1"], 2);
    registry.gauge("b", "B.", [], () => [[[], 3]]);
    registry.histogram("c", "C.", [], [1, 2]).observe([], 5);
    registry.counter("unused_total", "Never.");
    const message = metricsMessage(registry.families(), { "service.name": "s" }, at, at);
    const times = { startTimeUnixNano: nano, timeUnixNano: nano };
    const attributes = [{ key: "x", value: { stringValue: "1" } }];
    const sum = { aggregationTemporality: 2, isMonotonic: true };
    const histogram = { attributes: [], ...times, count: "1", sum: 5 };
    const buckets = { bucketCounts: ["0", "0", "1"], explicitBounds: [1, 2] };
    assert.deepEqual(JSON.parse(JSON.stringify(message)), {
      resourceMetrics: [
        {
          resource: { attributes: [{ key: "service.name", value: { stringValue: "s" } }] },
          scopeMetrics: [
            {
              scope: { name: "selvedge" },
              metrics: [
                {
                  ...{ name: "a_total", description: "A." },
                  sum: { dataPoints: [{ attributes, ...times, asDouble: 2 }], ...sum },
                },
                {
                  ...{ name: "b", description: "B." },
                  gauge: { dataPoints: [{ attributes: [], ...times, asDouble: 3 }] },
                },
                {
                  ...{ name: "c", description: "C." },
                  histogram: { dataPoints: [{ ...histogram, ...buckets }], aggregationTemporality: 2 },
                },
              ],
            },
          ],
        },
      ],
    });
  });

  it("carry logs by whose they are", () => {
    const lines = [
      { owner: "app", line: line("hello", { stream: "stderr" }) },
      { owner: "node", line: line("disk full", { origin: { source: "engine", severity: "err" } }) },
    ];
    const { resourceLogs } = logsMessage(lines, (owner) => ({ "service.name": owner }), at) as {
      resourceLogs: { resource: unknown; scopeLogs: { logRecords: unknown[] }[] }[];
    };
    const text = (key: string, stringValue: string): object => ({ key, value: { stringValue } });
    assert.deepEqual(
      resourceLogs.map(({ resource, scopeLogs }) => [resource, scopeLogs[0]?.logRecords]),
      [
        [
          { attributes: [text("service.name", "app"), text("k8s.container.name", "c")] },
          [
            {
              ...{ timeUnixNano: "5", observedTimeUnixNano: nano, body: { stringValue: "hello" } },
              attributes: [text("log.iostream", "stderr"), text("k8s.container.restart_count", "0")],
            },
          ],
        ],
        [
          { attributes: [text("service.name", "node")] },
          [
            {
              ...{ timeUnixNano: "5", observedTimeUnixNano: nano, body: { stringValue: "disk full" } },
              ...{ severityNumber: 17, severityText: "err" },
              attributes: [text("selvedge.source", "engine")],
            },
          ],
        ],
      ],
    );
  });
});

type Answers = (number | OtlpAnswer | Error)[];

/** A collector that answers as its script says, and a clock that the test moves. */
class World implements AsyncDisposable {
  readonly clock: ManualClock = new ManualClock();
  readonly metrics: MetricRegistry = new MetricRegistry();
  readonly posts: { readonly path: string; readonly json: string; readonly at: number }[] = [];
  readonly exporter: OtlpExporter;
  #answers: Answers;

  constructor(...answers: Answers) {
    this.#answers = answers;
    const post: OtlpPost = async (path, json) => {
      if (path === "v1/metrics") return { status: 200 };
      this.posts.push({ path, json, at: this.clock.monotonic() });
      const answer = this.#answers.shift() ?? 200;
      if (answer instanceof Error) throw answer;
      return typeof answer === "number" ? { status: answer } : answer;
    };
    const { clock, metrics } = this;
    const log = new Log("test", clock, silentSink);
    this.exporter = new OtlpExporter({
      ...{ post, metrics, clock, log, random: new SeededRandom(1), resourceOf: () => ({}) },
      figures: { next: () => undefined },
    });
    this.exporter.start();
  }

  /** Lets so much time pass, with everything done that comes up in it. */
  async advance(span: number): Promise<void> {
    const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
    await settle();
    for (let left = span; left > 0; await settle()) left = this.clock.step(left);
  }

  counted(name: string): number {
    const family = this.metrics.families().find((one) => one.name === name);
    const sample = family?.samples.find(({ labels }) => labels.length === 0 || labels[0] === "logs");
    return sample?.type === "number" ? sample.value : 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.exporter[Symbol.asyncDispose]();
  }
}

function textsOf(json = "{}"): string[] {
  type Logs = { resourceLogs: { scopeLogs: { logRecords: { body: { stringValue: string } }[] }[] }[] };
  const { resourceLogs } = JSON.parse(json) as Logs;
  return resourceLogs.flatMap(({ scopeLogs }) =>
    scopeLogs.flatMap(({ logRecords }) => logRecords.map(({ body }) => body.stringValue)),
  );
}

describe("the answer of a collector", () => {
  const now = instant(Date.parse("2026-01-01T00:00:00Z"));
  for (const [header, pause] of [
    [null, undefined],
    ["soon", undefined],
    ["120", 120_000],
    ["Thu, 01 Jan 2026 00:00:30 GMT", 30_000],
    ["Wed, 31 Dec 2025 00:00:30 GMT", 0],
  ] as const) {
    it(`says to wait: ${header}`, () => assert.equal(pauseOf(header, now), pause));
  }
  for (const [text, rejected] of [
    ["", 0],
    ["{}", 0],
    ["not JSON", 0],
    ['{"partialSuccess":{"rejectedLogRecords":"3","errorMessage":"too old"}}', 3],
    ['{"partialSuccess":{"rejectedDataPoints":2}}', 2],
    ['{"partialSuccess":{"rejectedDataPoints":-2}}', 0],
    ['{"partialSuccess":null}', 0],
  ] as const) {
    it(`says what it left out: ${text}`, () => assert.equal(rejectedOf(text), rejected));
  }
});

describe("the export of logs", () => {
  const rows: readonly (readonly [string, Answers, posts: number, sent: number, dropped: number])[] = [
    ["that is taken is done", [200], 1, 1, 0],
    ["is tried again until it is taken", [503, new Error("refused"), 429, 200], 4, 1, 0],
    ["that is left out of what is taken is counted", [{ status: 200, rejected: 1 }], 1, 0, 1],
    ["that never can be taken is dropped, and counted", [400], 1, 0, 1],
  ];
  for (const [name, answers, posts, sent, dropped] of rows) {
    it(name, async () => {
      await using world = new World(...answers);
      world.exporter.lines("app", [line("one")]);
      await world.advance(minutes(5));
      const counted = ["selvedge_otlp_sent_total", "selvedge_otlp_dropped_total"].map((one) =>
        world.counted(one),
      );
      assert.deepEqual([world.posts.length, ...counted], [posts, sent, dropped]);
      assert.equal(world.counted("selvedge_otlp_queue_bytes"), 0);
    });
  }

  it("waits longer each time", async () => {
    await using world = new World(503, 503, 503, 503, 200);
    world.exporter.lines("app", [line("one")]);
    await world.advance(minutes(5));
    const waits = world.posts.slice(1).map(({ at: time }, index) => time - (world.posts[index]?.at ?? 0));
    assert.equal(waits.length, 4);
    for (const [index, wait] of waits.entries()) {
      assert.ok(wait >= 500 * 2 ** index && wait <= 1000 * 2 ** index, `${waits}`);
    }
  });

  it("leaves a collector alone for as long as it asks, within reason", async () => {
    const [pause, never] = [seconds(90), minutes(60)];
    await using world = new World({ status: 429, pause }, { status: 503, pause: never }, 200);
    world.exporter.lines("app", [line("one")]);
    await world.advance(minutes(10));
    const times = world.posts.map(({ at: time }) => time);
    assert.deepEqual(
      times.slice(1).map((time, index) => time - (times[index] ?? 0)),
      [pause, minutes(5)],
    );
  });

  it("sends what waits when it ends, and what was on its way", async () => {
    const world = new World(503, 200);
    world.exporter.lines("app", [line("first")]);
    await world.advance(seconds(2));
    world.exporter.lines("app", [line("second")]);
    await world[Symbol.asyncDispose]();
    assert.deepEqual(textsOf(world.posts[1]?.json), ["first", "second"]);
    assert.deepEqual([world.counted("selvedge_otlp_sent_total"), world.posts.length], [2, 2]);
  });

  it("counts what nobody takes when it ends", async () => {
    const world = new World(503, 503, 503);
    world.exporter.lines("app", [line("first")]);
    await world[Symbol.asyncDispose]();
    assert.equal(world.counted("selvedge_otlp_dropped_total"), 1);
  });

  it("goes on in order after a time without a collector, with nothing lost", async () => {
    await using world = new World(...Array.from({ length: 20 }, () => new Error("refused")));
    for (let index = 0; index < 5_000; index++) world.exporter.lines("app", [line(`${index}`)]);
    await world.advance(minutes(60));
    const taken = world.posts.slice(20).flatMap(({ json }) => textsOf(json));
    assert.deepEqual(
      taken,
      Array.from({ length: 5_000 }, (_, index) => `${index}`),
    );
    assert.equal(world.counted("selvedge_otlp_dropped_total"), 0);
  });

  it("keeps what fits while nobody takes it, and drops the oldest", async () => {
    await using world = new World(...Array.from({ length: 100 }, () => 503));
    const long = "x".repeat(60_000);
    for (let index = 0; index < 400; index++) world.exporter.lines("app", [line(`${index} ${long}`)]);
    await world.advance(seconds(30));
    assert.ok(world.counted("selvedge_otlp_queue_bytes") <= 16 * 2 ** 20);
    assert.ok(world.counted("selvedge_otlp_dropped_total") > 100);
    const first = JSON.parse(world.posts[0]?.json ?? "{}").resourceLogs[0].scopeLogs[0].logRecords;
    assert.ok(Number(first[0].body.stringValue.split(" ")[0]) > 100);
    assert.ok((world.posts[0]?.json.length ?? 0) < 1.2 * 2 ** 20);
  });
});
