/** Gives cards the names that they had before this boot, before anybody uses them. */
import { access, readFile, realpath } from "node:fs/promises";
import { join } from "node:path";
import { describeError, type Log } from "@selvedge/base";
import type { Disk } from "../../host/disk.ts";
import { run } from "../../network/linux/run.ts";
import { type Card, planNames, type Renaming } from "../card-names.ts";
import { listLinks } from "./links.ts";

const path = "network/cards.json";

/** What goes wrong here is said, and cards are called as they are: the box must run, with a full disk as well. */
export async function keepCardNames(disk: Disk, log: Log): Promise<void> {
  try {
    const known = await readKnown(disk, log);
    const { renamings, known: now } = planNames(await listCards(), known);
    for (const renaming of renamings) await rename(renaming, log);
    if (renamings.length > 0) log.info("cards have the names of the boot before", { cards: names(now) });
    if (JSON.stringify(now) !== JSON.stringify(known))
      await disk.writeDurable(path, new TextEncoder().encode(JSON.stringify(now)));
  } catch (error) {
    log.error("cards do not get their names back", { error: describeError(error) });
  }
}

/** One that fails leaves the others theirs. */
async function rename({ from, to }: Renaming, log: Log): Promise<void> {
  try {
    await run("ip", ["link", "set", "dev", from, "down"]);
    await run("ip", ["link", "set", "dev", from, "name", to]);
  } catch (error) {
    log.error("a card does not get its name back", { from, to, error: describeError(error) });
  }
}

function names(cards: readonly Card[]): string {
  return cards.map(({ name, mac }) => `${name} ${mac}`).join(", ");
}

async function readKnown(disk: Disk, log: Log): Promise<readonly Card[]> {
  const bytes = await disk.read(path);
  if (bytes === undefined) return [];
  try {
    return JSON.parse(new TextDecoder().decode(bytes)) as Card[];
  } catch (error) {
    log.error("how cards were called is unreadable; they keep the kernel's names", {
      error: describeError(error),
    });
    return [];
  }
}

/** Those that are parts of the box: with a device behind them that is no function made of another. */
async function listCards(): Promise<readonly Card[]> {
  const cards: Card[] = [];
  for (const { ifname: name, address = "", permaddr: mac = address } of await listLinks()) {
    const folder = join("/sys/class/net", name);
    const device = await realpath(join(folder, "device")).catch(() => undefined);
    if (device === undefined || (await isThere(join(folder, "device/physfn")))) continue;
    const port = await readFile(join(folder, "dev_port"), "utf8").catch(() => "");
    cards.push({ name, place: `${placeOf(device)}#${port.trim()}`, mac });
  }
  // Where two cannot be told apart, neither is.
  return cards.filter((card) => cards.every((it) => it === card || it.place !== card.place));
}

/** Without what is counted as drivers come up: numbers of USB buses, of virtio, of slots for cards of MMC. */
export function placeOf(device: string): string {
  return device
    .replace(/\/usb\d+(?=\/)/, "/usb")
    .replace(/\/\d+-(?=\d)/g, "/")
    .replace(/\/virtio\d+/g, "/virtio")
    .replace(/\bmmc\d+/g, "mmc");
}

async function isThere(file: string): Promise<boolean> {
  return await access(file).then(
    () => true,
    () => false,
  );
}
