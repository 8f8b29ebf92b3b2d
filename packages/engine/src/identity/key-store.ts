/** The node's three private keys, as a port: none of them ever comes out. All are P-256. */
export interface KeyStore extends AsyncDisposable {
  readonly kind: "tpm" | "file";
  /** Where the keys lie, for people. */
  readonly place: string;
  /** What the chip says of itself; undefined without one. */
  readonly chip: { readonly manufacturer: string; readonly firmware: string } | undefined;
  /** SubjectPublicKeyInfo, DER. The attestation key is missing where nothing could vouch for it. */
  readonly publicKeys: {
    readonly device: Uint8Array;
    readonly exchange: Uint8Array;
    readonly attestation: Uint8Array | undefined;
  };
  /** Signs with the device key over SHA-256 of the bytes; r‖s. */
  sign(bytes: Uint8Array): Promise<Uint8Array>;
  /** The shared point of the exchange key and the peer's; all coordinates 32 bytes, big-endian. */
  sharedPoint(peer: Point): Promise<Point>;
  /** Undefined without a TPM. */
  quote(nonce: Uint8Array): Promise<Quote | undefined>;
  /** Seals a secret to registers as they are now; undefined without a TPM. */
  seal(secret: Uint8Array, registers: readonly number[]): Promise<Sealed | undefined>;
  /** Undefined without a TPM. */
  credentialKeys(): Promise<CredentialKeys | undefined>;
  /** Opens what was encrypted to both of those keys; undefined without a TPM, throws when it was not. */
  activate(challenge: Challenge): Promise<Activated | undefined>;
  /** Undefined when the registers are others than they were, or there is no TPM. */
  unseal(sealed: Sealed, registers: readonly number[]): Promise<Uint8Array | undefined>;
  /**
   * What firmware and system wrote down as they filled the registers; undefined where nobody keeps it. Throws
   * a KeyStoreError where somebody should have and it cannot be read.
   */
  eventLog(): Promise<Uint8Array | undefined>;
  /**
   * The device certificate that was put beside the keys, DER with whatever follows it; undefined when none
   * was.
   */
  readCertificate(): Promise<Uint8Array | undefined>;
  writeCertificate(der: Uint8Array): Promise<void>;
}

/** Keys by which a stranger can make sure of the TPM, as TCG lays them out. */
export interface CredentialKeys {
  /** Its maker vouches for this one. */
  readonly endorsement: Uint8Array;
  readonly signing: Uint8Array;
  readonly signingName: Uint8Array;
}

/** A secret encrypted to both, in TCG's two parts, and what the signing key shall sign. */
export interface Challenge {
  readonly credential: Uint8Array;
  readonly secret: Uint8Array;
  readonly data: Uint8Array;
}

export interface Activated {
  readonly secret: Uint8Array;
  /** RSASSA-PKCS1-v1_5 over SHA-256. */
  readonly signature: Uint8Array;
}

/** Opens in the TPM that made it only. */
export interface Sealed {
  readonly privatePart: Uint8Array;
  readonly publicPart: Uint8Array;
}

export interface Point {
  readonly x: Uint8Array;
  readonly y: Uint8Array;
}

export interface Quote {
  /** TPMS_ATTEST as the TPM made it. */
  readonly attested: Uint8Array;
  /** r‖s of the attestation key over SHA-256 of `attested`. */
  readonly signature: Uint8Array;
  /** The SHA-256 bank, all registers. */
  readonly registers: readonly { readonly index: number; readonly value: Uint8Array }[];
}

/** The keys cannot be used now: the TPM does not answer, refuses, or its state is not what we left. */
export class KeyStoreError extends Error {
  override name = "KeyStoreError";
}
