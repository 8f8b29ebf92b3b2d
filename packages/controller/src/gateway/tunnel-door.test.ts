import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, it } from "node:test";
import { Log, silentSink } from "@selvedge/base";
import { ManualClock } from "../../test/manual-clock.ts";
import type { KnownNode } from "./node-directory.ts";
import { Rates } from "./rates.ts";
import { Refusals } from "./refusals.ts";
import { type TunnelAsked, TunnelDoor } from "./tunnel-door.ts";

const certificate = (name: string): Uint8Array => new TextEncoder().encode(`certificate of ${name}`);
const known = (id: string): KnownNode =>
  ({ id, name: id, certificateHash: createHash("sha256").update(certificate(id)).digest() }) as never;
/** One whose certificate is found by its name, and is another. */
const similar = known("n4");
similar.certificateHash[31] = (similar.certificateHash[31] ?? 0) ^ 1;
const nodes = [known("n1"), known("n2"), known("n3"), similar];

class World {
  readonly clock = new ManualClock();
  readonly refusals = new Refusals(this.clock, new Log("test", this.clock, silentSink));
  readonly rates = new Rates(this.clock, 1);
  wanted = ["n1", "n2"];
  readonly seen: string[] = [];
  readonly door = new TunnelDoor({
    refusals: this.refusals,
    rates: this.rates,
    directory: {
      byId: (id) => nodes.find((node) => node.id === id),
      byCertificate: (prefix) =>
        nodes.find(({ certificateHash }) => Buffer.from(certificateHash).toString("hex").startsWith(prefix)),
    },
    isAwaited: () => this.wanted.length > 0,
    isWanted: (node) => this.wanted.includes(node),
    seen: (node) => this.seen.push(node),
  });

  /** The status of who asks; 0 is let in. */
  ask(asked: Partial<TunnelAsked> = {}): number {
    const judged = this.door.judge({
      ...{ node: "n1", path: "/connection/ping", certificate: certificate("n1") },
      ...{ remote: "192.0.2.1", requestId: "", ...asked },
    });
    return "id" in judged ? 0 : judged.status;
  }
}

describe("who may hold a tunnel to screens", () => {
  const rows: readonly (readonly [string, Partial<TunnelAsked>, number])[] = [
    ["the node itself", {}, 0],
    ["nobody without a certificate", { certificate: undefined }, 401],
    ["nobody whom no node's certificate names", { certificate: certificate("stranger") }, 401],
    ["nobody whose certificate is half the node's", { node: "n4", certificate: certificate("n4") }, 401],
    ["no other node", { certificate: certificate("n2") }, 403],
    ["no node that has no app for it", { node: "n3", certificate: certificate("n3") }, 404],
    ["no node that is not there", { node: "n9" }, 403],
  ];
  for (const [who, asked, status] of rows)
    it(who, () => {
      const world = new World();
      assert.equal(world.ask(asked), status);
      assert.equal(world.seen.length, status === 401 ? 0 : 1, "who has proved who it is was seen");
    });

  it("nobody, when no app anywhere has a screen: then no certificate is asked for", () => {
    const world = new World();
    assert.equal(world.door.isAwaited, true);
    world.wanted = [];
    assert.deepEqual([world.door.isAwaited, world.ask()], [false, 404]);
  });

  it("not more often than its share allows, which is its own", () => {
    const world = new World();
    // A report a second, and a hundred seconds are saved.
    for (let count = 0; count < 101; count++) assert.equal(world.ask(), 0);
    assert.equal(world.ask(), 503);
    assert.equal(world.ask({ node: "n2", certificate: certificate("n2") }), 0);
    for (let left = 2000; left > 0; ) left = world.clock.step(left);
    assert.equal(world.ask(), 0);
  });

  it("is told in the node's name when somebody else asks for it", () => {
    const world = new World();
    world.ask({ certificate: undefined });
    world.ask({ certificate: certificate("n2") });
    assert.deepEqual(world.refusals.of("n1"), { unknown: 1, identity: 1 });
  });
});
