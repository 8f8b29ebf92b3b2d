/** Which sessions there may be at the dispatcher: those of tokens that configurations of now hold. */
import { createHash } from "node:crypto";
import type { Clock } from "@selvedge/base";
import type { NodeId } from "../ports.ts";

export interface OpenToken {
  readonly node: NodeId;
  /** The JWT that the node has. */
  readonly token: string;
}

export interface SessionNamesOptions {
  readonly tokens: () => Iterable<OpenToken>;
  readonly clock: Clock;
}

/** So old a list is read again: a stranger's knocks do not make us read it each time. */
const listMs = 1000;
/** Older EVE hashes to the first half. */
const shortBytes = 16;

/** Both ends name a session by a hash of its token, which tells nothing of the token. */
export class SessionNames {
  readonly #options: SessionNamesOptions;
  #names = new Map<string, { readonly node: NodeId; readonly until: number }>();
  #readAt = Number.NEGATIVE_INFINITY;

  constructor(options: SessionNamesOptions) {
    this.#options = options;
  }

  /** Undefined: nobody may meet by that name. */
  nodeOf(name: string): NodeId | undefined {
    const { clock } = this.#options;
    if (clock.monotonic() - this.#readAt >= listMs) this.#read();
    const known = this.#names.get(name);
    return known !== undefined && known.until > clock.now() ? known.node : undefined;
  }

  #read(): void {
    const { tokens, clock } = this.#options;
    this.#readAt = clock.monotonic();
    this.#names = new Map();
    for (const { node, token } of tokens()) {
      const { num = 1, exp = 0 } = claimsOf(token);
      for (const text of num > 1 ? Array.from({ length: num }, (_, at) => `${token}.${at + 1}`) : [token]) {
        const hash = createHash("sha256").update(text).digest();
        for (const name of [hash, hash.subarray(0, shortBytes)])
          this.#names.set(name.toString("base64url"), { node, until: exp * 1000 });
      }
    }
  }
}

/** Of a token that we have made. */
function claimsOf(token: string): { readonly num?: number; readonly exp?: number } {
  const claims = Buffer.from(token.split(".")[1] ?? "", "base64url").toString();
  return JSON.parse(claims) as { readonly num?: number; readonly exp?: number };
}
