/** Starts a machine and is killed the moment its process begins. */
import childProcess from "node:child_process";
import { syncBuiltinESMExports } from "node:module";
import { join } from "node:path";
import { Log, SystemClock, SystemRandom, silentSink } from "@selvedge/base";
import { QemuHypervisor } from "../src/app/qemu/qemu-hypervisor.ts";
import type { AppId } from "../src/desired.ts";
import { acceleration, images } from "./app-world.ts";

const [, , folder = "", cgroup = ""] = process.argv;
const clock = new SystemClock();
const hypervisor = new QemuHypervisor({
  ...{ ...images, clock, random: new SystemRandom(), acceleration: await acceleration() },
  ...{ folder, scratchFolder: join(folder, "scratch"), cgroup },
  log: new Log("test", clock, silentSink),
});
const { spawn } = childProcess;
childProcess.spawn = ((...args: Parameters<typeof spawn>) => {
  spawn(...args);
  return process.kill(process.pid, "SIGKILL");
}) as never;
syncBuiltinESMExports();
await hypervisor.launch({
  ...{ id: "machine" as AppId, memoryMib: 64, vcpus: 1, scratchBytes: 0, secret: undefined, vm: undefined },
  ...{ disks: [join(folder, "root.sqfs")], volumes: [], nics: [], uid: undefined },
});
