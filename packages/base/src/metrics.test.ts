import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { formatMetrics, MetricRegistry } from "./metrics.ts";

describe("metrics", () => {
  it("are written as Prometheus reads them", () => {
    const registry = new MetricRegistry();
    const requests = registry.counter("requests_total", "Requests,\nby code.", ["verb", "code"]);
    const lengths = registry.histogram("length_seconds", "How long.", ["verb"], [0.1, 1]);
    registry.gauge("nodes", "Nodes.", [], () => [[[], 3]]);
    requests.add(["get", "200"]);
    requests.add(["get", "200"], 2);
    requests.add(['a "b"\\\n', "500"]);
    for (const value of [0.1, 0.5, 7]) lengths.observe(["get"], value);
    const expected = [
      "# HELP requests_total Requests,\\nby code.",
      "# TYPE requests_total counter",
      'requests_total{verb="get",code="200"} 3',
      'requests_total{verb="a \\"b\\"\\\\\\n",code="500"} 1',
      "# HELP length_seconds How long.",
      "# TYPE length_seconds histogram",
      'length_seconds_bucket{verb="get",le="0.1"} 1',
      'length_seconds_bucket{verb="get",le="1"} 2',
      'length_seconds_bucket{verb="get",le="+Inf"} 3',
      'length_seconds_sum{verb="get"} 7.6',
      'length_seconds_count{verb="get"} 3',
      "# HELP nodes Nodes.",
      "# TYPE nodes gauge",
      "nodes 3",
      "",
    ];
    assert.deepEqual(formatMetrics(registry.families()).split("\n"), expected);
  });

  it("stay within their bound, whatever the labels", () => {
    const registry = new MetricRegistry();
    const counter = registry.counter("paths_total", "Paths.", ["path"]);
    for (let path = 0; path < 5_000; path++) counter.add([`/${path}`]);
    registry.gauge("apps", "Apps.", ["app"], () => Array.from({ length: 5_000 }, (_, i) => [[`${i}`], 1]));
    const [paths, apps] = registry.families();
    assert.equal(paths?.samples.length, 2_000);
    assert.equal(apps?.samples.length, 2_000);
    const total = (paths?.samples ?? []).reduce(
      (sum, sample) => sum + (sample.type === "number" ? sample.value : 0),
      0,
    );
    assert.equal(total, 5_000);
  });

  it("have one meaning each", () => {
    const registry = new MetricRegistry();
    registry.counter("a_total", "A.");
    assert.throws(() => registry.counter("a_total", "A."), /a_total exists already/);
  });
});
