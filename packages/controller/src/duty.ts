/** What this process does besides answering for the objects: alone all of it, as one of several what it leads. */
import { join } from "node:path";
import type { Duplex } from "node:stream";
import type { Clock, Log, Random } from "@selvedge/base";
import type { Address } from "./address.ts";
import type { Api } from "./api.ts";
import type { DataFolder } from "./data-folder.ts";
import { apiNames, ensureApiService } from "./endpoints/api-service.ts";
import type { Flags } from "./flags.ts";
import { type Leading, type LeadingOptions, startLeading } from "./leading.ts";
import type { OpenedStore } from "./open-store.ts";
import { Pki } from "./pki/pki.ts";
import { FolderPkiFiles } from "./pki/pki-files.ts";
import { SqliteRecords } from "./records/sqlite-records.ts";
import { RegistryAuth } from "./registry/registry-auth.ts";
import type { Forwarding } from "./replicas/forwarding.ts";
import { Replica } from "./replicas/replica.ts";
import { ensureStandardObjects } from "./standard-objects.ts";
import type { ThreadDeaths } from "./thread-deaths.ts";

export interface DutyOptions {
  readonly flags: Flags;
  readonly folder: DataFolder;
  readonly opened: OpenedStore;
  readonly api: Api;
  /** Told of threads of the records that die. */
  readonly threads: ThreadDeaths;
  readonly identity: string;
  readonly onPki: (pki: Pki) => void;
  readonly serveApi: (connection: Duplex) => void;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

export interface Duty extends AsyncDisposable {
  readonly pki: Pki;
  /** What runs here; undefined while another replica leads. */
  readonly leading: Leading | undefined;
  /** Takes requests to the replica that leads; undefined where there is only one. */
  readonly forwarding: Forwarding | undefined;
  /** Opens the device port and tells which it is. */
  listen(address: Address): Promise<number>;
}

export async function takeUpDuty(options: DutyOptions): Promise<Duty> {
  const { flags, folder, opened, api, threads, clock, random, log } = options;
  const { kubeListen, deviceListen, advertiseKube, advertiseDevice, shared, otlpEndpoint, nodeRate } = flags;
  const names = {
    kubeNames: [...new Set([advertiseKube.host, kubeListen.host, ...apiNames(api.serviceRange)])],
    deviceNames: [...new Set([advertiseDevice.host, deviceListen.host])],
  };
  const files = new FolderPkiFiles(folder.in("pki"));
  const lead = async (parts: Pick<LeadingOptions, "pki" | "records">): Promise<Leading> => {
    await opened.reseal();
    await ensureStandardObjects(api.objects, api.serviceRange);
    await ensureApiService(api.objects, advertiseKube, api.serviceRange);
    return await startLeading({
      ...{ api, clock, random, log, otlpEndpoint, nodeRate, deviceAddress: advertiseDevice },
      ...{ accountIssuer: flags.access.serviceAccountIssuer, serveApi: options.serveApi },
      ...{ blobs: join(shared, "registry"), logs: join(shared, "logs") },
      ...parts,
    });
  };
  if (opened.replicated) {
    const { identity, onPki, serveApi } = options;
    const { store } = opened;
    const { peer } = flags;
    const rest = { peer, names, ownFiles: files, lead, serveApi, onPki, clock, random, log };
    return await Replica.start({ identity, store, api, ...rest });
  }
  await using stack = new AsyncDisposableStack();
  const pki = stack.use(await Pki.open({ files, ...names, clock, random, log: log.child("pki") }));
  stack.defer(pki.onRenewed(() => options.onPki(pki)));
  const records = stack.use(new SqliteRecords(folder.in("controller.db"), threads.of("records")));
  const leading = stack.use(await lead({ pki, records }));
  const owned = stack.move();
  return {
    ...{ pki, leading, forwarding: undefined },
    listen: (address) => leading.devices.listen(address),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Of the registry's user `admin`. */
export function registryPassword(pki: Pki): string {
  return new RegistryAuth({ secret: pki.secret("registry"), isNode: () => false }).adminPassword;
}
