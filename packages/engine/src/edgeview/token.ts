/** The token that opens remote access for a time: a JWT by the controller's signing key. */
import type { Instant } from "@selvedge/base";

export interface AccessToken {
  /** `wss://host:port/path` of the dispatcher. */
  readonly url: string;
  readonly expiresAt: Instant;
  /** What both ends prove each message with. */
  readonly nonce: string;
  readonly instances: number;
  /** Who signs commands besides. */
  readonly clients: "anybody" | "controller" | "ssh";
}

/** The configuration's token opens nothing, and why. */
export class TokenError extends Error {
  override name = "TokenError";
}

/** It may be good all the same: the certificate that it is signed with may come yet. */
export class UnknownSignerError extends TokenError {
  override name = "UnknownSignerError";
}

/** More sessions at once than EVE allows. */
const instancesMax = 5;
const tokenMax = 8192;

export function readToken(
  text: string,
  node: string,
  now: Instant,
  isController: (data: Uint8Array, signature: Uint8Array) => boolean,
): AccessToken {
  const parts = text.split(".");
  const [head = "", claims = "", signature = ""] = parts;
  if (parts.length !== 3 || text.length > tokenMax) throw new TokenError("the token is no JWT");
  const { alg, typ } = json(head);
  if (alg !== "ES256" || typ !== "JWT")
    throw new TokenError(`the token is ${String(alg)}, only ES256 is taken`);
  if (!isController(new TextEncoder().encode(`${head}.${claims}`), bytes(signature)))
    throw new UnknownSignerError("the token is not signed by the controller");
  const { dep, sub, exp, key, num, enc, aut } = json(claims);
  if (String(sub).toLowerCase() !== node) throw new TokenError(`the token is for ${String(sub)}`);
  if (typeof exp !== "number" || typeof dep !== "string" || dep === "" || typeof key !== "string")
    throw new TokenError("the token lacks dep, exp or key");
  if (exp * 1000 <= now) throw new TokenError("the token has expired");
  if (enc === true) throw new TokenError("the token asks for enc, which no two ends agree on; use enc=false");
  const clients = ({ 0: "anybody", 1: "controller", 2: "ssh" } as const)[Number(aut ?? 0)];
  if (clients === undefined) throw new TokenError(`the token asks for authentication ${String(aut)}`);
  return {
    url: dispatcherUrl(dep),
    expiresAt: (exp * 1000) as Instant,
    nonce: key,
    instances: Math.min(instancesMax, Math.max(1, Number(num ?? 1) || 1)),
    clients,
  };
}

/** As EVE's client has it, or they would not meet: a token that names no path means none. */
function dispatcherUrl(dep: string): string {
  const url = `wss://${dep.replace(/^\w+:\/\//, "")}`;
  if (!URL.canParse(url)) throw new TokenError(`the token's dispatcher ${dep} is not host:port`);
  return url;
}

function json(part: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes(part)));
    if (typeof value === "object" && value !== null) return value as Record<string, unknown>;
  } catch (cause) {
    throw new TokenError("the token cannot be read", { cause });
  }
  throw new TokenError("the token cannot be read");
}

function bytes(part: string): Uint8Array {
  try {
    return Uint8Array.fromBase64(part, { alphabet: "base64url" });
  } catch (cause) {
    throw new TokenError("the token is not base64url", { cause });
  }
}
