/**
 * What Kubernetes serves below `/api/v1/nodes/NAME/proxy/`, as far as we have it: the node's own log in the
 * manner of upstream's node log query, its newest flows and its hardware. All from what the node has sent,
 * so it can be read while the node is away.
 *
 *   kubectl get --raw '/api/v1/nodes/NAME/proxy/logs/?query=engine&tailLines=100'
 *   kubectl get --raw  /api/v1/nodes/NAME/proxy/flows
 *   kubectl get --raw  /api/v1/nodes/NAME/proxy/hardware
 *   kubectl get --raw  /api/v1/nodes/NAME/proxy/attestation
 *   kubectl get --raw '/api/v1/nodes/NAME/proxy/state?type=volume'
 *   kubectl get --raw  /api/v1/nodes/NAME/proxy/escrow
 *   kubectl get --raw  /api/v1/nodes/NAME/proxy/metrics
 *   kubectl create --raw /api/v1/nodes/NAME/proxy/edgeview -f /dev/null
 *   kubectl create --raw /api/v1/nodes/NAME/proxy/compound-config -f /dev/null > NAME.pb
 */
import type { IncomingMessage } from "node:http";
import { type Answer, StatusError, type Target } from "@selvedge/apiserver";
import { formatMetrics, type MetricFamily, metricsContentType } from "@selvedge/base";
import type { FlowEntry } from "../ingest/flow-book.ts";
import type { LogLine } from "../logs/log-bundle.ts";
import { formatNanos } from "../logs/log-selection.ts";
import type { NodeId } from "../ports.ts";
import type { EscrowPage } from "./escrow-page.ts";

export interface NodeProxyOptions {
  /** Undefined when there is no such node, or it has not enrolled. */
  readonly nodeIdOf: (nodeName: string) => Promise<NodeId | undefined>;
  readonly logs: { ofNode(node: NodeId): Promise<readonly LogLine[]> };
  readonly flows: { of(node: NodeId): readonly FlowEntry[] };
  readonly health: { of(node: NodeId): unknown };
  /** Its last word on everything it has. */
  readonly states: { of(node: NodeId, type?: string): readonly unknown[] };
  /** All that it and its apps measure: where scrapers of Kubernetes look for a node's. */
  readonly figures: { page(node: NodeId): readonly MetricFamily[] };
  /** What its TPM signed, and what was measured to get there. */
  readonly attestation: { of(node: NodeId): unknown };
  /** What opens sessions with it, if somebody allowed any. */
  readonly edgeview: (node: NodeId) => string | undefined;
  readonly escrow: EscrowPage;
  /** What a console gives it in our place. */
  readonly compound: (node: NodeId) => Uint8Array | undefined;
}

/** Makes a part of what ApiServerOptions.subresource wants: true when the request was for this. */
export function nodeProxy(
  options: NodeProxyOptions,
): (target: Target, request: IncomingMessage, answer: Answer) => Promise<boolean> {
  return async (target, request, answer) => {
    const { kind, name = "", subresource, rest = "" } = target;
    if (kind.group !== "" || kind.plural !== "nodes" || subresource !== "proxy") return false;
    const part = rest.replace(/\/$/, "");
    // Who may only read must not get what opens a box.
    const methods = methodsOf.get(part) ?? ["GET"];
    if (answer.type !== "response" || !methods.includes(request.method ?? "")) {
      const message = "the server does not allow this method on the requested resource";
      throw new StatusError(405, "MethodNotAllowed", message);
    }
    const { response } = answer;
    const node = await options.nodeIdOf(name);
    if (node === undefined) throw new StatusError(404, "NotFound", `nodes "${name}" not found`);
    const query = new URL(request.url ?? "/", "https://server").searchParams;
    const sendJson = (value: unknown): void => {
      response.writeHead(200, { "content-type": "application/json" });
      response.end(`${JSON.stringify(value, undefined, 2)}\n`);
    };
    switch (part) {
      case "logs": {
        const wanted = parseNodeLogQuery(query);
        const text = formatNodeLog(await options.logs.ofNode(node), wanted);
        response.writeHead(200, { "content-type": "text/plain; charset=utf-8" });
        response.end(text);
        return true;
      }
      case "metrics":
        response.writeHead(200, { "content-type": metricsContentType });
        response.end(formatMetrics(options.figures.page(node)));
        return true;
      case "flows":
        sendJson({ items: options.flows.of(node) });
        return true;
      case "hardware": {
        const health = options.health.of(node);
        if (health === undefined) throw nothingYet(name, "reported on its hardware");
        sendJson(health);
        return true;
      }
      case "state":
        sendJson({ items: options.states.of(node, query.get("type") ?? undefined) });
        return true;
      case "attestation": {
        const proved = options.attestation.of(node);
        if (proved === undefined) throw nothingYet(name, "proved what it runs");
        sendJson(proved);
        return true;
      }
      case "edgeview": {
        const token = options.edgeview(node);
        if (token === undefined) throw nothingYet(name, "been told to let anybody look into it");
        sendJson({ token });
        return true;
      }
      case "escrow":
        sendJson(request.method === "POST" ? options.escrow.change(node, query) : options.escrow.read(node));
        return true;
      case "compound-config": {
        const compound = options.compound(node);
        if (compound === undefined) throw nothingYet(name, "got a configuration");
        response.writeHead(200, { "content-type": "application/x-proto-binary" });
        response.end(compound);
        return true;
      }
      default:
        throw new StatusError(404, "NotFound", `${served}, not ${rest}`);
    }
  };
}

/** Of what is not only read. */
const methodsOf: ReadonlyMap<string, readonly string[]> = new Map([
  ["edgeview", ["POST"]],
  ["compound-config", ["POST"]],
  ["escrow", ["GET", "POST"]],
]);

const served =
  "a node serves logs/, metrics, flows, hardware, state, attestation, escrow, edgeview and compound-config here";

function nothingYet(name: string, what: string): StatusError {
  return new StatusError(404, "NotFound", `node "${name}" has not ${what} yet`);
}

export interface NodeLogQuery {
  /** Sources of which any is wanted; none: all. */
  readonly sources: readonly string[];
  /** Nanoseconds since 1970. */
  readonly since: bigint | undefined;
  readonly until: bigint | undefined;
  readonly tailLines: number | undefined;
}

/** Upstream's NodeLogOptions: query, sinceTime, untilTime, tailLines. What else it has is refused. */
function parseNodeLogQuery(query: URLSearchParams): NodeLogQuery {
  for (const name of ["pattern", "boot"]) {
    if (query.has(name)) throw badRequest(`${name} is not offered; take all lines and search them`);
  }
  return {
    sources: query.getAll("query").filter((text) => text !== ""),
    since: timeOf(query, "sinceTime"),
    until: timeOf(query, "untilTime"),
    tailLines: tailOf(query),
  };
}

function timeOf(query: URLSearchParams, name: string): bigint | undefined {
  const text = query.get(name);
  if (text === null || text === "") return undefined;
  const at = /^\d{4}-\d\d-\d\dT/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(at)) throw badRequest(`${name}: must be a time in RFC 3339, like 2026-01-02T15:04:05Z`);
  return BigInt(at) * 1_000_000n;
}

function tailOf(query: URLSearchParams): number | undefined {
  const text = query.get("tailLines");
  if (text === null || text === "") return undefined;
  if (!/^\d{1,9}$/.test(text)) throw badRequest("tailLines: must be a whole number, 0 or more");
  return Number(text);
}

/** A node's lines as text, oldest first: when, how grave, who, what. */
function formatNodeLog(lines: readonly LogLine[], wanted: NodeLogQuery): string {
  const { sources, since, until, tailLines } = wanted;
  const chosen = lines.filter(
    ({ at, origin }) =>
      (sources.length === 0 || sources.some((source) => isFrom(origin?.source ?? "", source))) &&
      (since === undefined || at >= since) &&
      (until === undefined || at <= until),
  );
  const shown = tailLines === undefined ? chosen : tailLines === 0 ? [] : chosen.slice(-tailLines);
  return shown.map(({ at, origin, text }) => `${formatNanos(at)} ${wordsOf(origin)}${text}\n`).join("");
}

/** `engine` is also what is under it: `engine.control`. */
function isFrom(source: string, wanted: string): boolean {
  return source === wanted || source.startsWith(`${wanted}.`);
}

function wordsOf(origin: LogLine["origin"]): string {
  const { severity = "", source = "" } = origin ?? {};
  return `${severity === "" ? "" : `${severity} `}${source === "" ? "" : `${source}: `}`;
}

function badRequest(message: string): StatusError {
  return new StatusError(400, "BadRequest", message);
}
