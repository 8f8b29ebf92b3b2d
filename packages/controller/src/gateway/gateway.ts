/**
 * The EVE API for nodes, and the link. Every request is judged by what it costs to refuse it: path, size,
 * rate, envelope, certificate, signature, and only then what it says.
 *
 *   poll that changes nothing:  same bytes as last time? ─► token ─► hash ─► 304       no signature, no disk
 *   everything else:            envelope ─► certificate ─► signature ─► node ─► handler
 *
 * Which status a node gets decides what it does next (docs/decisions/0030): what it should send again is
 * never answered with a 4xx that makes it drop the message.
 */
import { create, toBinary } from "@bufbuild/protobuf";
import { type Clock, describeError, type Log, MetricRegistry, type Random } from "@selvedge/base";
import {
  attest,
  compound,
  config,
  type EndpointMatch,
  type EndpointName,
  ExtensionError,
  type LinkSocket,
  matchEndpoint,
  pathOf,
  uuid as uuidApi,
} from "@selvedge/eve-api";
import type { ControllerIdentity } from "../pki/controller-identity.ts";
import {
  BusyError,
  type ConfigBook,
  type DeviceGateway,
  type DeviceRequest,
  type DeviceResponse,
  type LinkHub,
  type NodeId,
  type Reports,
} from "../ports.ts";
import {
  empty,
  message,
  notFound,
  type Refused,
  refusal,
  retrySeconds,
  tooMuch,
  unreadable,
  unusable,
} from "./answers.ts";
import type { Attestation } from "./attestation.ts";
import { judge, readClaim, type SignatureVerifier, signedBy } from "./authenticate.ts";
import { ConfigAnswers } from "./config-answers.ts";
import { DeviceCertificateError, type DeviceCertificates } from "./device-certificates.ts";
import { GatewayMetrics } from "./gateway-metrics.ts";
import { EscrowError } from "./key-escrow.ts";
import { LinkHandshakes } from "./link-handshakes.ts";
import type { KnownNode, NodeDirectory, RegistrationOutcome } from "./node-directory.ts";
import { PollMemory, type RememberedPoll } from "./poll-memory.ts";
import { type NodeRate, Rates } from "./rates.ts";
import { Refusals } from "./refusals.ts";
import { readRegistration } from "./registration.ts";
import { parse, takeReport } from "./reports.ts";
import { requestIdHeader, requestIdOf } from "./request-id.ts";
import { type ScepHttp, ScepProxy } from "./scep-proxy.ts";

export interface GatewayOptions {
  readonly directory: NodeDirectory;
  readonly book: ConfigBook;
  readonly reports: Reports;
  readonly hub: LinkHub;
  /** Asked at each use: a renewal replaces it. A Pki is one of these. */
  readonly pki: { readonly identity: ControllerIdentity };
  readonly certificates: DeviceCertificates;
  readonly attestation: Attestation;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Asks certificate authorities; nobody leads to them when unset. */
  readonly scep?: ScepHttp | undefined;
  /** Unset: signatures are verified at once. */
  readonly signatures?: SignatureVerifier | undefined;
  /** How much a node may ask for, in reports a second; `defaultNodeRate` when unset. */
  readonly nodeRate?: NodeRate | undefined;
  /** Where it counts. */
  readonly metrics?: MetricRegistry;
}

export class Gateway implements DeviceGateway, Disposable {
  readonly refusals: Refusals;
  readonly rates: Rates;
  readonly #options: GatewayOptions;
  readonly #configs: ConfigAnswers;
  readonly #polls = new PollMemory();
  readonly #links: LinkHandshakes;
  readonly #metrics: GatewayMetrics;
  readonly #scep: ScepProxy;
  readonly #stopListening: () => void;

  constructor(options: GatewayOptions) {
    const { directory, book, hub, clock, random, log, reports } = options;
    this.#options = options;
    this.refusals = new Refusals(clock, log);
    this.#metrics = new GatewayMetrics(options.metrics ?? new MetricRegistry(), this.refusals);
    this.rates = new Rates(clock, options.nodeRate);
    const { attestation, pki } = options;
    this.#configs = new ConfigAnswers({ book, attestation, pki, reports, metrics: this.#metrics, clock });
    this.#links = new LinkHandshakes({
      ...{ directory, book, hub, clock, random, log },
      refused: (node, reason, text) => {
        const known = directory.byId(node) === undefined ? undefined : node;
        const of = { remote: `link of ${node}`, node: known, path: "ext/link", requestId: "" };
        this.refusals.count({ reason, message: text, ...of });
      },
      seen: (node) => reports.seen(node, clock.now()),
    });
    this.#scep = new ScepProxy({
      ...{ book, clock, log, http: options.scep ?? nowhere },
      seal: (payload) => options.pki.identity.seal(payload),
    });
    this.#stopListening = directory.onGone((node) => this.#forget(node));
  }

  async handle(request: DeviceRequest): Promise<DeviceResponse> {
    const requestId = requestIdOf(request.headers, this.#options.random);
    const path = request.target.split("?", 1)[0] ?? "";
    const poll = this.#polls.of(request.method, path, request.body);
    const match = poll === undefined ? matchEndpoint(path) : undefined;
    const name = poll === undefined ? match?.name : "config";
    const answer =
      poll === undefined
        ? await this.#answered(match, path, request, requestId)
        : this.#unchanged(poll, request, requestId);
    this.#metrics.request(name, answer.status);
    this.#note(name, poll?.node.id ?? match?.node, answer.status, requestId);
    return { ...answer, headers: { ...answer.headers, [requestIdHeader]: requestId } };
  }

  /** A poll that was verified before: it costs no signature, so a stranger behind its address does not stop it. */
  #unchanged(poll: RememberedPoll, request: DeviceRequest, requestId: string): DeviceResponse {
    const { reports, clock } = this.#options;
    reports.seen(poll.node.id, clock.now());
    if (!this.rates.poll(poll.node.id)) return this.#refuse(request, tooMuch, requestId, poll.node.id);
    const answer = this.#configs.toPoll(poll, "remembered");
    return "reason" in answer ? this.#refuse(request, answer, requestId, poll.node.id) : answer;
  }

  async #answered(
    match: EndpointMatch | undefined,
    path: string,
    request: DeviceRequest,
    requestId: string,
  ): Promise<DeviceResponse> {
    const fault = match === undefined ? notFound(path) : this.#fault(match, request);
    if (match === undefined || fault !== undefined) {
      // Who is turned away by its address is not asked whom it speaks for.
      const node = fault?.reason === "share" ? match?.node : undefined;
      return this.#refuse(request, fault ?? notFound(path), requestId, node);
    }
    try {
      const answer = await this.#answer(match, request);
      return "reason" in answer ? this.#refuse(request, answer, requestId, match.node) : answer;
    } catch (error) {
      if (error instanceof BusyError) return again();
      if (error instanceof ExtensionError) {
        return this.#refuse(request, unusable(error.message), requestId, match.node);
      }
      // The node is not at fault: whatever it sent, it shall send again.
      const of = { path, node: match.node, requestId };
      this.#options.log.error("request failed", { ...of, error: describeError(error) });
      return again();
    }
  }

  /** What made or proved a node is told always; the rest, which comes all day, to whoever asks for it. */
  #note(
    endpoint: EndpointName | undefined,
    node: NodeId | undefined,
    status: number,
    requestId: string,
  ): void {
    const { log } = this.#options;
    const of = { endpoint, node, status, requestId };
    if (status < 300 && (endpoint === "register" || endpoint === "attest")) log.info("answered", of);
    else log.debug("answered", of);
  }

  /** For a console whose node cannot reach us; undefined before there is a configuration. */
  compoundOf(node: NodeId): Uint8Array | undefined {
    return this.#configs.compoundOf(node);
  }

  acceptLink(node: NodeId, socket: LinkSocket): void {
    this.#links.accept(node.toLowerCase(), socket);
  }

  [Symbol.dispose](): void {
    this.#stopListening();
  }

  #fault(match: EndpointMatch, { method, body, remote }: DeviceRequest): Refused | undefined {
    const { endpoint } = match;
    if (method !== endpoint.method) {
      return { status: 405, reason: "method", message: `use ${endpoint.method}` };
    }
    if (body.length > endpoint.bodyMax) {
      return { status: 413, reason: "oversize", message: `the most is ${endpoint.bodyMax} bytes` };
    }
    if (this.refusals.exhausted(remote, match.name === "register", match.node)) {
      const text = "too many requests were refused";
      return { status: 429, reason: "rate", message: text, retryAfter: retrySeconds };
    }
    const isOpen = isForAnybody(match.name);
    const isSpent = match.node !== undefined && this.rates.isSpent(match.node);
    return isSpent || (isOpen && !this.rates.open(remote)) ? tooMuch : undefined;
  }

  async #answer(match: EndpointMatch, request: DeviceRequest): Promise<DeviceResponse | Refused> {
    const { directory, reports, clock, pki, signatures = atOnce } = this.#options;
    switch (match.name) {
      case "certs":
        return message(200, pki.identity.certsAnswer);
      case "ping":
        return empty(200);
      case "register": {
        const read = readRegistration(request.body);
        return "reason" in read ? read : registered(await directory.register(read));
      }
      default:
    }
    const claim = readClaim(request.body, directory);
    if (claim.type === "refused") return deleted(match.name, claim.refused);
    const isSigned = await signatures.verify(claim.envelope, claim.node.key);
    const proved = judge(claim, isSigned, directory);
    if (proved.type === "refused") return deleted(match.name, proved.refused);
    const { node, payload } = proved;
    reports.seen(node.id, clock.now());
    this.refusals.proved(request.remote, node.id);
    if (!this.rates.spend(node.id, match.name, request.body.length)) return tooMuch;
    if (match.node !== undefined && match.node !== node.id) {
      return deleted(match.name, { status: 403, reason: "identity", message: "this is another node's path" });
    }
    return await this.#handle(match, node, payload, request.body);
  }

  async #handle(
    { name, endpoint, app = "" }: EndpointMatch,
    node: KnownNode,
    payload: Uint8Array,
    body: Uint8Array,
  ): Promise<DeviceResponse | Refused> {
    const { reports, pki } = this.#options;
    switch (name) {
      case "uuid": {
        const answer = create(uuidApi.UuidResponseSchema, { uuid: node.id });
        return message(endpoint.success, pki.identity.seal(toBinary(uuidApi.UuidResponseSchema, answer)));
      }
      case "config": {
        const asked = parse(config.ConfigRequestSchema, payload);
        if (asked === undefined) return unreadable("ConfigRequest");
        const poll = { node, configHash: asked.configHash, token: asked.integrityToken };
        this.#polls.keep(poll, body);
        return this.#configs.toPoll(poll, "verified");
      }
      case "compoundConfig": {
        const asked = parse(compound.CompoundEdgeDevConfigRequestSchema, payload);
        if (asked === undefined) return unreadable("CompoundEdgeDevConfigRequest");
        return this.#configs.toConsole(node, asked);
      }
      case "attest": {
        const asked = parse(attest.ZAttestReqSchema, payload);
        if (asked === undefined) return unreadable("ZAttestReq");
        const answer = this.#attest(node, asked);
        if ("reason" in answer) return answer;
        return message(endpoint.success, pki.identity.seal(toBinary(attest.ZAttestResponseSchema, answer)));
      }
      case "newlogs":
        await reports.deviceLogs(node.id, payload);
        return empty(endpoint.success);
      case "appNewlogs":
        await reports.appLogs(node.id, app, payload);
        return empty(endpoint.success);
      case "scep":
        return await this.#scep.answer(node.id, payload);
      default:
        return (await takeReport(reports, name, { node: node.id, app }, payload)) ?? empty(endpoint.success);
    }
  }

  #attest(node: KnownNode, asked: attest.ZAttestReq): attest.ZAttestResponse | Refused {
    const { attestation, certificates } = this.#options;
    const { ZAttestReqType: ask, ZAttestRespType: answer, ZAttestResponseSchema: schema } = attest;
    try {
      switch (asked.reqType) {
        case ask.ATTEST_REQ_CERT:
          certificates.accept(node.id, asked.certs);
          return create(schema, { respType: answer.ATTEST_RESP_CERT });
        case ask.ATTEST_REQ_NONCE: {
          const nonce = attestation.nonce(node.id);
          return create(schema, { respType: answer.ATTEST_RESP_NONCE, nonce: { nonce } });
        }
        case ask.ATTEST_REQ_QUOTE: {
          const quote = asked.quote ?? create(attest.ZAttestQuoteSchema);
          const quoteResp = attestation.quote(node, quote);
          return create(schema, { respType: answer.ATTEST_RESP_QUOTE_RESP, quoteResp });
        }
        case ask.Z_ATTEST_REQ_TYPE_STORE_KEYS: {
          const sent = asked.storageKeys ?? create(attest.AttestStorageKeysSchema);
          const storageKeysResp = attestation.storeKeys(node, sent);
          return create(schema, { respType: answer.Z_ATTEST_RESP_TYPE_STORE_KEYS, storageKeysResp });
        }
        default:
          return { status: 422, reason: "payload", message: `reqType ${asked.reqType} is not known` };
      }
    } catch (error) {
      if (!(error instanceof DeviceCertificateError || error instanceof EscrowError)) throw error;
      return { status: 422, reason: "payload", message: error.message };
    }
  }

  #forget({ id }: KnownNode): void {
    const { hub, attestation, certificates } = this.#options;
    this.#polls.forget(id);
    this.#configs.forget(id);
    this.rates.forget(id);
    attestation.forget(id);
    certificates.forget(id);
    hub.detach(id);
  }

  #refuse(request: DeviceRequest, refused: Refused, requestId: string, node?: NodeId): DeviceResponse {
    const { reason, message: text } = refused;
    const path = request.target.slice(0, 200);
    // Only nodes that exist are counted: a stranger must not fill the table with names.
    const known = node !== undefined && this.#options.directory.byId(node) !== undefined ? node : undefined;
    const registering = request.target.startsWith(pathOf("register"));
    const of = { remote: request.remote, node: known, path, requestId, registering };
    this.refusals.count({ reason, message: text, ...of });
    return refusal(refused);
  }
}

const atOnce: SignatureVerifier = { verify: signedBy };

const nowhere: ScepHttp = () => Promise.reject(new Error("nothing leads to it from here"));

/** What is answered without knowing who asks. */
function isForAnybody(name: EndpointName): boolean {
  return name === "certs" || name === "ping" || name === "register";
}

/** Whatever it sent, it shall send it again: never a status that makes a node drop what it has to say. */
function again(): DeviceResponse {
  return empty(503, { "retry-after": `${retrySeconds}` });
}

/**
 * A node that polls under a name that is not its own any more asks for its UUID again when it is told 404.
 * With the other requests 404 would make it drop what it sent, so there it stays with what was wrong.
 */
function deleted(name: EndpointName, refused: Refused): Refused {
  const gone = refused.reason === "unknown" || refused.reason === "identity";
  return (name === "config" || name === "compoundConfig") && gone ? { ...refused, status: 404 } : refused;
}

/** EVE's `client` takes one without a content type for failed, though there is nothing to read. */
function registered(outcome: RegistrationOutcome): DeviceResponse | Refused {
  switch (outcome.type) {
    case "admitted":
      return message(201, new Uint8Array());
    case "known":
      return message(200, new Uint8Array());
    case "conflict":
      return { status: 409, reason: "enrolment", message: outcome.message };
    case "waiting":
    case "refused":
      return { status: 403, reason: "enrolment", message: outcome.message };
  }
}
