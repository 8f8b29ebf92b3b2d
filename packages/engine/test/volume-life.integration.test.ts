/** The life of volumes without machines: room, users, leftovers of a crash. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
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

  /** As a machine does. */
  async write(path: string, text: string): Promise<void> {
    const block = Buffer.alloc(4096);
    block.write(text);
    await writeFile(join(this.folder, "block"), block);
    this.#io(path, `write -s ${join(this.folder, "block")} 0 4096`);
  }

  async read(path: string): Promise<string> {
    const said = this.#io(path, "read -v 0 64");
    const bytes =
      said
        .match(/(?<=^0000[0-9a-f]{4}: )( ?[0-9a-f]{2})+/gm)
        ?.join("")
        .replaceAll(" ", "") ?? "";
    return Buffer.from(bytes, "hex").toString().replaceAll("\0", "");
  }

  #io(path: string, command: string): string {
    const secret = this.vault.secretFor(`volume ${key(ids.root)}`);
    const options =
      secret === undefined
        ? ["-f", "raw", path]
        : [
            ...["--object", `secret,id=k,data=${secret}`],
            ...["--image-opts", `driver=qcow2,encrypt.key-secret=k,file.filename=${path}`],
          ];
    return execFileSync("qemu-io", ["-c", command, ...options]).toString();
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

const ready = (it: VolumeStatus | undefined): boolean => it?.phase === "ready";
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

describe("snapshots of a volume", { skip }, () => {
  const [id, other] = ["00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002"];
  const one = (name: string, state: string): object => ({ id: name, state, written: [key(ids.root)] });
  const app = (more: object): AppStatus =>
    ({ id: "a" as AppId, volumes: [key(ids.root)], ...more }) as unknown as AppStatus;
  type Ready = Extract<VolumeStatus, { phase: "ready" }>;
  const until = async (world: World, wanted: (it: Ready) => boolean): Promise<Ready> =>
    (await world.until(key(ids.root), (it) => it?.phase === "ready" && wanted(it))) as Ready;
  const has = (name: string): ((it: Ready) => boolean) => {
    return ({ snapshots }) => snapshots?.includes(name) === true;
  };

  for (const vault of ["off", "open"] as const)
    it(`are taken, gone back to and removed ${vault === "off" ? "beside it" : "inside a sealed one"}`, async () => {
      await using world = await World.open();
      world.vault.state = vault;
      await world.start();
      const { store } = world;
      store.desired.set(desired([blank(ids.root, 10)], []));
      const { path } = await until(world, () => true);
      const write = async (text: string): Promise<void> => await world.write(path, text);
      await write("first");
      // Not while a machine has it.
      store.apps.set("a" as AppId, app({ snapshots: [one(id, "due")], open: [key(ids.root)] }));
      await until(world, ({ users }) => users.count === 1);
      store.apps.set("a" as AppId, app({ snapshots: [one(id, "due")] }));
      await until(world, has(id));
      await write("second");
      store.apps.set("a" as AppId, app({ snapshots: [one(id, "kept"), one(other, "due")] }));
      await until(world, has(other));
      await write("third");
      const kept = { snapshots: [one(id, "kept"), one(other, "kept")] };
      for (const [round, [name, text]] of [
        [id, "first"],
        [other, "second"],
        [id, "first"],
      ].entries()) {
        const rollback = { id: name, token: `${name}/${round}`, written: [key(ids.root)] };
        store.apps.set("a" as AppId, app({ ...kept, rollback }));
        await until(world, ({ restored }) => restored === rollback.token);
        assert.equal(await world.read(path), text);
        await write("spoilt");
      }
      // The engine is replaced before the last word on the way back was heard: it is not gone again.
      await world.restart();
      const { snapshots } = await until(world, () => true);
      assert.deepEqual([snapshots?.toSorted(), await world.read(path)], [[id, other], "spoilt"]);
      store.apps.set("a" as AppId, app({}));
      await until(world, (it) => it.snapshots === undefined);
      const left = (await readdir(join(world.folder, "volumes"))).filter((name) => name !== "tmp");
      assert.equal(left.length, 2);
    });

  it("that find no room are told, and the volume stays usable", async () => {
    await using world = await World.open();
    await world.start();
    world.freeBytes = 90 * mib;
    world.store.desired.set(desired([blank(ids.root, 20)], []));
    await until(world, () => true);
    world.store.apps.set("a" as AppId, app({ snapshots: [one(id, "due")] }));
    const { untaken } = await until(world, (it) => it.untaken !== undefined);
    assert.match(untaken?.[id] ?? "", /may need 20971520 bytes/);
  });

  it("are kept of a generation that the configuration has no more, and told when they are lost", async () => {
    await using world = await World.open();
    await world.start();
    world.store.desired.set(desired([blank(ids.root, 10)], []));
    await until(world, () => true);
    world.store.apps.set("a" as AppId, app({ snapshots: [one(id, "due")] }));
    await until(world, has(id));
    world.store.desired.set(desired([volume(ids.root, 1n, { maxsizebytes: BigInt(mib) })], []));
    await world.until(key(ids.root, 1), ready);
    await world.restart();
    await until(world, has(id));
    await rm(join(world.folder, "volumes", `${key(ids.root)}.json`));
    await world.restart();
    const lost = await world.until(key(ids.root), (it) => it?.phase === "failed");
    assert(lost?.phase === "failed");
    assert.equal(lost.reason, "VolumeMissing");
    world.store.apps.set("a" as AppId, app({ volumes: [] }));
    await world.until(key(ids.root), (it) => it === undefined);
  });
});
