import type { Brand } from "@selvedge/base";
import type { ext } from "@selvedge/eve-api";

/** The UUID of an app instance; Kubernetes' Pod UID. */
export type AppId = Brand<string, "AppId">;
/** The UUID of a content tree: something to be fetched and kept as it is. */
export type ContentId = Brand<string, "ContentId">;
export type NetworkId = Brand<string, "NetworkId">;
export type VolumeId = Brand<string, "VolumeId">;

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
  /** EVE's config items, by key: `timer.config.interval` → "60". */
  readonly settings: ReadonlyMap<string, string>;
  readonly rebootCounter: number | undefined;
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
  /** A change means: stop, then start again with the same data. */
  readonly restartCounter: number;
  /** A change means: stop, throw its writable data away, start again. */
  readonly purgeCounter: number;
  readonly vcpus: number;
  readonly memoryBytes: number;
  readonly nics: readonly NicSpec[];
  /**
   * What runs in the VM. An app without the extension (from a foreign controller) is translated to the same
   * shape: one
   * container named "main" on its first volume.
   */
  readonly pod: ext.AppExtension;
  /** Of an app without the extension; undefined for one that has it. */
  readonly foreign: ForeignApp | undefined;
}

/** What EVE's apps have and the extension's do not. */
export interface ForeignApp {
  /** Variables of the user data, as they are: nothing in a value is replaced. */
  readonly environment: readonly (readonly [name: string, value: string])[];
  /** User data encrypted to this node, a CipherBlock in base64; empty when there is none. */
  readonly sealedUserData: string;
}

export interface NicSpec {
  readonly name: string;
  readonly networkId: NetworkId;
  readonly mac: string | undefined;
  /** Node port → app port. */
  readonly portMaps: readonly PortMap[];
}

export interface PortMap {
  readonly protocol: "tcp" | "udp";
  readonly nodePort: number;
  readonly appPort: number;
}

export interface ContentSpec {
  readonly id: ContentId;
  readonly format: "container" | "raw" | "qcow2" | "iso" | "other";
  /** For a registry: `repository:tag` or `repository@sha256:…`; else the path under the datastore. */
  readonly url: string;
  /** Hex, lower case; empty when only the source knows. */
  readonly sha256: string;
  readonly maxSizeBytes: number;
  /** Tried in this order. */
  readonly datastores: readonly Datastore[];
}

export interface Datastore {
  readonly id: string;
  readonly type: "registry" | "http" | "https" | "s3" | "sftp" | "azure" | "google";
  /** `docker://host:port`, `https://host`. */
  readonly fqdn: string;
  readonly path: string;
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
  readonly contentId: ContentId | undefined;
  readonly sizeBytes: number;
  readonly readOnly: boolean;
}

export interface NetworkSpec {
  readonly id: NetworkId;
  readonly name: string;
  /** Configured, but not to be up. */
  readonly inactive?: boolean;
  /** `local` is routed behind NAT; `switch` bridges to a port of the node. */
  readonly kind: "local" | "switch";
  /** IPv4 in CIDR form, for `local`. */
  readonly subnet: string;
  readonly gateway: string;
  readonly dhcpFirst: string;
  readonly dhcpLast: string;
  readonly dns: readonly string[];
  /** Names the network's DNS answers itself. */
  readonly hosts: readonly { readonly name: string; readonly addresses: readonly string[] }[];
}
