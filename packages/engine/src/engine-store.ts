import { jsonEqual } from "@selvedge/base";
import type { AppId, ContentId, DesiredState, NetworkId, VolumeKey } from "./desired.ts";
import type { WayStatus } from "./network/way/way-status.ts";
import type {
  AppStatus,
  CertificateStatus,
  ContentStatus,
  DeviceStatus,
  EdgeviewStatus,
  NetworkStatus,
  NicStatus,
  PatchStatus,
  PortsStatus,
  PostedKey,
  VolumeStatus,
} from "./observed.ts";

/** A value somebody writes and others watch. Listeners get no data: they read again. */
export class Cell<T> {
  readonly #listeners = new Set<() => void>();
  #value: T;

  constructor(value: T) {
    this.#value = value;
  }

  get(): T {
    return this.#value;
  }

  set(value: T): void {
    if (value === this.#value) return;
    this.#value = value;
    for (const listener of this.#listeners) listener();
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

/** Rows somebody writes and others watch, by key. Writing an equal row wakes nobody. */
export class Table<K extends string, V> {
  readonly #rows = new Map<K, V>();
  readonly #listeners = new Set<(key: K) => void>();

  get(key: K): V | undefined {
    return this.#rows.get(key);
  }

  set(key: K, row: V): void {
    const before = this.#rows.get(key);
    if (before !== undefined && jsonEqual(before, row)) return;
    this.#rows.set(key, row);
    this.#tell(key);
  }

  delete(key: K): void {
    if (this.#rows.delete(key)) this.#tell(key);
  }

  entries(): [K, V][] {
    return [...this.#rows];
  }

  keys(): K[] {
    return [...this.#rows.keys()];
  }

  subscribe(listener: (key: K) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #tell(key: K): void {
    for (const listener of this.#listeners) listener(key);
  }
}

/**
 * Where the engine's domains meet, and the only place they do. Each field has one writer:
 *
 *   desired   control    what the accepted configuration wants (also on disk)
 *   contents  content    how far each content is
 *   volumes   volume     each generation of a volume that is there or wanted
 *   edgeview  edgeview   who may look at the node, and how often they did
 *   certificates certificate  what the node has of authorities, by profile
 *   ports     port       the node's own cards, and which configuration of them works
 *   ways      way        which port each way out takes where several could, `${NetworkId} ${destination}`
 *   networks  network    which networks are up
 *   nics      network    each app's plug, `${appId}/${nic}`
 *   patches   metadata   how each patch envelope stands
 *   posted    metadata   what apps have to tell their controller, base64, `${AppId}/${kind}`
 *   apps      app        each app instance that exists, in any state
 */
export class EngineStore {
  readonly desired: Cell<DesiredState | undefined> = new Cell<DesiredState | undefined>(undefined);
  readonly contents: Table<ContentId, ContentStatus> = new Table<ContentId, ContentStatus>();
  readonly volumes: Table<VolumeKey, VolumeStatus> = new Table<VolumeKey, VolumeStatus>();
  readonly edgeview: Cell<EdgeviewStatus | undefined> = new Cell<EdgeviewStatus | undefined>(undefined);
  readonly devices: Table<string, DeviceStatus> = new Table();
  readonly ports: Cell<PortsStatus | undefined> = new Cell<PortsStatus | undefined>(undefined);
  readonly certificates: Table<string, CertificateStatus> = new Table();
  readonly ways: Table<string, WayStatus> = new Table();
  readonly networks: Table<NetworkId, NetworkStatus> = new Table<NetworkId, NetworkStatus>();
  readonly nics: Table<string, NicStatus> = new Table<string, NicStatus>();
  readonly patches: Table<string, PatchStatus> = new Table<string, PatchStatus>();
  readonly posted: Table<PostedKey, string> = new Table<PostedKey, string>();
  readonly apps: Table<AppId, AppStatus> = new Table<AppId, AppStatus>();
}
