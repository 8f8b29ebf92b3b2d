import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Log, SeededRandom, SystemClock, silentSink } from "@selvedge/base";
import type { DesiredState } from "../desired.ts";
import { EngineStore } from "../engine-store.ts";
import { aliasNames } from "../network/alias-names.ts";
import type { ServiceSpec } from "../network/service-spec.ts";
import { AliasDoor, type Found } from "./alias-door.ts";
import { codes, recordTypes } from "./alias-message.ts";

const clock = new SystemClock();
const service = (name: string, externalName?: string): ServiceSpec => ({
  ...{ name, address: "", ports: [], members: [], sticky: false, unready: false },
  ...(externalName !== undefined && { externalName }),
});
const address: Found = { kind: "addresses", addresses: [{ bytes: Uint8Array.of(192, 0, 2, 7), ttl: 9 }] };

async function world(
  found: Found,
): Promise<{ door: AliasDoor; at: () => readonly string[]; store: EngineStore }> {
  const store = new EngineStore();
  let at: readonly string[] = [];
  const door = new AliasDoor({
    ...{ store, clock, random: new SeededRandom(1), log: new Log("test", clock, silentSink) },
    sockets: {
      listen: async (addresses) => {
        at = addresses;
      },
      find: async (resolver, name) => {
        assert.deepEqual([resolver, name], ["10.77.0.1", "plc.example"]);
        return found;
      },
      [Symbol.asyncDispose]: async () => undefined,
    },
  });
  const networks = [{ id: "n", kind: "local", gateway: "10.77.0.1", subnet: "10.77.0.0/24" }];
  store.networks.set("n" as never, { phase: "ready" } as never);
  store.desired.set({ networks, services: [service("db.shop", "plc.example")] } as unknown as DesiredState);
  await door.reconcile();
  return { door, at: () => at, store };
}

function ask(name: string, type: number): Buffer {
  const labels = name.split(".").flatMap((label) => [label.length, ...Buffer.from(label)]);
  return Buffer.from([0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, ...labels, 0, 0, type, 0, 1]);
}

describe("names that mean other hosts", () => {
  const rows: readonly (readonly [string, string, keyof typeof recordTypes, Found, number, number])[] = [
    ["with the host and its addresses", "db.shop", "A", address, codes.ok, 2],
    ["with the host alone, who asks for no address", "db.shop", "CNAME", address, codes.ok, 1],
    [
      "with the host alone, where it has no address of the family",
      "db.shop",
      "AAAA",
      { kind: "none" },
      codes.ok,
      1,
    ],
    ["that there is no such host", "db.shop", "A", { kind: "unknown" }, codes.unknown, 1],
    ["that nobody knows now", "db.shop", "A", { kind: "failed" }, codes.failed, 0],
    ["not at all, if they are another's", "web.shop", "A", address, codes.refused, 0],
  ];
  for (const [what, name, type, found, code, records] of rows)
    it(`are answered ${what}`, async () => {
      const { door } = await world(found);
      const answer = Buffer.from((await door.answer("10.77.0.1", ask(name, recordTypes[type]))) ?? []);
      assert.deepEqual([answer.readUInt16BE(2) & 15, answer.readUInt16BE(6)], [code, records]);
      await door[Symbol.asyncDispose]();
    });

  it("are answered where the networks are, while there are any", async () => {
    const { door, at, store } = await world(address);
    assert.deepEqual(at(), ["10.77.0.1"]);
    store.desired.set({ ...store.desired.get(), services: [] } as unknown as DesiredState);
    await door.reconcile();
    assert.deepEqual(at(), []);
    await door[Symbol.asyncDispose]();
  });

  it("are none when they lead back to themselves", () => {
    const circle = [
      service("a", "b"),
      service("b", "c"),
      service("c", "b"),
      service("d", "web"),
      service("web"),
    ];
    assert.deepEqual([...aliasNames(circle)], [["d", "web"]]);
  });
});
