import type { Brand } from "@selvedge/base";
import type { ext } from "@selvedge/eve-api";
import type { SnapshotWish } from "./app/snapshot-spec.ts";
import type { VmSettings } from "./app/vm-settings.ts";
import type { CertificateSpec } from "./certificate/certificate-spec.ts";
import type { DeviceGroup, FunctionWish } from "./device/device-spec.ts";
import type { EdgeviewSpec } from "./edgeview/edgeview-spec.ts";
import type { AccessRule } from "./network/access-rule.ts";
import type { ServiceSpec } from "./network/service-spec.ts";
import type { RouteSpec } from "./network/way/way-spec.ts";
import type { PortSpec } from "./port/port-spec.ts";
import type { Unread } from "./unread.ts";

export type { VmSettings } from "./app/vm-settings.ts";
export type { EdgeviewSpec } from "./edgeview/edgeview-spec.ts";
export type { AccessRule, PortRange, Remote, RuleAction } from "./network/access-rule.ts";
export type { RouteSpec } from "./network/way/way-spec.ts";
export type {
  BondMode,
  BondSpec,
  BondWatch,
  LinkSpec,
  PortAddress,
  PortSpec,
  ProxySpec,
} from "./port/port-spec.ts";

/** The UUID of an app instance; Kubernetes' Pod UID. */
export type AppId = Brand<string, "AppId">;
/** The UUID of a content tree: something to be fetched and kept as it is. */
export type ContentId = Brand<string, "ContentId">;
export type NetworkId = Brand<string, "NetworkId">;
export type VolumeId = Brand<string, "VolumeId">;
/** One generation of a volume: `${VolumeId}#${generation}`. Another generation is another volume. */
export type VolumeKey = Brand<string, "VolumeKey">;

/**
 * What the newest accepted configuration wants, in the engine's own words. Made from an EdgeDevConfig by
 * control/translate.ts, which is pure; nothing else in the engine reads EVE's configuration messages.
 */
export interface DesiredState {
  readonly nodeId: string;
  readonly nodeName: string;
  /** ConfigResponse.configHash. */
  readonly configHash: string;
  readonly apps: readonly AppSpec[];
  readonly contents: readonly ContentSpec[];
  readonly volumes: readonly VolumeSpec[];
  readonly networks: readonly NetworkSpec[];
  /** Not there: none. */
  readonly services?: readonly ServiceSpec[];
  /** Not there: the configuration says nothing of them. */
  readonly ports?: readonly PortSpec[];
  readonly certificates?: readonly CertificateSpec[];
  /** Nothing of the node sends by air. */
  readonly radioSilence?: boolean;
  /** Parts of the box that apps may have; not there: none. */
  readonly devices?: readonly DeviceGroup[];
  readonly patches?: readonly PatchSpec[];
  /** EVE's config items, by key: `timer.config.interval` → "60". */
  readonly settings: ReadonlyMap<string, string>;
  /** What else the configuration asks for and this node does not do: why, by its place; not there: nothing. */
  readonly unapplied?: ReadonlyMap<string, string>;
  /** Undefined only where a test of another part leaves it out. */
  readonly node?: NodeWishes;
  /** Not there: nobody may look. */
  readonly edgeview?: EdgeviewSpec;
}

/** What a configuration wants of the node itself, and what it says of its operators. */
export interface NodeWishes {
  /** Another number than before means: do it once. Undefined: nothing is asked, nothing remembered. */
  readonly rebootCounter: number | undefined;
  readonly shutdownCounter: number | undefined;
  readonly maintenance: boolean;
  /** Apps of other profiles do not run; empty: all do. */
  readonly profile: string;
  /** Somebody beside the node who may say which apps run. */
  readonly localServer: { readonly host: string; readonly port: number; readonly token: string } | undefined;
  /** Stands in for the controller while that cannot be reached. */
  readonly operatorConsole: { readonly url: string } | undefined;
  /** Where what the node knows of itself is put, when somebody beside it asks. */
  readonly collectTo?: Datastore;
  /** The system the box shall run. */
  readonly system:
    | { readonly version: string; readonly activate: boolean; readonly retry: number }
    | undefined;
  readonly names: NodeNames;
}

/** Who owns the node, as its controller knows it. */
export interface NodeNames {
  readonly device: string;
  readonly project: string;
  readonly projectId: string;
  readonly enterprise: string;
  readonly enterpriseId: string;
  readonly manufacturer: string;
  readonly product: string;
}

export interface AppSpec {
  readonly id: AppId;
  /** As the controller numbers it, which tells it what was done. */
  readonly version: string;
  /** Moves when anything about the app does; not every controller's version does. */
  readonly revision: string;
  readonly displayName: string;
  readonly active: boolean;
  /** Why it cannot be started as the configuration has it: something it names is not there. */
  readonly hindrance?: { readonly reason: string; readonly message: string };
  readonly unread?: Unread;
  /** A change means: stop, then start again with the same data. */
  readonly restartCounter: number;
  /** A change means: stop, throw its writable data away, start again. */
  readonly purgeCounter: number;
  /** Runs only while one of these is in force; none: in any. */
  readonly profiles?: readonly string[];
  /** Starts no earlier than this after the boot of the box. */
  readonly startDelaySeconds?: number;
  readonly vcpus: number;
  readonly memoryBytes: number;
  /** Each of its virtual processors has one of the box that no other app runs on. Not there: none has. */
  readonly ownProcessors?: true;
  /** What its machine may have beside the guest's memory; not there: what machines are known to need. */
  readonly besideBytes?: number;
  /** Where a container runtime inside its machine tells what its containers use; not there: nowhere. */
  readonly statsAddress?: string;
  /** It is EVE's agent of nested apps that is asked there, not Docker. */
  readonly statsByAgent?: true;
  readonly nics: readonly NicSpec[];
  /** Names of groups of devices that it has for itself; not there: none. */
  readonly adapters?: readonly string[];
  /** What it asks for of those that are functions of a card, by group; not there: nothing. */
  readonly functions?: Readonly<Record<string, FunctionWish>>;
  /** Of a virtual machine; what changes of it is for its next start. Not there: its disks come first. */
  readonly bootOrder?: BootOrder;
  /** Not part of its revision: what is asked for of snapshots is no change of the app. */
  readonly snapshots?: SnapshotWish;
  /** Nothing is kept of what it says from now on; no part of its revision either. */
  readonly muted?: true;
  /**
   * What runs in the VM. An app without the extension (from a foreign controller) is translated to the same
   * shape: one
   * container named "main" on its first volume.
   */
  readonly pod: ext.AppExtension;
  /** Of an app without the extension; undefined for one that has it. */
  readonly foreign: ForeignApp | undefined;
  /** Of an app with the extension: the volumes of the node it names, each once; none: it names none. */
  readonly podVolumes?: readonly NamedVolumeUse[];
}

/** Whether USB devices are tried before the disks. */
export interface BootOrder {
  readonly usb: "first" | "last";
  /** Who says so; the first who does decides. */
  readonly by: "local" | "controller" | "node";
}

/** What EVE's apps have and the extension's do not. */
export interface ForeignApp {
  /** The first is the root: what a container writes goes there, a virtual machine starts from it. */
  readonly volumes: readonly VolumeUse[];
  /** Set for a virtual machine, which starts from its first volume and knows nothing of containers. */
  readonly vm: VmSettings | undefined;
  /** Base64 as it came; empty when there is none or it is sealed. */
  readonly userData: string;
  /** User data encrypted to this node, a CipherBlock in base64; empty when there is none. */
  readonly sealedUserData: string;
  /** How a virtual machine gets its user data. */
  readonly metaData: "drive" | "multipart" | "openstack" | "none";
  /** A change makes cloud-init run again; 0: the app's version is used. */
  readonly cloudInitVersion: number;
}

/** A volume as an app has it. */
export interface VolumeUse {
  readonly key: VolumeKey;
  readonly volumeId: VolumeId;
  readonly form: VolumeForm;
  readonly contentId: ContentId | undefined;
  readonly readOnly: boolean;
  /** Where a container sees it; empty: nowhere, it is there as a disk. */
  readonly mountDir: string;
}

/** With the name that the app's mounts call it by. */
export interface NamedVolumeUse extends VolumeUse {
  readonly name: string;
}

/** How a volume is called in its app, by the place in its list. */
export function volumeName(at: number): string {
  return `volume-${at}`;
}

/** The volumes of the node that an app's machine has as disks, in the order of the disks. */
export function volumeUses({
  foreign,
  podVolumes = [],
}: Pick<AppSpec, "foreign" | "podVolumes">): readonly NamedVolumeUse[] {
  const disks = foreign?.volumes.filter(({ form }) => form !== "file");
  return disks?.map((use, at) => ({ ...use, name: volumeName(at) })) ?? podVolumes;
}

/** The volumes that must be there before an app starts: its disks, then what it fetches. */
export function neededVolumes({
  foreign,
  podVolumes = [],
}: Pick<AppSpec, "foreign" | "podVolumes">): readonly VolumeUse[] {
  return foreign?.volumes ?? podVolumes;
}

/**
 * What is in a volume at first: nothing, the root of a container image with what is written over it, or a
 * disk's sectors. A file is no disk of its apps': they fetch it from the node.
 */
export type VolumeForm = "blank" | "image" | "disk" | "cdrom" | "file";

export interface NicSpec {
  readonly name: string;
  readonly networkId: NetworkId;
  readonly mac: string | undefined;
  /** Asked for by the configuration; without, the network gives one of its range. */
  readonly address?: string;
  /** The first that fits decides; what fits none is dropped. */
  readonly rules: readonly AccessRule[];
  /** On a switch: the one VLAN that the plug is in; not there: all that the switch has, tagged. */
  readonly accessVlan?: number;
  /** The app may ask the node for the addresses of its other apps. */
  readonly mayDiscover?: boolean;
}

export interface ContentSpec {
  readonly id: ContentId;
  /** For people; absent: the URL says it. */
  readonly displayName?: string;
  readonly format: ContentFormat;
  /** For a registry: `repository:tag` or `repository@sha256:…`; else the path under the datastore. */
  readonly url: string;
  /** Hex, lower case; empty when only the source knows. */
  readonly sha256: string;
  readonly maxSizeBytes: number;
  /** Another one means: what the URL stands for may be another content now. Not there: 0. */
  readonly generation?: number;
  /** What apps that fetch it are told of it. */
  readonly meta?: string;
  readonly unread?: Unread;
  /** Tried in this order. */
  readonly datastores: readonly Datastore[];
}

/** `other`: a format that this node cannot read. */
export type ContentFormat = "container" | "iso" | DiskFormat | "other";
export type DiskFormat = "raw" | "qcow" | "qcow2" | "vhd" | "vhdx" | "vmdk" | "ova";

export interface Datastore {
  readonly id: string;
  readonly type: "registry" | "http" | "https" | "s3" | "sftp" | "azure" | "google";
  /** `docker://host:port`, `https://host`. */
  readonly fqdn: string;
  readonly path: string;
  /** Of S3; empty: its usual one. */
  readonly region: string;
  /** Opened at the last moment, when the source asks for them. */
  readonly credentials: () => Promise<Credentials | undefined>;
  /** Roots to trust besides the system's, as PEM. */
  readonly certificates: readonly string[];
}

export interface Credentials {
  readonly user: string;
  readonly password: string;
}

export interface VolumeSpec {
  readonly id: VolumeId;
  readonly generation: number;
  readonly displayName: string;
  readonly form: VolumeForm;
  readonly contentId: ContentId | undefined;
  /** Of the content it is made from. */
  readonly format: ContentFormat | undefined;
  /** The most it may hold; 0: as much as its content says. */
  readonly sizeBytes: number;
  readonly readOnly: boolean;
  /** Need not be encrypted at rest. */
  readonly clearText: boolean;
  /** What the configuration asks of it that this node cannot do. */
  readonly unsupported?: string;
  readonly unread?: Unread;
}

export function volumeKey({ id, generation }: Pick<VolumeSpec, "id" | "generation">): VolumeKey {
  return `${id}#${generation}` as VolumeKey;
}

/** Files that the controller gives to some apps, who fetch them from the node. */
export interface PatchSpec {
  readonly id: string;
  readonly name: string;
  readonly version: string;
  /** Apps may have it; until then it is only kept. */
  readonly active: boolean;
  readonly apps: readonly AppId[];
  readonly artifacts: readonly PatchArtifact[];
  /** What of it makes no sense. */
  readonly faults: readonly string[];
}

export type PatchArtifact = PatchData & {
  /** What it says of itself, encrypted to this node: a CipherBlock in base64; in place of artifactMeta. */
  readonly sealedMeta?: string;
};

type PatchData =
  | {
      readonly kind: "inline";
      readonly file: string;
      /** As it came, which is what apps get. */
      readonly base64: string;
      readonly fileMeta: string;
      readonly artifactMeta: string;
    }
  | {
      readonly kind: "volume";
      readonly file: string;
      readonly volumeId: VolumeId;
      readonly imageName: string;
      readonly fileMeta: string;
      readonly artifactMeta: string;
    }
  /** Encrypted to this node: a CipherBlock in base64. */
  | {
      readonly kind: "sealed";
      readonly of: "inline" | "volume";
      readonly block: string;
      readonly artifactMeta: string;
    };

export interface NetworkSpec {
  readonly id: NetworkId;
  readonly name: string;
  /** As the controller numbers it. */
  readonly version?: string;
  /** Configured, but not to be up. */
  readonly inactive?: boolean;
  /** Why this node cannot have it, whatever else it says. */
  readonly fault?: string;
  readonly unread?: Unread;
  /** `local` is routed behind NAT; `switch` bridges to a port of the node. */
  readonly kind: "local" | "switch";
  /** In CIDR form, for `local`: its family is the network's. */
  readonly subnet: string;
  readonly gateway: string;
  readonly dhcpFirst: string;
  readonly dhcpLast: string;
  readonly dns: readonly string[];
  /** Apps are told this domain to search. */
  readonly domain?: string;
  /** Apps are told to take their time from here. */
  readonly ntp?: readonly string[];
  /** Names the network's DNS answers itself. */
  readonly hosts: readonly { readonly name: string; readonly addresses: readonly string[] }[];
  /** Name or label of the node's port that leads outside; empty: nothing does; not there: any does. */
  readonly port?: string;
  /** Ways that the node's own table does not have. */
  readonly routes?: readonly RouteSpec[];
  /** Of a switch: ports of the node that are in one VLAN, by name or label. */
  readonly accessPorts?: readonly { readonly vlan: number; readonly port: string }[];
  /** Of a switch: the port, by name or label, behind which nobody may say to be a bridge. */
  readonly guarded?: string;
  /** Of a switch: what neighbours tell of themselves (LLDP) is passed on. */
  readonly forwardLldp?: true;
  /** Apps learn the ways of the network's ports, too. */
  readonly connectedRoutes?: boolean;
  /** 0: 1500, as Ethernet has it. */
  readonly mtu?: number;
  /** What its apps say to whom is told to the controller. */
  readonly flowLog?: boolean;
}
