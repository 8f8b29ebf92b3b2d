import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, it } from "node:test";
import { Log, minutes, seconds, silentSink } from "@selvedge/base";
import { ManualClock } from "../../test/manual-clock.ts";
import { Dispatcher, type SessionEnd } from "./dispatcher.ts";
import { type OpenToken, SessionNames } from "./session-names.ts";

const start = Date.parse("2026-01-01T00:00:00Z");
const none = "no device online\n+++Done+++";

/** What one end got, and its voice. */
class End implements SessionEnd {
  readonly got: string[] = [];
  bufferedBytes = 0;
  closed = false;
  say: (text: string, isText?: boolean) => void = () => {};
  sign: () => void = () => {};
  #gone: () => void = () => {};

  send(data: Uint8Array, isText: boolean): void {
    this.got.push(`${isText ? "" : "bytes: "}${new TextDecoder().decode(data)}`);
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.#gone();
  }

  onMessage(take: (data: Uint8Array, isText: boolean) => void): void {
    this.say = (text, isText = true) => take(new TextEncoder().encode(text), isText);
  }

  onSign(heard: () => void): void {
    this.sign = heard;
  }

  onClose(gone: () => void): void {
    this.#gone = gone;
  }
}

function tokenOf(claims: object): string {
  return `head.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.signature`;
}

function nameOf(text: string, bytes = 32): string {
  return createHash("sha256").update(text).digest().subarray(0, bytes).toString("base64url");
}

const token = tokenOf({ exp: start / 1000 + 3600, num: 1 });
const session = nameOf(token);

class World {
  readonly clock = new ManualClock(start);
  tokens: OpenToken[] = [{ node: "n1", token }];
  readonly dispatcher = new Dispatcher({
    names: new SessionNames({ tokens: () => this.tokens, clock: this.clock }),
    clock: this.clock,
    log: new Log("test", this.clock, silentSink),
  });

  pass(span: number): void {
    for (let left = span; left > 0; ) left = this.clock.step(left);
  }

  join(host: string, name = session): End {
    const end = new End();
    this.dispatcher.join({ session: name, host, remote: "192.0.2.7" }, end);
    return end;
  }
}

describe("the names of sessions", () => {
  const clock = new ManualClock(start);
  const many = tokenOf({ exp: start / 1000 + 3600, num: 3 });
  const old = tokenOf({ exp: start / 1000, num: 1 });
  const tokens = [token, many, old].map((it, at) => ({ node: `n${at}`, token: it }));
  const names = new SessionNames({ tokens: () => tokens, clock });
  for (const [what, name, node] of [
    ["a token's hash", session, "n0"],
    ["its first half, as older EVE has it", nameOf(token, 16), "n0"],
    ["one of several sessions", nameOf(`${many}.3`), "n1"],
    ["one more than there are", nameOf(`${many}.4`), undefined],
    ["several, without which", nameOf(many), undefined],
    ["one that has expired", nameOf(old), undefined],
    ["the token itself", token, undefined],
    ["nothing", "", undefined],
  ] as const)
    it(`${what} is ${node ?? "nobody's"}`, () => assert.equal(names.nodeOf(name), node));
});

describe("the dispatcher", () => {
  it("joins a box and a person, and carries both ways what is text and what is not", () => {
    const world = new World();
    const { dispatcher } = world;
    assert.equal(dispatcher.probe(session), none);
    const box = world.join("shop-1-EV-server");
    assert.equal(dispatcher.probe(session), "server is connected");
    assert.deepEqual(box.got.splice(0), ["YourEndPointIPAddr:192.0.2.7", none]);
    const person = world.join("laptop");
    assert.deepEqual(person.got.splice(0), ["YourEndPointIPAddr:192.0.2.7"]);
    person.say("hw");
    box.say("Box 3000", false);
    assert.deepEqual([box.got, person.got], [["hw"], ["bytes: Box 3000"]]);
  });

  it("tells a box that its person has left, once and not before he may be back", () => {
    const world = new World();
    const [box, person] = [world.join("shop-1-EV-server"), world.join("laptop")];
    const told = (): number => box.got.filter((text) => text === none).length;
    const after = (span: number, ...others: End[]): number => {
      for (let passed = 0; passed < span; passed += seconds(30)) {
        for (const end of [box, ...others]) end.sign();
        world.pass(seconds(30));
      }
      return told();
    };
    assert.equal(told(), 1, "when it came first");
    person.close();
    assert.equal(after(seconds(30)), 1);
    const again = world.join("laptop");
    assert.equal(after(minutes(4), again), 1, "he is there");
    again.close();
    assert.deepEqual([after(minutes(2)), after(minutes(10))], [2, 2]);
  });

  it("takes nobody by a name it does not know, and no second person; who dials again takes his place", () => {
    const world = new World();
    assert.ok(world.join("shop-1-EV-server", nameOf("guess")).closed);
    const [box, person] = [world.join("shop-1-EV-server"), world.join("laptop")];
    const second = world.join("other");
    assert.deepEqual([second.closed, second.got], [true, ["can't have more than 2 peers"]]);
    const again = world.join("shop-1-EV-server");
    assert.deepEqual([box.closed, again.closed, person.closed], [true, false, false]);
    person.say("hw");
    assert.equal(again.got.at(-1), "hw");
    box.say("from before");
    assert.equal(person.got.length, 1, "what was replaced is not heard any more");
    person.close();
    assert.ok(!world.join("other").closed, "and who comes after another has left is taken");
  });

  it("tells who speaks to nobody for long, as EVE's does", () => {
    const world = new World();
    const person = world.join("laptop");
    person.got.length = 0;
    for (let count = 0; count < 49; count++) person.say("anybody?");
    assert.deepEqual(person.got, []);
    person.say("anybody?");
    assert.deepEqual(person.got, [none]);
  });

  it("ends an end that does not read", () => {
    const world = new World();
    const [box, person] = [world.join("shop-1-EV-server"), world.join("laptop")];
    person.bufferedBytes = 9 << 20;
    box.say("more");
    assert.deepEqual([person.closed, box.closed], [true, false]);
  });

  it("ends sessions whose token is gone or has expired, and ends that are silent", () => {
    const world = new World();
    const [box, person] = [world.join("shop-1-EV-server"), world.join("laptop")];
    for (let count = 0; count < 5; count++) {
      world.pass(seconds(59));
      box.sign();
    }
    assert.deepEqual([box.closed, person.closed], [false, true]);
    world.tokens = [];
    world.pass(minutes(1));
    assert.ok(box.closed);
    world.tokens = [{ node: "n1", token }];
    world.pass(minutes(1));
    const late = world.join("shop-1-EV-server");
    for (let count = 0; count < 60; count++) {
      world.pass(minutes(1));
      late.sign();
    }
    assert.ok(late.closed, "the token has expired");
  });
});
