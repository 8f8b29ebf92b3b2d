/** What a server is made of besides its objects. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { TlsOptions } from "node:tls";
import type { Clock, Log, MetricRegistry, Random } from "@selvedge/base";
import type { AuditOptions } from "./audit/audit.ts";
import type { Authenticator } from "./auth/authentication.ts";
import type { Authorizer } from "./auth/authorization.ts";
import type { ServiceAccountTokens } from "./auth/service-account-tokens.ts";
import type { User } from "./auth/user.ts";
import type { ComputedKind } from "./rest/computed-kind.ts";
import type { ObjectRegistry } from "./rest/object-registry.ts";
import type { Target } from "./rest/target.ts";

export interface ApiServerOptions {
  readonly objects: ObjectRegistry;
  readonly clock: Clock;
  readonly log: Log;
  /** Spreads the ends of watches; the system's when not given. */
  readonly random?: Random;
  /** Server certificate and key, and the CA client certificates must come from. */
  readonly tls: Pick<TlsOptions, "cert" | "key" | "ca">;
  /** Users by the SHA-256 of their bearer token, in hex. */
  readonly tokens?: ReadonlyMap<string, User>;
  /** Asked after client certificates and tokens. */
  readonly authenticators?: readonly Authenticator[];
  readonly authorizer?: Authorizer;
  /** Makes and knows tokens of ServiceAccounts; none are when not given. */
  readonly serviceAccounts?: ServiceAccountTokens;
  /** Where others reach the server, for what tells them; its own name when not given. */
  readonly externalUrl?: string;
  /** Kinds whose objects are made when somebody asks. */
  readonly computed?: readonly ComputedKind[];
  /** Who did what is written down when given. */
  readonly audit?: Pick<AuditOptions, "policy" | "sink">;
  /** Requests that are worked on at once. */
  readonly seats?: number;
  /** Where requests are counted; what it holds is served at /metrics. */
  readonly metrics?: MetricRegistry;
  /**
   * Answers a request to a subresource that the server does not know itself: exec, attach, portforward,
   * log. Upgrades come with their socket. Only authorized users get this far.
   */
  readonly subresource?: (
    target: Target,
    request: IncomingMessage,
    answer: Answer,
    user: User,
  ) => Promise<void>;
  /** Other services on the same port, such as a registry: true when it has taken the request, which it then
   * answers whole. `user` is undefined for strangers; their requests are refused by the service itself. */
  readonly elsewhere?: (
    request: IncomingMessage,
    response: ServerResponse,
    user: User | undefined,
  ) => boolean | Promise<boolean>;
}

export type Answer =
  | { readonly type: "response"; readonly response: ServerResponse }
  | { readonly type: "upgrade"; readonly socket: Duplex; readonly head: Uint8Array };
