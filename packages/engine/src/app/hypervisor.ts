import type { AppId } from "../desired.ts";

/** One virtual machine, as much of it as the hypervisor must know. */
export interface VmSpec {
  readonly id: AppId;
  readonly memoryMib: number;
  readonly vcpus: number;
  /** Read-only root images, in the order the guest is told about them. */
  readonly disks: readonly string[];
  readonly nic: { readonly tap: string; readonly mac: string; readonly uid: number } | undefined;
}

/**
 * Virtual machines, as a port. They outlive the engine: `list` looks at what runs, nothing is remembered.
 * `changed` of
 * a guest and `onExit` wake without data; the caller looks again.
 */
export interface Hypervisor {
  readonly emulated: boolean;
  list(): Promise<AppId[]>;
  launch(spec: VmSpec): Promise<void>;
  /** Connects to the agent of a running machine. Fails when there is none or it does not answer in time. */
  connect(id: AppId, changed: () => void): Promise<Guest>;
  kill(id: AppId): Promise<void>;
}

export interface ContainerStart {
  readonly index: number;
  readonly disk: number;
  readonly args: readonly string[];
  readonly env: readonly string[];
  readonly cwd: string;
  readonly user: string;
  readonly tty: boolean;
  readonly stdin: boolean;
  readonly memoryBytes: number;
  readonly readOnlyRoot: boolean;
  readonly mounts: readonly { readonly volume: string; readonly path: string; readonly readOnly: boolean }[];
}

export interface GuestNetwork {
  readonly hostname: string;
  readonly address: string;
  readonly gateway: string;
  readonly resolv: string;
  readonly hosts: string;
}

export type ContainerRun =
  | { readonly phase: "running" }
  | { readonly phase: "failed"; readonly message: string }
  | {
      readonly phase: "exited";
      readonly code: number;
      readonly signal: number;
      readonly outOfMemory: boolean;
    };

/** What the agent inside does for us. */
export interface Guest {
  readonly connected: boolean;
  setup(network: GuestNetwork): void;
  writeFile(path: string, mode: number, content: Uint8Array): void;
  start(container: ContainerStart): void;
  signal(container: number, signal: number): void;
  /** Undefined: never started in this machine. */
  run(container: number): ContainerRun | undefined;
  onOutput(listener: (container: number, channel: 1 | 2, bytes: Uint8Array) => void): void;
  exec(
    container: number,
    command: readonly string[],
    options: { tty: boolean; stdin: boolean; user: string; env: readonly string[] },
  ): GuestStream;
  attach(container: number): GuestStream;
  dial(port: number): GuestStream;
  powerOff(): void;
  close(): void;
}

/** Bytes to and from something in the guest. */
export interface GuestStream {
  readonly output: AsyncIterable<{ readonly channel: 1 | 2; readonly bytes: Uint8Array }>;
  /** Resolves when the guest has room for more. */
  write(bytes: Uint8Array): Promise<void>;
  end(): void;
  resize(width: number, height: number): void;
  /** Of a process: its exit code. Rejects when the stream broke. */
  readonly exit: Promise<number>;
  close(): void;
}

export class GuestError extends Error {
  override name = "GuestError";
}
