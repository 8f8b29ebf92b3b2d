import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { firewall } from "@selvedge/eve-api";
import type { Pod, Service, ServicePort } from "@selvedge/kinds";
import { isSelected, selects } from "../endpoints/endpoints-plan.ts";
import { type AccessPlan, noPolicy } from "../network/access-plan.ts";
import { type Opening, opens } from "../network/openings.ts";
import { ageOf } from "../objects/age.ts";
import { isGoing, isOver } from "../objects/pods.ts";
import { oneAddress } from "../scheduling/resources.ts";
import { RenderError } from "./inputs.ts";

export interface PortMapping {
  readonly protocol: "tcp" | "udp";
  readonly nodePort: number;
  readonly appPort: number;
  /** The only port of the box that it comes in by, by its name; all: undefined. */
  readonly adapter?: string | undefined;
}

export interface NodeSide {
  /** Services whose ports of the node lead to all of their Pods. */
  readonly shared: ReadonlySet<Service>;
  /** The port of the box that has an address, by its name. */
  portAt(address: string): string | undefined;
}

/** A Pod that wants a port of the node at an address which no port of the box has cannot be sent. */
export function checkHostAddresses({ spec }: Pod, { portAt }: NodeSide, nodeName: string): void {
  for (const { name, ports = [] } of spec.containers)
    for (const { hostPort, hostIP } of ports) {
      const address = oneAddress(hostIP);
      if (!hostPort || address === "" || portAt(address) !== undefined) continue;
      const message = `no port of node ${nodeName} has the address ${address}, a hostIP of container "${name}"`;
      throw new RenderError("NotSupported", message);
    }
}

/**
 * Which ports of the node lead to which Pod, by UID. A port leads to one Pod: a Pod's own hostPort before a
 * Service's NodePort, a Pod that stays before one that goes, the older before the newer. A NodePort that is
 * shared leads to all Pods of its Service that stay; any other uses the first, and goes over to the next when
 * that is deleted.
 */
export function portMappings(
  pods: readonly Pod[],
  services: readonly Service[],
  { shared, portAt }: NodeSide,
): ReadonlyMap<string, readonly PortMapping[]> {
  const ordered = [...pods].sort(byClaim);
  const taken: { readonly by: PortMapping; readonly service: Service | undefined }[] = [];
  const mappings = new Map<string, PortMapping[]>();
  const claim = (pod: Pod, mapping: PortMapping, service?: Service): void => {
    const before = taken.find(({ by }) => meet(by, mapping));
    const joins = service !== undefined && shared.has(service) && before?.service === service;
    if (before !== undefined && !(joins && stays(pod))) return;
    taken.push({ by: mapping, service });
    const uid = pod.metadata.uid ?? "";
    mappings.set(uid, [...(mappings.get(uid) ?? []), mapping]);
  };
  for (const pod of ordered) for (const mapping of hostPorts(pod, portAt)) claim(pod, mapping);
  for (const pod of ordered)
    for (const service of services)
      for (const mapping of nodePorts(pod, service)) claim(pod, mapping, service);
  return mappings;
}

/** Which ports of the node a Pod wants that another one has: it gets them when that ends (docs/decisions/0391). */
export function lackedPorts(pod: Pod, own: readonly PortMapping[], { portAt }: NodeSide): string[] {
  if (!stays(pod)) return [];
  const lacks = hostPorts(pod, portAt).filter((wanted) => !own.some((has) => meet(has, wanted)));
  return lacks.map(({ protocol, nodePort }) => `${protocol}/${nodePort}`);
}

/**
 * The access list of a Pod's plug. Without a policy everything may go out, and what comes in comes by a port
 * of the node; with one, what it lets through and nothing else, also by a port of the node. Entries only ever
 * allow: devices of EVE drop nothing on such a network but what no entry names.
 */
export function accessRules(mappings: readonly PortMapping[], plan: AccessPlan = noPolicy): firewall.ACE[] {
  const { EGRESS, INGRESS } = firewall.ACEDirection;
  const out = plan.egress?.map((opening) => entryOf(opening, "fport", EGRESS)) ?? [
    { name: "out", matches: [everywhere], actions: [{}], dir: EGRESS },
  ];
  const into = plan.ingress?.map((opening) => entryOf(opening, "lport", INGRESS)) ?? [];
  const maps = mappings.flatMap((mapping) =>
    callersOf(mapping, plan.ingress).map((remote) => mapOf(mapping, remote)),
  );
  return [...out, ...into, ...maps].map((entry, index) =>
    create(firewall.ACESchema, { id: index + 1, ...entry }),
  );
}

type Entry = MessageInitShape<typeof firewall.ACESchema>;
type Match = MessageInitShape<typeof firewall.ACEMatchSchema>;

const everywhere = { type: "ip", value: "0.0.0.0/0" };

function entryOf(opening: Opening, side: "fport" | "lport", dir: firewall.ACEDirection): Entry {
  const { by, remote, protocol, ports } = opening;
  const matches: Match[] = [remote === undefined ? everywhere : { type: "ip", value: remote }];
  if (protocol !== undefined) matches.push({ type: "protocol", value: protocol });
  if (ports !== undefined)
    matches.push({
      type: side,
      value: ports.first === ports.last ? `${ports.first}` : `${ports.first}:${ports.last}`,
    });
  return { name: by, matches, actions: [{}], dir };
}

/** Who may use a port of the node: one entry for anybody, or one for each range. */
function callersOf(
  { protocol, appPort }: PortMapping,
  ingress: AccessPlan["ingress"],
): (string | undefined)[] {
  if (ingress === undefined) return [undefined];
  const open = ingress.filter((opening) => opens(opening, protocol, appPort));
  if (open.some(({ remote }) => remote === undefined)) return [undefined];
  return [...new Set(open.map(({ remote }) => remote))];
}

function mapOf({ protocol, nodePort, appPort, adapter }: PortMapping, remote: string | undefined): Entry {
  const matches = [
    ...(adapter === undefined ? [] : [{ type: "adapter", value: adapter }]),
    ...(remote === undefined ? [] : [{ type: "ip", value: remote }]),
    { type: "protocol", value: protocol },
    { type: "lport", value: String(nodePort) },
  ];
  return { name: `${protocol}-${nodePort}`, matches, actions: [{ portmap: true, appPort }] };
}

function hostPorts(pod: Pod, portAt: NodeSide["portAt"]): PortMapping[] {
  return pod.spec.containers.flatMap(({ ports = [] }) =>
    ports.flatMap(({ hostPort, hostIP, containerPort, protocol }) => {
      const address = oneAddress(hostIP);
      const adapter = address === "" ? undefined : portAt(address);
      if (!hostPort || protocol === "SCTP" || (address !== "" && adapter === undefined)) return [];
      return [{ protocol: lower(protocol), nodePort: hostPort, appPort: containerPort, adapter }];
    }),
  );
}

function meet(left: PortMapping, right: PortMapping): boolean {
  if (left.protocol !== right.protocol || left.nodePort !== right.nodePort) return false;
  return left.adapter === undefined || right.adapter === undefined || left.adapter === right.adapter;
}

function nodePorts(pod: Pod, service: Service): PortMapping[] {
  if (!selects(service) || !isSelected(service, pod)) return [];
  return (service.spec.ports ?? []).flatMap((port) => {
    const appPort = targetOf(pod, port);
    if (!port.nodePort || appPort === undefined || port.protocol === "SCTP") return [];
    return [{ protocol: lower(port.protocol), nodePort: port.nodePort, appPort }];
  });
}

/** Where a port of a Service is at one Pod. */
export function targetOf(pod: Pod, port: ServicePort): number | undefined {
  const target = port.targetPort ?? port.port;
  if (typeof target === "number") return target;
  const named = pod.spec.containers
    .flatMap(({ ports = [] }) => ports)
    .find(({ name, protocol = "TCP" }) => name === target && protocol === (port.protocol ?? "TCP"));
  return named?.containerPort;
}

function lower(protocol = "TCP"): "tcp" | "udp" {
  return protocol === "UDP" ? "udp" : "tcp";
}

function stays(pod: Pod): boolean {
  return !isGoing(pod) && !isOver(pod);
}

function byClaim(left: Pod, right: Pod): number {
  const rank = (pod: Pod): string => `${stays(pod) ? 0 : 1} ${ageOf(pod)}`;
  return rank(left) < rank(right) ? -1 : 1;
}
