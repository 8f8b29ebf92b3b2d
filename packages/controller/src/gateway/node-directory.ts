import type { KeyObject, X509Certificate } from "node:crypto";
import type { NodeId } from "../ports.ts";

/** A node that may speak: enrolled, and not sent away since. A new identity is a new object. */
export interface KnownNode {
  readonly id: NodeId;
  /** Of its EdgeNode, for the log. */
  readonly name: string;
  /** SHA-256 over the DER of its device certificate. */
  readonly certificateHash: Uint8Array;
  readonly key: KeyObject;
}

/** What a box says of itself when it asks to become a node. The gateway has checked its signature. */
export interface Registration {
  readonly onboarding: X509Certificate;
  readonly device: X509Certificate;
  readonly serial: string;
  readonly softSerial: string;
}

export type RegistrationOutcome =
  | { readonly type: "admitted" }
  /** The same box again. */
  | { readonly type: "known" }
  /** Visible as an EdgeNode; a human decides. */
  | { readonly type: "waiting"; readonly message: string }
  /** Another box uses this serial already. */
  | { readonly type: "conflict"; readonly message: string }
  | { readonly type: "refused"; readonly message: string };

/** Who is a node. The gateway asks at every request, so answers come from memory. */
export interface NodeDirectory {
  byId(id: NodeId): KnownNode | undefined;
  /** By the first 16 bytes of the certificate's hash, in hexadecimal. */
  byCertificate(prefix: string): KnownNode | undefined;
  register(registration: Registration): Promise<RegistrationOutcome>;
  /** Called with a node that is no longer one, or has a new key. Returns how to stop. */
  onGone(listener: (node: KnownNode) => void): () => void;
}
