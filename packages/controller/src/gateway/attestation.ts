import { createHash, timingSafeEqual, X509Certificate } from "node:crypto";
import { create } from "@bufbuild/protobuf";
import { between, type Clock, type Instant, type Log, LruMap, minutes, type Random } from "@selvedge/base";
import { attest, certs } from "@selvedge/eve-api";
import type { MeasuredBoot } from "@selvedge/kinds";
import type { NodeId, Records } from "../ports.ts";
import {
  type AttestationState,
  AttestationStates,
  type Attested,
  type StoredMeasurements,
  shortcoming,
} from "./attestation-states.ts";
import type { DeviceCertificates } from "./device-certificates.ts";
import { type EscrowFill, EscrowFullError, type KeyEscrow, type Proof } from "./key-escrow.ts";
import type { Measurements } from "./measured-boot.ts";
import type { KnownNode } from "./node-directory.ts";
import { checkQuote } from "./quote.ts";

/** What the owner of a node asks of it. */
export interface AttestationPolicy {
  /** Unset: a node without a TPM is served, and not called attested. */
  readonly requireTPM?: boolean | undefined;
  readonly measuredBoot?: MeasuredBoot | undefined;
}

export interface AttestationOptions {
  readonly records: Records;
  readonly certificates: DeviceCertificates;
  readonly escrow: KeyEscrow;
  /** Asked at each use, so a new rule holds at once. Unset: whatever a node says is taken. */
  readonly policyOf?: (node: NodeId) => AttestationPolicy;
  /** Makes tokens; a replay of recorded traffic gives the recorded one. */
  readonly newToken?: () => Uint8Array;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

const codes = attest.ZAttestResponseCode;
const storeCodes = attest.AttestStorageKeysResponseCode;
/** Nodes of which the last failure is remembered, to be shown. */
const failuresMax = 10_000;
/** A TPM takes at most 32 bytes of qualifying data, and some only 16. */
const nonceLength = 16;
/** Node and network may be slow, but a quote this old says nothing of now. */
const nonceLife = minutes(15);
const tokenLength = 32;

/**
 * Who has proved that it runs what it says. A node that did holds a token and shows it with every request
 * for its configuration. It attests at each boot, over a nonce of its own, and gets a new token for each;
 * what it is told again, because the answer was lost, is the same. A token stays good over a restart of the
 * controller.
 */
export class Attestation {
  readonly #options: AttestationOptions;
  readonly #states: AttestationStates;
  /** Why nodes could not prove themselves the last time. */
  readonly #failures = new LruMap<NodeId, string>(failuresMax);
  /** Only in memory: after a restart a node is told of a mismatch and asks for another. */
  readonly #nonces = new Map<NodeId, { readonly value: Uint8Array; readonly at: Instant }>();
  readonly #listeners = new Set<(node: NodeId) => void>();

  constructor(options: AttestationOptions) {
    this.#options = options;
    this.#states = new AttestationStates(options.records);
  }

  /** What the node proved, if it did. */
  of(node: NodeId): Attested | undefined {
    return this.#states.get(node);
  }

  /** Why the node's last attempt was not good; undefined when it was. */
  failureOf(node: NodeId): string | undefined {
    return this.#failures.get(node);
  }

  /** Why what the node proved is not what its owner asks for; undefined when it is, or it proved nothing. */
  shortcomingOf(node: NodeId): string | undefined {
    const state = this.#states.get(node);
    return state === undefined ? undefined : this.#states.shortcoming(node, state, this.#policyOf(node));
  }

  /** What the node's TPM has signed, and the events that led there. */
  measurementsOf(node: NodeId): StoredMeasurements | undefined {
    return this.#states.measurements(node);
  }

  eventLogOf(node: NodeId): Uint8Array | undefined {
    return this.#states.eventLog(node);
  }

  /** Whether this is the token the node was given, and what it was given for is still enough. */
  accepts(node: NodeId, token: Uint8Array): boolean {
    const state = this.#states.get(node);
    if (state === undefined || this.#states.shortcoming(node, state, this.#policyOf(node)) !== undefined) {
      return false;
    }
    return state.token.length === token.length && timingSafeEqual(state.token, token);
  }

  nonce(node: NodeId): Uint8Array {
    const value = this.#options.random.bytes(nonceLength);
    this.#nonces.set(node, { value, at: this.#options.clock.now() });
    return value;
  }

  quote(node: KnownNode, quote: attest.ZAttestQuote): attest.ZAttestQuoteResp {
    const verdict = this.#judge(node.id, quote);
    const fail = (response: attest.ZAttestResponseCode): attest.ZAttestQuoteResp => {
      const why = verdict.type === "bad" ? verdict.message : verdict.type;
      this.#options.log.warn("a node could not prove its state", { node: node.id, name: node.name, why });
      this.#fail(node.id, why);
      return create(attest.ZAttestQuoteRespSchema, { response });
    };
    switch (verdict.type) {
      case "nonce-mismatch":
        return fail(codes.NONCE_MISMATCH);
      case "no-certificate":
        return fail(codes.NO_CERT_FOUND);
      case "bad":
        // What it proved before is not so any more.
        this.#withdraw(node.id);
        return fail(codes.QUOTE_FAILED);
      case "good": {
        const { token } = this.#accept(node.id, verdict);
        return create(attest.ZAttestQuoteRespSchema, {
          ...{ response: codes.SUCCESS, integrityToken: token },
          keys: this.#keysOf(node, verdict.proof),
        });
      }
    }
  }

  /** Keeps a node's keys. Throws EscrowError when they cannot be taken as they are. */
  storeKeys(node: KnownNode, sent: attest.AttestStorageKeys): attest.AttestStorageKeysResp {
    const state = this.#states.get(node.id);
    if (state === undefined || !this.accepts(node.id, sent.integrityToken)) {
      return create(attest.AttestStorageKeysRespSchema, { response: storeCodes.ITOKEN_MISMATCH });
    }
    this.#keep(node, state.proof, sent.keys);
    this.#options.log.info("keys escrowed", { node: node.id, name: node.name, keys: sent.keys.length });
    return create(attest.AttestStorageKeysRespSchema, { response: storeCodes.SUCCESS });
  }

  /** How much of its room the keys of a device take, by the hash of its certificate. */
  escrowOf(certificateHash: string): EscrowFill {
    return this.#options.escrow.fill(certificateHash);
  }

  /** What is kept of a node's keys may be another now: a human has had a hand in it. */
  escrowChanged(node: NodeId): void {
    this.#tell(node);
  }

  /** Whom anything is kept for. */
  nodes(): readonly NodeId[] {
    return this.#states.nodes();
  }

  /** The node is no longer ours. Its escrowed keys stay. */
  forget(node: NodeId): void {
    this.#nonces.delete(node);
    this.#failures.delete(node);
    this.#withdraw(node);
    this.#states.forget(node);
  }

  /** Called with the node that proved itself, or no longer does. Returns how to stop. */
  onChange(listener: (node: NodeId) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  #judge(node: NodeId, quote: attest.ZAttestQuote): Verdict {
    const certificate = this.#options.certificates.find(
      node,
      certs.ZCertType.CERT_TYPE_DEVICE_RESTRICTED_SIGNING,
    );
    const nonce = this.#nonces.get(node);
    const measured = measurementsOf(quote);
    if (quote.attestData.length === 0) {
      // A box with a TPM must use it: else a thief of its disk could claim to have none.
      if (this.#hasTpm(node)) return { type: "bad", message: "a node with a TPM sent a quote without one" };
      const proof = { type: "good", proof: "software", nonce: nonce?.value, measured } as const;
      return this.#allowed(node, { ...proof, eventLog: undefined });
    }
    if (certificate === undefined) return { type: "no-certificate" };
    if (nonce === undefined || between(nonce.at, this.#options.clock.now()) > nonceLife) {
      return { type: "nonce-mismatch" };
    }
    const pcrs = new Map(
      quote.pcrValues
        .filter(({ hashAlgo }) => hashAlgo === attest.TpmHashAlgo.SHA256)
        .map(({ index, value }) => [index, value]),
    );
    const key = new X509Certificate(Buffer.from(certificate.cert)).publicKey;
    const signed = { attestation: quote.attestData, signature: quote.signature, pcrs };
    const verdict = checkQuote(signed, key, nonce.value);
    if (verdict.type !== "good") return verdict;
    const registers = Object.fromEntries(
      verdict.quoted.map((index) => [`${index}`, pcrs.get(index)?.toHex() ?? ""]),
    );
    const eventLog = quote.tpmBinaryEventLog.length === 0 ? undefined : quote.tpmBinaryEventLog.slice();
    const proof = { type: "good", proof: "tpm", nonce: nonce.value, eventLog } as const;
    return this.#allowed(node, { ...proof, measured: { ...measured, registers } });
  }

  /** EVE's boxes upload an attestation key without a TPM as well, which lies in a file and signs nothing. */
  #hasTpm(node: NodeId): boolean {
    const endorsement = this.#options.certificates.find(
      node,
      certs.ZCertType.CERT_TYPE_DEVICE_ENDORSEMENT_RSA,
    );
    return endorsement !== undefined || this.#states.measurements(node) !== undefined;
  }

  #keep(
    { id, name, certificateHash }: KnownNode,
    proof: Proof,
    keys: readonly attest.AttestVolumeKey[],
  ): void {
    const { escrow, log } = this.#options;
    const owner = certificateHash.toHex();
    const before = escrow.fill(owner).is;
    try {
      escrow.keep(certificateHash, proof, keys);
    } catch (error) {
      if (error instanceof EscrowFullError)
        log.error("keys not escrowed", { node: id, name, why: error.message });
      throw error;
    } finally {
      if (escrow.fill(owner).is !== before) this.#tell(id);
    }
  }

  /** What it had kept here, with what its owner says the vault is to be sealed to. */
  #keysOf(node: KnownNode, proof: Proof): attest.AttestVolumeKey[] {
    const keys = this.#options.escrow.release(node.certificateHash, proof);
    const policyPcrList = sealingPolicy(this.#policyOf(node.id).measuredBoot?.vaultRegisters);
    if (policyPcrList === undefined) return [...keys];
    return keys.map((key) => ({ ...key, hasPolicyPcrList: true, policyPcrList }));
  }

  #allowed(node: NodeId, good: GoodVerdict): Verdict {
    const message = shortcoming(good.proof, good.measured, this.#policyOf(node));
    return message === undefined ? good : { type: "bad", message };
  }

  #policyOf(node: NodeId): AttestationPolicy {
    return this.#options.policyOf?.(node) ?? {};
  }

  /** The token of this proof: the one the node was told already, when it only asks again. */
  #accept(node: NodeId, { proof, nonce, measured, eventLog }: GoodVerdict): AttestationState {
    const { clock, random, log } = this.#options;
    this.#failures.delete(node);
    const proved = fingerprint(proof, nonce, measured);
    const known = this.#states.get(node);
    if (known?.proved === proved) return known;
    const token = this.#options.newToken?.() ?? random.bytes(tokenLength);
    const versions = [measured.system, measured.firmware].filter((version) => version !== "");
    const state = { proof, at: clock.now(), versions, proved, token };
    this.#states.put(node, state, measured, eventLog);
    log.info("a node has proved its state", { node, proof, versions });
    this.#tell(node);
    return state;
  }

  #fail(node: NodeId, why: string): void {
    if (this.#failures.get(node) === why) return;
    this.#failures.set(node, why);
    this.#tell(node);
  }

  #withdraw(node: NodeId): void {
    if (this.#states.withdraw(node)) this.#tell(node);
  }

  #tell(node: NodeId): void {
    for (const listener of [...this.#listeners]) listener(node);
  }
}

interface GoodVerdict {
  readonly type: "good";
  readonly proof: Proof;
  readonly nonce: Uint8Array | undefined;
  readonly measured: Measurements;
  /** Gzip, as received. */
  readonly eventLog: Uint8Array | undefined;
}

type Verdict =
  | GoodVerdict
  | { readonly type: "nonce-mismatch" }
  | { readonly type: "no-certificate" }
  | { readonly type: "bad"; readonly message: string };

const { EVE, FIRMWARE } = attest.AttestVersionType;
const versionLengthMax = 256;

function measurementsOf({ versions }: attest.ZAttestQuote): Measurements {
  const of = (type: attest.AttestVersionType): string =>
    versions.find(({ versionType }) => versionType === type)?.version.slice(0, versionLengthMax) ?? "";
  return { system: of(EVE), firmware: of(FIRMWARE), registers: {} };
}

/** The number of a policy is the set of its registers: equal ones have equal numbers. */
function sealingPolicy(registers: readonly number[] | undefined): attest.AttestPolicyPcrList | undefined {
  if (registers === undefined) return undefined;
  const pcrIndices = [...registers].sort((one, other) => one - other);
  const policyId = pcrIndices.reduce((bits, index) => bits + 2 ** index, 0);
  return create(attest.AttestPolicyPcrListSchema, { pcrIndices, policyId });
}

/** A hash over all that a node proved and when, so that the same message again needs no new token. */
function fingerprint(proof: Proof, nonce: Uint8Array | undefined, measured: Measurements): string {
  const all = JSON.stringify([proof, nonce?.toHex() ?? "", measured]);
  return createHash("sha256").update(all).digest("hex");
}
