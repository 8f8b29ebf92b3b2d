/** Runs in a box of its own: the kernel parts a device into functions, of which apps have some. */
import assert from "node:assert/strict";
import { closeSync, existsSync, openSync, readlinkSync } from "node:fs";
import { basename } from "node:path";
import { VfioDriver } from "../../src/device/linux/vfio-driver.ts";
import type { PciDevice } from "../../src/hardware/hardware.ts";
import { LinuxHardware } from "../../src/host/linux/linux-hardware.ts";
import { say } from "./say.ts";

const hardware = new LinuxHardware({ ownPrefix: "sv" });
const driver = new VfioDriver();

/** The device that can be parted, and its first function. */
async function look(): Promise<{ readonly whole: PciDevice; readonly first: PciDevice | undefined }> {
  const { pci } = await hardware.inventory();
  const whole = pci.find(({ functions }) => functions !== undefined) ?? assert.fail(JSON.stringify(pci));
  return { whole, first: pci.find(({ address }) => address === whole.functions?.made[0]) };
}
const driverOf = (address: string): string => {
  const link = `/sys/bus/pci/devices/${address}/driver`;
  return existsSync(link) ? basename(readlinkSync(link)) : "";
};

const before = await look();
assert.deepEqual(before.whole.functions, { total: 3, made: [] });
assert.equal(await driver.part(before.whole, 2), true);

const two = await look();
const lent = two.first ?? assert.fail("no function was made");
assert.equal(two.whole.functions?.made.length, 2);
assert.deepEqual([lent.driver, lent.iommuGroup === ""], ["", false], "nobody of the box takes it");
await driver.lend(lent.address);
assert.equal(driverOf(lent.address), "vfio-pci");
const open = openSync(`/dev/vfio/${lent.iommuGroup}`, "r+");
assert.equal(await driver.part(two.whole, 3), false, "a machine has it");
assert.equal(await driver.giveBack(lent), false);
closeSync(open);
assert.equal(await driver.part(two.whole, 3), true);

const three = await look();
const again = three.first ?? assert.fail("no function was made");
assert.equal(three.whole.functions?.made.length, 3);
await driver.lend(again.address);
assert.equal(await driver.giveBack(again), true);
assert.equal(driverOf(again.address), "", "it is nobody's again");
await assert.rejects(driver.part(three.whole, 4), /does not make 4 functions/);
say("a device is parted into functions, and apps have some");
