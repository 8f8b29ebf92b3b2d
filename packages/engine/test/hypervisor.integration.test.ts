import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import { Log, SystemClock, SystemRandom, silentSink } from "@selvedge/base";
import { hypervisorConformance } from "../../harness/src/hypervisor/hypervisor.conformance.ts";
import { waitFor } from "../../harness/src/real/wait.ts";
import { machinePid } from "../src/app/qemu/machine-process.ts";
import { QemuHypervisor } from "../src/app/qemu/qemu-hypervisor.ts";
import type { AppId } from "../src/desired.ts";
import { acceleration, images, makeImage, skip } from "./app-world.ts";

const sh = (script: string): string[] => ["sh", "-c", script];
const serves = "trap 'exit 0' TERM; sleep 1000 & wait";

hypervisorConformance(
  "QEMU",
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "svh-"));
    makeImage(folder);
    const clock = new SystemClock();
    const machines = join(folder, "run");
    const detected = await acceleration();
    const engine = (): QemuHypervisor =>
      new QemuHypervisor({
        ...{ ...images, clock, random: new SystemRandom(), acceleration: detected },
        ...{ folder: machines, scratchFolder: join(folder, "scratch"), cgroup: "svh-test" },
        log: new Log("test", clock, silentSink),
      });
    return {
      image: join(folder, "root.sqfs"),
      programs: {
        serves: sh(serves),
        stubborn: sh("trap '' TERM; while :; do sleep 1; done"),
        exits: (code) => sh(`exit ${code}`),
        speaks: sh(`echo line 0; echo line 1; ${serves}`),
        command: sh("exit 1"),
      },
      engine,
      async crash(id) {
        const pid = await machinePid(join(machines, id), id);
        if (pid !== undefined) process.kill(pid, "SIGKILL");
      },
      pass: async (work) => await work,
      async [Symbol.asyncDispose]() {
        const last = engine();
        for (const id of await last.list()) await last.remove(id);
        rmSync(folder, { recursive: true, force: true });
      },
    };
  },
  { skip },
);

it("a machine is found whose engine ended the moment it was started", { skip }, async () => {
  const folder = mkdtempSync(join(tmpdir(), "svk-"));
  const clock = new SystemClock();
  const hypervisor = new QemuHypervisor({
    ...{ ...images, clock, random: new SystemRandom(), acceleration: await acceleration() },
    ...{ folder, scratchFolder: join(folder, "scratch"), cgroup: "svk-test" },
    log: new Log("test", clock, silentSink),
  });
  try {
    makeImage(folder);
    const program = join(import.meta.dirname, "ends-at-launch.ts");
    const engine = spawn(process.execPath, [program, folder, "svk-test"], { stdio: "inherit" });
    assert.deepEqual(await once(engine, "exit"), [null, "SIGKILL"]);
    await waitFor("the machine", async () => (await hypervisor.list()).length > 0 || undefined);
    assert.deepEqual(await hypervisor.list(), ["machine"]);
  } finally {
    await hypervisor.remove("machine" as AppId);
    rmSync(folder, { recursive: true, force: true });
  }
});

it("a machine's process is found while it becomes one program after the other", { skip }, async () => {
  const folder = mkdtempSync(join(tmpdir(), "svp-"));
  try {
    for (let time = 0; time < 50; time++) {
      const named = ["sh", "-name", "machine"];
      const script = 'exec setpriv --no-new-privs sh -c "read line" "$@"';
      const machine = spawn("sh", ["-c", script, ...named, ...named]);
      await once(machine, "spawn");
      writeFileSync(join(folder, "pid"), `${machine.pid}\n`);
      const found = await machinePid(folder, "machine");
      const ended = once(machine, "exit");
      machine.kill("SIGKILL");
      await ended;
      assert.equal(found, machine.pid);
      assert.equal(await machinePid(folder, "machine"), undefined);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
