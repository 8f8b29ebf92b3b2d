import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { instant, seconds } from "@selvedge/base";
import { ext, metrics, setExtension, type ZMetricMsg } from "@selvedge/eve-api";
import type { Pod } from "@selvedge/kinds";
import { podMetricsOf } from "../telemetry/usage-api.ts";
import { appUsageOf, nodeUsageOf, type Usage } from "./usage.ts";
import { UsageBook } from "./usage-book.ts";

const start = Date.parse("2026-01-01T00:00:00Z");
const mib = 2 ** 20;

/** An app that has used so many milliseconds of CPU, and says when or how long ago it started. */
function metric(cpuMs: number, upTime?: number, container?: number): metrics.appMetric {
  const made = create(metrics.appMetricSchema, {
    ...{ AppID: "a", appMemory: { usedMB: 64 } },
    cpu: {
      totalNs: BigInt(cpuMs) * 1_000_000n,
      ...(upTime === undefined ? {} : { upTime: timestampFromMs(upTime) }),
    },
  });
  if (container !== undefined) {
    const containers = [
      { name: "web", cpuNanos: BigInt(container) * 1_000_000n, memoryBytes: 48n * 1048576n },
    ];
    setExtension(made, ext.AppUsageSchema, create(ext.AppUsageSchema, { containers }));
  }
  return made;
}

describe("an app's use", () => {
  type Sample = readonly [atSeconds: number, metric: metrics.appMetric];
  const rows: readonly (readonly [string, readonly Sample[], cpu: number | undefined, window: number])[] = [
    ["of one sample is unknown", [[60, metric(30_000)]], undefined, 0],
    ["of one sample is the average since its start, as ours says it", [[60, metric(30_000, start)]], 500, 60],
    ["of one sample is the average of its up time, as EVE says it", [[60, metric(30_000, 40_000)]], 750, 40],
    [
      "of two is the average between them",
      [
        [60, metric(30_000)],
        [120, metric(90_000)],
      ],
      1000,
      60,
    ],
    [
      "of an app that began anew counts from there",
      [
        [60, metric(30_000)],
        [90, metric(1_000, 10_000)],
      ],
      100,
      10,
    ],
    [
      "of a clock that stood still is since the start",
      [
        [60, metric(1, start)],
        [60, metric(6_000, start)],
      ],
      100,
      60,
    ],
  ];
  for (const [name, samples, cpu, window] of rows) {
    it(name, () => {
      let usage: ReturnType<typeof appUsageOf> | undefined;
      for (const [at, sample] of samples) {
        usage = appUsageOf(sample, instant(start + at * 1000), usage);
      }
      assert.deepEqual([usage?.cpuMillis, usage?.window], [cpu, seconds(window)]);
    });
  }

  it("is told of its containers, and of all of it where none are known", () => {
    const pod: Pod = {
      ...{ apiVersion: "v1", kind: "Pod", metadata: { name: "p", namespace: "d", labels: { a: "b" } } },
      spec: { containers: ["web", "side"].map((name) => ({ name, image: "i" })) },
      status: { phase: "Running" },
    };
    const first = appUsageOf(metric(0, start, 0), instant(start + 10_000), undefined);
    const known = appUsageOf(metric(20_000, start, 5_000), instant(start + 20_000), first);
    assert.deepEqual(podMetricsOf(pod, known)?.containers, [
      { name: "web", usage: { cpu: "500m", memory: "49152Ki" } },
    ]);
    const foreign = appUsageOf(metric(20_000, start), instant(start + 20_000), first);
    assert.deepEqual(podMetricsOf(pod, foreign)?.containers, [
      { name: "web", usage: { cpu: "2000m", memory: "65536Ki" } },
    ]);
    assert.deepEqual(podMetricsOf(pod, foreign)?.metadata.labels, { a: "b" });
    assert.equal(podMetricsOf({ ...pod, status: { phase: "Succeeded" } }, known), undefined);
  });
});

describe("a node's use", () => {
  const apps = [{ memoryBytes: 100 * mib }, { memoryBytes: 50 * mib }] as unknown as Usage[];
  for (const [name, isWhole, memory] of [
    ["of ours holds its apps", true, 1024],
    ["of EVE is its own and its apps'", false, 1174],
  ] as const) {
    it(name, () => {
      const device = create(metrics.deviceMetricSchema, {
        cpuMetric: { totalNs: 50_000_000_000n, upTime: timestampFromMs(100_000) },
        deviceMemory: { usedEveMB: 1024 },
      });
      const usage = nodeUsageOf(device, apps, isWhole, instant(start), undefined);
      assert.deepEqual([usage.cpuMillis, usage.memoryBytes], [500, memory * mib]);
    });
  }
});

describe("a node's modems", () => {
  it("tell how they hear and what went through, and no more of them than a box has", () => {
    const { cellular } = create(metrics.deviceMetricSchema, {
      cellular: Array.from({ length: 20 }, () => ({
        logicallabel: "lte".padEnd(100, "!"),
        signalStrength: { rssi: 0x7fffffff, rsrp: -101, rsrq: -10, snr: 0x7fffffff },
        packetStats: { rx: { totalBytes: 5n } },
      })),
    });
    const device = create(metrics.deviceMetricSchema, { cellular });
    const { modems = [] } = nodeUsageOf(device, [], true, instant(start), undefined);
    const [modem] = modems;
    assert.deepEqual([modems.length, modem?.port.length, modem?.rxBytes, modem?.txBytes], [8, 63, 5, 0]);
    assert.deepEqual(modem?.figures, [
      ["rsrp", -101],
      ["rsrq", -10],
    ]);
  });

  it("are left out where it tells of none", () => {
    const device = create(metrics.deviceMetricSchema);
    assert.equal("modems" in nodeUsageOf(device, [], true, instant(start), undefined), false);
  });
});

describe("the book of uses", () => {
  function report(dormant: bigint): ZMetricMsg {
    const value = create(metrics.deviceMetricSchema, { dormantTimeInSeconds: dormant });
    return create(metrics.ZMetricMsgSchema, { MetricContent: { case: "dm", value }, am: [metric(1)] });
  }
  for (const [name, dormant, fresh] of [
    ["as long as the node says", 900n, 900],
    ["for five minutes when it does not", 0n, 300],
    ["for a day, however long it says", 1n << 60n, 86_400],
  ] as const) {
    it(`holds figures ${name}`, () => {
      const book = new UsageBook();
      book.take("n", report(dormant), true, instant(start));
      const at = (second: number): boolean[] => [
        book.app("a", instant(start + second * 1000)) !== undefined,
        book.node("n", instant(start + second * 1000)) !== undefined,
      ];
      assert.deepEqual(
        [at(fresh - 1), at(fresh)],
        [
          [true, true],
          [false, false],
        ],
      );
    });
  }
});
