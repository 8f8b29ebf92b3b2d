import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { firewall } from "@selvedge/eve-api";
import type { Pod, Service, ServicePort } from "@selvedge/kinds";
import { isSelected, selects } from "../endpoints/endpoints-plan.ts";
import { type AccessPlan, noPolicy } from "../network/access-plan.ts";
import { type Opening, opens } from "../network/openings.ts";
import { isGoing, isOver } from "../objects/pods.ts";

export interface PortMapping {
  readonly protocol: "tcp" | "udp";
  readonly nodePort: number;
  readonly appPort: number;
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
  shared: ReadonlySet<Service> = new Set(),
): ReadonlyMap<string, readonly PortMapping[]> {
  const ordered = [...pods].sort(byClaim);
  const taken = new Map<string, Service | undefined>();
  const mappings = new Map<string, PortMapping[]>();
  const claim = (pod: Pod, mapping: PortMapping, service?: Service): void => {
    const port = `${mapping.protocol}/${mapping.nodePort}`;
    const joins = service !== undefined && shared.has(service) && taken.get(port) === service;
    if (taken.has(port) && !(joins && stays(pod))) return;
    taken.set(port, service);
    const uid = pod.metadata.uid ?? "";
    mappings.set(uid, [...(mappings.get(uid) ?? []), mapping]);
  };
  for (const pod of ordered) for (const mapping of hostPorts(pod)) claim(pod, mapping);
  for (const pod of ordered)
    for (const service of services)
      for (const mapping of nodePorts(pod, service)) claim(pod, mapping, service);
  return mappings;
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

function mapOf({ protocol, nodePort, appPort }: PortMapping, remote: string | undefined): Entry {
  const matches = [
    ...(remote === undefined ? [] : [{ type: "ip", value: remote }]),
    { type: "protocol", value: protocol },
    { type: "lport", value: String(nodePort) },
  ];
  return { name: `${protocol}-${nodePort}`, matches, actions: [{ portmap: true, appPort }] };
}

function hostPorts(pod: Pod): PortMapping[] {
  return pod.spec.containers.flatMap(({ ports = [] }) =>
    ports.flatMap(({ hostPort, containerPort, protocol }) =>
      hostPort === undefined || hostPort === 0 || protocol === "SCTP"
        ? []
        : [{ protocol: lower(protocol), nodePort: hostPort, appPort: containerPort }],
    ),
  );
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
  const rank = (pod: Pod): string =>
    `${stays(pod) ? 0 : 1} ${pod.metadata.creationTimestamp ?? ""} ${pod.metadata.uid ?? ""}`;
  return rank(left) < rank(right) ? -1 : 1;
}
