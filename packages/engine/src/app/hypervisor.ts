import type { Instant } from "@selvedge/base";
import type { AppId, VmSettings } from "../desired.ts";
import type { MachineDevice } from "../device/device-spec.ts";
import type { MachineProcessors } from "./processors.ts";

/** One virtual machine, as much of it as the hypervisor must know. */
export interface VmSpec {
  readonly id: AppId;
  readonly memoryMib: number;
  readonly vcpus: number;
  /** Read-only root images, in the order the guest is told about them. */
  readonly disks: readonly string[];
  /** A disk of the app's own for what its containers write, kept until `remove`; 0: they write to memory. */
  readonly scratchBytes: number;
  /** Seals what the machine keeps of its own, the scratch disk above all; undefined: it lies there in clear. */
  readonly secret: string | undefined;
  /** Images of disks that the app keeps, in the order of its volumes. */
  readonly volumes: readonly VmVolume[];
  /** Set for a machine that starts what is on its first volume, and has no agent of ours. */
  readonly vm: VmBoot | undefined;
  /** The user it runs as, who alone may open its plugs; undefined without one. */
  readonly uid: number | undefined;
  /** Its cards, in this order. */
  readonly nics: readonly { readonly tap: string; readonly mac: string }[];
  /** Devices of the box that it has for itself; not there: none. */
  readonly devices?: readonly MachineDevice[];
  /** Where it begins to run; not there: anywhere. */
  readonly processors?: MachineProcessors;
  /** What it may have beside its guest's memory; not there: what machines of its kind are known to need. */
  readonly besideMib?: number;
}

export interface VmVolume {
  readonly path: string;
  /** Opens a sealed image; undefined: it is a raw one. */
  readonly secret: string | undefined;
  readonly readOnly: boolean;
  readonly cdrom: boolean;
}

export interface VmBoot extends VmSettings {
  /** What it finds on a CD at its start, by path; undefined: no CD. */
  readonly seed: VmSeed | undefined;
  /** USB devices are tried before the disks; not there: after them. */
  readonly usbFirst?: boolean;
  /** What its screen is set up with; not there: as it likes. */
  readonly resolution?: { readonly width: number; readonly height: number };
}

export interface VmSeed {
  readonly label: string;
  readonly files: readonly { readonly path: string; readonly content: Uint8Array }[];
}

/** Counters of one machine since it was started. */
export interface VmUsage {
  readonly cpuNanos: bigint;
  /** What the machine costs the box, the emulator included. */
  readonly memoryBytes: number;
  readonly rxBytes: bigint;
  readonly txBytes: bigint;
  readonly diskReadBytes: bigint;
  readonly diskWriteBytes: bigint;
}

export interface Confinement {
  /** Of memory, processor and processes of each machine. */
  readonly limits: boolean;
  /** Each machine runs as a user of its own who owns nothing. */
  readonly unprivileged: boolean;
}

/**
 * Virtual machines, as a port. They outlive the engine: `list` looks at what runs, nothing is remembered.
 * `changed` of a guest wakes without data, also when the connection is lost; the caller looks again.
 */
export interface Hypervisor {
  readonly emulated: boolean;
  /** How machines are kept from harming the box. */
  confinement(): Promise<Confinement>;
  list(): Promise<AppId[]>;
  /** Processors of the box that machines may run on, the lowest first. */
  processors(): Promise<readonly number[]>;
  /** Puts a running machine on these, wherever it runs now. Nothing happens when there is none. */
  place(id: AppId, processors: MachineProcessors): Promise<void>;
  launch(spec: VmSpec): Promise<void>;
  /** Connects to the agent of a running machine. Fails when there is none or it does not answer in time. */
  connect(id: AppId, changed: () => void, signal: AbortSignal): Promise<Guest>;
  /** Resolves once the machine is gone; nothing happens when there is none. */
  kill(id: AppId): Promise<void>;
  /** Ends the machine if it runs, and throws away what it kept. */
  remove(id: AppId): Promise<void>;
  /** Makes a root image part `part` of the spare disk of a machine that runs. */
  addImage(id: AppId, part: number, path: string): Promise<void>;
  /** The socket that leads to its screen, by VNC; undefined when it has none. */
  screen(id: AppId): Promise<string | undefined>;
  /** Undefined when it does not run. */
  usage(id: AppId): Promise<VmUsage | undefined>;
  /** The last that the machine and its emulator said, to explain an end that nobody asked for. */
  lastWords(id: AppId): Promise<string>;
}

export interface ContainerStart {
  /** From 1, below 1000. */
  readonly index: number;
  /** Grows with each start of the container, so that an exit is counted once. */
  readonly attempt: number;
  /** Its root: an index into VmSpec.disks, or a part of the machine's spare disk. */
  readonly root: { readonly disk: number } | { readonly part: number };
  readonly args: readonly string[];
  readonly env: readonly string[];
  readonly cwd: string;
  /** `user`, `uid`, `user:group` or `uid:gid`, looked up in the image; empty: root. */
  readonly user: string;
  readonly groups: readonly number[];
  readonly tty: boolean;
  readonly stdin: boolean;
  /** 0: no limit but the machine's. */
  readonly memoryBytes: number;
  readonly cpuMillis: number;
  readonly readOnlyRoot: boolean;
  /** The volume that what it writes elsewhere goes to and is found in again; empty: it is forgotten. */
  readonly rootVolume: string;
  readonly privileged: boolean;
  /** What its root may do beyond the usual, by Linux's numbers. */
  readonly capabilities: readonly number[];
  /** What of the usual it may not; not there: nothing. */
  readonly dropped?: readonly number[];
  /** No program it starts may do more than itself. */
  readonly unprivileged?: boolean;
  /** Not in the groups that the image has its user in. */
  readonly onlyTheseGroups?: boolean;
  /** Where it leaves its last word; not there: nowhere. */
  readonly message?: string;
  /** The last word of one that fails without one is the end of its output. */
  readonly tail?: boolean;
  /** The number of the container whose processes it sees; 0: its own only. */
  readonly target: number;
  /** It sees those of all that do so too; not there: no. */
  readonly sharesProcesses?: boolean;
  readonly mounts: readonly ContainerMount[];
}

export interface ContainerMount {
  readonly volume: string;
  readonly path: string;
  /** Below the volume; empty for all of it. */
  readonly subPath: string;
  readonly readOnly: boolean;
}

export interface GuestNetwork {
  readonly hostname: string;
  readonly resolv: string;
  readonly hosts: string;
  /** Called eth0, eth1 … inside. */
  readonly nics: readonly GuestNic[];
  /** Of the app's own kernel, `name=value`; not there: as they are. */
  readonly parameters?: readonly string[];
}

/** The group that a volume and what is in it is given to. */
export interface VolumeGroup {
  readonly id: number;
  /** Also when the top of the volume is its already. */
  readonly always: boolean;
}

export interface GuestNic {
  readonly mac: string;
  /** With prefix length; undefined: the guest asks the network for one. */
  readonly address: string | undefined;
  /** For what no other way is known. */
  readonly gateway: string | undefined;
  readonly mtu: number;
  readonly routes: readonly { readonly destination: string; readonly gateway: string }[];
}

/** How the newest attempt of a container fares, as the guest tells it. */
export type ContainerRun =
  | { readonly phase: "running"; readonly attempt: number; readonly startedAt: Instant }
  | { readonly phase: "failed"; readonly attempt: number; readonly message: string }
  | {
      readonly phase: "exited";
      readonly attempt: number;
      readonly code: number;
      /** 0 when it ended by itself. */
      readonly signal: number;
      readonly outOfMemory: boolean;
      /** Its last word. */
      readonly message?: string;
      readonly startedAt: Instant;
      readonly finishedAt: Instant;
    };

/** What a container wrote. `offset` counts the bytes of both channels of one attempt. */
export interface GuestOutput {
  readonly container: number;
  readonly attempt: number;
  readonly channel: 1 | 2;
  readonly offset: number;
  readonly at: Instant;
  readonly bytes: Uint8Array;
}

export interface ContainerStats {
  readonly container: number;
  readonly cpuNanos: bigint;
  readonly memoryBytes: number;
}

/**
 * What the agent inside does for us. Requests are carried out in the order they are made. A container's
 * output is kept in the guest until it is acknowledged, so a host that dies loses none of what the guest's
 * bound holds.
 */
export interface Guest {
  readonly connected: boolean;
  setup(network: GuestNetwork): void;
  /**
   * A volume that lives as long as the machine (`memory`) or its scratch disk; `bytes` 0: no limit of its
   * own.
   */
  volume(name: string, kind: "memory" | "scratch", bytes: number, group?: VolumeGroup): void;
  /**
   * A volume on a disk of the machine's own, with the file system that is on it; `image`: with the read-only
   * root of that number in VmSpec.disks below it.
   */
  mountVolume(name: string, volume: number, options: MountOptions): void;
  /** `path` is `volume/path in it`. Replaces a file of that name in one act. */
  writeFile(path: string, mode: number, content: Uint8Array, group?: number): void;
  /** Makes the files below `set` in a volume the volume's content, all in one act; others go. */
  publish(volume: string, set: string): void;
  start(container: ContainerStart): void;
  /** Signal 9 ends all processes of the container. */
  signal(container: number, signal: number): void;
  /** Undefined: never started in this machine. */
  run(container: number): ContainerRun | undefined;
  onOutput(listener: (output: GuestOutput) => void): void;
  /** Everything of the attempt before `offset` is safe. */
  acknowledge(container: number, attempt: number, offset: number): void;
  /** Bytes for a container's stdin. Resolves when the guest has room for more. */
  input(container: number, bytes: Uint8Array): Promise<void>;
  endInput(container: number): void;
  resize(container: number, width: number, height: number): void;
  exec(
    container: number,
    command: readonly string[],
    options: { tty: boolean; stdin: boolean; user: string; env: readonly string[]; cwd: string },
  ): GuestStream;
  /** A TCP connection from inside the machine to itself, or to an IPv4 address that its network leads to. */
  dial(port: number, address?: string): GuestStream;
  stats(): Promise<readonly ContainerStats[]>;
  /** Ends every process, writes everything out and switches the machine off. */
  powerOff(): void;
  close(): void;
}

export interface MountOptions {
  readonly image: number | undefined;
  readonly readOnly: boolean;
  readonly group?: VolumeGroup | undefined;
}

/** Bytes to and from something in the guest. */
export interface GuestStream {
  /**
   * Resolves once there is something at the other end; rejects with a GuestError when there will be
   * nothing.
   */
  readonly opened: Promise<void>;
  /** One reader; what it has not taken is not sent by the guest beyond a window. */
  readonly output: AsyncIterable<{ readonly channel: 1 | 2; readonly bytes: Uint8Array }>;
  /** Resolves when the guest has room for more. */
  write(bytes: Uint8Array): Promise<void>;
  end(): void;
  resize(width: number, height: number): void;
  /**
   * Of a process: its exit code; of a connection: 0 when both directions ended. Rejects when the stream
   * broke.
   */
  readonly exit: Promise<number>;
  /** Ends the process or connection if it has not ended. */
  close(): void;
}

export class GuestError extends Error {
  override name = "GuestError";
}
