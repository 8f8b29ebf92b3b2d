/** What is in a slot: which of Debian's packages, and the files that make a node of them. Pure. */
import type { Profile } from "../profile.ts";
import { configLabel, espLabel, stateLabel, stateType } from "./disk-plan.ts";
import { file, link, type SystemFile } from "./system-file.ts";
import { engineUnits, software } from "./unit-files.ts";

/** What starts the box and what the engine asks of it. */
const basePackages: readonly string[] = [
  ...["systemd", "systemd-sysv", "systemd-boot", "udev", "kmod", "dbus", "mount", "e2fsprogs"],
  ...["initramfs-tools", "zstd", "ca-certificates", "chrony", "util-linux"],
  // How its disks are.
  "smartmontools",
  // What Node is linked with.
  ...["libatomic1", "libstdc++6", "libgcc-s1"],
  // Its ports, and the networks of its apps.
  ...["iproute2", "nftables", "conntrack", "dnsmasq-base", "dhcpcd-base", "wpasupplicant", "tcpdump"],
  ...["busybox", "squashfs-tools"],
];

const appPackages: readonly string[] = ["qemu-system-x86", "qemu-utils", "ovmf", "genisoimage"];

export function packagesOf(profile: Pick<Profile, "apps" | "kernel" | "packages">): readonly string[] {
  const all = [
    ...basePackages,
    ...(profile.apps ? appPackages : []),
    ...[profile.kernel, ...profile.packages],
  ];
  return [...new Set(all)].sort();
}

/** What no box needs: dpkg leaves it out when it unpacks. */
export const leftOut: readonly string[] = [
  ...["/usr/share/doc/*", "/usr/share/man/*", "/usr/share/info/*", "/usr/share/locale/*"],
  ...["/usr/share/lintian/*", "/usr/share/bash-completion/*", "/usr/share/zsh/*"],
  // A box without a screen shows no films and plays no music; what apps get is lent to them whole.
  ...["sound", "drivers/media", "drivers/gpu", "drivers/infiniband", "drivers/isdn"].map(
    (name) => `/lib/modules/*/kernel/${name}/*`,
  ),
];

/** There before packages are: the kernel's makes the initramfs. */
export const earlyFiles: readonly SystemFile[] = [
  file("/etc/initramfs-tools/conf.d/selvedge", "MODULES=most\nCOMPRESS=zstd\nRESUME=none\n"),
  file("/usr/share/initramfs-tools/modules.d/selvedge", "squashfs\n"),
];

/**
 * Nobody logs in, nothing is fetched behind the engine's back, and nothing is done that a root which never changes
 * needs not.
 */
const masked: readonly string[] = [
  ...["getty@.service", "serial-getty@.service", "autovt@.service", "console-getty.service"],
  ...["container-getty@.service", "debug-shell.service", "rescue.service", "systemd-firstboot.service"],
  ...["apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "e2scrub_all.timer"],
  ...["e2scrub_reap.service", "ldconfig.service", "systemd-hwdb-update.service"],
  ...["systemd-journal-catalog-update.service", "systemd-update-done.service"],
  // The engine starts its own, and reads itself how a kernel ended.
  ...["wpa_supplicant.service", "systemd-pstore.service", "smartmontools.service", "smartd.service"],
];

export interface SystemFacts {
  readonly version: string;
  /** Of Debian's own file. */
  readonly osRelease: string;
}

export function systemFiles(profile: Profile, facts: SystemFacts): readonly SystemFile[] {
  return [
    file("/etc/fstab", fstab),
    file("/etc/hostname", "selvedge\n"),
    file("/etc/hosts", "127.0.0.1 localhost selvedge\n::1 localhost selvedge\n"),
    // Empty: a name is made at each boot, until the one that is kept is put in its place.
    file("/etc/machine-id", ""),
    link("/etc/resolv.conf", `${software.run}/resolv.conf`),
    file("/usr/lib/os-release", osRelease(facts)),
    file("/etc/systemd/system.conf.d/selvedge.conf", managerConfig),
    file("/etc/systemd/journald.conf.d/selvedge.conf", journalConfig),
    file("/etc/sysctl.d/selvedge.conf", "kernel.sysrq = 0\nkernel.panic = 10\n"),
    file("/etc/chrony/conf.d/selvedge.conf", "cmdport 0\nport 0\n"),
    file("/etc/tmpfiles.d/selvedge.conf", tmpfiles),
    file("/usr/lib/repart.d/50-selvedge-state.conf", repart),
    ...engineUnits(profile),
    ...masked.map((unit) => link(`/etc/systemd/system/${unit}`, "/dev/null")),
  ];
}

const fstab = [
  `PARTLABEL=${stateLabel} /state ext4 nodev,nosuid,noexec,x-systemd.growfs,x-systemd.device-timeout=5min 0 2`,
  `PARTLABEL=${configLabel} /config vfat ro,nodev,nosuid,noexec,umask=0077,nofail,x-systemd.device-timeout=5min 0 0`,
  // Written to when a version has proved itself; at other times a power cut finds it closed.
  `PARTLABEL=${espLabel} /efi vfat nodev,nosuid,noexec,umask=0077,noauto,x-systemd.automount,` +
    "x-systemd.idle-timeout=30s 0 0",
  // The initramfs mounts /run without the right to run anything, and there is the script that addresses come by.
  `tmpfs ${software.run} tmpfs mode=0755,nodev,nosuid,size=10% 0 0`,
  "tmpfs /var tmpfs mode=0755,nodev,nosuid,size=25% 0 0",
  "tmpfs /tmp tmpfs mode=1777,nodev,nosuid,size=25% 0 0",
  "",
].join("\n");

/** The state takes what the disk has left, at the first boot and whenever the disk has grown. */
const repart = [
  "[Partition]",
  `Type=${stateType.toLowerCase()}`,
  `Label=${stateLabel}`,
  "Format=ext4",
  "SizeMinBytes=256M",
  "",
].join("\n");

const tmpfiles = [
  `f ${software.run}/resolv.conf 0644 root root -`,
  `d ${software.state} 0700 root root -`,
  "d /var/lib/chrony 0750 _chrony _chrony -",
  "d /var/log/chrony 0750 _chrony _chrony -",
  "",
].join("\n");

/** A box that hangs starts over. */
const managerConfig = "[Manager]\nRuntimeWatchdogSec=1min\nRebootWatchdogSec=5min\n";

/** The engine keeps and sends what is to be kept. */
const journalConfig = "[Journal]\nStorage=volatile\nRuntimeMaxUse=32M\n";

function osRelease({ version, osRelease: debian }: SystemFacts): string {
  const ours = ["PRETTY_NAME", "IMAGE_ID", "IMAGE_VERSION"];
  const kept = debian.split("\n").filter((line) => line !== "" && !ours.includes(line.split("=")[0] ?? ""));
  const base = /^PRETTY_NAME="(.*)"$/m.exec(debian)?.[1] ?? "Debian";
  const lines = [
    `PRETTY_NAME="Selvedge ${version} (${base})"`,
    ...["IMAGE_ID=selvedge", `IMAGE_VERSION=${version}`],
  ];
  return [...lines, ...kept, ""].join("\n");
}
