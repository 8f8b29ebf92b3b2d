import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, it } from "node:test";
import type { Check } from "./check.ts";
import { type Exchange, type Recording, readRecording } from "./recording.ts";
import { replayRequests } from "./replay-gateway.ts";
import { verifyAnswers } from "./verify-answers.ts";

const recording =
  readRecording(join(import.meta.dirname, "../../../eve-api/testdata/eve")) ??
  assert.fail("nothing recorded");

function faults(checks: readonly Check[]): string[] {
  return checks.flatMap(({ name, fault }) => (fault === undefined ? [] : [`${name}: ${fault}`]));
}

/** The recording with one exchange changed. */
function changed(name: RegExp, change: (exchange: Exchange) => Partial<Exchange>): Recording {
  const exchanges = recording.exchanges.map((exchange) =>
    name.test(exchange.name) ? { ...exchange, ...change(exchange) } : exchange,
  );
  return { ...recording, exchanges };
}

describe("recorded exchanges", () => {
  it("are all answered as recorded; what the specification says otherwise is noted", async () => {
    const checks = await replayRequests(recording);
    assert.equal(checks.length, 45);
    assert.deepEqual(faults(checks), []);
    assert.deepEqual(
      checks.filter(({ note }) => note !== undefined).map(({ name }) => name),
      ["eve/http/044-post-register-500: our answer"],
    );
  });

  it("hold answers that our engine believes", async () => {
    const checks = await verifyAnswers(recording);
    assert.ok(checks.length >= 24, `${checks.length} answers`);
    assert.deepEqual(faults(checks), []);
  });

  it("may begin in the middle", async () => {
    const later = { ...recording, exchanges: recording.exchanges.slice(22) };
    assert.deepEqual(faults(await replayRequests(later)), []);
  });
});

describe("the replay", () => {
  const rows: readonly (readonly [string, RegExp, (exchange: Exchange) => Partial<Exchange>])[] = [
    ["a status", /^024/, () => ({ status: 200 })],
    ["a request's signature", /^027/, ({ request }) => ({ request: flip(request, request.length - 3) })],
    [
      "the node a request is for",
      /^028/,
      ({ target }) => ({ target: target.replace("e072c17e", "e072c17f") }),
    ],
    ["an answer's content", /^001/, ({ answer }) => ({ answer: flip(answer, 200) })],
  ];
  for (const [what, name, change] of rows) {
    it(`tells when ${what} is changed`, async () => {
      const found = faults(await replayRequests(changed(name, change)));
      assert.ok(
        found.some((fault) => name.test(fault.replace("eve/http/", ""))),
        found.join("\n"),
      );
    });
  }

  it("tells when an answer was not signed by whom it names", async () => {
    const broken = changed(/^023/, ({ answer }) => ({ answer: flip(answer, answer.length - 5) }));
    assert.match(faults(await verifyAnswers(broken)).join("\n"), /023.*signature/);
  });
});

function flip(bytes: Uint8Array, at: number): Uint8Array {
  const copy = bytes.slice();
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
}
