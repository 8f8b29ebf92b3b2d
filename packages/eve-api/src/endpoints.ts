/**
 * Every endpoint of the node API, as one table: the gateway routes by it, the engine builds its paths from
 * it.
 */
export interface Endpoint {
  readonly method: "GET" | "POST";
  /** Below the base path; `{node}` and `{app}` are UUIDs. */
  readonly path: string;
  /** Whether the request's body is an envelope. */
  readonly enveloped: boolean;
  /** The most bytes a request may have; a larger one is refused before it is read. */
  readonly bodyMax: number;
  /** What a node understands as "taken". */
  readonly success: number;
}

const base = "/api/v2/edgedevice";
const kib = 1024;
const mib = 1024 * kib;

/** Requests without a message of their own: an envelope around nothing, or no body. */
const smallBody = 16 * kib;
/** Info and attestation: certificates, event logs and inventories fit well inside. */
const messageBody = mib;
/** A metrics message of a full node, or a compressed bundle of logs (EVE cuts those at about 400 KiB). */
const bulkBody = 4 * mib;

export type EndpointName =
  | "certs"
  | "register"
  | "ping"
  | "uuid"
  | "config"
  | "attest"
  | "info"
  | "metrics"
  | "newlogs"
  | "appNewlogs"
  | "flowlog"
  | "hardwarehealth"
  | "scep"
  | "logs"
  | "appLogs"
  | "compoundConfig";

export const endpoints: Readonly<Record<EndpointName, Endpoint>> = {
  certs: { method: "GET", path: "/certs", enveloped: false, bodyMax: 0, success: 200 },
  register: { method: "POST", path: "/register", enveloped: true, bodyMax: 64 * kib, success: 201 },
  ping: { method: "GET", path: "/ping", enveloped: false, bodyMax: 0, success: 200 },
  uuid: { method: "POST", path: "/uuid", enveloped: true, bodyMax: smallBody, success: 200 },
  config: { method: "POST", path: "/id/{node}/config", enveloped: true, bodyMax: smallBody, success: 200 },
  attest: { method: "POST", path: "/id/{node}/attest", enveloped: true, bodyMax: messageBody, success: 201 },
  info: { method: "POST", path: "/id/{node}/info", enveloped: true, bodyMax: messageBody, success: 201 },
  metrics: { method: "POST", path: "/id/{node}/metrics", enveloped: true, bodyMax: bulkBody, success: 201 },
  newlogs: { method: "POST", path: "/id/{node}/newlogs", enveloped: true, bodyMax: bulkBody, success: 201 },
  appNewlogs: {
    method: "POST",
    path: "/id/{node}/apps/instanceid/{app}/newlogs",
    enveloped: true,
    bodyMax: bulkBody,
    success: 201,
  },
  flowlog: { method: "POST", path: "/id/{node}/flowlog", enveloped: true, bodyMax: bulkBody, success: 201 },
  // The specification says 201; what runs out there answers 200, and nodes take either.
  hardwarehealth: {
    method: "POST",
    path: "/id/{node}/hardwarehealth",
    enveloped: true,
    bodyMax: messageBody,
    success: 200,
  },
  scep: {
    method: "POST",
    path: "/id/{node}/proxy/scep",
    enveloped: true,
    bodyMax: messageBody,
    success: 200,
  },
  logs: { method: "POST", path: "/id/{node}/logs", enveloped: true, bodyMax: bulkBody, success: 201 },
  appLogs: {
    method: "POST",
    path: "/id/{node}/apps/instances/id/{app}/logs",
    enveloped: true,
    bodyMax: bulkBody,
    success: 201,
  },
  // A local operator console's: the answer is no envelope, but holds one.
  compoundConfig: {
    method: "POST",
    path: "/id/{node}/compound-config",
    enveloped: true,
    bodyMax: smallBody,
    success: 200,
  },
};

/** The path of an endpoint for one node and, where it has one, one app. */
export function pathOf(
  name: EndpointName,
  ids: { readonly node?: string; readonly app?: string } = {},
): string {
  return base + endpoints[name].path.replace("{node}", ids.node ?? "").replace("{app}", ids.app ?? "");
}

/** Where a node dials its link. */
export function linkPath(node: string): string {
  return `${base}/id/${node}/ext/link`;
}

export interface EndpointMatch {
  readonly name: EndpointName;
  readonly endpoint: Endpoint;
  readonly node: string | undefined;
  readonly app: string | undefined;
}

const uuid = "[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}";
const nodeStart = new RegExp(`^/id/(${uuid})(?=/)`);
const appInside = new RegExp(`(?<=/)${uuid}(?=/)`);

/** Endpoints by what stands after the base path, or after the node's part of it: with an app in it, or without. */
const [plain, ofNode, ofApp] = [
  pathsWith((path) => !path.includes("{node}")),
  pathsWith((path) => path.includes("{node}") && !path.includes("{app}")),
  pathsWith((path) => path.includes("{app}")),
];

function pathsWith(chosen: (path: string) => boolean): ReadonlyMap<string, EndpointName> {
  const names = (Object.keys(endpoints) as EndpointName[]).filter((name) => chosen(endpoints[name].path));
  return new Map(names.map((name) => [endpoints[name].path.replace("/id/{node}", ""), name]));
}

/**
 * The endpoint a path names; UUIDs come back in lower case. The method is the caller's to compare. By maps and not
 * by a pattern for each: it is on the path of every request.
 */
export function matchEndpoint(path: string): EndpointMatch | undefined {
  if (!path.startsWith(base)) return undefined;
  const rest = path.slice(base.length);
  const [start, node] = nodeStart.exec(rest) ?? [];
  if (start === undefined) return found(plain.get(rest));
  const tail = rest.slice(start.length);
  const own = ofNode.get(tail);
  if (own !== undefined) return found(own, node);
  const app = appInside.exec(tail)?.[0];
  return app === undefined ? undefined : found(ofApp.get(tail.replace(app, "{app}")), node, app);
}

function found(name: EndpointName | undefined, node?: string, app?: string): EndpointMatch | undefined {
  if (name === undefined) return undefined;
  return { name, endpoint: endpoints[name], node: node?.toLowerCase(), app: app?.toLowerCase() };
}
