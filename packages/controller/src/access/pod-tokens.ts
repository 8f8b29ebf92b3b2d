/**
 * Tokens that Pods find in their volumes. Nobody keeps them: a token follows from whom it is for and from the
 * span of time it is made for, its signature included, so that every start and every replica makes the same one,
 * and a node's configuration changes only when a token is renewed.
 */
import { createPublicKey, hash, type KeyObject } from "node:crypto";
import { p256 } from "@noble/curves/nist.js";
import { serviceAccountUser, tokenKeyId } from "@selvedge/apiserver";
import { type Clock, type Instant, instant, LruMap } from "@selvedge/base";

export interface PodTokensOptions {
  /** P-256: what the API server knows tokens by. */
  readonly key: KeyObject;
  readonly issuer: string;
  readonly clock: Clock;
}

interface Named {
  readonly name: string;
  readonly uid: string;
}

export interface TokenSubject {
  readonly namespace: string;
  readonly account: Named;
  readonly pod: Named;
  readonly node: Named;
}

export interface TokenAsked {
  /** Empty: the API server. */
  readonly audience?: string;
  readonly expirationSeconds?: number;
}

export interface PodToken {
  readonly token: string;
  /** When another takes its place. */
  readonly renewAt: Instant;
}

const secondsDefault = 3600;
/** What admission writes into every Pod, as upstream does, where nobody asked for a span of his own. */
export const secondsOfMounted = 3607;
const day = 24 * 3600;
/** As kubelet: renewed when this part of its life is over, and each day. */
const renewedAfter = 0.8;
/** A signature costs a millisecond, and a node's configuration is made anew at each change. */
const keptMax = 8192;

export class PodTokens {
  readonly #options: PodTokensOptions;
  readonly #header: string;
  readonly #secret: Uint8Array;
  readonly #kept = new LruMap<string, string>(keptMax);

  constructor(options: PodTokensOptions) {
    this.#options = options;
    const header = { alg: "ES256", kid: tokenKeyId(createPublicKey(options.key)) };
    this.#header = base64url(Buffer.from(JSON.stringify(header)));
    this.#secret = new Uint8Array(Buffer.from(options.key.export({ format: "jwk" }).d ?? "", "base64url"));
  }

  /**
   * A token for the API itself that nobody asked a span for is good for a day: an hour's would be a configuration
   * of each node each hour. All of a node are renewed at once, for the same reason, and those of different nodes
   * at different times.
   */
  make(subject: TokenSubject, { audience = "", expirationSeconds = secondsDefault }: TokenAsked): PodToken {
    const { clock, issuer } = this.#options;
    const { namespace, account, pod, node } = subject;
    const isMounted = audience === "" && expirationSeconds === secondsOfMounted;
    const life = isMounted ? day : expirationSeconds;
    const span = Math.floor(Math.min(life * renewedAfter, day));
    const now = Math.floor(clock.now() / 1000);
    const from = now - ((now + phaseOf(node.name)) % span);
    const claims = {
      ...{ aud: [audience || issuer], exp: from + life, iat: from, iss: issuer },
      "kubernetes.io": { namespace, node, pod, serviceaccount: account },
      ...{ nbf: from, sub: serviceAccountUser({ namespace, name: account.name }) },
    };
    return { token: this.#sign(claims), renewAt: instant((from + span) * 1000) };
  }

  #sign(claims: object): string {
    const text = JSON.stringify(claims);
    const known = this.#kept.get(text);
    if (known !== undefined) return known;
    // Named by what it says, in the form of a UUID: the audit log tells one token from another by this.
    const id = hash("sha256", text).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12}).*$/, "$1-$2-$3-$4-$5");
    const payload = base64url(Buffer.from(JSON.stringify({ ...claims, jti: id })));
    const said = `${this.#header}.${payload}`;
    const token = `${said}.${base64url(p256.sign(Buffer.from(said), this.#secret, { lowS: false }))}`;
    this.#kept.set(text, token);
    return token;
  }
}

function phaseOf(node: string): number {
  return Number.parseInt(hash("sha256", node).slice(0, 8), 16);
}

function base64url(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64url");
}
