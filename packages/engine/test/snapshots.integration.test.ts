/** An app is updated and goes back, in a real machine and with engines that are killed on the way. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { describe, it } from "node:test";
import type { AppSnapshot, AppStatus } from "../src/observed.ts";
import { AppWorld, skip as appSkip, bringContent } from "./app-world.ts";
import { appInit, desired, ids, imageVolume, volume } from "./volume-world.ts";

const skip = appSkip || (existsSync("/usr/bin/qemu-img") ? false : "/usr/bin/qemu-img is missing");
const snapshot = "00000000-0000-4000-8000-000000000001";

/** Says what it finds, then writes: to its root and to a volume that no update replaces. */
const script = (version: number): string =>
  [
    "trap 'exit 0' TERM",
    `echo "version ${version} root=$(cat /file) data=$(cat /data/file)"`,
    `echo "from ${version}" | tee /file > /data/file`,
    "sync; echo ready",
    "sleep 1000 & wait",
  ].join("; ");

/** Each version has another generation of the root, and the same data. */
function wish(version: number, more: object = {}): ReturnType<typeof desired> {
  const generation = BigInt(version);
  const state = desired(
    [imageVolume(ids.root, generation), volume(ids.data, 0n, { maxsizebytes: BigInt(64 * 2 ** 20) })],
    [
      appInit({
        uuidandversion: { uuid: ids.app, version: `${version}` },
        purge: { counter: version },
        volumeRefList: [
          { uuid: ids.root, generationCount: generation, mountDir: "/" },
          { uuid: ids.data, mountDir: "/data" },
        ],
        snapshot: { snapshots: [{ id: snapshot, type: 1 }], maxSnapshots: 1, ...more },
      }),
    ],
  );
  for (const app of state.apps) {
    const [main] = app.pod.containers;
    if (main !== undefined) main.command = ["/bin/sh", "-c", script(version)];
  }
  return state;
}

const told = (status: AppStatus | undefined, state: AppSnapshot["state"]): boolean =>
  status?.snapshots?.some((it) => it.id === snapshot && it.state === state) === true;

describe("an app on volumes", { skip, concurrency: false }, () => {
  it("is as it was before its update once it goes back, whenever the engine was killed", async () => {
    await using world = await AppWorld.open();
    const again = async (): Promise<void> => {
      await world.killEngine();
      await world.startEngine();
      bringContent(world, ids.content);
    };
    bringContent(world, ids.content);
    world.desire(wish(1));
    await world.untilLog(ids.app, /version 1 root= data=$/);
    await world.untilLog(ids.app, /ready/);

    world.desire(wish(2));
    await world.until(ids.app, (it) => told(it, "due"));
    await again();
    const updated = await world.until(ids.app, (it) => told(it, "kept"));
    assert.equal(updated?.snapshots?.[0]?.version, "1");
    await world.untilLog(ids.app, /version 2 root= data=from 1/);
    await world.untilLog(ids.app, /ready/, 2);

    const back = wish(2, { activeSnapshot: snapshot, rollbackCmd: { counter: 1 } });
    world.desire(back);
    await world.until(ids.app, (it) => it?.rollback !== undefined);
    await again();
    await world.untilLog(ids.app, /version 1 root=from 1 data=from 1/);
    const after = await world.until(ids.app, (it) => it?.state === "running");
    assert.deepEqual([after?.report.observedVersion, after?.rollback], ["1", undefined]);
    assert.ok(told(after, "kept"));

    // What is written since is not gone back over by an engine that starts anew.
    await world.untilLog(ids.app, /ready/, 3);
    await again();
    const still = await world.until(ids.app, (it) => it?.state === "running");
    assert.equal(still?.report.observedVersion, "1");
    assert.equal((await world.logLines(ids.app)).filter((line) => /version/.test(line)).length, 3);
  });
});
