import type { PortSecret } from "../port/port-spec.ts";
import type { ScepHash } from "./scep-message.ts";

/** A certificate that the node is to have, and whom it asks for it. */
export interface CertificateSpec {
  /** Ports name it by this. */
  readonly name: string;
  readonly url: string;
  /** The controller asks for us: it may reach an authority that we do not. */
  readonly throughController: boolean;
  readonly challenge: PortSecret;
  /** PEM of those by whom the authority is believed. */
  readonly roots: readonly string[];
  readonly request: RequestSpec;
  /** Why it cannot be. */
  readonly fault?: string;
}

export interface RequestSpec {
  readonly commonName: string;
  readonly organization: string;
  readonly organizationalUnit: string;
  readonly country: string;
  readonly state: string;
  readonly locality: string;
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
  readonly uris: readonly string[];
  readonly emailAddresses: readonly string[];
  /** Of its life; then a new one is asked for. */
  readonly renewAtPercent: number;
  readonly keyBits: 2048 | 3072 | 4096;
  readonly hash: ScepHash;
}
