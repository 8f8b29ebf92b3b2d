import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { SeededRandom } from "@selvedge/base";
import { DiskFullError } from "@selvedge/engine";
import { diskConformance } from "./disk.conformance.ts";
import { SimDisk } from "./sim-disk.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const textOf = (content: Uint8Array | undefined): string | undefined =>
  content === undefined ? undefined : new TextDecoder().decode(content);

function disk(seed: number, capacityBytes = 1_000_000): SimDisk {
  return new SimDisk({ random: new SeededRandom(seed), capacityBytes, root: "/sim/node" });
}

/** Whether a dead engine's call ever comes back. */
async function answers(call: Promise<unknown>): Promise<boolean> {
  let came = false;
  void call.finally(() => {
    came = true;
  });
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
  return came;
}

diskConformance("SimDisk", async () => disk(1).open());

describe("SimDisk", () => {
  it("keeps what was synced through any power cut, and tears what was not", async () => {
    const seen = new Set<string | undefined>();
    for (let seed = 0; seed < 200; seed++) {
      const sim = disk(seed);
      const handle = sim.open();
      await handle.writeDurable("config", bytes("good"));
      await handle.append("log", bytes("kept "));
      await handle.sync("log");
      await handle.append("log", bytes("lost"));
      sim.powerCut();
      assert.equal(textOf(sim.read("config")), "good");
      const log = textOf(sim.read("log"));
      assert.ok(log?.startsWith("kept "), `seed ${seed}: ${log}`);
      seen.add(log);
    }
    assert.ok(seen.has("kept ") && seen.has("kept lost") && seen.size > 4, [...seen].join("|"));
  });

  it("writes all or nothing when the power goes during the write", async () => {
    const seen = new Set<string | undefined>();
    for (let seed = 0; seed < 50; seed++) {
      const sim = disk(seed);
      const handle = sim.open();
      await handle.writeDurable("config", bytes("old"));
      sim.cutPowerDuringWrite(1, () => sim.powerCut());
      assert.equal(await answers(handle.writeDurable("config", bytes("new"))), false);
      assert.equal(await answers(handle.read("config")), false);
      seen.add(textOf(sim.read("config")));
    }
    assert.deepEqual([...seen].sort(), ["new", "old"]);
  });

  it("loses nothing when only the engine is killed", async () => {
    const sim = disk(1);
    const first = sim.open();
    await first.append("log", bytes("text"));
    const second = sim.open();
    assert.equal(await answers(first.append("log", bytes("more"))), false);
    assert.equal(textOf(await second.read("log")), "text");
  });

  it("refuses what does not fit and keeps what is there", async () => {
    const handle = disk(1, 10).open();
    await handle.writeDurable("f", bytes("12345678"));
    await assert.rejects(handle.writeDurable("g", bytes("123")), DiskFullError);
    await assert.rejects(handle.append("f", bytes("123")), DiskFullError);
    assert.equal(textOf(await handle.read("f")), "12345678");
    await handle.writeDurable("f", bytes("1234567890"));
  });
});
