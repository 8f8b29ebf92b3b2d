import type { EdgeNode } from "@selvedge/kinds";
import type { KnownNode } from "../gateway/node-directory.ts";
import type { ObjectCache } from "../objects/object-cache.ts";
import type { NodeId } from "../ports.ts";
import { isAdmitted, readCertificate } from "./admission.ts";

/** As the gateway asks: the first 16 bytes of the certificate's hash. */
const prefixLength = 16;

interface Entry {
  readonly known: KnownNode;
  /** What it was read from. */
  readonly pem: string;
}

/** Who is a node, in memory, from the EdgeNodes as they are: filled at start and kept by the watch. */
export class NodeRegistry implements Disposable {
  readonly #entries = new Map<string, Entry>();
  readonly #byId = new Map<NodeId, KnownNode>();
  readonly #byCertificate = new Map<string, KnownNode>();
  readonly #listeners = new Set<(node: KnownNode) => void>();
  readonly #stop: () => void;

  constructor(edgeNodes: ObjectCache<EdgeNode>) {
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
    if (entry !== undefined && entry.known.id === id && entry.pem === pem) return;
    if (entry !== undefined) this.#remove(name, entry.known);
    const facts = id === undefined ? undefined : readCertificate(pem);
    if (id === undefined || facts === undefined) return;
    const known: KnownNode = { id, name, certificateHash: facts.hash, key: facts.key };
    this.#entries.set(name, { known, pem });
    // Of two objects with one identity the first counts: the second is a mistake and must not take it over.
    if (!this.#byId.has(known.id)) this.#byId.set(known.id, known);
    const prefix = prefixOf(known);
    if (!this.#byCertificate.has(prefix)) this.#byCertificate.set(prefix, known);
  }

  #remove(name: string, known: KnownNode): void {
    this.#entries.delete(name);
    const others = [...this.#entries.values()].map((entry) => entry.known);
    replace(
      this.#byId,
      known.id,
      known,
      others.find(({ id }) => id === known.id),
    );
    const prefix = prefixOf(known);
    replace(
      this.#byCertificate,
      prefix,
      known,
      others.find((other) => prefixOf(other) === prefix),
    );
    for (const listener of [...this.#listeners]) listener(known);
  }
}

function prefixOf({ certificateHash }: KnownNode): string {
  return certificateHash.subarray(0, prefixLength).toHex();
}

function replace(
  map: Map<string, KnownNode>,
  key: string,
  old: KnownNode,
  next: KnownNode | undefined,
): void {
  if (map.get(key) !== old) return;
  if (next === undefined) map.delete(key);
  else map.set(key, next);
}
