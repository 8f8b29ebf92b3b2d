import type { NetworkSpec } from "../desired.ts";
import type { Lease } from "./lease.ts";

export interface ResolverInputs {
  readonly network: NetworkSpec;
  readonly bridge: string;
  readonly leases: readonly Lease[];
}

/**
 * dnsmasq for one bridge: answers there and nowhere else, gives each plug its own address and nobody
 * another.
 */
export function renderResolver({ network, bridge, leases }: ResolverInputs): string {
  const hosts = network.hosts.flatMap(({ name, addresses }) =>
    hostPattern.test(name) ? addresses.filter((it) => addressPattern.test(it)).map((it) => [name, it]) : [],
  );
  return [
    "bind-interfaces",
    `interface=${bridge}`,
    "except-interface=lo",
    "no-hosts",
    "no-ping",
    "user=nobody",
    "leasefile-ro",
    "dhcp-authoritative",
    "local=/internal/",
    ...(network.dns.length === 0 ? [] : ["no-resolv", ...network.dns.map((server) => `server=${server}`)]),
    `dhcp-range=${network.dhcpFirst},static,1h`,
    `dhcp-option=option:router,${network.gateway}`,
    `dhcp-option=option:dns-server,${network.gateway}`,
    ...leases.map(({ mac, address }) => `dhcp-host=${mac},${address}`),
    ...hosts.map(([name, address]) => `host-record=${name},${address}`),
    "",
  ].join("\n");
}

/** What comes from a configuration must not become a line of its own. */
const hostPattern = /^[A-Za-z0-9_]([A-Za-z0-9_.-]{0,252})$/;
const addressPattern = /^[0-9a-fA-F.:]+$/;
