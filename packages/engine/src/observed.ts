import type { Instant } from "@selvedge/base";
import type { ext } from "@selvedge/eve-api";
import type { SnapshotKind } from "./app/snapshot-spec.ts";
import type { CertificatePhase } from "./certificate/certificate-plan.ts";
import type { AppId, ContentId, NetworkId, VolumeKey } from "./desired.ts";
import type { DeviceMember, FunctionWish, MachineDevice } from "./device/device-spec.ts";
import type { PortBook } from "./port/port-book.ts";
import type { CardState } from "./port/port-driver.ts";

/** Remote access as it stands. Written by the edgeview domain only. */
export interface EdgeviewStatus {
  readonly expiresAt: Instant;
  readonly startedAt: Instant;
  /** Commands that touched the node, its apps, and what is beyond. */
  readonly device: number;
  readonly app: number;
  readonly external: number;
}

/** Where one content is on its way. Written by the content reconciler only. */
export type ContentStatus =
  | { readonly phase: "waiting" }
  | { readonly phase: "resolving" }
  | { readonly phase: "downloading"; readonly bytes: number; readonly total: number }
  | { readonly phase: "building" }
  | {
      readonly phase: "ready";
      /** A read-only root file system (squashfs) for containers, the image file otherwise. */
      readonly path: string;
      /** sha256:… of the manifest or the file. */
      readonly digest: string;
      /** repository@sha256:… as Kubernetes shows it. */
      readonly imageId: string;
      readonly sizeBytes: number;
      readonly config: ImageConfig | undefined;
      /** The blobs it was made of. Absent for content that an earlier engine brought. */
      readonly components?: readonly BlobRef[];
    }
  | {
      readonly phase: "failed";
      /**
       * Kubernetes' word where there is one: ErrImagePull, InvalidImageName, ImagePullBackOff,
       * ErrImageNeverPull.
       */
      readonly reason: string;
      readonly message: string;
      readonly failures: number;
      readonly retryAt: Instant;
    };

/** Where one volume is on its way. Written by the volume reconciler only. */
export type VolumeStatus =
  /** Its content is not here yet; how far that is, the content's own status says. */
  | { readonly phase: "waiting" }
  | { readonly phase: "creating" }
  | {
      readonly phase: "ready";
      /** A raw image of a disk, or a sealed one. */
      readonly path: string;
      /** The vault's secret for it opens it. */
      readonly sealed: boolean;
      /** It holds a file system of ours, and a container can have it mounted. */
      readonly filesystem: boolean;
      readonly maxBytes: number;
      readonly usedBytes: number;
      readonly createdAt: Instant;
      readonly users: VolumeUsers;
      /** States it can be brought back to, by name; not there: none. */
      readonly snapshots?: readonly string[];
      /** Why others could not be taken. */
      readonly untaken?: Readonly<Record<string, string>>;
      /** Of the last way back that it has behind it. */
      readonly restored?: string;
    }
  | {
      readonly phase: "failed";
      readonly reason: string;
      readonly message: string;
      readonly failures: number;
      readonly retryAt: Instant;
    };

export interface VolumeUsers {
  readonly count: number;
  readonly since: Instant;
}

export interface BlobRef {
  /** Hex SHA-256. */
  readonly hash: string;
  readonly bytes: number;
}

/** What the image itself says about how to run it. */
export interface ImageConfig {
  readonly architecture: string;
  readonly user: string;
  readonly env: readonly string[];
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  readonly workingDir: string;
  readonly stopSignal: string | undefined;
  readonly volumes: readonly string[];
}

/**
 * One app's plug in one network. Written by the network reconciler only; `${AppId}/${nic name}` is its key.
 */
export type NicStatus =
  | { readonly phase: "waiting"; readonly reason: string }
  | {
      readonly phase: "ready";
      readonly appId: AppId;
      readonly networkId: NetworkId;
      /** The tap device in the engine's network namespace, owned by `uid`. */
      readonly tap: string;
      /** The unprivileged user that this app's QEMU runs as; one per app. */
      readonly uid: number;
      readonly mac: string;
      /** With prefix length, fixed for the app's life: `10.77.0.12/24`; empty on a switch. */
      readonly address: string;
      readonly gateway: string;
      readonly dns: readonly string[];
      readonly searchDomains: readonly string[];
      /** 1500 where there is none. */
      readonly mtu?: number;
      /** Where the app finds its way out; not there when its network has none. */
      readonly router?: string;
      /** Ways beside that one. */
      readonly routes?: readonly { readonly destination: string; readonly gateway: string }[];
      /** The network gives the address, not the node. */
      readonly asks?: boolean;
    };

/** Who has a group of the box's devices. Written by the device reconciler only; the group's name is its key. */
export type DeviceStatus = { readonly members: readonly DeviceMember[] } & (
  | { readonly phase: "free" }
  /** The node itself has it. */
  | { readonly phase: "kept"; readonly why: string; readonly error?: string }
  /** Nobody can have it. */
  | { readonly phase: "fault"; readonly reason: string }
  | {
      readonly phase: "lent";
      readonly appId: AppId;
      readonly devices: readonly MachineDevice[];
      /** What the app asks for of a function, and has. */
      readonly wish?: FunctionWish;
    }
);

/** Of one profile. Written by the certificate reconciler only. */
export interface CertificateStatus {
  readonly phase: CertificatePhase;
  /** PEM; not there: the authority gave none. */
  readonly certificate?: string;
  /** Of its life; then another is asked for. */
  readonly renewAtPercent?: number;
  readonly error?: string;
}

/** Written by the port reconciler only. */
export interface PortsStatus {
  readonly book: PortBook;
  /** By Linux' name. */
  readonly cards: Readonly<Record<string, CardState>>;
  /** Names of uplinks that do not lead to the controller. */
  readonly failed: readonly string[];
}

export type NetworkStatus =
  | { readonly phase: "waiting"; readonly reason: string }
  | {
      readonly phase: "ready";
      readonly bridge: string;
      /** The number in the bridge's name. */
      readonly index: number;
      /** Names of the node's ports that lead outside; empty: whichever does. */
      readonly ports: readonly string[];
      /** The card that the node shares with the apps on it: the bridge speaks for it. */
      readonly carries?: string;
      /** Its ways out as they are taken now. */
      readonly ways?: readonly TakenWay[];
      /** 1500 where there is none. */
      readonly mtu?: number;
      /** Why it is not quite as it was asked for. */
      readonly trouble?: string;
    };

export interface TakenWay {
  readonly destination: string;
  /** Empty: that of the port, or none is needed. */
  readonly gateway: string;
  /** Name of the node's port; empty: who leads on is an app, or the node's own table decides. */
  readonly port: string;
}

/** What went through one card or plug since it was made; `rx` is what its owner got. */
export interface LinkCounters {
  readonly rxBytes: bigint;
  readonly txBytes: bigint;
  readonly rxPackets: bigint;
  readonly txPackets: bigint;
  readonly rxDrops: bigint;
  readonly txDrops: bigint;
  readonly rxErrors: bigint;
  readonly txErrors: bigint;
  /** Packets no rule let through, and those beyond a limit. */
  readonly rxDenied: bigint;
  readonly txDenied: bigint;
  readonly rxLimited: bigint;
  readonly txLimited: bigint;
}

/** What an app may tell its controller through the node. */
export type PostedKind = "kubeconfig" | "status";
export type PostedKey = `${AppId}/${PostedKind}`;

/** How a patch envelope stands. Written by the metadata domain only. */
export interface PatchStatus {
  readonly name: string;
  readonly version: string;
  readonly state: "error" | "received" | "downloading" | "ready" | "active";
  readonly sizeBytes: number;
  readonly errors: readonly string[];
}

/** What is known of one app. Written by the app reconciler only; reported to the controller as it is. */
export interface AppStatus {
  readonly id: AppId;
  readonly displayName: string;
  /** EVE's state for controllers that do not read the extension. */
  readonly state: "init" | "downloading" | "delayed" | "booting" | "running" | "halting" | "halted" | "error";
  readonly report: ext.AppReport;
  /** What it has, is about to start with, or may go back to; as long as it is listed here, a volume stays. */
  readonly volumes: readonly VolumeKey[];
  /** The same of contents. */
  readonly contents?: readonly ContentId[];
  /** Volumes that its machine has now. */
  readonly open?: readonly VolumeKey[];
  readonly snapshots?: readonly AppSnapshot[];
  /** Its volumes are to be as they were then; done by whoever makes them, each token once. */
  readonly rollback?: { readonly id: string; readonly token: string; readonly written: readonly VolumeKey[] };
  /** What is wrong with the app beside its containers. */
  readonly errors: readonly string[];
}

/** A state of an app's volumes that it can go back to, or why there is none. */
export interface AppSnapshot {
  readonly id: string;
  readonly kind: SnapshotKind;
  /** `due`: to be taken once none of its volumes is open. */
  readonly state: "due" | "kept" | "failed";
  readonly message: string;
  readonly at: Instant;
  /** Of the app, as it was then. */
  readonly version: string;
  readonly written: readonly VolumeKey[];
}

/** Counters of one app since its VM started. */
export interface AppUsage {
  readonly cpuNanos: bigint;
  readonly memoryBytes: number;
  readonly memoryLimitBytes: number;
  readonly rxBytes: bigint;
  readonly txBytes: bigint;
  readonly diskReadBytes: bigint;
  readonly diskWriteBytes: bigint;
  readonly containers: readonly {
    readonly name: string;
    readonly cpuNanos: bigint;
    readonly memoryBytes: number;
  }[];
}
