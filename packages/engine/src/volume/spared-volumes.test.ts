import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Log, minutes, SeededRandom, seconds, silentSink } from "@selvedge/base";
import { SimDisk } from "../../../harness/src/disk/sim-disk.ts";
import { SimVolumeDriver } from "../../../harness/src/disk/sim-volume-driver.ts";
import { SimClock } from "../../../harness/src/sim-clock.ts";
import { TestVault } from "../../test/test-vault.ts";
import type { DesiredState, VolumeKey, VolumeSpec } from "../desired.ts";
import { EngineStore } from "../engine-store.ts";
import { createVolumeDomain } from "./volume-domain.ts";

const key = "v#0" as VolumeKey;
const volume = { id: "v", generation: 0, form: "blank", sizeBytes: 9 } as unknown as VolumeSpec;

/** Another generation of it, as far as can be told. */
const unread = { ...volume, generation: 1, unread: { field: "volumes[0]", message: "m", goesOn: false } };

/**
 * What is left of a volume, so long after an engine started that was not told of it, with this config item and
 * these volumes in its place.
 */
async function leftAfter(
  span: number,
  gc?: string,
  wantedMeanwhile = false,
  after: readonly VolumeSpec[] = [],
): Promise<boolean> {
  const clock = new SimClock();
  const disk = new SimDisk({ random: new SeededRandom(1), capacityBytes: 2 ** 40, root: "/state" }).open();
  const settings = new Map(gc === undefined ? [] : [["timer.gc.vdisk", gc]]);
  const run = async (volumes: readonly VolumeSpec[], then: (store: EngineStore) => Promise<void>) => {
    const store = new EngineStore();
    store.desired.set({ apps: [], volumes, settings } as unknown as DesiredState);
    await using domain = createVolumeDomain({
      ...{ store, disk, clock, machines: undefined, vault: new TestVault("off") },
      ...{ driver: new SimVolumeDriver(disk), random: new SeededRandom(1) },
      log: new Log("test", clock, silentSink),
    });
    await domain.start();
    await then(store);
  };
  await run([volume], async (store) => {
    assert(await clock.passUntil(() => store.volumes.get(key)?.phase === "ready", seconds(9)));
  });
  await run(after, async (store) => {
    await clock.pass(seconds(1));
    if (wantedMeanwhile) {
      store.desired.set({ apps: [], volumes: [volume], settings } as unknown as DesiredState);
      await clock.pass(seconds(1));
      store.desired.set({ apps: [], volumes: [], settings } as unknown as DesiredState);
    }
    await clock.pass(seconds(span));
  });
  return (await disk.size("volumes/v#0.json")) !== undefined;
}

describe("timer.gc.vdisk: a volume that no configuration has spoken of since the start", () => {
  const rows: readonly (readonly [string, number, string | undefined, boolean, boolean])[] = [
    ["is left alone for an hour", minutes(59) / 1000, undefined, false, true],
    ["and goes then", minutes(61) / 1000, undefined, false, false],
    ["or sooner", 70, "60", false, false],
    ["goes at once when it was wanted and is no more", 2, undefined, true, false],
  ];
  for (const [name, span, gc, wanted, left] of rows)
    it(name, async () => assert.equal(await leftAfter(span, gc, wanted), left));

  it("is left alone as long as it may be what an entry means that cannot be read", async () =>
    assert.equal(await leftAfter(600, "60", false, [unread]), true));
});
