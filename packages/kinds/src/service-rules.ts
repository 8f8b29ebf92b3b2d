/** Defaults of Services, and what is wrong with them. */
import type { FieldError } from "@selvedge/apimachinery";
import { dnsSubdomainFaults, qualifiedNameFaults } from "@selvedge/apimachinery";
import { Faults, immutable } from "./faults.ts";
import { cidrFault, isAddress, notAnAddress } from "./network/cidr.ts";
import { checkPlaces } from "./network/ingress-rules.ts";
import {
  carryOver,
  hasAddress,
  hasHealthPort,
  hasNodePorts,
  isBalanced,
  isOutside,
} from "./service-change.ts";
import type { Service, ServicePort, ServiceSpec } from "./service-types.ts";

/** Where upstream takes the ports of nodes from. */
const nodePortFrom = 30_000;
const nodePortCount = 2768;
/** Three hours. */
const affinitySeconds = 10_800;
const affinityMax = 86_400;
const nameMax = 63;
/** More than any app has, and far fewer than there are ports of nodes. */
const portsMax = 250;

export function defaultService(service: Service, old: Service | undefined): void {
  service.spec ??= {};
  const { spec } = service;
  spec.type ||= "ClusterIP";
  if (old !== undefined) carryOver(service, old);
  spec.sessionAffinity ||= "None";
  if (spec.sessionAffinity === "None") delete spec.sessionAffinityConfig;
  else if (spec.sessionAffinityConfig?.clientIP?.timeoutSeconds === undefined) {
    spec.sessionAffinityConfig = { clientIP: { timeoutSeconds: affinitySeconds } };
  }
  for (const port of spec.ports ?? []) {
    port.protocol ||= "TCP";
    if (port.targetPort === undefined || port.targetPort === 0 || port.targetPort === "") {
      port.targetPort = port.port;
    }
  }
  if (spec.clusterIP) spec.clusterIPs ??= [spec.clusterIP];
  else if (spec.clusterIPs?.[0]) spec.clusterIP = spec.clusterIPs[0];
  spec.internalTrafficPolicy ??= "Cluster";
  if (isBalanced(spec)) spec.allocateLoadBalancerNodePorts ??= true;
  if (isOutside(spec)) spec.externalTrafficPolicy ||= "Cluster";
  if (hasNodePorts(spec)) giveNodePorts(service);
  if (spec.type === "ExternalName") delete spec.internalTrafficPolicy;
  service.status ??= { loadBalancer: {} };
}

/**
 * A port of the nodes for each port that names none. It follows from the Service's name alone, so that a
 * Service made again, or on another controller, has the same; two Services may meet on one, which the nodes
 * that run Pods of both resolve in favour of the older. One port of two protocols is one on the nodes, too.
 */
function giveNodePorts({ metadata, spec }: Service): void {
  // Too many are refused below; there would be none left to give.
  if ((spec.ports?.length ?? 0) > portsMax) return;
  const taken = new Set((spec.ports ?? []).map(({ nodePort }) => nodePort));
  for (const port of spec.ports ?? []) {
    if (port.nodePort) continue;
    const other = spec.ports?.find((one) => one.port === port.port && one.nodePort);
    if (other?.nodePort !== undefined && other.protocol !== port.protocol) {
      port.nodePort = other.nodePort;
      continue;
    }
    let slot = hash(`${metadata.namespace}/${metadata.name}/${port.protocol}/${port.port}`) % nodePortCount;
    while (taken.has(nodePortFrom + slot)) slot = (slot + 1) % nodePortCount;
    port.nodePort = nodePortFrom + slot;
    taken.add(port.nodePort);
  }
}

/** FNV-1a, 32 bits. */
function hash(text: string): number {
  let state = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) state = Math.imul(state ^ byte, 0x01000193) >>> 0;
  return state;
}

/** Names of Services are names of hosts in the old sense. */
export function serviceNameFaults(name: string): string[] {
  const faults = name.length > nameMax ? [`must be no more than ${nameMax} characters`] : [];
  if (!/^[a-z]([-a-z0-9]*[a-z0-9])?$/.test(name)) {
    faults.push(
      "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic " +
        "character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for " +
        "validation is '[a-z]([-a-z0-9]*[a-z0-9])?')",
    );
  }
  return faults;
}

function checkAddress(faults: Faults, address: string, old: Service | undefined): void {
  if (address !== "None" && !isAddress(address)) {
    faults.invalid("spec.clusterIPs[0]", address, notAnAddress);
    return;
  }
  const before = old?.spec.type === "ExternalName" ? undefined : old?.spec.clusterIP;
  if (before && before !== address)
    faults.invalid("spec.clusterIPs[0]", [address], "may not change once set");
}

/** One address a family. */
function checkAddresses(faults: Faults, addresses: readonly string[] = []): void {
  if (addresses.length < 2) return;
  const field = "spec.clusterIPs";
  if (addresses.includes("None")) {
    faults.invalid(field, addresses, "'None' must be the first and only value");
  }
  for (const [index, address] of addresses.entries()) {
    if (index > 0 && !isAddress(address)) faults.invalid(`${field}[${index}]`, address, notAnAddress);
  }
  const families = addresses.filter((one) => isAddress(one)).map((address) => address.includes(":"));
  if (new Set(families).size < families.length) {
    faults.invalid(field, addresses, "may specify no more than one IP for each IP family");
  }
}

/** What a load balancer was told at the start. */
function checkBalancer(faults: Faults, spec: ServiceSpec, old: ServiceSpec): void {
  if (isBalanced(spec) && isBalanced(old) && spec.loadBalancerClass !== old.loadBalancerClass) {
    faults.invalid("spec.loadBalancerClass", spec.loadBalancerClass ?? null, "may not change once set");
  }
  const isKept = hasHealthPort(spec) && hasHealthPort(old);
  if (isKept && spec.healthCheckNodePort !== old.healthCheckNodePort) {
    faults.forbidden("spec.healthCheckNodePort", immutable);
  }
}

export function validateService({ spec }: Service, old?: Service): FieldError[] {
  const faults = new Faults();
  const { ports = [], type, clusterIP, selector = {} } = spec;
  faults.oneOf("spec.type", type, ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"]);
  if (clusterIP === "None") {
    if (type === "NodePort" || type === "LoadBalancer") {
      faults.invalid("spec.clusterIPs[0]", "None", `may not be set to 'None' for ${type} services`);
    }
  }
  if (clusterIP) checkAddress(faults, clusterIP, old);
  checkAddresses(faults, spec.clusterIPs);
  if ((spec.clusterIPs?.[0] ?? "") !== (clusterIP ?? ""))
    faults.invalid("spec.clusterIPs", spec.clusterIPs, "first value must match `clusterIP`");
  if (type === "ExternalName") {
    const { externalName = "" } = spec;
    if (externalName === "") faults.required("spec.externalName");
    else faults.all("spec.externalName", externalName, dnsSubdomainFaults(externalName.replace(/\.$/, "")));
  } else if (ports.length === 0 && clusterIP !== "None") faults.required("spec.ports");
  if (ports.length > portsMax) faults.invalid("spec.ports", ports.length, `must be at most ${portsMax}`);
  faults.labels("spec.selector", selector);
  checkUses(faults, spec);
  checkFamilies(faults, spec);
  if (old !== undefined) checkBalancer(faults, spec, old.spec);
  checkAffinity(faults, spec);
  checkPorts(faults, spec, ports);
  for (const [name, reason] of Object.entries(refusedMembers)) {
    const value = spec[name as keyof ServiceSpec];
    if (value === undefined || (Array.isArray(value) && value.length === 0)) continue;
    faults.refused(`spec.${name}`, reason);
  }
  return faults.errors;
}

/** Members that mean nothing to a Service of another type. */
function checkUses(faults: Faults, spec: ServiceSpec): void {
  if (!hasAddress(spec)) {
    for (const member of ["clusterIPs", "ipFamilies", "ipFamilyPolicy"] as const)
      if (spec[member]?.length)
        faults.forbidden(`spec.${member}`, "may not be set for ExternalName services");
  }
  if (!isBalanced(spec)) {
    for (const member of ["allocateLoadBalancerNodePorts", "loadBalancerClass"] as const)
      if (spec[member] !== undefined)
        faults.forbidden(`spec.${member}`, "may only be used when `type` is 'LoadBalancer'");
    if (spec.loadBalancerSourceRanges?.length)
      faults.forbidden("spec.LoadBalancerSourceRanges", "may only be used when `type` is 'LoadBalancer'");
  }
  for (const [index, range] of (spec.loadBalancerSourceRanges ?? []).entries()) {
    const fault = isBalanced(spec) ? cidrFault(range.trim()) : undefined;
    if (fault !== undefined) faults.invalid(`spec.LoadBalancerSourceRanges[${index}]`, range, fault);
  }
  if (spec.healthCheckNodePort && !hasHealthPort(spec)) {
    const detail = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'";
    faults.invalid("spec.healthCheckNodePort", spec.healthCheckNodePort, detail);
  }
  const { externalTrafficPolicy: policy } = spec;
  if (isOutside(spec)) faults.oneOf("spec.externalTrafficPolicy", policy, ["Cluster", "Local"]);
  else if (policy)
    faults.invalid(
      "spec.externalTrafficPolicy",
      policy,
      "may only be set for externally-accessible services",
    );
  if (spec.internalTrafficPolicy !== undefined)
    faults.oneOf("spec.internalTrafficPolicy", spec.internalTrafficPolicy, ["Cluster", "Local"]);
}

/** Addresses of Services are IPv4's. One without an address and without Pods may say what it likes. */
function checkFamilies(
  faults: Faults,
  { clusterIP, selector = {}, ipFamilies = [], ipFamilyPolicy, trafficDistribution }: ServiceSpec,
): void {
  const isFree = clusterIP === "None" && Object.keys(selector).length === 0;
  for (const [index, family] of ipFamilies.entries()) {
    const at = `spec.ipFamilies[${index}]`;
    faults.oneOf(at, family, ["IPv4", "IPv6"]);
    if (ipFamilies.indexOf(family) < index) faults.duplicate(at, family);
    else if (family === "IPv6" && !isFree) faults.invalid(at, family, "not configured on this cluster");
  }
  if (ipFamilyPolicy !== undefined)
    faults.oneOf("spec.ipFamilyPolicy", ipFamilyPolicy, [
      "PreferDualStack",
      "RequireDualStack",
      "SingleStack",
    ]);
  if (ipFamilyPolicy === "RequireDualStack" && !isFree) {
    const detail = "this cluster is not configured for dual-stack services";
    faults.invalid("spec.ipFamilyPolicy", ipFamilyPolicy, detail);
  }
  if (trafficDistribution !== undefined) {
    const known = ["PreferClose", "PreferSameZone", "PreferSameNode"];
    faults.oneOf("spec.trafficDistribution", trafficDistribution, known);
  }
}

const refusedMembers: Readonly<Record<string, string>> = {
  externalIPs: "nodes have the addresses of their uplinks only",
};

function checkAffinity(faults: Faults, { sessionAffinity, sessionAffinityConfig }: ServiceSpec): void {
  faults.oneOf("spec.sessionAffinity", sessionAffinity, ["ClientIP", "None"]);
  const seconds = sessionAffinityConfig?.clientIP?.timeoutSeconds;
  if (sessionAffinity === "ClientIP" && seconds !== undefined && (seconds <= 0 || seconds > affinityMax)) {
    const detail = `must be greater than 0 and less than ${affinityMax}`;
    faults.invalid("spec.sessionAffinityConfig.clientIP.timeoutSeconds", seconds, detail);
  }
}

function checkPorts(faults: Faults, { type }: ServiceSpec, ports: readonly ServicePort[]): void {
  const names = new Set<string>();
  const nodePorts = new Set<string>();
  const taken = new Set<string>();
  for (const [index, port] of ports.entries()) {
    const at = `spec.ports[${index}]`;
    const { name, protocol, targetPort, nodePort, appProtocol } = port;
    if (name) {
      faults.label(`${at}.name`, name);
      if (names.has(name)) faults.duplicate(`${at}.name`, name);
      names.add(name);
    } else if (ports.length > 1) faults.required(`${at}.name`);
    faults.port(`${at}.port`, port.port);
    const identity = `${protocol}/${port.port}`;
    if (taken.has(identity))
      faults.duplicate(at, {
        ...{ Name: "", Protocol: protocol, AppProtocol: null, Port: port.port, TargetPort: 0, NodePort: 0 },
      });
    taken.add(identity);
    if (targetPort !== undefined) faults.portOrName(`${at}.targetPort`, targetPort);
    if (protocol === "SCTP") faults.refused(`${at}.protocol`, "say TCP or UDP");
    if (appProtocol) faults.all(`${at}.appProtocol`, appProtocol, qualifiedNameFaults(appProtocol));
    if (!nodePort) continue;
    if (type === "ClusterIP")
      faults.forbidden(`${at}.nodePort`, "may not be used when `type` is 'ClusterIP'");
    if (nodePort < nodePortFrom || nodePort >= nodePortFrom + nodePortCount) {
      const range = `${nodePortFrom}-${nodePortFrom + nodePortCount - 1}`;
      const detail = `provided port is not in the valid range. The range of valid ports is ${range}`;
      faults.invalid(`${at}.nodePort`, nodePort, detail);
    }
    const key = `${protocol}/${nodePort}`;
    if (nodePorts.has(key)) faults.duplicate(`${at}.nodePort`, nodePort);
    nodePorts.add(key);
  }
}

export function validateServiceStatus({ spec, status }: Service): FieldError[] {
  const faults = new Faults();
  const { ingress = [] } = status?.loadBalancer ?? {};
  const at = "status.loadBalancer.ingress";
  if (ingress.length > 0 && spec.type !== "LoadBalancer")
    faults.forbidden(at, "may only be used when `spec.type` is 'LoadBalancer'");
  checkPlaces(faults, ingress);
  for (const [index, { ip, ipMode }] of ingress.entries()) {
    if (ipMode === undefined) continue;
    if (ip) faults.oneOf(`${at}[${index}].ipMode`, ipMode, ["Proxy", "VIP"]);
    else faults.forbidden(`${at}[${index}].ipMode`, "may not be specified when `ip` is not set");
  }
  return faults.errors;
}
