/** What a container's processes may do as root, in Linux's words and numbers. */
import type { SecurityContext } from "./container-types.ts";

const names = [
  ...["CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP"],
  ...[
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
  ],
  ...[
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
  ],
  ...["SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL"],
  ...["SETFCAP", "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ"],
  ...["PERFMON", "BPF", "CHECKPOINT_RESTORE"],
];

/** What the guest leaves to a container's root, as container runtimes do. */
const usual = [
  ...["CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP", "NET_BIND_SERVICE"],
  ...["NET_RAW", "SYS_CHROOT", "AUDIT_WRITE", "SETFCAP"],
];

export function isCapability(name: string): boolean {
  return name === "ALL" || names.includes(bare(name));
}

function bare(name: string): string {
  return name.replace(/^CAP_/, "");
}

export interface CapabilityChange {
  /** Beyond the usual, by their numbers. */
  readonly added: readonly number[];
  /** Of the usual. */
  readonly dropped: readonly number[];
}

/** As container runtimes read it: all or none first, then one by one, and what is dropped is dropped. */
export function capabilityChange({ capabilities = {} }: SecurityContext): CapabilityChange {
  const add = (capabilities.add ?? []).map(bare);
  const drop = (capabilities.drop ?? []).map(bare);
  const base = drop.includes("ALL") ? [] : add.includes("ALL") ? names : usual;
  const held = new Set([...base, ...add].filter((name) => names.includes(name) && !drop.includes(name)));
  return {
    added: [...held].filter((name) => !usual.includes(name)).map((name) => names.indexOf(name)),
    dropped: usual.filter((name) => !held.has(name)).map((name) => names.indexOf(name)),
  };
}
