/**
 * A registry over HTTPS, as Kubernetes serves it.
 *
 *   request ── who? ── other services ── as whom? ── a seat ── may they? ── read │ watch │ write │ stream
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { KindDefinition } from "@selvedge/apimachinery";
import {
  formatMetrics,
  metricsContentType,
  millis,
  type Random,
  SystemRandom,
  seconds,
} from "@selvedge/base";
import { admitStream } from "./admission/asked-parts.ts";
import { Audit, type AuditEntry, auditId } from "./audit/audit.ts";
import {
  type Authenticator,
  authenticate,
  certificateAuthenticator,
  credentialsOf,
  tokenAuthenticator,
} from "./auth/authentication.ts";
import { type Authorizer, defaultAuthorizer, forbidden } from "./auth/authorization.ts";
import { impersonated } from "./auth/impersonation.ts";
import { type PostedPart, reviewKinds, tokenPart, type VirtualKind } from "./auth/review-kinds.ts";
import type { User } from "./auth/user.ts";
import { FlowControl } from "./flow/flow-control.ts";
import { serveComputed } from "./http/computed.ts";
import { Documents, serveVersion, withoutSlash } from "./http/documents.ts";
import type { Exchange } from "./http/exchange.ts";
import { Health } from "./http/health.ts";
import { serveIssuer } from "./http/issuer.ts";
import { Listener } from "./http/listener.ts";
import { askedTimeout, isTrue } from "./http/query.ts";
import { serveList, serveObject } from "./http/reads.ts";
import { type RequestInfo, requestInfo, withoutWatchStep } from "./http/request-info.ts";
import { type RequestMeter, RequestMetrics } from "./http/request-metrics.ts";
import { refusedUpgrade, sendStatus, warn } from "./http/respond.ts";
import { errorEvent, serveWatch } from "./http/watches.ts";
import { serveWrite, writesSubresource } from "./http/writes.ts";
import { bindings } from "./rest/bindings.ts";
import { methodNotAllowed, storeRefusal, unknownResource } from "./rest/refusals.ts";
import { resourcesOf, takesMethod } from "./rest/resources.ts";
import { KindPaths, parseTarget, type Target } from "./rest/target.ts";
import type { Answer, ApiServerOptions } from "./server-options.ts";
import { StatusError } from "./status-error.ts";

/** Upstream's: what is not a watch or a stream must be over by then. */
const requestTimeout = seconds(60);
export class ApiServer {
  readonly #options: ApiServerOptions;
  readonly #random: Random;
  readonly #authenticators: readonly Authenticator[];
  readonly #authorizer: Authorizer;
  readonly #virtual: readonly VirtualKind[];
  readonly #posted: readonly PostedPart[];
  /** Made anew when other kinds are served. */
  #documents: { readonly kinds: readonly KindDefinition[]; readonly all: Documents } | undefined;
  #paths: { readonly kinds: readonly KindDefinition[]; readonly all: KindPaths } | undefined;
  readonly #health: Health;
  readonly #metrics: RequestMetrics | undefined;
  readonly #listener: Listener;
  readonly #flow: FlowControl;
  readonly #audit: Audit | undefined;

  constructor(options: ApiServerOptions) {
    this.#options = options;
    this.#random = options.random ?? new SystemRandom();
    this.#authenticators = [
      certificateAuthenticator,
      tokenAuthenticator(options.tokens ?? new Map()),
      ...(options.serviceAccounts === undefined ? [] : [options.serviceAccounts]),
      ...(options.authenticators ?? []),
    ];
    this.#authorizer = options.authorizer ?? defaultAuthorizer;
    this.#virtual = [...reviewKinds(this.#authorizer, this.#authenticators), ...bindings(options.objects)];
    const { metrics, clock, serviceAccounts, audit, seats } = options;
    this.#audit = audit && new Audit({ ...audit, clock });
    this.#flow = new FlowControl({ clock, ...(metrics && { metrics }), ...(seats && { seats }) });
    this.#posted = serviceAccounts === undefined ? [] : [tokenPart(serviceAccounts)];
    this.#health = new Health({ clock, readStore: () => options.objects.revision() });
    this.#metrics = metrics === undefined ? undefined : new RequestMetrics(metrics, clock);
    this.#listener = new Listener(options.tls, {
      onRequest: (request, response) => void this.#serve(request, response),
      onUpgrade: (request, socket, head) => void this.#upgrade(request, socket, head),
    });
  }

  /** Listens and tells the port. */
  listen(port: number, host: string): Promise<number> {
    return this.#listener.listen(port, host);
  }

  /** Serves a connection that came in elsewhere: another replica passes it on, or a node. */
  accept(connection: Duplex): void {
    this.#listener.accept(connection);
  }

  /** Shows this certificate to whoever connects from now on; connections that are open stay. */
  renew(tls: ApiServerOptions["tls"]): void {
    this.#listener.renew(tls);
  }

  close(): Promise<void> {
    return this.#listener.close();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const meter = RequestMetrics.meter(this.#metrics, request, response);
    const audit = new Audited();
    if (this.#audit !== undefined) response.once("close", () => audit.entry?.done(response.statusCode));
    try {
      await this.#route(request, response, meter, audit);
    } catch (error) {
      const status = this.#refusal(error, request);
      audit.entry?.refused(status);
      if (response.destroyed || response.writableEnded) return;
      if (response.headersSent) {
        response.end(errorEvent(response, status.toStatus()));
      } else sendStatus(request, response, status);
    }
  }

  async #route(
    request: IncomingMessage,
    response: ServerResponse,
    meter: RequestMeter,
    audit: Audited,
  ): Promise<void> {
    const method = request.method ?? "GET";
    const { pathname, searchParams } = parseUrl(request);
    const known = await this.#userOf(request);
    if ((await this.#options.elsewhere?.(request, response, known)) === true) return;
    const { path, query } = withoutWatchStep(method, { path: pathname, query: searchParams });
    const reads = method === "GET" || method === "HEAD";
    // What lasts has no deadline.
    if (!isTrue(query.get("watch")) && askedTimeout(query) === 0) throw tooLate();
    if (reads && serveVersion(path, request, response)) return;
    if (reads && (await this.#health.serve(withoutSlash(path), query, response))) return;
    const info = requestInfo(method, path, query);
    const id = auditId(request, this.#random);
    response.setHeader("audit-id", id);
    audit.entry = this.#audit?.begin(request, id, info, known);
    const user = await this.#speaker(request, known, audit.entry);
    using seat = await this.#flow.enter({ user, writes: !reads, gone: () => goneWith(response) });
    await this.#authorize(info, user, audit.entry);
    if (info.type === "path") {
      const documents = await this.#currentDocuments();
      if (!reads && documents.has(path)) throw methodNotAllowed();
      if (reads && (await documents.serve(path, request, response))) return;
      if (reads && this.#serveMetrics(path, request, response)) return;
      if (reads && (await serveIssuer(path, request, response, this.#options))) return;
      throw unknownResource();
    }
    const target = await this.#target(path);
    const { deprecationWarning } = target.kind;
    if (deprecationWarning !== undefined) warn(response, deprecationWarning);
    meter.about(info.verb, target);
    const { answers } = this.#options.objects;
    await this.#answer({ request, response, query, user, target, audit: audit.entry, answers }, seat);
  }

  async #userOf(request: IncomingMessage): Promise<User | undefined> {
    return (await authenticate(this.#authenticators, credentialsOf(request)))?.user;
  }

  /** Who the request is made as. */
  async #speaker(
    request: IncomingMessage,
    known: User | undefined,
    audit: AuditEntry | undefined,
  ): Promise<User> {
    if (known === undefined) throw unauthorized();
    const other = await impersonated(known, request.rawHeaders, this.#authorizer);
    if (other !== undefined) audit?.impersonates(other);
    return other ?? known;
  }

  /** Whether they may do what is asked: whether there is such a thing comes later. */
  async #authorize(info: RequestInfo, user: User, audit: AuditEntry | undefined): Promise<void> {
    const asked = { ...info, user };
    const decision = await this.#authorizer.authorize(asked);
    audit?.decided(decision);
    if (!decision.allowed) throw forbidden(asked, decision.reason);
  }

  /** Figures of this program, for whoever may read them. */
  #serveMetrics(path: string, request: IncomingMessage, response: ServerResponse): boolean {
    const { metrics } = this.#options;
    if (path !== "/metrics" || metrics === undefined) return false;
    const body = formatMetrics(metrics.families());
    response.writeHead(200, { "content-type": metricsContentType, "cache-control": "no-store" });
    response.end(request.method === "HEAD" ? undefined : body);
    return true;
  }

  /** What takes as long as the client likes gives its seat back first. */
  async #answer(exchange: Exchange, seat: Disposable): Promise<void> {
    const { request, response, query, user, target } = exchange;
    const { method = "GET" } = request;
    // As upstream: an object is read as a whole; of what is behind a proxy its own server decides.
    if (method === "HEAD" && target.subresource !== "proxy") throw methodNotAllowed();
    const computed = this.#options.computed?.find(({ kind }) => kind === target.kind);
    if (computed !== undefined) {
      const isElsewhere = await computed.elsewhere?.(request, response, user);
      const computedPorts = { ...this.#options, random: this.#random };
      if (isElsewhere !== true) await serveComputed(exchange, computed, computedPorts);
      return;
    }
    // A question is asked, and nothing else.
    if (this.#virtual.some(({ kind }) => kind === target.kind)) {
      if (target.name !== undefined) throw unknownResource();
      if (method !== "POST") throw methodNotAllowed();
    }
    const own = { random: this.#random, authorizer: this.#authorizer };
    const ports = { ...this.#options, ...own, virtual: this.#virtual, posted: this.#posted };
    const reads = method === "GET";
    const { kind, namespace, subresource } = target;
    // As upstream: of users' kinds there is no such path but to read; of others there is, for fewer methods.
    if (kind.custom && kind.namespaced && namespace === undefined && !reads) throw unknownResource();
    if (subresource !== undefined && !takesMethod(target.kind, subresource, method)) throw methodNotAllowed();
    if (target.subresource !== undefined && !writesSubresource(target.subresource, exchange, this.#posted)) {
      seat[Symbol.dispose]();
      await admitStream(this.#options.objects.admission, exchange, (text) => warn(response, text));
      exchange.audit?.started(200);
      await this.#special(target, request, { type: "response", response }, user);
      return;
    }
    if (reads && isTrue(query.get("watch")) && target.name === undefined) {
      seat[Symbol.dispose]();
      exchange.audit?.started(200);
      return await serveWatch(exchange, ports);
    }
    const most = millis(Math.min(askedTimeout(query) ?? requestTimeout, requestTimeout));
    const timer = this.#options.clock.setTimer(most, () => overdue(request, response));
    try {
      if (!reads) await serveWrite(exchange, ports);
      else if (target.name === undefined) await serveList(exchange, ports);
      else await serveObject(exchange, ports);
    } finally {
      timer.cancel();
    }
  }

  async #upgrade(request: IncomingMessage, socket: Duplex, head: Uint8Array): Promise<void> {
    const meter = RequestMetrics.meter(this.#metrics, request, undefined);
    let audit: AuditEntry | undefined;
    // For a refusal: what takes its protocol has no place for them, and no client looks there.
    const warnings: string[] = [];
    try {
      const { pathname, searchParams: query } = parseUrl(request);
      const info = requestInfo(request.method ?? "GET", pathname, query);
      const known = await this.#userOf(request);
      audit = this.#audit?.begin(request, auditId(request, this.#random), info, known);
      const user = await this.#speaker(request, known, audit);
      (await this.#flow.enter({ user, writes: false }))[Symbol.dispose]();
      await this.#authorize(info, user, audit);
      const target = await this.#target(pathname);
      meter.about("connect", target);
      const { admission } = this.#options.objects;
      await admitStream(admission, { query, target, user, audit }, (text) => warnings.push(text));
      socket.once("close", () => audit?.done(101));
      await this.#special(target, request, { type: "upgrade", socket, head }, user);
      audit?.started(101);
      meter.upgraded(101);
    } catch (error) {
      const status = this.#refusal(error, request);
      audit?.refused(status);
      audit?.done(status.code);
      audit = undefined;
      meter.upgraded(status.code);
      socket.end(refusedUpgrade(status, warnings));
    }
  }

  /** Discovery and OpenAPI of what is served now. */
  async #currentDocuments(): Promise<Documents> {
    const { objects, clock, computed = [] } = this.#options;
    await objects.table.catchUp();
    const { kinds } = objects;
    if (this.#documents?.kinds !== kinds) {
      const virtual = this.#virtual.map(({ kind }) => kind);
      const all = new Documents(
        resourcesOf(
          kinds,
          virtual,
          computed.map(({ kind }) => kind),
        ),
        clock,
        objects.answers,
      );
      this.#documents = { kinds, all };
    }
    return this.#documents.all;
  }

  #target(path: string): Target | Promise<Target> {
    try {
      return parseTarget(this.#currentPaths(), path);
    } catch (error) {
      if (!(error instanceof StatusError) || error.reason !== "NotFound") throw error;
      return this.#lateTarget(path);
    }
  }

  /** Another replica may have been told of the kind a moment ago. */
  async #lateTarget(path: string): Promise<Target> {
    await this.#options.objects.table.catchUp();
    return parseTarget(this.#currentPaths(), path);
  }

  #currentPaths(): KindPaths {
    const { objects, computed = [] } = this.#options;
    const { kinds } = objects;
    if (this.#paths?.kinds !== kinds) {
      const others = [...this.#virtual, ...computed].map(({ kind }) => kind);
      this.#paths = { kinds, all: new KindPaths([...kinds, ...others]) };
    }
    return this.#paths.all;
  }

  async #special(target: Target, request: IncomingMessage, answer: Answer, user: User): Promise<void> {
    if (this.#options.subresource === undefined) throw unknownResource();
    await this.#options.subresource(target, request, answer, user);
  }

  #refusal(error: unknown, request: IncomingMessage): StatusError {
    if (error instanceof StatusError) return error;
    const refusal = storeRefusal(error);
    if (refusal !== undefined) return refusal;
    this.#options.log.error("request failed", { method: request.method, url: request.url, error });
    return new StatusError(500, "InternalError", "Internal error occurred", undefined, { cause: error });
  }
}

/** A path whose every step is what it looks like: nothing in it is encoded, or leads elsewhere. */
const plainPath = /^(?:\/[\w~:-][\w.~:-]*)+$/;

/** Of things that are kept, as some clients write it; what follows `proxy` is a path of somebody else. */
const slashedPath = /^\/(?:api|apis\/[^/]+)\/[^/]+\/(?!.*\/proxy\/).*[^/]\/$/;

/** Only read. */
const noQuery = new URLSearchParams();

function parseUrl({ url = "/" }: IncomingMessage): Pick<URL, "pathname" | "searchParams"> {
  const end = url.indexOf("?");
  const pathname = end < 0 ? url : url.slice(0, end);
  if (plainPath.test(pathname) && !url.includes("#"))
    return { pathname, searchParams: end < 0 ? noQuery : new URLSearchParams(url.slice(end + 1)) };
  try {
    const { pathname: path, searchParams } = new URL(url, "https://server");
    return { pathname: slashedPath.test(path) ? withoutSlash(path) : path, searchParams };
  } catch (error) {
    throw new StatusError(400, "BadRequest", "the URL cannot be read", undefined, { cause: error });
  }
}

/** The entry of a request that may turn out to have none. */
class Audited {
  entry: AuditEntry | undefined;
}

/** Aborts when nobody waits for the answer any more. */
function goneWith(response: ServerResponse): AbortSignal {
  const gone = new AbortController();
  response.once("close", () => gone.abort());
  return gone.signal;
}

function unauthorized(): StatusError {
  return new StatusError(401, "Unauthorized", "Unauthorized");
}

function overdue(request: IncomingMessage, response: ServerResponse): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  sendStatus(request, response, tooLate());
}

function tooLate(): StatusError {
  return new StatusError(504, "Timeout", "Timeout: request did not complete within the allotted timeout", {});
}
