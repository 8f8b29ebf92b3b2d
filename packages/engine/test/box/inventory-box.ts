/** Runs in a box of its own: what is told of what the box is made of, in a line that another boot is held against. */

import { toJsonString } from "@bufbuild/protobuf";
import { info } from "@selvedge/eve-api";
import { hardwareInfo } from "../../src/control/report/hardware-info.ts";
import { LinuxHardware } from "../../src/host/linux/linux-hardware.ts";
import { readHostFacts } from "../../src/host/linux/linux-host-facts.ts";

const hardware = new LinuxHardware({ ownPrefix: "sv" });
const { InfoContent } = hardwareInfo({
  ...{ node: "n", host: await readHostFacts(), engineVersion: "1", tpm: undefined },
  ...{ inventory: await hardware.inventory(), disks: await hardware.disks() },
});
console.log(`inventory ${toJsonString(info.ZInfoHardwareSchema, InfoContent.value as info.ZInfoHardware)}`);
