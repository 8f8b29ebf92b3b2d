/** The life of volumes without machines: room, users, leftovers of a crash. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { Log, minutes, SeededRandom, silentSink } from "@selvedge/base";
import { SimClock } from "../../harness/src/sim-clock.ts";
import type { AppId, VolumeKey } from "../src/desired.ts";
import { EngineStore } from "../src/engine-store.ts";
import type { AppStatus, VolumeStatus } from "../src/observed.ts";
import { QemuImgDriver } from "../src/volume/qemu/qemu-img-driver.ts";
import { createVolumeDomain, type VolumeDomain } from "../src/volume/volume-domain.ts";
import { FolderDisk } from "./folder-disk.ts";
import { TestVault } from "./test-vault.ts";
import { desired, ids, volume } from "./volume-world.ts";

const missing = ["/usr/bin/qemu-img", "/usr/sbin/mke2fs"].find((path) => !existsSync(path));
const skip = missing === undefined ? false : `${missing} is missing`;
const mib = 2 ** 20;
const key = (id: string, generation = 0): VolumeKey => `${id}#${generation}` as VolumeKey;

class World implements AsyncDisposable {
  readonly folder: string;
  readonly store: EngineStore = new EngineStore();
  readonly clock: SimClock = new SimClock();
  readonly vault: TestVault = new TestVault("off");
  /** Machines of an earlier engine that go on. */
  running: string[] = [];
  freeBytes: number = 2 ** 30;
  #domain: VolumeDomain | undefined;

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async open(): Promise<World> {
    return new World(await mkdtemp(join(tmpdir(), "svl-")));
  }

  async start(): Promise<void> {
    const { store, clock } = this;
    const disk = new FolderDisk(this.folder);
    disk.free = async () => ({ bytes: this.freeBytes, totalBytes: 2 ** 40 });
    const log = new Log("test", clock, silentSink);
    const driver = new QemuImgDriver(disk);
    const { vault } = this;
    const machines = { list: async () => this.running };
    const random = new SeededRandom(1);
    this.#domain = createVolumeDomain({ store, disk, driver, vault, machines, clock, random, log });
    await this.#domain.start();
  }

  /** Another engine, which knows what is on the disk and has the configuration. */
  async restart(): Promise<void> {
    await this.#domain?.[Symbol.asyncDispose]();
    for (const volume of this.store.volumes.keys()) this.store.volumes.delete(volume);
    await this.start();
  }

  async until(
    of: VolumeKey,
    wanted: (status: VolumeStatus | undefined) => boolean,
  ): Promise<VolumeStatus | undefined> {
    for (;;) {
      const status = this.store.volumes.get(of);
      if (wanted(status)) return status;
      const changed = Promise.withResolvers<void>();
      const stop = this.store.volumes.subscribe(() => changed.resolve());
      await changed.promise;
      stop();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#domain?.[Symbol.asyncDispose]();
    await rm(this.folder, { recursive: true });
  }
}

const blank = (id: string, size: number): object => volume(id, 0n, { maxsizebytes: BigInt(size * mib) });

describe("a volume", { skip }, () => {
  it("waits for room that others were promised, and is made when there is some", async () => {
    await using world = await World.open();
    await world.start();
    world.freeBytes = 264 * mib;
    world.store.desired.set(desired([blank(ids.root, 150)], []));
    await world.until(key(ids.root), (it) => it?.phase === "ready");
    world.store.desired.set(desired([blank(ids.root, 150), blank(ids.data, 100)], []));
    const failed = await world.until(key(ids.data), (it) => it?.phase === "failed");
    assert(failed?.phase === "failed");
    assert.equal(failed.reason, "DiskFull");
    assert.match(failed.message, /may need 104857600 bytes, 52428800 are free/);
    world.freeBytes += 50 * mib;
    await world.clock.pass(minutes(1));
    await world.until(key(ids.data), (it) => it?.phase === "ready");
  });

  it("may promise more than there is when the configuration says so", async () => {
    await using world = await World.open();
    await world.start();
    world.freeBytes = 0;
    const configItems = [{ key: "storage.apps.ignore.disk.check", value: "true" }];
    world.store.desired.set(desired([blank(ids.root, 150)], [], { configItems }));
    await world.until(key(ids.root), (it) => it?.phase === "ready");
  });

  it("stays for the app that still runs on it, and counts who does", async () => {
    await using world = await World.open();
    await world.start();
    const app = { id: "a" as AppId, volumes: [key(ids.root)] } as unknown as AppStatus;
    world.store.desired.set(desired([blank(ids.root, 10)], []));
    await world.until(key(ids.root), (it) => it?.phase === "ready" && it.users.count === 0);
    world.store.apps.set(app.id, app);
    await world.until(key(ids.root), (it) => it?.phase === "ready" && it.users.count === 1);
    world.store.desired.set(desired([], []));
    world.store.apps.set(app.id, { ...app, volumes: [] });
    await world.until(key(ids.root), (it) => it === undefined);
  });

  it("says what keeps it from being made", async () => {
    await using world = await World.open();
    await world.start();
    world.store.desired.set(desired([volume(ids.root, 0n)], []));
    const status = await world.until(key(ids.root), (it) => it?.phase === "failed");
    assert(status?.phase === "failed");
    assert.deepEqual([status.reason, status.message], ["BadVolume", "a blank volume needs maxsizebytes"]);
  });

  it("is made anew after a crash that left half of it, and what no record vouches for goes", async () => {
    await using world = await World.open();
    const folder = join(world.folder, "volumes");
    await mkdir(join(folder, "tmp"), { recursive: true });
    await writeFile(join(folder, "tmp", `${key(ids.root)}.img`), "half");
    await writeFile(join(folder, `${key(ids.data)}.img`), "nobody knows");
    await writeFile(join(folder, `${key(ids.more)}.img`), "somebody's");
    await writeFile(join(folder, `${key(ids.more)}.json`), "{torn");
    world.store.desired.set(desired([blank(ids.root, 10)], []));
    await world.start();
    await world.until(key(ids.root), (it) => it?.phase === "ready");
    const left = (await readdir(folder)).filter((name) => name !== "tmp").sort();
    assert.deepEqual(left, [
      `${key(ids.root)}.img`,
      `${key(ids.root)}.json`,
      `${key(ids.more)}.img.unreadable`,
      `${key(ids.more)}.json`,
    ]);
  });
});

describe("volumes in a vault", { skip }, () => {
  const names = async (world: World): Promise<string[]> =>
    (await readdir(join(world.folder, "volumes"))).filter((name) => name !== "tmp").sort();
  const ready = (it: VolumeStatus | undefined): boolean => it?.phase === "ready";

  it("wait for its key, and are sealed from the beginning", async () => {
    await using world = await World.open();
    world.vault.state = "none";
    await world.start();
    world.store.desired.set(desired([blank(ids.root, 10)], []));
    await world.until(key(ids.root), (it) => it?.phase === "waiting");
    world.vault.state = "open";
    const status = await world.until(key(ids.root), ready);
    assert(status?.phase === "ready");
    assert.equal(status.sealed, true);
    assert.deepEqual(await names(world), [`${key(ids.root)}.json`, `${key(ids.root)}.qcow2`]);
  });

  it("are sealed at the next boot when an engine before it left them in clear", async () => {
    await using world = await World.open();
    await world.start();
    world.store.desired.set(desired([blank(ids.root, 10)], []));
    await world.until(key(ids.root), ready);
    await writeFile(
      join(world.folder, "volumes", `${key(ids.root)}.img`),
      Buffer.alloc(10 * mib, "in clear"),
    );
    // The engine is replaced: an app may have it.
    world.vault.state = "open";
    world.running = ["an app"];
    await world.restart();
    assert.deepEqual(
      await world.until(key(ids.root), ready).then((it) => it?.phase === "ready" && it.sealed),
      false,
    );
    // The box boots.
    world.running = [];
    await world.restart();
    await world.until(key(ids.root), (it) => it?.phase === "ready" && it.sealed);
    const left = await names(world);
    assert.deepEqual(left, [`${key(ids.root)}.json`, `${key(ids.root)}.qcow2`]);
    const bytes = await readFile(join(world.folder, "volumes", left[1] ?? ""));
    assert.equal(bytes.includes("in clear"), false);
  });

  it("are handed to nobody while it is locked", async () => {
    await using world = await World.open();
    world.vault.state = "open";
    await world.start();
    world.store.desired.set(desired([blank(ids.root, 10)], []));
    await world.until(key(ids.root), ready);
    world.vault.state = "locked";
    await world.restart();
    await world.until(key(ids.root), (it) => it?.phase === "waiting");
    world.vault.state = "open";
    await world.until(key(ids.root), ready);
  });
});
