import type { KeyObject } from "node:crypto";
import type { ObjectView } from "@selvedge/client";
import type { EdgeNode } from "@selvedge/kinds";
import type { KnownNode } from "../gateway/node-directory.ts";
import { ageOf } from "../objects/age.ts";
import type { NodeId } from "../ports.ts";
import { isAdmitted, readCertificate, textHash } from "./admission.ts";

/** As the gateway asks: the first 16 bytes of the certificate's hash. */
const prefixLength = 16;

/** Who is a node, in memory, from the EdgeNodes as they are: filled at start and kept by the watch. */
export class NodeRegistry implements Disposable {
  readonly #entries = new Map<string, RegisteredNode>();
  readonly #byId = new Map<NodeId, KnownNode>();
  readonly #byCertificate = new Map<string, KnownNode>();
  readonly #listeners = new Set<(node: KnownNode) => void>();
  readonly #stop: () => void;

  constructor(edgeNodes: ObjectView<EdgeNode>) {
    this.#stop = edgeNodes.onChange((before, after) => this.#changed(before, after));
  }

  byId(id: NodeId): KnownNode | undefined {
    return this.#byId.get(id);
  }

  byCertificate(prefix: string): KnownNode | undefined {
    return this.#byCertificate.get(prefix);
  }

  onGone(listener: (node: KnownNode) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  [Symbol.dispose](): void {
    this.#stop();
  }

  #changed(before: EdgeNode | undefined, after: EdgeNode | undefined): void {
    const name = (after ?? before)?.metadata.name ?? "";
    const entry = this.#entries.get(name);
    const id = after !== undefined && isAdmitted(after) ? after.status?.nodeID : undefined;
    const pem = after?.spec.deviceCertificate ?? "";
    if (entry !== undefined && entry.id === id && entry.pem === pem) {
      // The text in the newest object, so that it is held once.
      entry.pem = pem;
      return;
    }
    if (entry !== undefined) this.#remove(entry);
    if (after === undefined || id === undefined) return;
    const known = readNode(after, id, pem);
    if (known === undefined) return;
    this.#entries.set(name, known);
    this.#elect(known);
  }

  #remove(entry: RegisteredNode): void {
    this.#entries.delete(entry.name);
    this.#elect(entry);
    this.#tell(entry);
  }

  #tell(gone: KnownNode): void {
    for (const listener of [...this.#listeners]) listener(gone);
  }

  /**
   * Of several objects with one identity the oldest counts: the others are mistakes and must not take it
   * over. Mistakes are few, so that looking through all is only done when there is one.
   */
  #elect(touched: KnownNode): void {
    const prefix = prefixOf(touched);
    const own = this.#entries.get(touched.name);
    const holders = [this.#byId.get(touched.id), this.#byCertificate.get(prefix)];
    if (own === touched && holders.every((holder) => holder === undefined)) {
      this.#byId.set(touched.id, touched);
      this.#byCertificate.set(prefix, touched);
      return;
    }
    const byAge = [...this.#entries.values()].sort((one, other) => (one.age < other.age ? -1 : 1));
    const byId = byAge.find(({ id }) => id === touched.id);
    const byCertificate = byAge.find((known) => prefixOf(known) === prefix);
    put(this.#byId, touched.id, byId);
    put(this.#byCertificate, prefix, byCertificate);
    // Who was taken for the node until now is not any more; whoever is removed is told of by the caller.
    for (const before of new Set(holders)) {
      if (before !== undefined && before !== touched && before !== byId && before !== byCertificate)
        this.#tell(before);
    }
  }
}

/**
 * Its key is read out of its certificate when it first speaks: OpenSSL takes more memory for a key, and more time to
 * read one, than all else here takes for a node, and right after a start nobody has spoken.
 */
class RegisteredNode implements KnownNode {
  readonly id: NodeId;
  readonly name: string;
  readonly certificateHash: Uint8Array;
  readonly age: string;
  /** What it is read from. */
  pem: string;
  #key: KeyObject | undefined;

  constructor({ metadata, spec }: EdgeNode, id: NodeId, certificateHash: Uint8Array, age: string) {
    this.id = id;
    this.name = metadata.name;
    this.certificateHash = certificateHash;
    this.age = age;
    this.pem = spec.deviceCertificate ?? "";
  }

  get key(): KeyObject {
    this.#key ??= readCertificate(this.pem)?.key;
    if (this.#key === undefined) throw new Error(`the certificate of ${this.name} cannot be read any more`);
    return this.#key;
  }
}

/** Undefined when there is no certificate in it. One that was read when its node was enrolled still is one. */
function readNode(edgeNode: EdgeNode, id: NodeId, pem: string): RegisteredNode | undefined {
  const quick = textHash(pem);
  const isEnrolled = quick !== undefined && quick.toHex() === edgeNode.status?.deviceCertificateHash;
  const hash = isEnrolled ? quick : readCertificate(pem)?.hash;
  return hash && new RegisteredNode(edgeNode, id, hash, ageOf(edgeNode));
}

function prefixOf({ certificateHash }: KnownNode): string {
  return certificateHash.subarray(0, prefixLength).toHex();
}

function put(map: Map<string, KnownNode>, key: string, known: KnownNode | undefined): void {
  if (known === undefined) map.delete(key);
  else map.set(key, known);
}
