import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Millis, millis, SeededRandom, SystemClock } from "@selvedge/base";
import { Sessions } from "./sessions.ts";

class TestClock extends SystemClock {
  at = 0;
  override monotonic(): Millis {
    return millis(this.at);
  }
}

describe("sessions", () => {
  it("are given once for a secret", () => {
    const sessions = new Sessions(new SeededRandom(1), new SystemClock());
    const { secret } = sessions;
    assert.equal(sessions.exchange("guess"), undefined);
    const session = sessions.exchange(secret);
    assert.ok(session !== undefined && sessions.knows(session.cookie, session.key));
    assert.equal(sessions.exchange(secret), undefined);
    assert.notEqual(sessions.secret, secret);
  });

  it("are known by both halves together", () => {
    const sessions = new Sessions(new SeededRandom(1), new SystemClock());
    const [one, other] = [sessions.exchange(sessions.secret), sessions.exchange(sessions.secret)];
    assert.ok(one !== undefined && other !== undefined);
    assert.equal(sessions.knows(one.cookie, other.key), false);
    assert.equal(sessions.knows(one.key, one.cookie), false);
    assert.equal(sessions.knows("", ""), false);
  });

  it("end after a day's work, and the oldest when there are many", () => {
    const clock = new TestClock();
    const sessions = new Sessions(new SeededRandom(1), clock);
    const opened = Array.from({ length: 9 }, () => sessions.exchange(sessions.secret));
    const isKnown = (at: number): boolean => sessions.knows(opened[at]?.cookie ?? "", opened[at]?.key ?? "");
    assert.deepEqual([isKnown(0), isKnown(1), isKnown(8)], [false, true, true]);
    clock.at = 13 * 3_600_000;
    assert.equal(isKnown(8), false);
  });
});
