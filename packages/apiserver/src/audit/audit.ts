/** Writes down who did what, a JSON line for each stage of a request, as events of audit.k8s.io/v1. */
import type { IncomingMessage } from "node:http";
import { type Clock, type Instant, type Random, toRfc3339Micro, uuid } from "@selvedge/base";
import type { Decision } from "../auth/authorization.ts";
import { userInfo } from "../auth/review-kinds.ts";
import type { User } from "../auth/user.ts";
import type { RequestInfo } from "../http/request-info.ts";
import { elementsOf, membersOf } from "../rest/json-outline.ts";
import { jsonOf } from "../rest/lazy-object.ts";
import type { StatusError } from "../status-error.ts";
import {
  type AuditLevel,
  type AuditPolicy,
  type AuditStage,
  type AuditTerms,
  atLeast,
  auditTerms,
} from "./audit-policy.ts";

/** Where lines go. It must not throw: a request does not fail for it. */
export interface AuditSink {
  write(line: string): void;
}

export interface AuditOptions {
  readonly policy: AuditPolicy;
  readonly sink: AuditSink;
  readonly clock: Clock;
}

/** More of a body is left out: one list of everything would fill the disk. */
const bodyMax = 1024 * 1024;
/** Upstream's. */
const idMax = 64;

/** The request's name in the audit log and in the answer's `Audit-Id`: the client's own, if it gave one. */
export function auditId(request: IncomingMessage, random: Random): string {
  const given = request.headers["audit-id"];
  const said = typeof given === "string" ? given : "";
  return /^[-\w.:]+$/.test(said) && said.length <= idMax ? said : uuid(random);
}

export class Audit {
  readonly #options: AuditOptions;

  constructor(options: AuditOptions) {
    this.#options = options;
  }

  /** Undefined: nothing of this request is written down. */
  begin(
    request: IncomingMessage,
    id: string,
    info: RequestInfo,
    user: User | undefined,
  ): AuditEntry | undefined {
    const { policy, sink, clock } = this.#options;
    const terms = auditTerms(policy, info, user);
    if (terms.level === "None") return undefined;
    return new AuditEntry(sink, clock, terms, {
      ...{ auditID: id, requestURI: request.url ?? "", verb: info.verb },
      user: user === undefined ? {} : userInfo(user),
      ...addressOf(request),
      ...(request.headers["user-agent"] && { userAgent: request.headers["user-agent"] }),
      ...(info.type === "resource" && { objectRef: referenceOf(info) }),
    });
  }
}

/** One request on its way. */
export class AuditEntry {
  readonly #sink: AuditSink;
  readonly #clock: Clock;
  readonly #terms: AuditTerms;
  readonly #received: Instant;
  readonly #facts: Record<string, unknown>;
  readonly #annotations: Record<string, string> = {};
  /** What was sent, as JSON: nobody here looks into it. */
  readonly #bodies = new Map<"requestObject" | "responseObject", string>();
  #status: Record<string, unknown> | undefined;

  constructor(sink: AuditSink, clock: Clock, terms: AuditTerms, facts: Readonly<Record<string, unknown>>) {
    this.#sink = sink;
    this.#clock = clock;
    this.#terms = terms;
    this.#facts = { ...facts };
    this.#received = clock.now();
    this.#write("RequestReceived");
  }

  wants(level: AuditLevel): boolean {
    return atLeast(this.#terms.level, level);
  }

  impersonates(user: User): void {
    this.#facts["impersonatedUser"] = userInfo(user);
  }

  decided({ allowed, reason }: Decision): void {
    this.#annotations["authorization.k8s.io/decision"] = allowed ? "allow" : "forbid";
    this.#annotations["authorization.k8s.io/reason"] = reason;
  }

  /** What members of admission have to say; the first word stands. */
  annotate(key: string, value: string, level: AuditLevel = "Metadata"): void {
    if (this.wants(level)) this.#annotations[key] ??= value;
  }

  /** What the client sent, once it has been read. */
  asked(body: unknown): void {
    if (this.wants("Request") && body !== undefined) this.#keep("requestObject", jsonOf(body));
  }

  /** What the client is sent, as JSON text. */
  answered(json: string): void {
    if (this.wants("RequestResponse")) this.#keep("responseObject", json);
  }

  /** The client is sent more than is written down. */
  tooLong(): void {
    if (this.wants("RequestResponse")) this.#annotations["audit.k8s.io/truncated"] = "true";
  }

  refused(error: StatusError): void {
    const { metadata, status, message, reason, details, code } = error.toStatus();
    if (this.wants("RequestResponse")) this.#keep("responseObject", JSON.stringify(error.toStatus()));
    this.#status = {
      ...{ metadata, status, message },
      ...(reason === undefined ? {} : { reason }),
      ...(details === undefined ? {} : { details }),
      code,
    };
  }

  /** The answer has begun, and goes on for as long as the client likes. */
  started(code: number): void {
    this.#write("ResponseStarted", code);
  }

  done(code: number): void {
    this.#write("ResponseComplete", code);
  }

  #keep(name: "requestObject" | "responseObject", json: string): void {
    const text = this.#terms.omitManagedFields ? withoutManagedFields(json) : json;
    if (text.length > bodyMax) this.#annotations["audit.k8s.io/truncated"] = "true";
    else this.#bodies.set(name, text);
  }

  #write(stage: AuditStage, code?: number): void {
    const { level, omitStages } = this.#terms;
    if (omitStages.includes(stage)) return;
    const facts = { ...{ kind: "Event", apiVersion: "audit.k8s.io/v1", level, stage }, ...this.#facts };
    const bodies = [...this.#bodies].map(([name, text]) => `,"${name}":${text}`).join("");
    const rest = {
      ...(code === undefined ? {} : { responseStatus: this.#status ?? { metadata: {}, code } }),
      requestReceivedTimestamp: toRfc3339Micro(this.#received),
      stageTimestamp: toRfc3339Micro(this.#clock.now()),
      ...(Object.keys(this.#annotations).length > 0 && { annotations: this.#annotations }),
    };
    this.#sink.write(`${JSON.stringify(facts).slice(0, -1)}${bodies},${JSON.stringify(rest).slice(1)}\n`);
  }
}

function addressOf({ socket }: IncomingMessage): { readonly sourceIPs?: readonly string[] } {
  const { remoteAddress } = socket;
  return remoteAddress === undefined ? {} : { sourceIPs: [remoteAddress.replace(/^::ffff:/, "")] };
}

function referenceOf(info: Extract<RequestInfo, { type: "resource" }>): Record<string, string> {
  const { group, version = "", resource, subresource, namespace, name } = info;
  return {
    resource,
    ...(namespace && { namespace }),
    ...(name && { name }),
    ...(group && { apiGroup: group }),
    apiVersion: version,
    ...(subresource && { subresource }),
  };
}

/** Of an object, or of each in a list, as JSON.stringify has written it. */
function withoutManagedFields(text: string): string {
  const members = membersOf(text) ?? [];
  const items = members.find(({ name, from }) => name === "items" && text[from] === "[");
  if (items !== undefined) {
    const shown = elementsOf(text.slice(items.from, items.to)).map(withoutManagedFields);
    return `${text.slice(0, items.from)}[${shown.join(",")}]${text.slice(items.to)}`;
  }
  const metadata = members.find(({ name }) => name === "metadata");
  if (metadata === undefined) return text;
  const said = withoutMember(text.slice(metadata.from, metadata.to), "managedFields");
  return `${text.slice(0, metadata.from)}${said}${text.slice(metadata.to)}`;
}

function withoutMember(text: string, name: string): string {
  const members = membersOf(text);
  if (members?.some((member) => member.name === name) !== true) return text;
  const kept = members.filter((member) => member.name !== name);
  return `{${kept.map(({ name, from, to }) => `${JSON.stringify(name)}:${text.slice(from, to)}`).join(",")}}`;
}
