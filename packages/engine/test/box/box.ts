/**
 * A box of its own for what a test's machine cannot have: Debian's generic kernel with the drivers that are
 * asked for, in QEMU. It sees the file system of its host, read-only, and runs a script there with Node. What
 * the script writes comes back, and with what it ended.
 */
import { execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import { findCompressed } from "../../../guest/src/kernel-image.ts";
import { orderModules } from "../../../guest/src/kernel-modules.ts";

const cache = join(import.meta.dirname, "../../../../.cache/box");

/** With what they need; those that the kernel has built in are no files. */
const modules = [
  ...["virtio_pci", "9p", "9pnet_virtio"],
  ...["veth", "8021q", "bonding", "bridge", "tun"],
  // What rules of nftables are made of.
  ...[
    "crc32c_generic",
    "nf_tables",
    "nft_ct",
    "nft_nat",
    "nft_masq",
    "nft_chain_nat",
    "nft_fib_inet",
    "nft_limit",
  ],
  ...["nft_reject_inet", "nft_objref", "nft_meta_bridge", "nf_conntrack_bridge"],
  ...["mac80211_hwsim", "ccm", "gcm", "cmac", "ctr", "e1000e", "xhci_pci", "nvme", "vfio_pci"],
  "vfio_iommu_type1",
];

const init = `#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /dev /root
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sysfs /sys
/bin/busybox mount -t devtmpfs dev /dev
while read module; do /bin/busybox insmod "/m/$module" || echo "no $module"; done </m/list
R=/root
HOW=trans=virtio,version=9p2000.L,ro,cache=loose,msize=262144
/bin/busybox mount -t 9p -o $HOW root $R || exec /bin/busybox poweroff -f
for place in proc sys dev; do /bin/busybox mount --move /$place $R/$place; done
for place in tmp run var/lib; do /bin/busybox mount -t tmpfs tmpfs $R/$place; done
/bin/busybox mkdir -p $R/var/lib/dhcpcd $R/run/netns $R/tmp
SCRIPT=$(/bin/busybox sed -n 's/.*box=\\([^ ]*\\).*/\\1/p' $R/proc/cmdline)
NODE=$(/bin/busybox sed -n 's/.*node=\\([^ ]*\\).*/\\1/p' $R/proc/cmdline)
PATH=/usr/sbin:/usr/bin:/sbin:/bin /bin/busybox chroot $R "$NODE" "$SCRIPT" <$R/dev/null
echo "box ended with $?"
/bin/busybox poweroff -f
`;

export interface BoxRun {
  readonly status: number | undefined;
  readonly output: string;
}

/** What is missing to run one; undefined: nothing. */
export function boxLacks(): string | undefined {
  const files = ["/usr/bin/qemu-system-x86_64", "/bin/busybox", "/usr/bin/cpio", "/usr/bin/apt-get"];
  // Where it has folders of its own it does not see those of its host.
  const hidden = /^\/(tmp|run|var\/lib)\//.exec(import.meta.filename)?.[0];
  return files.find((path) => !existsSync(path)) ?? (hidden && `a checkout that is not below ${hidden}`);
}

/** Resolves when the script has ended, or the box did not come that far in time. */
export async function runInBox(
  script: string,
  timeoutMs: number,
  extra: readonly string[] = [],
): Promise<BoxRun> {
  const kernel = kernelFolder();
  // What Linux does not know of its command line is the environment of its init. Types were stripped here before.
  const { NODE_COMPILE_CACHE: code } = process.env;
  const args = [
    ...["-M", "q35,kernel-irqchip=split", "-accel", "tcg,thread=multi,tb-size=256", "-cpu", "max"],
    // One processor: on two emulated ones every third run ended in a fault of Node's compiler.
    ...["-m", "768", "-smp", "1", "-nodefaults", "-no-user-config"],
    ...["-display", "none", "-no-reboot", "-serial", "stdio"],
    ...["-device", "intel-iommu,intremap=off", ...extra],
    ...["-kernel", join(kernel, "vmlinux"), "-initrd", join(kernel, "initramfs.cpio")],
    ...["-virtfs", "local,path=/,mount_tag=root,security_model=none,readonly=on,multidevs=remap"],
    "-append",
    // Beside others on a busy machine the first look at the timer comes too late for Linux, which gives up then.
    "console=ttyS0 quiet loglevel=3 panic=-1 no_timer_check intel_iommu=on net.ifnames=0 " +
      `box=${script} node=${process.execPath}${code === undefined ? "" : ` NODE_COMPILE_CACHE=${code}`}`,
  ];
  const child = spawn("qemu-system-x86_64", args, { stdio: ["ignore", "pipe", "pipe"] });
  const late = setTimeout(() => child.kill("SIGKILL"), timeoutMs);
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (bytes: Buffer) => {
      output = `${output}${bytes}`.slice(-outputMax);
    });
  await new Promise((resolve) => child.once("close", resolve));
  clearTimeout(late);
  const status = /box ended with (\d+)/.exec(output)?.[1];
  return { status: status === undefined ? undefined : Number(status), output };
}

const outputMax = 1 << 20;

/** Fetched and unpacked once for each form of this file. */
function kernelFolder(): string {
  const depends = execFileSync("apt-cache", ["depends", "linux-image-amd64"], { encoding: "utf8" });
  const name = /Depends: (linux-image-\S+)/.exec(depends)?.[1];
  if (name === undefined) throw new Error("apt knows no linux-image-amd64: run apt-get update");
  const form = createHash("sha256")
    .update(readFileSync(import.meta.filename))
    .digest("hex")
    .slice(0, 8);
  const folder = join(cache, `${name}-${form}`);
  if (existsSync(folder)) return folder;
  rmSync(cache, { recursive: true, force: true });
  mkdirSync(cache, { recursive: true });
  const work = mkdtempSync(join(cache, ".new-"));
  const made = join(work, "made");
  mkdirSync(made);
  const fetch = ["-q", "-o", "APT::Sandbox::User=root", "download", name];
  execFileSync("apt-get", fetch, { cwd: work, stdio: "pipe" });
  const archive = readdirSync(work).find((file) => file.endsWith(".deb")) ?? "";
  execFileSync("dpkg-deb", ["-x", archive, "."], { cwd: work });
  const image = readFileSync(join(work, "boot", `vmlinuz-${name.replace("linux-image-", "")}`));
  writeFileSync(join(made, "vmlinux"), unpackImage(image));
  packInitramfs(join(work, "lib/modules"), work, join(made, "initramfs.cpio"));
  renameSync(made, folder);
  rmSync(work, { recursive: true });
  return folder;
}

function unpackImage(packed: Buffer): Uint8Array {
  for (const { command, args, offset } of findCompressed(packed)) {
    try {
      const options = {
        input: packed.subarray(offset),
        maxBuffer: 1 << 30,
        stdio: ["pipe", "pipe", "ignore"] as const,
      };
      return execFileSync(command, args, { ...options, stdio: [...options.stdio] });
    } catch (error) {
      // What follows the kernel makes some of them fail after they have written everything.
      const { stdout } = error as { stdout?: Buffer };
      if (stdout?.subarray(1, 4).toString("latin1") === "ELF") return stdout;
    }
  }
  throw new Error("the kernel is packed in a way that is not known");
}

function packInitramfs(drivers: string, work: string, packed: string): void {
  const root = join(work, "root");
  for (const place of ["bin", "m"]) mkdirSync(join(root, place), { recursive: true });
  cpSync("/bin/busybox", join(root, "bin/busybox"));
  writeFileSync(join(root, "init"), init, { mode: 0o755 });
  const files = orderModules(drivers, modules);
  for (const file of files) cpSync(file, join(root, "m", basename(file)));
  writeFileSync(join(root, "m/list"), files.map((file) => `${basename(file)}\n`).join(""));
  execFileSync("sh", ["-c", `find . | cpio -o -H newc -R 0:0 --quiet >${packed}`], { cwd: root });
}
