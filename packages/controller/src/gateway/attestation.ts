import { createHash, timingSafeEqual, X509Certificate } from "node:crypto";
import { create } from "@bufbuild/protobuf";
import { between, type Clock, type Instant, type Log, minutes, type Random } from "@selvedge/base";
import { attest, certs } from "@selvedge/eve-api";
import type { NodeId, Records } from "../ports.ts";
import type { DeviceCertificates } from "./device-certificates.ts";
import type { KeyEscrow, Proof } from "./key-escrow.ts";
import type { KnownNode } from "./node-directory.ts";
import { checkQuote } from "./quote.ts";

export interface AttestationOptions {
  readonly records: Records;
  readonly certificates: DeviceCertificates;
  readonly escrow: KeyEscrow;
  /** Whether the node's word is not enough without a TPM. Asked at each use, so a new rule holds at once. */
  readonly requiresTpm?: (node: NodeId) => boolean;
  /** Makes tokens; a replay of recorded traffic gives the recorded one. */
  readonly newToken?: () => Uint8Array;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

export interface Attested {
  readonly proof: Proof;
  readonly at: Instant;
  /** What it said it runs. */
  readonly versions: readonly string[];
}

const codes = attest.ZAttestResponseCode;
const storeCodes = attest.AttestStorageKeysResponseCode;
const stateBucket = "attestation";
/** A TPM takes at most 32 bytes of qualifying data, and some only 16. */
const nonceLength = 16;
/** Node and network may be slow, but a quote this old says nothing of now. */
const nonceLife = minutes(15);
const tokenLength = 32;
/** EVE names its own version, where it came from, and the firmware's. */
const versionsMax = 8;
const versionLengthMax = 256;

/**
 * Who has proved that it runs what it says. A node that did holds a token and shows it with every request
 * for its configuration; a token stays good over a restart of the controller, and until the node proves
 * something else.
 */
export class Attestation {
  readonly #options: AttestationOptions;
  readonly #states = new Map<NodeId, StoredState>();
  /** Only in memory: after a restart a node is told of a mismatch and asks for another. */
  readonly #nonces = new Map<NodeId, { readonly value: Uint8Array; readonly at: Instant }>();
  readonly #listeners = new Set<(node: NodeId) => void>();

  constructor(options: AttestationOptions) {
    this.#options = options;
    for (const [node, record] of options.records.entries(stateBucket)) {
      this.#states.set(node, parseState(record));
    }
  }

  /** What the node proved, if it did. */
  of(node: NodeId): Attested | undefined {
    return this.#states.get(node);
  }

  /** Whether this is the token the node was given, and what it was given for is still enough. */
  accepts(node: NodeId, token: Uint8Array): boolean {
    const state = this.#states.get(node);
    if (state === undefined || this.#isTooWeak(node, state.proof)) return false;
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
        const { token } = this.#accept(node.id, verdict.proof, quote);
        return create(attest.ZAttestQuoteRespSchema, {
          ...{ response: codes.SUCCESS, integrityToken: token },
          keys: [...this.#options.escrow.release(node.certificateHash, verdict.proof)],
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
    this.#options.escrow.keep(node.certificateHash, state.proof, sent.keys);
    this.#options.log.info("keys escrowed", { node: node.id, name: node.name, keys: sent.keys.length });
    return create(attest.AttestStorageKeysRespSchema, { response: storeCodes.SUCCESS });
  }

  /** Whom anything is kept for. */
  nodes(): readonly NodeId[] {
    return [...this.#states.keys()];
  }

  /** The node is no longer ours. Its escrowed keys stay. */
  forget(node: NodeId): void {
    this.#nonces.delete(node);
    this.#withdraw(node);
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
    if (quote.attestData.length === 0) {
      // A box with a TPM must use it: else a thief of its disk could claim to have none.
      if (certificate !== undefined)
        return { type: "bad", message: "a node with a TPM sent a quote without one" };
      if (this.#isTooWeak(node, "software")) {
        return { type: "bad", message: "spec.requireTPM: the node must prove what it runs with a TPM" };
      }
      return { type: "good", proof: "software" };
    }
    if (certificate === undefined) return { type: "no-certificate" };
    const nonce = this.#nonces.get(node);
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
    return verdict.type === "good" ? { type: "good", proof: "tpm" } : verdict;
  }

  #isTooWeak(node: NodeId, proof: Proof): boolean {
    return proof === "software" && this.#options.requiresTpm?.(node) === true;
  }

  /** The token of this state: the one the node has, when it proved the same before. */
  #accept(node: NodeId, proof: Proof, quote: attest.ZAttestQuote): StoredState {
    const { clock, random, records, log } = this.#options;
    const versions = quote.versions
      .slice(0, versionsMax)
      .map(({ version }) => version.slice(0, versionLengthMax));
    const proved = fingerprint(proof, quote);
    const known = this.#states.get(node);
    if (known?.proved === proved) return known;
    const token = this.#options.newToken?.() ?? random.bytes(tokenLength);
    const state = { proof, at: clock.now(), versions, proved, token };
    records.put(stateBucket, node, formatState(state));
    this.#states.set(node, state);
    log.info("a node has proved its state", { node, proof, versions });
    this.#tell(node);
    return state;
  }

  #withdraw(node: NodeId): void {
    if (!this.#states.delete(node)) return;
    this.#options.records.delete(stateBucket, node);
    this.#tell(node);
  }

  #tell(node: NodeId): void {
    for (const listener of [...this.#listeners]) listener(node);
  }
}

type Verdict =
  | { readonly type: "good"; readonly proof: Proof }
  | { readonly type: "nonce-mismatch" }
  | { readonly type: "no-certificate" }
  | { readonly type: "bad"; readonly message: string };

interface StoredState extends Attested {
  /** A hash over everything that was proved. */
  readonly proved: string;
  readonly token: Uint8Array;
}

function parseState(record: Uint8Array): StoredState {
  const { token, ...rest } = JSON.parse(new TextDecoder().decode(record)) as StoredState & { token: string };
  return { ...rest, token: Uint8Array.fromHex(token) };
}

function formatState(state: StoredState): Uint8Array {
  return new TextEncoder().encode(JSON.stringify({ ...state, token: state.token.toHex() }));
}

/** A hash over all that a node proved, so that the same again needs no new token. */
function fingerprint(proof: Proof, quote: attest.ZAttestQuote): string {
  const digest = createHash("sha256").update(proof);
  for (const { versionType, version } of quote.versions) digest.update(`\n${versionType} ${version}`);
  for (const { index, hashAlgo, value } of quote.pcrValues) {
    digest.update(`\n${index} ${hashAlgo} ${value.toHex()}`);
  }
  return digest.digest("hex");
}
