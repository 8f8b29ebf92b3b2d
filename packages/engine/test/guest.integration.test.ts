import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Log, SystemClock, SystemRandom, silentSink } from "@selvedge/base";
import type { ContainerStart } from "../src/app/hypervisor.ts";
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
  for (const name of ["sh", "echo", "sleep", "cat", "tr", "grep", "stat", "ls"])
    symlinkSync("busybox", join(root, "bin", name));
  execFileSync("mksquashfs", [root, join(folder, "root.sqfs"), "-quiet", "-no-progress"]);
  writeFileSync(join(root, "word"), "late");
  execFileSync("mksquashfs", [root, join(folder, "late.sqfs"), "-quiet", "-no-progress"]);
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
    const start: ContainerStart = {
      ...{
        index: 1,
        attempt: 1,
        root: { disk: 0 },
        env: ["A=1"],
        cwd: "/",
        user: "",
        groups: [],
        tty: false,
      },
      ...{
        args: ["/bin/sh", "-c", "echo hello; exec sleep 1000"],
        stdin: false,
        memoryBytes: 0,
        cpuMillis: 0,
      },
      ...{ readOnlyRoot: false, rootVolume: "", privileged: false, capabilities: [], target: 0, mounts: [] },
    };
    one.start(start);
    assert.equal(await output.promise, "hello\n");
    one.close();

    const second = new QemuHypervisor(options);
    assert.deepEqual(await second.list(), [id]);
    let changed = (): void => {};
    const two = await second.connect(id, () => changed(), stop);
    const session = two.exec(1, ["cat"], { tty: false, stdin: true, user: "", env: [], cwd: "/" });
    await session.write(new TextEncoder().encode("through"));
    session.end();
    let text = "";
    for await (const { bytes } of session.output) text += new TextDecoder().decode(bytes);
    assert.equal(text, "through");
    assert.equal(await session.exit, 0);

    // Both channels are full all the time, and there is room for one piece at a time: what one of them takes
    // the other was about to take. Each question is answered once the room before it has been given.
    const both = "head -c 300000 /dev/zero & head -c 300000 /dev/zero >&2; wait";
    const flood = two.exec(1, ["sh", "-c", both], { tty: false, stdin: false, user: "", env: [], cwd: "/" });
    const heard = [0, 0, 0];
    for await (const { channel, bytes } of flood.output) {
      heard[channel] = (heard[channel] ?? 0) + bytes.length;
      await two.stats();
    }
    assert.deepEqual(heard, [0, 300_000, 300_000]);
    assert.equal(await flood.exit, 0);

    // An image that was not there when the machine started, and processes of a container that was.
    await second.addImage(id, 0, join(folder, "late.sqfs"));
    const late = Promise.withResolvers<string>();
    two.onOutput(({ container, bytes }) => {
      if (container === 2) late.resolve(new TextDecoder().decode(bytes));
    });
    const look =
      "/bin/echo $(cat /word) $(cat /proc/1/cmdline | tr '\\0' ' ') $(grep CapBnd /proc/self/status)";
    const target = { target: 1, capabilities: [19], args: ["/bin/sh", "-c", `${look}; exec sleep 1000`] };
    two.start({ ...start, index: 2, root: { part: 0 }, ...target });
    assert.match(await late.promise, /^late sleep 1000 CapBnd: 0*a00c25fb\n$/);
    const ended = Promise.withResolvers<void>();
    changed = () => {
      if (two.run(2)?.phase === "exited") ended.resolve();
    };
    two.signal(2, 9);
    await ended.promise;
    assert.equal(two.run(1)?.phase, "running");

    // Files that are swapped at once, what a container may not, and its last word.
    const finish = async (index: number, more: Partial<ContainerStart>): Promise<string | undefined> => {
      const over = Promise.withResolvers<void>();
      changed = () => {
        if (two.run(index)?.phase === "exited") over.resolve();
      };
      two.start({ ...start, index, ...more });
      await over.promise;
      const run = two.run(index);
      return run?.phase === "exited" ? run.message : undefined;
    };
    const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
    const mounts = [{ volume: "files", path: "/files", subPath: "", readOnly: true }];
    two.volume("files", "memory", 0, { id: 77, always: false });
    for (const [set, names] of [
      ["..1", ["old", "both"]],
      ["..2", ["both", "deep/new"]],
    ] as const) {
      for (const name of names) two.writeFile(`files/${set}/${name}`, 0o440, bytes(set), 77);
      two.publish("files", set);
    }
    const see =
      'cat /files/both /files/deep/new; echo "" $(ls /files) $(stat -Lc %a:%g /files/both) ' +
      "$(grep -h -e NoNew -e CapBnd /proc/self/status)";
    const word = await finish(3, {
      ...{ mounts, dropped: [13], unprivileged: true, message: "/dev/word" },
      args: ["/bin/sh", "-c", `(${see}) > /dev/word`],
    });
    assert.equal(word, "..2..2 both deep 440:77 CapBnd: 00000000a00405fb NoNewPrivs: 1\n");
    const fails = { args: ["/bin/sh", "-c", "echo why; exit 3"], message: "/dev/word", tail: true };
    assert.equal(await finish(4, fails), "why\n");

    // Containers that share processes. What holds the namespace cannot be looked into, nor ended from within.
    const shares = { sharesProcesses: true, message: "/dev/word" };
    const find =
      "kill -9 1; echo $(cat /proc/[0-9]*/cmdline | tr '\\0' ' ' | grep -o 'sleep 12[0-9][0-9]') " +
      "$(grep -h Uid /proc/1/status) $(ls /proc/1/root 2>/dev/null || echo shut)";
    two.start({ ...start, index: 5, ...shares, args: ["/bin/sleep", "1200"] });
    const together = { ...shares, args: ["/bin/sh", "-c", `(${find}) > /dev/word`] };
    assert.equal(await finish(6, together), "sleep 1200 Uid: 65534 65534 65534 65534 shut\n");
    assert.equal(two.run(5)?.phase, "running");
    const over = Promise.withResolvers<void>();
    changed = () => {
      if (two.run(5)?.phase === "exited") over.resolve();
    };
    two.signal(5, 9);
    await over.promise;
    assert.equal(await finish(7, together), "Uid: 65534 65534 65534 65534 shut\n");
    two.close();
  } finally {
    await first.remove(id);
    rmSync(folder, { recursive: true, force: true });
  }
});
