import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import type { VolumeKey } from "../src/desired.ts";
import type { VolumeStatus } from "../src/observed.ts";
import { AppWorld, skip as appSkip, bringContent } from "./app-world.ts";
import { appInit, desired, ids, imageVolume, volume } from "./volume-world.ts";

const skip = appSkip || (existsSync("/usr/bin/qemu-img") ? false : "/usr/bin/qemu-img is missing");

const key = (id: string, generation: number): VolumeKey => `${id}#${generation}` as VolumeKey;

async function untilVolume(
  world: AppWorld,
  of: VolumeKey,
  wanted: (status: VolumeStatus | undefined) => boolean,
): Promise<VolumeStatus | undefined> {
  for (;;) {
    const status = world.store.volumes.get(of);
    if (wanted(status)) return status;
    const changed = Promise.withResolvers<void>();
    const stop = world.store.volumes.subscribe(() => changed.resolve());
    await changed.promise;
    stop();
  }
}

const userData = Buffer.from(
  [
    "#cloud-config",
    "runcmd:",
    '  - "GREETING=hello world"',
    "write_files:",
    '  - {path: /etc/till.conf, permissions: "0640", content: "drawer: 2\\n"}',
  ].join("\n"),
).toString("base64");

/** Counts its starts in its root and on its volumes, and says what it finds. */
const script = [
  "trap 'exit 0' TERM",
  "for d in / /data /image; do echo x >> $d/starts; done",
  'echo "root=$(wc -l < /starts) data=$(wc -l < /data/starts) image=$(wc -l < /image/starts)"',
  'echo "image has $(ls /image | tr "\\n" " ")"',
  'echo "env=$GREETING conf=$(cat /etc/till.conf) mode=$(ls -l /etc/till.conf | cut -c1-10)"',
  "dd if=/dev/zero of=/data/fill bs=1M count=200 2>&1 | grep -c space",
  "rm -f /data/fill; echo ready",
  "sleep 1000 & wait",
].join("; ");

function wish(generation: bigint, more: object = {}): ReturnType<typeof desired> {
  const state = desired(
    [
      imageVolume(ids.root, generation),
      volume(ids.data, 0n, { maxsizebytes: BigInt(96 * 2 ** 20) }),
      imageVolume(ids.more, 0n),
    ],
    [
      appInit({
        userData,
        volumeRefList: [
          { uuid: ids.root, generationCount: generation, mountDir: "/" },
          { uuid: ids.data, mountDir: "/data" },
          { uuid: ids.more, mountDir: "/image" },
        ],
        ...more,
      }),
    ],
  );
  for (const app of state.apps) {
    const [main] = app.pod.containers;
    if (main !== undefined) main.command = ["/bin/sh", "-c", script];
  }
  return state;
}

describe("volumes of a container", { skip, concurrency: false }, () => {
  it("keep what was written, fill up, and go when another generation is there", async () => {
    await using world = await AppWorld.open();
    bringContent(world, ids.content);
    world.desire(wish(0n));
    let lines = await world.untilLog(ids.app, /ready/);
    const text = lines.join("\n");
    assert.match(text, /root=1 data=1 image=1/);
    assert.match(text, /image has bin etc starts tmp www/);
    assert.match(text, /env=hello world conf=drawer: 2 mode=-rw-r-----/);
    assert.match(text, /^main: 1$/m, "the volume is full before 200 MiB are on it");
    const status = await untilVolume(world, key(ids.data, 0), (it) => it?.phase === "ready");
    assert(status?.phase === "ready");
    assert.deepEqual([status.maxBytes, status.users.count, status.filesystem], [96 * 2 ** 20, 1, true]);

    await world.killEngine();
    await world.startEngine();
    bringContent(world, ids.content);
    world.desire(wish(0n, { restart: { counter: 1 } }));
    lines = await world.untilLog(ids.app, /root=2 data=2 image=2/);

    const refused = wish(1n, { restart: { counter: 1 } });
    world.desire(refused);
    await world.until(ids.app, (it) => /Need purge/.test(it?.errors[0] ?? ""));
    assert.equal((await world.logLines(ids.app)).filter((line) => line.includes("root=")).length, 2);

    world.desire(wish(1n, { restart: { counter: 1 }, purge: { counter: 1 } }));
    await world.untilLog(ids.app, /root=1 data=3 image=3/);
    await untilVolume(world, key(ids.root, 0), (it) => it === undefined);
    const files = readdirSync(join(world.folder, "state/volumes")).filter((name) => name.endsWith(".qcow2"));
    const left = [`${ids.root}#1`, `${ids.data}#0`, `${ids.more}#0`].map((name) => `${name}.qcow2`);
    assert.deepEqual(files.sort(), left.sort());

    world.desire(desired([], []));
    await world.until(ids.app, (it) => it === undefined);
    for (const id of [key(ids.root, 1), key(ids.data, 0), key(ids.more, 0)])
      await untilVolume(world, id, (it) => it === undefined);
    assert.deepEqual(
      readdirSync(join(world.folder, "state/volumes")).filter((name) => name !== "tmp"),
      [],
    );
  });
});
