import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { millis, seconds } from "@selvedge/base";
import { Rate } from "./rate.ts";

describe("the rate of a caller", () => {
  it("is as new after it was idle for msrv.prometheus.metrics.idletimeout.seconds", () => {
    let at = seconds(0);
    const rate = new Rate({ monotonic: () => at } as never);
    const takes = (idleMs = seconds(240)): boolean =>
      rate.takes("a", { perSecond: 0.000001, burst: 2, idleMs }, () => true);
    assert.deepEqual([takes(), takes(), takes()], [true, true, false]);
    at = millis(at + seconds(239));
    assert.equal(takes(), false);
    at = millis(at + seconds(240));
    assert.deepEqual([takes(), takes(), takes()], [true, true, false]);
    at = millis(at + seconds(10));
    assert.equal(takes(seconds(10)), true, "another time holds at once");
  });
});
