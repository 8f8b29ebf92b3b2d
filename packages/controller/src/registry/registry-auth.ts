import { createHmac, timingSafeEqual } from "node:crypto";
import type { NodeId } from "../ports.ts";
import type { RegistryIdentity } from "./registry.ts";

export interface RegistryAuthOptions {
  /** What passwords are made from: nothing to store, and all gone when it changes. */
  readonly secret: Uint8Array;
  readonly isNode: (id: NodeId) => boolean;
}

const adminUser = "admin";

/**
 * Who may use the registry by password: nodes pull as themselves (docs/decisions/0003), the administrator
 * pushes where client certificates are inconvenient, as with `docker login`.
 */
export class RegistryAuth {
  readonly #options: RegistryAuthOptions;

  constructor(options: RegistryAuthOptions) {
    this.#options = options;
  }

  nodePassword(id: NodeId): string {
    return this.#password(`registry ${id}`);
  }

  get adminPassword(): string {
    return this.#password("registry administrator");
  }

  authenticate(header: string | undefined): RegistryIdentity | undefined {
    const bearer = /^Bearer (.+)$/i.exec(header ?? "")?.[1];
    const [user, password] = bearer === undefined ? (parseBasic(header) ?? []) : [adminUser, bearer];
    if (user === undefined || password === undefined) return undefined;
    if (user === adminUser) {
      return isEqual(password, this.adminPassword) ? { name: adminUser, mayPush: true } : undefined;
    }
    if (!this.#options.isNode(user) || !isEqual(password, this.nodePassword(user))) return undefined;
    return { name: `node ${user}`, mayPush: false };
  }

  #password(text: string): string {
    return createHmac("sha256", this.#options.secret).update(text).digest("base64url");
  }
}

/** In constant time, as far as the length goes. */
function isEqual(shown: string, right: string): boolean {
  const [one, other] = [Buffer.from(shown), Buffer.from(right)];
  return one.length === other.length && timingSafeEqual(one, other);
}

/** User and password of a Basic Authorization header. */
function parseBasic(header: string | undefined): [user: string, password: string] | undefined {
  const encoded = /^Basic ([A-Za-z0-9+/=]+)$/i.exec(header ?? "")?.[1];
  if (encoded === undefined) return undefined;
  const text = Buffer.from(encoded, "base64").toString("utf8");
  const colon = text.indexOf(":");
  return colon < 0 ? undefined : [text.slice(0, colon), text.slice(colon + 1)];
}
