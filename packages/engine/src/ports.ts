/**
 * What the engine's parts ask of each other beyond the store: small ports, each provided by one part and
 * handed in by the constructor. `engine.ts` puts them together.
 */
import type { Instant } from "@selvedge/base";
import type { ext, LinkSocket, LinkStream } from "@selvedge/eve-api";
import type { AppId, PatchArtifact } from "./desired.ts";
import type { AppUsage } from "./observed.ts";

/** Opens what a configuration encrypts to this node, at the last moment. Provided by control. */
export interface SecretOpener {
  /** `block` is AppExtension.secrets as it came. Throws when it was not sealed to this node. */
  openAppSecrets(block: Uint8Array): Promise<ext.AppSecrets>;
  /** An app's encrypted user data, base64 as EVE has it; `block` is its cipherData as it came. */
  openUserData(block: Uint8Array): Promise<string>;
}

/** Opens what of an artifact of a patch envelope is encrypted to this node. Provided by control. */
export interface ArtifactOpener {
  openArtifact(artifact: PatchArtifact): Promise<PatchArtifact>;
}

/**
 * How the vault stands: `off` on a node without a TPM, where nothing is sealed; `none` until the controller has
 * accepted what the node measures for the first time; `locked` while it measures another system than before.
 */
export type VaultState = "off" | "none" | "locked" | "open";

/** What seals all that apps leave on the disk. Provided by identity. */
export interface Vault {
  readonly state: VaultState;
  /** Opens one disk or file and no other, the same at each asking; undefined while the vault is not open. */
  secretFor(what: string): string | undefined;
  onChange(listener: () => void): () => void;
}

/** Answers a stream that the controller opens: exec, attach, logs, port. Provided by the app domain. */
export interface AppStreams {
  /** Resolves once the stream is served; a LinkClosedError with a Kubernetes reason refuses it. */
  open(stream: LinkStream): Promise<void>;
}

/** Leads apps to the controller's API. Provided by control. */
export interface ApiLink {
  /** False: nobody can be reached now. */
  readonly isOpen: boolean;
  onChange(listener: () => void): () => void;
  /** A connection of this app; a LinkClosedError says why there is none. */
  open(app: AppId): Promise<LinkStream>;
}

/** Provided by the app domain. */
export interface AppUsages {
  /** Undefined while the app does not run. */
  usage(id: AppId): Promise<AppUsage | undefined>;
}

/** One line an app wrote, as it is kept and uploaded. */
export interface LogLine {
  readonly at: Instant;
  readonly container: string;
  readonly channel: "stdout" | "stderr";
  readonly text: string;
  /** Grows by one with each line of the app. */
  readonly sequence: number;
  /** How often the container had been started again when it wrote this. */
  readonly restart: number;
  /** The line goes on in the container's next one on the same channel. */
  readonly partial: boolean;
}

/** What apps wrote and the controller does not have yet. Provided by the app domain, drained by control. */
export interface AppLogOutbox {
  /** Apps that have lines to send. */
  pending(): readonly AppId[];
  /** Tells of each time that apps wrote something. Returns how to stop. */
  onWritten(listener: () => void): () => void;
  /** The oldest lines of one app, bounded in bytes; nothing is forgotten by reading. */
  next(id: AppId, bytesMax: number): Promise<readonly LogLine[]>;
  /** The controller has all lines of the app up to and including `sequence`. */
  sent(id: AppId, sequence: number): Promise<void>;
}

/** Dials the link. The real one is a WebSocket over TLS, the simulated one a network that can be cut. */
export interface LinkDialer {
  dial(url: string, certificates: readonly string[], signal: AbortSignal): Promise<LinkSocket>;
}

/** What the box is. Provided by host/linux. */
export interface HostFacts {
  readonly architecture: "amd64" | "arm64";
  readonly kernelVersion: string;
  readonly osImage: string;
  readonly machineId: string;
  /** Changes with every boot of the box, not with every start of the engine. */
  readonly bootId: string;
  readonly bootedAt: Instant;
  /** What hardware or kernel remember of how the boot before this one ended; undefined: nothing. */
  readonly bootTrace: { readonly boot: "kernel" | "watchdog"; readonly text: string } | undefined;
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly hardwareVirtualization: boolean;
  /** The address other machines on the uplink's network see. */
  internalIp(): Promise<string>;
  usage(): Promise<{ readonly cpuNanos: bigint; readonly memoryUsedBytes: number }>;
}

/** The controller answers at the link's address, and has no link: it is not one of ours. */
export class LinkUnsupportedError extends Error {
  override name = "LinkUnsupportedError";
}
