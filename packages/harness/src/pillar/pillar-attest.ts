/**
 * How a device proves its state, from each boot until the controller believes it:
 *
 *   nonce ─► quote ─► keys of the vault ─► complete
 *     ▲        │
 *     └────────┴── anything but success: again after 15 s; a mismatch starts from the nonce
 *
 * The token lives until power off. The vault's key lies at the controller for the day the registers change.
 */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { attest, certs } from "@selvedge/eve-api";
import type { Sent } from "./pillar-connection.ts";
import { edgeCertificate, type PillarKeys } from "./pillar-keys.ts";
import type { PillarTpm } from "./pillar-tpm.ts";
import type { Strictness } from "./strictness.ts";

const { ZAttestReqType: Ask, ZAttestRespType: Answer, ZAttestResponseCode: Code } = attest;

export interface AttestPorts {
  /** Posts to `attest`; undefined when there was no good answer. */
  readonly post: (payload: Uint8Array) => Promise<{ readonly sent: Sent; readonly payload?: Uint8Array }>;
  readonly random: (length: number) => Uint8Array;
  readonly strict: Strictness;
}

/** What lasts over reboots: the vault on the disk, locked by the registers it was made under. */
export interface Vault {
  key: Uint8Array | undefined;
  sealedTo: string;
  /** Whether the controller has acknowledged that it keeps the key. */
  escrowed: boolean;
}

export class PillarAttest {
  readonly #ports: AttestPorts;
  readonly #keys: PillarKeys;
  readonly #tpm: PillarTpm | undefined;
  readonly #vault: Vault;
  readonly #version: string;
  #nonce: Uint8Array | undefined;
  #certificatesSent = false;
  #quoted = false;
  #complete = false;
  token: Uint8Array = new Uint8Array();

  constructor(
    ports: AttestPorts,
    keys: PillarKeys,
    boot: { readonly tpm: PillarTpm | undefined; readonly vault: Vault; readonly version: string },
  ) {
    this.#ports = ports;
    this.#keys = keys;
    this.#tpm = boot.tpm;
    this.#vault = boot.vault;
    this.#version = boot.version;
  }

  get isComplete(): boolean {
    return this.#complete;
  }

  /** The controller refused the token: all over again, if anything was proved at all. */
  forbidden(): void {
    if (!this.#quoted) return;
    this.#complete = false;
    this.#nonce = undefined;
    this.#quoted = false;
  }

  /** One step; called again after 15 seconds while it is not complete. */
  async step(): Promise<void> {
    if (!this.#certificatesSent) this.#certificatesSent = await this.#sendCertificates();
    if (this.#complete) return;
    if (this.#nonce === undefined) {
      const answer = await this.#ask({ reqType: Ask.ATTEST_REQ_NONCE }, Answer.ATTEST_RESP_NONCE);
      this.#nonce = answer?.nonce?.nonce;
      if (this.#nonce === undefined) return;
      const { length } = this.#nonce;
      this.#ports.strict.require(length >= 12 && length <= 32, `attest: a nonce of ${length} bytes`);
    }
    await this.#quote(this.#nonce);
  }

  async #sendCertificates(): Promise<boolean> {
    const { ZCertType: Type } = certs;
    const { attestation, exchange, device } = this.#keys;
    const list = [
      edgeCertificate(Type.CERT_TYPE_DEVICE_ONBOARDING, device),
      edgeCertificate(Type.CERT_TYPE_DEVICE_ECDH_EXCHANGE, exchange),
      // Without a TPM as well: then its key lies in a file, and signs nothing.
      edgeCertificate(Type.CERT_TYPE_DEVICE_RESTRICTED_SIGNING, attestation),
    ];
    const answer = await this.#ask({ reqType: Ask.ATTEST_REQ_CERT, certs: list }, Answer.ATTEST_RESP_CERT);
    return answer !== undefined;
  }

  async #quote(nonce: Uint8Array): Promise<void> {
    this.#quoted = true;
    const made = this.#tpm?.quote(nonce);
    const quote = create(attest.ZAttestQuoteSchema, {
      ...(made && {
        attestData: made.attestData,
        signature: made.signature,
        pcrValues: made.registers.map(({ index, value }) => ({
          ...{ index, value, hashAlgo: attest.TpmHashAlgo.SHA256 },
        })),
        tpmBinaryEventLog: made.eventLog,
      }),
      versions: [
        { versionType: attest.AttestVersionType.EVE, version: this.#version },
        { versionType: attest.AttestVersionType.FIRMWARE, version: "ACME-1.0-01/01/2024" },
      ],
    });
    const answer = await this.#ask({ reqType: Ask.ATTEST_REQ_QUOTE, quote }, Answer.ATTEST_RESP_QUOTE_RESP);
    const said = answer?.quoteResp;
    // Without an answer the same quote goes out again, over the same nonce.
    if (said === undefined || said.response === Code.INVALID) return;
    if (said.response !== Code.SUCCESS) {
      this.#nonce = undefined;
      return;
    }
    const { strict } = this.#ports;
    if (!strict.require(said.integrityToken.length > 0, "attest: success without a token")) return;
    this.token = said.integrityToken;
    if (this.#tpm === undefined) this.#complete = true;
    else this.#complete = await this.#openVault(said.keys, this.#tpm);
  }

  async #openVault(keys: readonly attest.AttestVolumeKey[], tpm: PillarTpm): Promise<boolean> {
    const { strict, random } = this.#ports;
    const vault = this.#vault;
    const given = keys.find(({ keyType }) => keyType === attest.AttestVolumeKeyType.VSK)?.key;
    if (vault.escrowed) {
      const same = given?.toHex() === vault.key?.toHex();
      strict.require(same, "attest: the escrowed key did not come back: after an update the vault is lost");
    }
    vault.key ??= random(64);
    vault.sealedTo = tpm.state();
    const storageKeys = create(attest.AttestStorageKeysSchema, {
      integrityToken: this.token,
      keys: [{ keyType: attest.AttestVolumeKeyType.VSK, key: vault.key }],
    });
    const ask = { reqType: Ask.Z_ATTEST_REQ_TYPE_STORE_KEYS, storageKeys };
    const answer = await this.#ask(ask, Answer.Z_ATTEST_RESP_TYPE_STORE_KEYS);
    const code = answer?.storageKeysResp?.response;
    if (code === attest.AttestStorageKeysResponseCode.ITOKEN_MISMATCH) this.#nonce = undefined;
    vault.escrowed ||= code === attest.AttestStorageKeysResponseCode.SUCCESS;
    return code === attest.AttestStorageKeysResponseCode.SUCCESS;
  }

  async #ask(
    request: Parameters<typeof create<typeof attest.ZAttestReqSchema>>[1],
    wanted: attest.ZAttestRespType,
  ): Promise<attest.ZAttestResponse | undefined> {
    const { post, strict } = this.#ports;
    const { sent, payload } = await post(
      toBinary(attest.ZAttestReqSchema, create(attest.ZAttestReqSchema, request)),
    );
    if (sent.type !== "ok") {
      const drops = sent.type === "error" && sent.status >= 400 && sent.status < 500 && sent.status !== 401;
      strict.require(!drops || sent.status === 429, `attest: ${"status" in sent ? sent.status : ""}`);
      return undefined;
    }
    strict.require(sent.status === 200 || sent.status === 201, `attest: ${sent.status}`);
    if (payload === undefined) return undefined;
    const answer = fromBinary(attest.ZAttestResponseSchema, payload);
    const fits = strict.require(answer.respType === wanted, `attest: respType ${answer.respType}`);
    return fits ? answer : undefined;
  }
}
