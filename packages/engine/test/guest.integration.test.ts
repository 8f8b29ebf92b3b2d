import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Log, SystemClock, SystemRandom, silentSink } from "@selvedge/base";
import { QemuHypervisor } from "../src/app/qemu/qemu-hypervisor.ts";
import { hostTscKhz } from "../src/app/qemu/tsc.ts";
import type { AppId } from "../src/desired.ts";

const guest = join(import.meta.dirname, "../../../.cache/guest");
const missing = [
  "/usr/bin/qemu-system-x86_64",
  "/bin/busybox",
  "/usr/bin/mksquashfs",
  join(guest, "vmlinux"),
].find((path) => !existsSync(path));

test("a container runs in a machine, prints, is entered, and is adopted by another engine", {
  skip: missing === undefined ? false : `${missing} is missing`,
  timeout: 240_000,
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), "svg-"));
  const root = join(folder, "root");
  for (const name of ["bin", "etc"]) mkdirSync(join(root, name), { recursive: true });
  copyFileSync("/bin/busybox", join(root, "bin/busybox"));
  for (const name of ["sh", "echo", "sleep", "cat"]) symlinkSync("busybox", join(root, "bin", name));
  execFileSync("mksquashfs", [root, join(folder, "root.sqfs"), "-quiet", "-no-progress"]);
  const clock = new SystemClock();
  const stop = new AbortController().signal;
  const options = {
    folder: join(folder, "apps"),
    scratchFolder: join(folder, "scratch"),
    cgroup: "svg-test",
    clock,
    log: new Log("test", clock, silentSink),
    kernel: join(guest, "vmlinux"),
    initramfs: join(guest, "initramfs.cpio"),
    acceleration: { kind: "tcg", tscKhz: hostTscKhz() } as const,
    random: new SystemRandom(),
  };
  const id = "a1" as AppId;
  const first = new QemuHypervisor(options);
  try {
    await first.launch({
      id,
      memoryMib: 256,
      vcpus: 1,
      disks: [join(folder, "root.sqfs")],
      scratchBytes: 2 ** 30,
      secret: undefined,
      volumes: [],
      vm: undefined,
      uid: undefined,
      nics: [],
    });
    const output = Promise.withResolvers<string>();
    const one = await first.connect(id, () => {}, stop);
    one.onOutput(({ bytes }) => output.resolve(new TextDecoder().decode(bytes)));
    one.setup({ hostname: "web", nics: [], resolv: "", hosts: "127.0.0.1 localhost\n" });
    one.start({
      ...{
        index: 1,
        attempt: 1,
        disk: 0,
        args: ["/bin/sh", "-c", "echo hello; exec sleep 1000"],
        env: ["A=1"],
        cwd: "/",
      },
      ...{
        user: "",
        groups: [],
        tty: false,
        stdin: false,
        memoryBytes: 0,
        cpuMillis: 0,
        readOnlyRoot: false,
        rootVolume: "",
        privileged: false,
        mounts: [],
      },
    });
    assert.equal(await output.promise, "hello\n");
    one.close();

    const second = new QemuHypervisor(options);
    assert.deepEqual(await second.list(), [id]);
    const two = await second.connect(id, () => {}, stop);
    const session = two.exec(1, ["cat"], { tty: false, stdin: true, user: "", env: [], cwd: "/" });
    await session.write(new TextEncoder().encode("through"));
    session.end();
    let text = "";
    for await (const { bytes } of session.output) text += new TextDecoder().decode(bytes);
    assert.equal(text, "through");
    assert.equal(await session.exit, 0);
    two.close();
  } finally {
    await first.remove(id);
    rmSync(folder, { recursive: true, force: true });
  }
});
