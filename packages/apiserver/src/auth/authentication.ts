/**
 * From a connection and its headers to a user: each authenticator is asked in turn, the first that knows
 * decides. Nobody is anonymous: who is not known is refused.
 */
import { createHash } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { TLSSocket } from "node:tls";
import { authenticatedGroup, type User } from "./user.ts";

export interface Credentials {
  /** Subject of a client certificate that a trusted authority signed. */
  readonly certificate:
    | { readonly commonName: string; readonly organizations: readonly string[] }
    | undefined;
  readonly bearerToken: string | undefined;
  /** Whom the token must have been made for, any of them; undefined: for this server. */
  readonly audiences?: readonly string[];
}

export interface Identity {
  readonly user: User;
  /** Those of the audiences asked for that the credentials are good for; undefined: they name none. */
  readonly audiences?: readonly string[];
}

export interface Authenticator {
  /** Undefined: not known here. */
  authenticate(credentials: Credentials): Promise<Identity | undefined> | Identity | undefined;
}

/** CN is the user, each O a group. */
export const certificateAuthenticator: Authenticator = {
  authenticate: ({ certificate }) =>
    certificate && { user: { name: certificate.commonName, groups: certificate.organizations } },
};

/** Users by their bearer tokens, as `tokenAuthenticator` wants them. */
export function hashedTokens(users: Readonly<Record<string, User>>): ReadonlyMap<string, User> {
  return new Map(Object.entries(users).map(([token, user]) => [hashOf(token), user]));
}

function hashOf(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}

/** Users by the SHA-256 of their bearer token, in hex: the tokens themselves are not kept. */
export function tokenAuthenticator(users: ReadonlyMap<string, User>): Authenticator {
  return {
    authenticate: ({ bearerToken }) => {
      if (bearerToken === undefined) return undefined;
      const user = users.get(hashOf(bearerToken));
      return user && { user };
    },
  };
}

export async function authenticate(
  authenticators: readonly Authenticator[],
  credentials: Credentials,
): Promise<Identity | undefined> {
  for (const authenticator of authenticators) {
    const identity = await authenticator.authenticate(credentials);
    if (identity !== undefined) return { ...identity, user: withGroup(identity.user) };
  }
  return undefined;
}

function withGroup(user: User): User {
  const { groups } = user;
  return groups.includes(authenticatedGroup) ? user : { ...user, groups: [...groups, authenticatedGroup] };
}

/** Longer than any token; what is longer is not worth hashing. */
const tokenMax = 64 * 1024;
/** How a browser's WebSocket, which can set no header, shows its token. */
const webSocketPrefix = "base64url.bearer.authorization.k8s.io.";

export function credentialsOf(request: IncomingMessage): Credentials {
  const { authorization = "", "sec-websocket-protocol": protocols = "" } = request.headers;
  const said = /^Bearer (.+)$/i.exec(authorization)?.[1]?.trim();
  const bearerToken = said ?? webSocketToken(protocols);
  const isToken = bearerToken !== undefined && bearerToken.length <= tokenMax;
  return { certificate: certificateOf(request), bearerToken: isToken ? bearerToken : undefined };
}

function webSocketToken(protocols: string): string | undefined {
  const offered = protocols.split(",").map((one) => one.trim());
  const token = offered.find((one) => one.startsWith(webSocketPrefix))?.slice(webSocketPrefix.length);
  return token === undefined ? undefined : Buffer.from(token, "base64url").toString();
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
