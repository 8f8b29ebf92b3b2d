/**
 * Runs in a box of its own: another boot of it, in which drivers find cards and disks the other way round, as they
 * may when they look at the same time.
 */
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Log, SystemClock, silentSink } from "@selvedge/base";
import { LinuxHardware } from "../../src/host/linux/linux-hardware.ts";
import { keepCardNames } from "../../src/port/linux/linux-card-names.ts";
import { FolderDisk } from "../folder-disk.ts";
import { say } from "./say.ts";

const disk = new FolderDisk(mkdtempSync(join(tmpdir(), "sv-cards-")));
const log = new Log("test", new SystemClock(), silentSink);
const hardware = new LinuxHardware({ ownPrefix: "sv" });
/** Of each card which name it has. */
const cards = async (): Promise<string[]> =>
  (await hardware.inventory()).networks.map(({ name, mac }) => `${mac} ${name}`);

await keepCardNames(disk, log);
const before = await cards();
for (const driver of ["e1000e", "nvme"]) {
  const folder = `/sys/bus/pci/drivers/${driver}`;
  const found = readdirSync(folder).filter((name) => /^\d{4}:/.test(name));
  assert(found.length > 1, `${driver} has ${found.length}`);
  for (const address of found) writeFileSync(join(folder, "unbind"), address);
  for (const address of found.toSorted().reverse()) writeFileSync(join(folder, "bind"), address);
}
assert.notDeepEqual(await cards(), before, "the kernel counts them anew");
await keepCardNames(disk, log);
assert.deepEqual(await cards(), before);
say("cards have the names of the boot before");
await import("./inventory-box.ts");
process.exit(0);
