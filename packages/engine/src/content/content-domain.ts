import type { Clock, Log, Random } from "@selvedge/base";
import { Runner } from "@selvedge/reconcile";
import type { EngineStore } from "../engine-store.ts";
import type { Disk } from "../host/disk.ts";
import type { HttpClient } from "../host/http.ts";
import type { SftpClient } from "../host/sftp.ts";
import { ContentFiles } from "./content-files.ts";
import { type ContentKey, ContentReconciler, garbageKey } from "./content-reconciler.ts";
import { type FetchSettings, fetchSettings, tooDear } from "./fetch-settings.ts";
import { Fetcher } from "./fetcher.ts";
import type { ImageBuilder } from "./image-builder.ts";

export interface ContentDomainOptions {
  readonly store: EngineStore;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly http: HttpClient;
  readonly sftp: SftpClient;
  readonly images: ImageBuilder;
  /** As OCI says it: amd64, arm64. */
  readonly architecture: string;
}

export interface ContentDomain extends AsyncDisposable {
  readonly reconciler: ContentReconciler;
  readonly runner: Runner<ContentKey>;
  /** Cleans up after a crash, then follows the desired state. */
  start(): Promise<void>;
}

/** Images compete for one line and one processor; more at once finish none sooner. */
const concurrency = 3;

export function createContentDomain(options: ContentDomainOptions): ContentDomain {
  const { store, disk, clock, random, http, sftp, images, architecture } = options;
  const log = options.log.child("content");
  const files = new ContentFiles(disk);
  const settings = (): FetchSettings => fetchSettings(store.desired.get());
  const fetcher = new Fetcher({ disk, http, sftp, images, files, architecture, settings, clock });
  const reconciler = new ContentReconciler({ store, disk, files, fetcher, clock, random, log });
  const runner = new Runner<ContentKey>({ reconciler, clock, random, log, concurrency });
  const wakeAll = (): void => {
    const wanted = store.desired.get()?.contents.map(({ id }) => id) ?? [];
    for (const id of new Set([...wanted, ...store.contents.keys(), ...reconciler.held])) runner.wake(id);
  };
  const stops: (() => void)[] = [];
  return {
    reconciler,
    runner,
    async start() {
      await files.prepare();
      let held = "";
      let dear: string | undefined;
      stops.push(
        store.desired.subscribe(wakeAll),
        store.ports.subscribe(() => {
          const now = tooDear(store.ports.get(), settings());
          if (now === dear) return;
          dear = now;
          wakeAll();
        }),
        store.apps.subscribe(() => {
          const now = [...reconciler.held].sort().join(" ");
          if (now === held) return;
          held = now;
          wakeAll();
        }),
      );
      wakeAll();
      runner.wake(garbageKey);
    },
    async [Symbol.asyncDispose]() {
      for (const stop of stops) stop();
      await runner[Symbol.asyncDispose]();
    },
  };
}
