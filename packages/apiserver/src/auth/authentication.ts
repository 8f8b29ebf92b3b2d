/**
 * From a connection and its headers to a user: each authenticator is asked in turn, the first that knows
 * decides.
 */
import { createHash } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { TLSSocket } from "node:tls";
import { StatusError } from "../status-error.ts";
import { authenticatedGroup, mastersGroup, type User } from "./user.ts";

export interface Credentials {
  /** Subject of a client certificate that a trusted authority signed. */
  readonly certificate:
    | { readonly commonName: string; readonly organizations: readonly string[] }
    | undefined;
  readonly bearerToken: string | undefined;
}

export interface Authenticator {
  /** Undefined: not known here. */
  authenticate(credentials: Credentials): Promise<User | undefined> | User | undefined;
}

/** CN is the user, each O a group. */
export const certificateAuthenticator: Authenticator = {
  authenticate: ({ certificate }) =>
    certificate && { name: certificate.commonName, groups: certificate.organizations },
};

/** Users by the SHA-256 of their bearer token, in hex: the tokens themselves are not kept. */
export function tokenAuthenticator(users: ReadonlyMap<string, User>): Authenticator {
  return {
    authenticate: ({ bearerToken }) =>
      bearerToken === undefined
        ? undefined
        : users.get(createHash("sha256").update(bearerToken).digest("hex")),
  };
}

export async function authenticate(
  authenticators: readonly Authenticator[],
  request: IncomingMessage,
): Promise<User | undefined> {
  const credentials = credentialsOf(request);
  for (const authenticator of authenticators) {
    const user = await authenticator.authenticate(credentials);
    if (user !== undefined) return impersonated(withGroup(user), request);
  }
  return undefined;
}

function withGroup(user: User): User {
  const { groups } = user;
  return groups.includes(authenticatedGroup) ? user : { ...user, groups: [...groups, authenticatedGroup] };
}

function credentialsOf(request: IncomingMessage): Credentials {
  const bearerToken = /^Bearer (.+)$/i.exec(request.headers.authorization ?? "")?.[1]?.trim();
  return { certificate: certificateOf(request), bearerToken };
}

/** By connection: taking a certificate apart costs more than the rest of a small request. */
const certificates = new WeakMap<object, Credentials["certificate"] | "none">();

function certificateOf(request: IncomingMessage): Credentials["certificate"] {
  // Over HTTP/2 each request has a socket object of its own; the session is what they share.
  const { stream } = request as { stream?: { session?: object } };
  const connection = stream?.session ?? request.socket;
  let certificate = certificates.get(connection);
  if (certificate === undefined) {
    certificate = readCertificate(request.socket as TLSSocket) ?? "none";
    certificates.set(connection, certificate);
  }
  return certificate === "none" ? undefined : certificate;
}

function readCertificate(socket: TLSSocket): Credentials["certificate"] {
  if (!socket.authorized) return undefined;
  const { CN, O } = socket.getPeerCertificate().subject ?? {};
  const organizations = O === undefined ? [] : Array.isArray(O) ? O : [O];
  return typeof CN === "string" ? { commonName: CN, organizations } : undefined;
}

/** `kubectl --as`: whoever may do everything may also act as somebody else. */
function impersonated(user: User, request: IncomingMessage): User {
  const raw = request.rawHeaders;
  const values = (name: string): string[] =>
    raw.filter((_value, index) => index % 2 === 1 && raw[index - 1]?.toLowerCase() === name);
  const [name] = values("impersonate-user");
  const groups = values("impersonate-group");
  const [uid] = values("impersonate-uid");
  if (name === undefined) {
    if (groups.length === 0 && uid === undefined) return user;
    const message = "requested groups or uid to impersonate without a user";
    throw new StatusError(400, "BadRequest", message);
  }
  if (!user.groups.includes(mastersGroup)) {
    const why = `User "${user.name}" cannot impersonate resource "users" in API group "" at the cluster scope`;
    const message = `users "${name}" is forbidden: ${why}`;
    throw new StatusError(403, "Forbidden", message, { name, kind: "users" });
  }
  return withGroup({ name, groups, ...(uid === undefined ? {} : { uid }), extra: impersonatedExtra(raw) });
}

const extraPrefix = "impersonate-extra-";

function impersonatedExtra(raw: readonly string[]): Record<string, string[]> {
  const extra: Record<string, string[]> = {};
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = raw[at]?.toLowerCase() ?? "";
    if (!name.startsWith(extraPrefix)) continue;
    const key = decodeURIComponent(name.slice(extraPrefix.length));
    extra[key] = [...(extra[key] ?? []), raw[at + 1] ?? ""];
  }
  return extra;
}
