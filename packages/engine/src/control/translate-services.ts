/** Services of our extension → ServiceSpecs. Pure. */
import { isIPv4 } from "node:net";
import type { ext } from "@selvedge/eve-api";
import type { AppId } from "../desired.ts";
import type { ServicePort, ServiceSpec, ServiceTarget } from "../network/service-spec.ts";
import { ConfigFault, isUuid } from "./config-fault.ts";

/** Each name is a line of the resolver's and each port a chain of rules. */
const servicesMax = 1000;
const namePattern = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/;
const labelPattern = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
const nameMax = 253;
const portMax = 65_535;

export function translateServices(extension: ext.NodeExtension | undefined): ServiceSpec[] {
  const services = extension?.services ?? [];
  if (services.length > servicesMax)
    throw new ConfigFault("(50001).services", `has ${services.length}, this node takes ${servicesMax}`);
  return services.map((item, at) => translateService(item, `(50001).services[${at}]`));
}

function translateService(item: ext.NodeService, field: string): ServiceSpec {
  const { name, address, sticky, unready, externalName } = item;
  checkName(name, `${field}.name`);
  if (externalName !== "") checkName(externalName, `${field}.external_name`);
  if (address !== "") checkAddress(address, `${field}.address`);
  return {
    ...{ name, address, sticky, unready, ...(externalName !== "" && { externalName }) },
    ports: item.ports.map((port, at) => translatePort(port, `${field}.ports[${at}]`)),
    members: item.members.map((it, at) => translateTarget(it, `${field}.members[${at}]`, 0)),
  };
}

function translatePort(item: ext.NodeServicePort, field: string): ServicePort {
  const { protocol, port, targets, controller, nodePort, name } = item;
  if (protocol !== "tcp" && protocol !== "udp")
    throw new ConfigFault(`${field}.protocol`, `${JSON.stringify(protocol)} is neither tcp nor udp`);
  checkPort(port, `${field}.port`, 1);
  checkPort(nodePort, `${field}.node_port`, 0);
  if (name !== "" && !labelPattern.test(name))
    throw new ConfigFault(`${field}.name`, `${JSON.stringify(name)} is not the name of a port`);
  return {
    ...{ protocol, port, ...(controller && { controller }), ...(nodePort !== 0 && { nodePort }) },
    ...(name !== "" && { name }),
    targets: targets.map((it, at) => translateTarget(it, `${field}.targets[${at}]`, 1)),
  };
}

function translateTarget(item: ext.ServiceTarget, field: string, portMin: number): ServiceTarget {
  const { port, hostname, address } = item;
  checkPort(port, `${field}.port`, portMin);
  if (hostname !== "" && !labelPattern.test(hostname))
    throw new ConfigFault(`${field}.hostname`, `${JSON.stringify(hostname)} is not the name of a host`);
  const appId = item.appId.toLowerCase();
  if (appId === "") {
    checkAddress(address, `${field}.address`);
    return { port, hostname, address };
  }
  if (!isUuid(appId)) throw new ConfigFault(`${field}.app_id`, `${JSON.stringify(appId)} is not a UUID`);
  return { port, hostname, appId: appId as AppId };
}

function checkName(name: string, field: string): void {
  if (name.length > nameMax || !namePattern.test(name))
    throw new ConfigFault(field, `${JSON.stringify(name)} is not a domain`);
}

function checkAddress(address: string, field: string): void {
  if (!isIPv4(address)) throw new ConfigFault(field, `${JSON.stringify(address)} is not an IPv4 address`);
}

function checkPort(port: number, field: string, least: number): void {
  if (port < least || port > portMax) throw new ConfigFault(field, `${port} is not a port`);
}
