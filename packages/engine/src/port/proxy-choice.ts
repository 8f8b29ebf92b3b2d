import type { PortsStatus } from "../observed.ts";
import type { PortSpec, ProxySpec } from "./port-spec.ts";

/** The proxy by which an address is reached now: that of the cheapest uplink that leads outside. Pure. */
export function proxyFor(status: PortsStatus | undefined, host: string): ProxySpec | undefined {
  const proxy = wayOut(status)?.proxy;
  return asksProxy(proxy, host) ? proxy : undefined;
}

/** The cheapest uplink that leads outside, which is what the node speaks by. */
export function wayOut(status: PortsStatus | undefined): PortSpec | undefined {
  const ports = status?.book.configs[status.book.current]?.ports ?? [];
  const uplinks = ports.filter(
    ({ uplink, fault, name }) => uplink && fault === undefined && status?.failed.includes(name) === false,
  );
  return uplinks.toSorted((left, right) => left.cost - right.cost)[0];
}

/** Whether what is for a host goes by the proxy. */
export function asksProxy(proxy: ProxySpec | undefined, host: string): proxy is ProxySpec {
  return proxy !== undefined && !proxy.exceptions.some((it) => excepts(it, host));
}

/** A host, a domain with all below it, an address, or an IPv4 network. */
function excepts(exception: string, host: string): boolean {
  const name = exception.toLowerCase().replace(/^\*?\./, "");
  if (name === "*" || name === host || host.endsWith(`.${name}`)) return true;
  const [, network = "", bits = ""] = /^([\d.]+)\/(\d{1,2})$/.exec(name) ?? [];
  if (network === "" || !/^\d{1,3}(\.\d{1,3}){3}$/.test(host)) return false;
  const start = (address: string): number =>
    Math.floor(
      address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0) / 2 ** (32 - Number(bits)),
    );
  return start(network) === start(host);
}
