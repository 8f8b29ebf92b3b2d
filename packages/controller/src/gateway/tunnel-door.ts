/**
 * Who may hold a tunnel to the screens of a box: EVE's `wstunnelclient` asks at `connection/ping` whether there is
 * one, and dials `connection/tunnel`. It signs nothing: who it is, the certificate says that TLS has seen it has the
 * key of, and that is the one its envelopes are signed by.
 */
import { createHash } from "node:crypto";
import type { NodeId } from "../ports.ts";
import { type Refused, tooMuch } from "./answers.ts";
import type { KnownNode, NodeDirectory } from "./node-directory.ts";
import type { Rates } from "./rates.ts";
import type { Refusals } from "./refusals.ts";

export interface TunnelDoorOptions {
  readonly directory: Pick<NodeDirectory, "byCertificate" | "byId">;
  readonly refusals: Pick<Refusals, "exhausted" | "count" | "proved">;
  readonly rates: Pick<Rates, "isSpent" | "spend">;
  /** Whether any node has been told to hold one. */
  readonly isAwaited: () => boolean;
  /** Whether this one has. */
  readonly isWanted: (node: NodeId) => boolean;
  readonly seen: (node: NodeId) => void;
}

export interface TunnelAsked {
  readonly node: NodeId;
  readonly path: string;
  /** Of TLS, in DER. */
  readonly certificate: Uint8Array | undefined;
  readonly remote: string;
  readonly requestId: string;
}

export class TunnelDoor {
  readonly #options: TunnelDoorOptions;

  constructor(options: TunnelDoorOptions) {
    this.#options = options;
  }

  /** Certificates are asked for only then: they cost whoever shows one a signature, and bytes at each return. */
  get isAwaited(): boolean {
    return this.#options.isAwaited();
  }

  /** The node that has come, or why it is sent away. */
  judge(asked: TunnelAsked): KnownNode | Refused {
    const { refusals, directory } = this.#options;
    const judged = this.#judge(asked);
    if ("id" in judged) return judged;
    const { remote, path, requestId } = asked;
    const node = directory.byId(asked.node)?.id;
    refusals.count({ reason: judged.reason, message: judged.message, remote, node, path, requestId });
    return judged;
  }

  #judge({ node: named, certificate, remote }: TunnelAsked): KnownNode | Refused {
    const { refusals, rates, directory, isWanted, seen } = this.#options;
    if (!this.isAwaited) return { status: 404, reason: "path", message: "no node is to hold a tunnel" };
    if (refusals.exhausted(remote, false, named))
      return { status: 429, reason: "rate", message: "too many requests were refused" };
    if (rates.isSpent(named)) return tooMuch;
    if (certificate === undefined) return stranger("no certificate was shown");
    const hash = createHash("sha256").update(certificate).digest();
    const node = directory.byCertificate(hash.subarray(0, prefixLength).toString("hex"));
    if (node === undefined || Buffer.compare(hash, node.certificateHash) !== 0)
      return stranger("no node has this certificate");
    seen(node.id);
    refusals.proved(remote, node.id);
    if (!rates.spend(node.id, "tunnel", 0)) return tooMuch;
    if (node.id !== named) return { status: 403, reason: "identity", message: "this is another node's path" };
    // What its client takes for an answer: it dials no more until its apps change.
    if (!isWanted(node.id))
      return { status: 404, reason: "path", message: "no app of the node has a screen for it" };
    return node;
  }
}

/** Of a certificate's hash that the directory finds it by. */
const prefixLength = 16;

function stranger(message: string): Refused {
  return { status: 401, reason: "unknown", message };
}
