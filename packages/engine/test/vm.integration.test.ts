import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { vm } from "@selvedge/eve-api";
import { machinePid } from "../src/app/qemu/machine-process.ts";
import { makeSeedCd } from "../src/app/qemu/seed-cd.ts";
import { vmSeed } from "../src/app/seed/vm-seed.ts";
import type { AppId, ContentId, DesiredState } from "../src/desired.ts";
import type { AppStatus } from "../src/observed.ts";
import { AppWorld, skip as appSkip } from "./app-world.ts";
import { appInit, desired, diskVolume, ids } from "./volume-world.ts";

const programs = [
  "/usr/bin/qemu-img",
  "/usr/bin/genisoimage",
  "/usr/bin/isoinfo",
  "/usr/share/seabios/bios-256k.bin",
];
const missing = programs.find((path) => !existsSync(path));
const skip = appSkip || (missing === undefined ? false : `${missing} is missing`);

/**
 * What a BIOS starts from the first sector of a disk: it counts its starts in the second one, says the
 * number on the serial line, and rests.
 */
const bootSector = Buffer.concat([
  Buffer.from("31c08ed88ec08ed0bc007c", "hex"), // no segments, a stack below
  Buffer.from("bb007eb80102b90200b600cd13", "hex"), // read the second sector
  Buffer.from("fe06007e", "hex"), // count
  Buffer.from("bb007eb80103b90200b600cd13", "hex"), // write it back
  Buffer.from("be477cac84c07406baf803eeebf5", "hex"), // say the text
  Buffer.from("a0007e0430baf803eeb00aee", "hex"), // and the number
  Buffer.from("fbf4ebfc", "hex"), // rest
  Buffer.from("boots \0"),
]);

const { HVM, FML, LEGACY } = vm.VmMode;

function bringDisk(world: AppWorld): void {
  const folder = join(world.folder, "state/content/images");
  mkdirSync(folder, { recursive: true });
  const raw = Buffer.alloc(2 ** 20);
  bootSector.copy(raw);
  raw.writeUInt16LE(0xaa55, 510);
  writeFileSync(join(folder, "raw"), raw);
  const path = join(folder, "disk.qcow2");
  execFileSync("qemu-img", ["convert", "-f", "raw", "-O", "qcow2", join(folder, "raw"), path]);
  const digest = `sha256:${createHash("sha256").update(readFileSync(path)).digest("hex")}`;
  world.store.contents.set(ids.disk as ContentId, {
    ...{ phase: "ready", path, digest, imageId: `disk@${digest}`, sizeBytes: 1, config: undefined },
  });
}

function wish(restart: number, mode: vm.VmMode, more: object = {}): DesiredState {
  const state = desired(
    [diskVolume(ids.root, 0n, { maxsizebytes: BigInt(4 * 2 ** 20) })],
    [
      appInit({
        restart: { counter: restart },
        fixedresources: {
          memory: 131_072,
          vcpus: 1,
          virtualizationMode: mode,
          enableVnc: true,
          vncDisplay: 3,
          vncPasswd: "s3cret",
        },
        userData: Buffer.from("#cloud-config\n").toString("base64"),
        volumeRefList: [{ uuid: ids.root }],
        ...more,
      }),
    ],
  );
  for (const { pod } of state.apps) pod.terminationGraceSeconds = 1;
  return state;
}

const third = "22222222-2222-4222-8222-222222222224" as AppId;

function errorsOf(status: AppStatus | undefined): string {
  const texts = (_key: string, value: unknown): unknown => (typeof value === "bigint" ? `${value}` : value);
  return JSON.stringify(status, texts) ?? "";
}

/** Until each thread of the app's machine is where it belongs: of virtual processors, and all others. */
async function untilOn(world: AppWorld, id: AppId, own: string[], rest: string): Promise<void> {
  for (let seen = ""; ; await pause(20)) {
    const tasks = `/proc/${await machinePid(join(world.folder, "run", id), id)}/task`;
    const statuses = (existsSync(tasks) ? readdirSync(tasks) : []).map((tid) => {
      const path = join(tasks, tid, "status");
      return existsSync(path) ? readFileSync(path, "utf8") : "";
    });
    const on = (virtual: boolean): string[] =>
      statuses.flatMap((it) => {
        const found = /^Cpus_allowed_list:\s+(\S+)/m.exec(it)?.[1];
        return found !== undefined && /^Name:\s+CPU \d/m.test(it) === virtual ? [found] : [];
      });
    const now = JSON.stringify([on(true), [...new Set(on(false))]]);
    if (now === JSON.stringify([own, [rest]])) return;
    if (now !== seen && process.env["TEST_LOG"]) console.error(id, now);
    seen = now;
  }
}

describe("a virtual machine from a qcow2", { skip, concurrency: false }, () => {
  it("boots by its BIOS, keeps its disk through restarts, and goes on when the engine ends", async () => {
    await using world = await AppWorld.open();
    bringDisk(world);
    world.desire(wish(0, HVM));
    await world.untilLog(ids.app, /^main: boots 1$/);
    const before = await world.until(ids.app, (it) => it?.state === "running");
    await world.killEngine();
    await world.startEngine();
    bringDisk(world);
    const after = await world.until(ids.app, (it) => it?.state === "running");
    assert.equal(after?.report.containers[0]?.restartCount, before?.report.containers[0]?.restartCount);
    world.desire(wish(1, HVM));
    await world.untilLog(ids.app, /^main: boots 2$/);
    const usage = await world.domain.usages.usage(ids.app);
    assert.ok((usage?.containers[0]?.memoryBytes ?? 0) > 2 ** 20);
    world.desire(desired([], []));
    await world.until(ids.app, (it) => it === undefined);
  });

  it("has processors of its own that no other app runs on, through the end of its engine", async (test) => {
    await using world = await AppWorld.open();
    const all = await world.hypervisor.processors();
    const [first = 0, second = 0] = all;
    if (all.length !== 2 || second !== first + 1) return test.skip("takes a box of two processors");
    bringDisk(world);
    const machine = (uuid: AppId, volume: string, pinCpu: boolean): object =>
      appInit({
        uuidandversion: { uuid, version: "1" },
        fixedresources: { memory: 32_768, vcpus: 1, virtualizationMode: HVM, pinCpu, vmmMaxmem: 262_144 },
        volumeRefList: [{ uuid: volume }],
      });
    const apps = [
      machine(ids.app, ids.root, true),
      machine(third, ids.more, false),
      machine(ids.other, ids.data, true),
    ];
    const want = (...which: number[]): void => {
      const state = desired(
        [ids.root, ids.data, ids.more].map((id) => diskVolume(id, 0n)),
        which.flatMap((at) => apps[at] ?? []),
      );
      for (const { pod } of state.apps) pod.terminationGraceSeconds = 0;
      world.desire(state);
    };
    want(0, 1);
    await untilOn(world, ids.app, [`${second}`], `${first}`);
    await world.until(third, (it) => it?.state === "running");
    // One that is not pinned has threads as all others.
    await untilOn(world, third, [], `${first}`);
    const before = await machinePid(join(world.folder, "run", ids.app), ids.app);
    want(0, 1, 2);
    await world.until(ids.other, (it) =>
      /asks for 1 of the box's processors to itself, 0 can be had/.test(errorsOf(it)),
    );
    await world.killEngine();
    await world.startEngine();
    bringDisk(world);
    await world.until(ids.other, (it) =>
      /asks for 1 of the box's processors to itself, 0 can be had/.test(errorsOf(it)),
    );
    await untilOn(world, ids.app, [`${second}`], `${first}`);
    assert.equal(await machinePid(join(world.folder, "run", ids.app), ids.app), before);
    want(1, 2);
    await world.until(ids.other, (it) => it?.state === "running");
    await untilOn(world, ids.other, [`${second}`], `${first}`);
    want(1);
    await untilOn(world, third, [], `${first}-${second}`);
  });

  it("goes back to a snapshot of its disk that was taken at once", async () => {
    await using world = await AppWorld.open();
    bringDisk(world);
    world.desire(wish(0, HVM));
    await world.untilLog(ids.app, /^main: boots 1$/);
    const id = "00000000-0000-4000-8000-000000000001";
    const snapshot = { snapshots: [{ id, type: 2 }], maxSnapshots: 1 };
    world.desire(wish(0, HVM, { snapshot }));
    await world.until(ids.app, (it) => it?.snapshots?.[0]?.state === "kept");
    await world.untilLog(ids.app, /^main: boots 2$/);
    const back = { ...snapshot, activeSnapshot: id, rollbackCmd: { counter: 1 } };
    world.desire(wish(0, HVM, { snapshot: back }));
    // As it was after it had booted once.
    const lines = await world.untilLog(ids.app, /^main: boots 2$/, 2);
    assert.doesNotMatch(lines.join(), /boots 3/);
  });

  it("boots from devices that any system knows, and has a screen that asks for its password", async () => {
    await using world = await AppWorld.open();
    bringDisk(world);
    world.desire(wish(0, LEGACY));
    await world.untilLog(ids.app, /^main: boots 1$/);
    const screen = connect((await world.hypervisor.screen(ids.app)) ?? "");
    const [greeting] = await once(screen, "data");
    assert.equal(String(greeting), "RFB 003.008\n");
    screen.write("RFB 003.008\n");
    // One way in, VNC's own: a challenge to be answered with the password.
    assert.deepEqual([...(await once(screen, "data"))[0]], [1, 2]);
    screen.destroy();
  });

  const noUefi = existsSync("/usr/share/OVMF/OVMF_CODE_4M.fd") ? false : "ovmf is missing";
  it("is started by UEFI, which looks at its disk", { skip: noUefi }, async () => {
    await using world = await AppWorld.open();
    bringDisk(world);
    world.desire(wish(0, FML));
    await world.untilLog(ids.app, /BdsDxe: .*Boot/);
  });

  it("finds its user data on a CD", async () => {
    const folder = mkdtempSync(join(tmpdir(), "svc-"));
    try {
      const [app] = wish(0, HVM).apps;
      assert(app !== undefined);
      const seed = await vmSeed(app, Buffer.from("#cloud-config\npackages: [till]\n"), false);
      assert(seed !== undefined);
      const iso = join(folder, "seed.iso");
      await makeSeedCd(seed, iso);
      const read = (...args: string[]): string => execFileSync("isoinfo", ["-i", iso, ...args]).toString();
      assert.match(read("-d"), /Volume id: cidata/);
      assert.equal(read("-R", "-x", "/user-data"), "#cloud-config\npackages: [till]\n");
      assert.equal(read("-R", "-x", "/meta-data"), `instance-id: ${ids.app}/1\nlocal-hostname: ${ids.app}\n`);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
