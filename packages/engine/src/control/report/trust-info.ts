import { createHash } from "node:crypto";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { info } from "@selvedge/eve-api";
import type { VolumeStatus } from "../../observed.ts";
import type { VaultState } from "../../ports.ts";

const { DataSecAtRestStatus: AtRest, HwSecurityModuleStatus, PCRStatus } = info;

/** What guards the node's secrets, and what apps leave on its disk. */
export interface TrustFacts {
  readonly identityStore: "tpm" | "file";
  readonly keysPlace: string;
  /** PEM, as the box was given them. */
  readonly roots: readonly string[];
  readonly vault: VaultState;
  /** Volumes that lie in clear beside an open vault. */
  readonly unsealed: number;
}

/** EVE's name of the one vault that there is. */
const vaultName = "Application Data Store";

type DeviceInit = Exclude<MessageInitShape<typeof info.ZInfoDeviceSchema>, info.ZInfoDevice>;

export function trustPart(facts: TrustFacts): DeviceInit {
  const root = createHash("sha256").update(facts.roots.join("")).digest();
  const { status, words } = vaultSays(facts);
  const fault = status === AtRest.DATASEC_AT_REST_ENABLED ? {} : { vaultErr: { description: words } };
  return {
    HSMStatus:
      facts.identityStore === "tpm" ? HwSecurityModuleStatus.ENABLED : HwSecurityModuleStatus.NOTFOUND,
    HSMInfo: facts.keysPlace,
    dataSecAtRestInfo: {
      // Superseded by the list; controllers before it read these.
      ...{ status, info: "vaultErr" in fault ? "" : words },
      vaultList: [
        {
          ...{ name: vaultName, status, ...fault },
          pcrStatus: facts.vault === "off" ? PCRStatus.PCR_DISABLED : PCRStatus.PCR_ENABLED,
        },
      ],
    },
    secInfo: { shaRootCa: new Uint8Array(root) },
  };
}

/** Those that an engine before this one made and an app has run with since. */
export function countUnsealed(vault: VaultState, volumes: readonly VolumeStatus[]): number {
  return vault === "open" ? volumes.filter((it) => it.phase === "ready" && !it.sealed).length : 0;
}

function vaultSays({ vault, unsealed }: TrustFacts): {
  readonly status: info.DataSecAtRestStatus;
  readonly words: string;
} {
  switch (vault) {
    case "off":
      return {
        status: AtRest.DATASEC_AT_REST_DISABLED,
        words: "the node has no TPM to keep a key in: what apps leave on its disk is not encrypted",
      };
    case "none":
      return {
        status: AtRest.DATASEC_AT_REST_ERROR,
        words:
          "the vault gets its key once the controller has accepted the node's quote; no app starts before",
      };
    case "locked":
      return {
        status: AtRest.DATASEC_AT_REST_ERROR,
        words:
          "the vault is locked: the node measures another system than before, and the controller has not given " +
          "the key back; no app starts",
      };
    case "open":
      return {
        status: AtRest.DATASEC_AT_REST_ENABLED,
        words:
          unsealed === 0
            ? ""
            : `${unsealed} volumes that an earlier engine left in clear are sealed when the box boots`,
      };
  }
}
