/** Services as the node has them now: where their addresses and names lead. Pure. */
import type { AppId } from "../desired.ts";
import { familyOf } from "./address.ts";
import type { Lease } from "./lease.ts";
import type { ServiceSpec, ServiceTarget } from "./service-spec.ts";

export interface ServiceRoute {
  /** Which it is, to ports of the node that lead there as well. */
  readonly key: string;
  readonly address: string;
  readonly protocol: "tcp" | "udp";
  readonly port: number;
  readonly sticky: boolean;
  /** None: who asks is told at once that nobody is there. */
  readonly targets: readonly ServiceDestination[];
}

export interface ServiceDestination {
  readonly address: string;
  readonly port: number;
  /** An app of the node. */
  readonly own: boolean;
}

export interface ServiceTable {
  readonly routes: readonly ServiceRoute[];
  readonly names: readonly (readonly [name: string, address: string])[];
  /** Ports by their names: at which of the names above, and by which number. */
  readonly ports: readonly (readonly [name: string, at: string, port: number])[];
}

/** Of two that have the same port of one address, the first counts. */
export function serviceTable(
  services: readonly ServiceSpec[],
  leases: readonly Lease[],
  ready: ReadonlySet<AppId>,
): ServiceTable {
  const addresses = new Map<AppId, string>();
  // Addresses of services are of IPv4, and so is who answers there.
  for (const { appId, address } of leases)
    if (address !== "" && familyOf(address) === "ip" && !addresses.has(appId)) addresses.set(appId, address);
  const found = (service: ServiceSpec, target: ServiceTarget): ServiceDestination[] => {
    const { port } = target;
    if (!("appId" in target)) return [{ address: target.address, port, own: false }];
    const address = addresses.get(target.appId);
    if (address === undefined || !(service.unready || ready.has(target.appId))) return [];
    return [{ address, port, own: true }];
  };
  const routes = new Map<string, ServiceRoute>();
  const names: [string, string][] = [];
  const ports: [string, string, number][] = [];
  for (const service of services) {
    const { name, address, sticky } = service;
    if (address !== "") names.push([name, address]);
    else
      for (const member of service.members)
        for (const { address: own } of found(service, member))
          names.push([name, own], [memberName(name, member, own), own]);
    for (const { name: called, protocol, port, targets } of service.ports) {
      if (called === undefined) continue;
      const asked = `_${called}._${protocol}.${name}`;
      if (address !== "") ports.push([asked, name, port]);
      else
        for (const target of targets)
          for (const { address: own, port: number } of found(service, target))
            ports.push([asked, memberName(name, target, own), number]);
    }
    for (const { protocol, port, targets } of address === "" ? [] : service.ports) {
      const key = routeKey(address, protocol, port);
      if (routes.has(key)) continue;
      const destinations = targets.flatMap((target) => found(service, target));
      routes.set(key, { key, address, protocol, port, sticky, targets: destinations });
    }
  }
  return { routes: [...routes.values()], names, ports };
}

/** As upstream: one without a name of its own is called by its address. */
function memberName(name: string, { hostname }: ServiceTarget, address: string): string {
  return `${hostname === "" ? address.replaceAll(".", "-") : hostname}.${name}`;
}

export function routeKey(address: string, protocol: string, port: number): string {
  return `${address} ${protocol} ${port}`;
}

/** The chains of those that lead somewhere, by their keys. */
export function ledChains(routes: readonly ServiceRoute[]): ReadonlyMap<string, string> {
  return new Map(routes.filter(isLed).map(({ key }, at) => [key, `service_${at}`]));
}

function isLed({ targets }: ServiceRoute): boolean {
  return targets.length > 0;
}

/** Addresses of services, each once. */
function serviceAddresses(routes: readonly ServiceRoute[]): string[] {
  return [...new Set(routes.map(({ address }) => address))];
}

export const serviceSet = "service_addresses";

/** What stands before the chains: where each port of each service leads. */
export function serviceChains(routes: readonly ServiceRoute[]): string {
  if (routes.length === 0) return "";
  const led = routes.filter(isLed);
  const names = ledChains(routes);
  const chains = led.map((route) => `  chain ${names.get(route.key)} {\n    ${destination(route)}\n  }\n`);
  const elements = led.map(
    ({ key, address, protocol, port }) => `${address} . ${protocol} . ${port} : goto ${names.get(key)}`,
  );
  return `${chains.join("")}  set ${serviceSet} {
    type ipv4_addr
    elements = { ${serviceAddresses(routes).join(", ")} }
  }
  map services {
    type ipv4_addr . inet_proto . inet_service : verdict
${elements.length === 0 ? "" : `    elements = { ${elements.join(", ")} }\n`}  }
`;
}

function destination({ protocol, sticky, targets }: ServiceRoute): string {
  const [first] = targets;
  const to = `meta l4proto ${protocol} dnat ip to`;
  if (first !== undefined && targets.length === 1) return `${to} ${first.address}:${first.port}`;
  const choice = sticky ? "jhash ip saddr" : "numgen random";
  const places = targets.map(({ address, port }, at) => `${at} : ${address} . ${port}`);
  return `${to} ${choice} mod ${targets.length} map { ${places.join(", ")} }`;
}

/** An app that asks a service it is a target of meets itself; it would not take its own address for that. */
export function selfCalls(routes: readonly ServiceRoute[], verdict: "accept" | "masquerade"): string {
  const own = new Set(routes.flatMap(({ targets }) => targets.flatMap((it) => (it.own ? [it.address] : []))));
  if (own.size === 0) return "";
  const pairs = [...own].map((it) => `${it} . ${it}`).join(", ");
  return `    ct status dnat ip saddr . ip daddr { ${pairs} } ${verdict}\n`;
}
