import type { ObjectView } from "@selvedge/client";
import type { EdgeNode } from "@selvedge/kinds";
import type { KnownNode } from "../gateway/node-directory.ts";
import type { NodeId } from "../ports.ts";
import { ageOf, isAdmitted, readCertificate } from "./admission.ts";

/** As the gateway asks: the first 16 bytes of the certificate's hash. */
const prefixLength = 16;

interface Entry {
  readonly known: KnownNode;
  /** What it was read from; the text in the newest object, so that it is held once. */
  pem: string;
  readonly age: string;
}

/** Who is a node, in memory, from the EdgeNodes as they are: filled at start and kept by the watch. */
export class NodeRegistry implements Disposable {
  readonly #entries = new Map<string, Entry>();
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
    if (entry !== undefined && entry.known.id === id && entry.pem === pem) {
      entry.pem = pem;
      return;
    }
    if (entry !== undefined) this.#remove(name, entry.known);
    const facts = id === undefined ? undefined : readCertificate(pem);
    if (id === undefined || facts === undefined) return;
    const known: KnownNode = { id, name, certificateHash: facts.hash, key: facts.key };
    this.#entries.set(name, { known, pem, age: after === undefined ? "" : ageOf(after) });
    this.#elect(known);
  }

  #remove(name: string, known: KnownNode): void {
    this.#entries.delete(name);
    this.#elect(known);
    this.#tell(known);
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
    const own = this.#entries.get(touched.name)?.known;
    const holders = [this.#byId.get(touched.id), this.#byCertificate.get(prefix)];
    if (own === touched && holders.every((holder) => holder === undefined)) {
      this.#byId.set(touched.id, touched);
      this.#byCertificate.set(prefix, touched);
      return;
    }
    const byAge = [...this.#entries.values()].sort((one, other) => (one.age < other.age ? -1 : 1));
    const byId = byAge.find(({ known }) => known.id === touched.id)?.known;
    const byCertificate = byAge.find(({ known }) => prefixOf(known) === prefix)?.known;
    put(this.#byId, touched.id, byId);
    put(this.#byCertificate, prefix, byCertificate);
    // Who was taken for the node until now is not any more; whoever is removed is told of by the caller.
    for (const before of new Set(holders)) {
      if (before !== undefined && before !== touched && before !== byId && before !== byCertificate)
        this.#tell(before);
    }
  }
}

function prefixOf({ certificateHash }: KnownNode): string {
  return certificateHash.subarray(0, prefixLength).toHex();
}

function put(map: Map<string, KnownNode>, key: string, known: KnownNode | undefined): void {
  if (known === undefined) map.delete(key);
  else map.set(key, known);
}
