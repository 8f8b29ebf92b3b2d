/** Limits of machines in control groups of the second generation, as Debian's kernel has them. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Cgroups } from "../../src/app/qemu/cgroup.ts";
import { noting } from "../../src/app/qemu/machine-process.ts";
import { say } from "./say.ts";

const folder = mkdtempSync(join(tmpdir(), "limits-"));
const cgroups = await Cgroups.detect("sv-limits", folder);
assert.equal(cgroups.kind, "v2");
/** Where the hierarchy is mounted: by the box, or by us. */
const root = /^\S+ (\S+) cgroup2 /m.exec(readFileSync("/proc/mounts", "utf8"))?.[1];
assert(root !== undefined);

// The second comes after the last of the first ones has gone, and our folder with it.
for (const round of ["first", "second"]) {
  const groups = await cgroups.make("app", { memoryBytes: 256 << 20, cpuMillis: 1500, processes: 64 });
  const [shell = "", ...command] = noting(["sh", "-c", "echo begun; exec sleep 600"], groups);
  const cwd = mkdtempSync(join(tmpdir(), "machine-"));
  const program = spawn(shell, command, { cwd, stdio: ["ignore", "pipe", "inherit"] });
  await once(program.stdout, "data");
  const group = join(root, "sv-limits/app");
  const said = ["memory.max", "cpu.max", "pids.max"].map((it) =>
    readFileSync(join(group, it), "utf8").trim(),
  );
  assert.deepEqual(said, [`${256 << 20}`, "150000 100000", "64"], round);
  assert.match(readFileSync(`/proc/${program.pid}/cgroup`, "utf8"), /\/sv-limits\/app$/m);
  program.kill("SIGKILL");
  await once(program, "exit");
  await cgroups.leave("app");
}
say("machines have limits, the one after the last one too");
