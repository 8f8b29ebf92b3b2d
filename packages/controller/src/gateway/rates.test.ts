/** How much of our work a node may ask for, whose every signature is good. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, it } from "node:test";
import { create, toBinary } from "@bufbuild/protobuf";
import { Log, SystemRandom, silentSink } from "@selvedge/base";
import {
  config,
  decodeEnvelope,
  type EndpointName,
  encodeEnvelope,
  endpoints,
  info,
  pathOf,
} from "@selvedge/eve-api";
import { Box, enrolledBox, envelope, NodeWorld, selfSigned, TestClock } from "../../test/node-world.ts";
import type { Reports } from "../ports.ts";
import { Gateway } from "./gateway.ts";
import type { KnownNode } from "./node-directory.ts";
import { Rates } from "./rates.ts";

const onboarding = await selfSigned("onboarding");

describe("a node's share", () => {
  const rows: readonly (readonly [string, EndpointName, number, atOnce: number, later: number])[] = [
    ["reports", "info", 2000, 5001, 500],
    ["bundles of logs as boxes of EVE cut them", "newlogs", 400 * 1024, 715, 72],
    ["the largest there are", "metrics", 4 * 1024 * 1024, 77, 8],
    ["polls", "config", 200, 250_001, 25_000],
  ];
  for (const [what, name, bytes, atOnce, later] of rows) {
    it(`is ${atOnce} ${what} at once, and ${later} more in ten seconds`, () => {
      const clock = new TestClock();
      const rates = new Rates(clock);
      const taken = (): number => {
        for (let count = 0; ; count++) if (!rates.spend("a", name, bytes)) return count;
      };
      const first = taken();
      assert.ok(Math.abs(first - atOnce) <= atOnce / 1000, `${first}`);
      assert.ok(rates.isSpent("a"));
      assert.equal(rates.poll("a"), false);
      assert.ok(rates.spend("b", name, bytes), "others have their own");
      clock.at += 10_000;
      assert.ok(!rates.isSpent("a"));
      const more = taken();
      // What begins is given whole, so that a few in a row go over.
      assert.ok(Math.abs(more - later) <= 1 + later / 1000, `${more}`);
    });
  }

  it("is what its owner says, and none for a node that is gone", () => {
    const clock = new TestClock();
    const few = new Rates(clock, 1);
    for (let count = 0; count < 101; count++) assert.ok(few.spend("a", "info", 1));
    assert.equal(few.spend("a", "info", 1), false);
    few.forget("a");
    assert.ok(few.spend("a", "info", 1));
    const any = new Rates(clock, Number.POSITIVE_INFINITY);
    for (let count = 0; count < 10_000; count++) assert.ok(any.spend("a", "metrics", 4 * 1024 * 1024));
  });

  it("of an address is enough for a fleet behind it that comes back at once, and has an end", () => {
    const rates = new Rates(new TestClock());
    // Whether we are there, on three ports; our certificates; to be a node: of 20,000 boxes.
    for (let count = 0; count < 100_000; count++) assert.ok(rates.open("192.0.2.1"));
    let more = 0;
    while (rates.open("192.0.2.1")) more++;
    assert.equal(more, 1);
    assert.ok(rates.open("192.0.2.2"));
  });
});

describe("a node that asks for more than its share", () => {
  it("is told to come back, with a status that nothing is dropped for, and loses nothing", async () => {
    await using both = await enrolledBox(onboarding, undefined, 1);
    const { world, box } = both;
    world.configs.set(box.id, { config: new Uint8Array(), hash: "h" });
    const say = (from = box): ReturnType<Box["post"]> =>
      from.post("info", info.ZInfoMsgSchema, { devId: box.id });
    let taken = 0;
    for (; taken < 200; taken++) if ((await say()).status !== 201) break;
    assert.ok(taken > 90 && taken < 102, `${taken}`);
    assert.equal(world.reported.length, taken, "what was acknowledged was kept");
    const again = await say();
    assert.deepEqual([again.status, again.headers["retry-after"]], [503, "10"]);
    const whole: readonly EndpointName[] = [
      "newlogs",
      "metrics",
      "attest",
      "uuid",
      "config",
      "compoundConfig",
    ];
    for (const name of whole) {
      const { status } = await world.request(name, envelope(box.device, new Uint8Array()), { node: box.id });
      assert.equal(status, 503, name);
    }
    const other = await Box.enrolled(world, onboarding, "B");
    assert.equal((await say(other)).status, 201, "others have their own");
    assert.ok((world.gateway.refusals.of(box.id).share ?? 0) >= 7, "its owner is told");
    world.clock.at += 5000;
    assert.equal((await say()).status, 201);
  });

  it("is told so also when it repeats a poll to the byte", async () => {
    await using both = await enrolledBox(onboarding, undefined, 1);
    const { world, box } = both;
    world.configs.set(box.id, { config: new Uint8Array(), hash: "h" });
    const asked = create(config.ConfigRequestSchema, { configHash: "h", integrityToken: box.token });
    const body = envelope(box.device, toBinary(config.ConfigRequestSchema, asked));
    const statuses = new Map<number, number>();
    for (let count = 0; count < 6000; count++) {
      const { status } = await world.request("config", body, { node: box.id });
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
    assert.deepEqual([...statuses.keys()], [304, 503]);
    assert.ok((statuses.get(304) ?? 0) > 4700, "they cost next to nothing");
  });

  it("is nobody who was only named: strangers take nothing of a node's share", async () => {
    await using both = await enrolledBox(onboarding, undefined, 1);
    const { world, box } = both;
    const stranger = await selfSigned("stranger");
    for (let count = 0; count < 300; count++) {
      const body = envelope(stranger, new Uint8Array());
      await world.request("info", body, { node: box.id, remote: "198.51.100.1" });
    }
    assert.equal((await box.post("info", info.ZInfoMsgSchema, { devId: box.id })).status, 201);
  });
});

describe("a fleet of a thousand behind one address", () => {
  it("comes back at once, each with a boot's worth to say, and nobody is refused", async () => {
    await using world = await NodeWorld.start();
    const { trust, pki, clock } = world;
    // A signature is over the payload alone, so one key speaks for all of them; the hashes are their own.
    const device = await selfSigned("device");
    const nodes = Array.from({ length: 1000 }, (_, index): KnownNode => {
      const id = `00000000-0000-4000-8000-${`${index}`.padStart(12, "0")}`;
      const certificateHash = new Uint8Array(createHash("sha256").update(id).digest());
      return { id, name: id, certificateHash, key: device.certificate.publicKey };
    });
    const byHash = new Map(nodes.map((node) => [node.certificateHash.subarray(0, 16).toHex(), node]));
    const byId = new Map(nodes.map((node) => [node.id, node]));
    let reported = 0;
    using gateway = new Gateway({
      ...{ certificates: trust.certificates, attestation: trust.attestation, pki, clock },
      ...{ random: new SystemRandom(), log: new Log("test", clock, silentSink) },
      directory: {
        byId: (id) => byId.get(id),
        byCertificate: (prefix) => byHash.get(prefix),
        register: async () => ({ type: "known" }),
        onGone: () => () => undefined,
      },
      book: { current: () => undefined, onChange: () => () => undefined },
      hub: { attach: () => undefined, detach: () => undefined },
      reports: { ...silent, info: async () => void reported++ },
    });
    const ask = async (
      name: EndpointName,
      body: Uint8Array = new Uint8Array(),
      node = "",
    ): Promise<number> => {
      const target = pathOf(name, { node });
      const { method } = endpoints[name];
      return (await gateway.handle({ method, target, headers: {}, body, remote: "192.0.2.1" })).status;
    };
    const registration = new Box(world, onboarding, "S", device).registration();
    const said = envelope(device, toBinary(info.ZInfoMsgSchema, create(info.ZInfoMsgSchema, {})));
    const { payload, signature } = decodeEnvelope(said);
    const statuses = new Map<string, number>();
    const count = (name: string, status: number): void =>
      void statuses.set(`${name} ${status}`, (statuses.get(`${name} ${status}`) ?? 0) + 1);
    for (const { id, certificateHash } of nodes) {
      for (const name of ["ping", "ping", "ping", "certs"] as const) count(name, await ask(name));
      count("register", await ask("register", registration));
      const body = encodeEnvelope({ payload, signature, algorithm: 2, senderCertHash: certificateHash });
      for (let turn = 0; turn < 2; turn++) count("info", await ask("info", body, id));
    }
    assert.deepEqual([...statuses].sort(), [
      ...[["certs 200", 1000] as const, ["info 201", 2000] as const],
      ...[["ping 200", 3000] as const, ["register 200", 1000] as const],
    ]);
    assert.equal(reported, 2000);
  });
});

const silent: Reports = {
  ...{ info: async () => undefined, metrics: async () => undefined, deviceLogs: async () => undefined },
  ...{ appLogs: async () => undefined, flows: async () => undefined, hardwareHealth: async () => undefined },
  ...{ runsOn: () => undefined, seen: () => undefined },
};
