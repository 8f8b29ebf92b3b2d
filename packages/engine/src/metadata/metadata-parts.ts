import type { Clock, Log, Random } from "@selvedge/base";
import type { EngineStore } from "../engine-store.ts";
import type { Disk } from "../host/disk.ts";
import type { ArtifactOpener, HostFacts, SecretOpener, Vault } from "../ports.ts";
import { createMetadataDomain, type MetadataDomain, type MetadataListener } from "./metadata-domain.ts";
import { type MetadataParts, MetadataService } from "./metadata-service.ts";
import { diagnosis, nodeMetrics } from "./node-words.ts";
import { PatchBook } from "./patch-book.ts";
import { PostedData } from "./posted-data.ts";

export interface MetadataOptions {
  readonly store: EngineStore;
  /** What apps post may be a key to a cluster. */
  readonly sealed: Disk;
  readonly vault: Vault;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly secrets: SecretOpener & ArtifactOpener;
  readonly host: HostFacts;
  readonly upMs: () => number;
  readonly controller: string;
  readonly engineVersion: string;
  readonly listener: MetadataListener;
  readonly cards: MetadataParts["cards"];
  readonly settings: MetadataParts["settings"];
  readonly envelope: MetadataParts["envelope"];
  readonly keys: MetadataParts["tpm"];
}

export interface Metadata extends MetadataDomain {
  readonly patches: PatchBook;
}

/** The metadata service with all that it tells. */
export function createMetadata(options: MetadataOptions): Metadata {
  const { store, sealed, clock, random, log, host, cards, listener, engineVersion, controller } = options;
  const patches = new PatchBook(store, options.secrets);
  const posted = new PostedData(store, sealed, log);
  const service = new MetadataService({
    ...{ store, clock, secrets: options.secrets, posted, patches, cards },
    ...{ envelope: options.envelope, settings: options.settings, tpm: options.keys, log },
    diagnosis: async () =>
      diagnosis({
        ...{ engineVersion, controller, desired: store.desired.get(), upSeconds: options.upMs() / 1000 },
        networks: new Map(store.networks.entries()),
        addresses: await cards.addresses(),
      }),
    nodeMetrics: async () => {
      const [usage, space] = [await host.usage(), await sealed.free()];
      const [counters, addresses] = [await cards.counters(), await cards.addresses()];
      return nodeMetrics({
        ...usage,
        ...{ memoryBytes: host.memoryBytes, diskBytes: space.totalBytes, diskFreeBytes: space.bytes },
        bootedAtSeconds: Math.floor(host.bootedAt / 1000),
        cards: new Map([...counters].filter(([name]) => addresses.has(name))),
      });
    },
  });
  const domain = createMetadataDomain({
    ...{ store, clock, random, log, listener, service, patches, posted, vault: options.vault },
  });
  return { ...domain, patches };
}
