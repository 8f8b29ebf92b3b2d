import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { info } from "@selvedge/eve-api";
import type { VolumeStatus } from "../../observed.ts";
import type { VaultState } from "../../ports.ts";
import { countUnsealed, trustPart } from "./trust-info.ts";

const { DATASEC_AT_REST_DISABLED, DATASEC_AT_REST_ENABLED, DATASEC_AT_REST_ERROR } = info.DataSecAtRestStatus;
const facts = { identityStore: "tpm", keysPlace: "TPM", roots: ["root"], unsealed: 0 } as const;

describe("the vault, as it is told", () => {
  const rows: [string, VaultState, number, info.DataSecAtRestStatus, RegExp][] = [
    ["is missing without a TPM", "off", 0, DATASEC_AT_REST_DISABLED, /has no TPM/],
    ["waits for the first quote", "none", 0, DATASEC_AT_REST_ERROR, /accepted the node's quote/],
    ["is locked under another system", "locked", 0, DATASEC_AT_REST_ERROR, /another system/],
    ["is well", "open", 0, DATASEC_AT_REST_ENABLED, /^$/],
    ["is well, with what is left to do", "open", 2, DATASEC_AT_REST_ENABLED, /^2 volumes .* boots$/],
  ];
  for (const [name, vault, unsealed, status, words] of rows)
    it(name, () => {
      const { dataSecAtRestInfo } = trustPart({ ...facts, vault, unsealed });
      const [only] = dataSecAtRestInfo?.vaultList ?? [];
      assert.deepEqual([dataSecAtRestInfo?.status, only?.status], [status, status]);
      assert.match(only?.vaultErr?.description ?? dataSecAtRestInfo?.info ?? "", words);
      assert.equal(only?.pcrStatus === info.PCRStatus.PCR_ENABLED, vault !== "off");
    });

  it("counts what lies in clear beside it", () => {
    const volumes = [{ phase: "ready", sealed: false }, { phase: "waiting" }] as unknown as VolumeStatus[];
    assert.equal(countUnsealed("open", volumes), 1);
    assert.equal(countUnsealed("off", volumes), 0);
  });
});
