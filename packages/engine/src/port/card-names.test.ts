import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Log, SystemClock } from "@selvedge/base";
import type { Disk } from "../host/disk.ts";
import { type Card, planNames } from "./card-names.ts";
import { keepCardNames, placeOf } from "./linux/linux-card-names.ts";

/** `eth0@a`: at place a, with the address of that place unless another is named: `eth0@a/x`. */
const cards = (text: string): Card[] =>
  text
    .split(" ")
    .filter((word) => word !== "")
    .map((word) => {
      const [, name = "", place = "", mac = place] = /^(\w+)@(\w+)(?:\/(\w+))?$/.exec(word) ?? [];
      return { name, place, mac };
    });

/** What a boot finds; what was known; which names the cards have then; in how many steps. */
const rows: readonly (readonly [why: string, found: string, known: string, then: string, steps: number])[] = [
  ["the first boot keeps what the kernel says", "eth0@a eth1@b", "", "eth0@a eth1@b", 0],
  ["nothing moved", "eth0@a eth1@b", "eth0@a eth1@b", "eth0@a eth1@b", 0],
  ["two changed places in the kernel's count", "eth1@a eth0@b", "eth0@a eth1@b", "eth0@a eth1@b", 4],
  ["three in a ring", "eth1@a eth2@b eth0@c", "eth0@a eth1@b eth2@c", "eth0@a eth1@b eth2@c", 6],
  ["the first is dead: the second does not become it", "eth0@b", "eth0@a eth1@b", "eth1@b eth0@a", 1],
  ["another card in the same place", "eth0@a/x", "eth0@a", "eth0@a/x", 0],
  ["the same card in another place", "eth0@c/b eth1@a", "eth0@a eth1@b", "eth1@c/b eth0@a", 4],
  ["a new one is found before the known ones", "eth0@n eth1@a", "eth0@a", "eth1@n eth0@a", 4],
  ["a new one in the stead of one that is gone", "eth0@n", "eth0@a", "eth0@n", 0],
  ["a radio beside wires", "wlan1@r eth0@a", "wlan0@r eth0@a", "wlan0@r eth0@a", 1],
];

describe("cards keep their names", () => {
  for (const [why, found, known, then, steps] of rows)
    it(why, () => {
      const plan = planNames(cards(found), cards(known));
      assert.deepEqual(plan.known, cards(then));
      assert.equal(plan.renamings.length, steps);
      // As the kernel would: nobody takes a name that another has.
      const now = new Map(cards(found).map(({ name, place }) => [name, place]));
      for (const { from, to } of plan.renamings) {
        assert.ok(!now.has(to), `${to} is not free`);
        now.set(to, now.get(from) ?? assert.fail(`nothing is called ${from}`));
        now.delete(from);
      }
      const here = new Set(cards(found).map(({ place }) => place));
      const expected = cards(then).flatMap(({ name, place }) => (here.has(place) ? [[name, place]] : []));
      assert.deepEqual([...now].sort(), expected.sort());
      assert.deepEqual(planNames(cards(then), plan.known).renamings, [], "the next start changes nothing");
    });
});

describe("the place of a card has nothing in it that is counted anew at each boot", () => {
  const pci = "/sys/devices/pci0000:00/0000:00:14.0";
  for (const [device, place] of [
    [`${pci}/usb1/1-2/1-2.3/1-2.3:1.0`, `${pci}/usb/2/2.3/2.3:1.0`],
    [`${pci}/virtio3`, `${pci}/virtio`],
    [`${pci}/mmc_host/mmc1/mmc1:0001/mmc1:0001:1`, `${pci}/mmc_host/mmc/mmc:0001/mmc:0001:1`],
    [pci, pci],
  ] as const)
    it(device, () => assert.equal(placeOf(device), place));
});

it("a disk that gives and takes nothing keeps no box from running", async () => {
  const said: string[] = [];
  const clock = new SystemClock();
  const full = async (): Promise<never> => await Promise.reject(new Error("the disk fails"));
  const disk = { read: full, writeDurable: full } as unknown as Disk;
  await keepCardNames(disk, new Log("test", clock, ({ message }) => void said.push(message)));
  assert.deepEqual(said, ["cards do not get their names back"]);
});
