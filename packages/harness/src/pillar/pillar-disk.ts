import type { Vault } from "./pillar-attest.ts";

/** What lasts when the power goes. */
export interface PillarDisk {
  uuid: string | undefined;
  certs: Uint8Array | undefined;
  /** The whole envelope, as received. */
  lastConfig: Uint8Array | undefined;
  readonly vault: Vault;
  /** Counters of commands, as saved. */
  readonly counters: { reboot: number | undefined; shutdown: number | undefined };
  /** Files of log lines that wait to be uploaded. */
  readonly logs: { readonly app: string | undefined; readonly gzip: Uint8Array; refused: number }[];
}
