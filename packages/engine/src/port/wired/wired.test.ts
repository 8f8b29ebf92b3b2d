import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { dueOf, type LetIn, nobodyLetIn, withAnswer, withLetIn } from "./let-in.ts";
import {
  parseSupplicantCounters,
  parseSupplicantState,
  startedWired,
  type WiredProgress,
  wiredConfig,
  withWiredEvent,
} from "./supplicant.ts";

describe("a wired port that shows who the node is", () => {
  const started = "up0: CTRL-EVENT-EAP-STARTED EAP authentication started";
  const failure = "up0: CTRL-EVENT-EAP-FAILURE EAP authentication failed";
  const connected = "up0: CTRL-EVENT-CONNECTED - Connection to 01:80:c2:00:00:03 completed [id=0 id_str=]";
  const untrusted =
    "up0: CTRL-EVENT-EAP-TLS-CERT-ERROR reason=1 depth=0 subject='/CN=switch' err='unable to get local issuer'";
  const rows: readonly (readonly [string, readonly string[], Partial<WiredProgress>])[] = [
    ["not asked", ["up0: Associated with 01:80:c2:00:00:03"], startedWired],
    ["asked", [started], { asked: true, authenticated: false, problem: undefined }],
    ["let in", [started, connected], { authenticated: true, problem: undefined }],
    [
      "refused",
      [started, failure],
      { authenticated: false, problem: "the switch does not let the node in by its certificate" },
    ],
    [
      "before a switch that it does not believe",
      [started, untrusted, failure],
      { problem: "the switch's certificate is not believed: unable to get local issuer" },
    ],
    [
      "let out again",
      [started, connected, "up0: CTRL-EVENT-DISCONNECTED bssid=01:80:c2:00:00:03 reason=0"],
      { authenticated: false, problem: "the switch has ended the session" },
    ],
    [
      "let in after a refusal",
      [started, failure, started, connected],
      { authenticated: true, problem: undefined },
    ],
  ];
  for (const [name, lines, wanted] of rows)
    it(`is ${name}`, () => {
      const progress = lines.reduce(withWiredEvent, startedWired);
      assert.deepEqual({ ...progress, ...wanted }, progress);
    });

  it("takes an identity for a text and nothing else", () => {
    const config = wiredConfig('box"\n}', "/run/x");
    assert.match(
      config,
      /^ctrl_interface=\/run\/x\nap_scan=0\nnetwork=\{\n {2}key_mgmt=IEEE8021X\n {2}eap=TLS\n/,
    );
    assert.match(config, /\n {2}identity=626f78220a7d\n/);
  });

  it("is told of as its supplicant counts", () => {
    assert.equal(parseSupplicantState("Supplicant PAE state=HELD\nsuppPortStatus=Unauthorized\n"), "held");
    assert.equal(parseSupplicantState(""), "disconnected");
    const counters = parseSupplicantCounters("dot1xSuppEapolFramesRx=7\ndot1xSuppEapolReqFramesRx=5\nx\n");
    assert.deepEqual([counters.received, counters.requests, counters.sent], [7, 5, 0]);
  });
});

describe("a card that was let in", () => {
  const times = (cards: LetIn, answers: readonly string[], triesMax: number): number[] => {
    const asked: number[] = [];
    let left = cards;
    for (let now = 0; left.size > 0 && asked.length < 20; ) {
      now += dueOf(left, now).nextMs;
      assert.deepEqual(dueOf(left, now).due, ["up0"]);
      left = withAnswer(left, "up0", answers[asked.length], { now, triesMax });
      asked.push(now);
    }
    return asked;
  };
  const letIn = withLetIn(nobodyLetIn, "up0", "192.0.2.50/24", 0);
  const guest = "192.0.2.51/24";

  it("asks again until its network is another", () =>
    assert.deepEqual(times(letIn, [guest, guest, "198.51.100.7/24"], 4), [2_000, 6_000, 14_000]));
  it("so often and no more", () =>
    assert.deepEqual(times(letIn, [guest, guest, guest, guest], 3), [2_000, 6_000, 14_000]));
  it("does nothing when it had no address", () =>
    assert.equal(withLetIn(nobodyLetIn, "up0", undefined, 0).size, 0));
});
