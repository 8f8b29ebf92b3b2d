/** Secrets of a box itself: of its ports, and of what its ports need. */

/** A part of a box whose secret cannot be sent. */
export interface NodeFault {
  /** `port wlan0` */
  readonly part: string;
  readonly message: string;
}

export interface NodeSecrets {
  /** What to encrypt, by name. */
  readonly sealings: ReadonlyMap<string, Uint8Array>;
  readonly faults: readonly NodeFault[];
}
