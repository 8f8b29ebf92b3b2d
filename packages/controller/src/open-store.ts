/** The store that the flags name, sealed if they say so. */
import {
  type Dumpable,
  EncryptedStore,
  Encryption,
  PostgresStore,
  type Rewriting,
  SqliteStore,
  type Store,
} from "@selvedge/apiserver";
import { type Clock, describeError, type Log } from "@selvedge/base";
import { FlagError } from "./address.ts";
import type { DataFolder } from "./data-folder.ts";
import { readEncryptionKeys } from "./encryption-keys.ts";
import { databaseUrl, type StoreFlags } from "./flags.ts";
import { recordsPrefix } from "./records/store-records.ts";
import type { ThreadDeaths } from "./thread-deaths.ts";

interface OpeningPorts {
  readonly clock: Clock;
  readonly log: Log;
  /** Told of threads of the store that die. */
  readonly threads?: ThreadDeaths | undefined;
}

export interface OpenedStore extends AsyncDisposable {
  /** As it is to be used. */
  readonly store: Store;
  /** As it lies in the database. */
  readonly raw: Store & Dumpable & Rewriting;
  readonly encryption: Encryption | undefined;
  /** Whether other controllers may run on it. */
  readonly replicated: boolean;
  /** Seals with the newest key what is not: to be called by who leads. */
  reseal(): Promise<void>;
}

/** Secrets, and what the controller itself must keep to itself. */
const sealedPrefixes: readonly string[] = ["/secrets/", recordsPrefix];
/** Which key everything is sealed with. It is no secret, so it has a place of its own. */
const markKey = "-sealed/newest";

export async function openStore(
  flags: StoreFlags,
  folder: DataFolder,
  { clock, log, threads }: OpeningPorts,
  { anyKey = false }: { readonly anyKey?: boolean } = {},
): Promise<OpenedStore> {
  const keys = flags.encryptionKeys === undefined ? undefined : readEncryptionKeys(flags.encryptionKeys);
  const encryption = keys && new Encryption(keys);
  const raw = await openRaw(flags, folder, { clock, log: log.child("store"), threads });
  try {
    if (!anyKey) requireKey((await raw.get(markKey))?.value, encryption);
    const sealed = encryption && new EncryptedStore(raw, encryption, sealedPrefixes);
    return {
      ...{ store: sealed ?? raw, raw, encryption, replicated: flags.database !== undefined },
      reseal: async () => {
        if (sealed === undefined || encryption === undefined) return;
        const now = await raw.get(markKey);
        if (now?.value === encryption.newest) return;
        const places = await sealed.reseal();
        await raw.write(markKey, now?.revision ?? 0, encryption.newest);
        log.info(
          "secrets are sealed with another key; older ones may go once every controller has started anew",
          {
            ...{ key: encryption.newest, places },
          },
        );
      },
      [Symbol.asyncDispose]: () => raw.close(),
    };
  } catch (error) {
    await raw.close();
    throw error;
  }
}

/** A controller that could not read its secrets must not start and call them broken. */
function requireKey(id: string | undefined, encryption: Encryption | undefined): void {
  if (id === undefined || encryption?.has(id)) return;
  throw new FlagError(`--encryption-keys: secrets are sealed with key ${id}, which is not given; add it`);
}

async function openRaw(
  { database }: StoreFlags,
  folder: DataFolder,
  { threads, ...ports }: OpeningPorts,
): Promise<OpenedStore["raw"]> {
  if (database === undefined) {
    return new SqliteStore(folder.in("controller.db"), undefined, undefined, threads?.of("store"));
  }
  const url = databaseUrl(database);
  try {
    return await PostgresStore.open({ url, ...ports });
  } catch (error) {
    throw new FlagError(`--database: ${describeError(error)}`, { cause: error });
  }
}
