/**
 * What becomes of what a Service was given, when it changes. As upstream: what is still of use is kept where it
 * is not said again, and what its new type has no use for goes, unless the user changed it in the same write;
 * that is refused by the rules.
 */

import type { FieldsV1 } from "@selvedge/apimachinery";
import { jsonEqual } from "@selvedge/base";
import type { Service, ServiceSpec } from "./service-types.ts";

type Member = keyof ServiceSpec;

/** Changes `service` in place; what it was is only read. */
export function carryOver(service: Service, { spec: old }: Service): void {
  const { spec } = service;
  const drop = (isOfUse: boolean, ...members: readonly Member[]): void => {
    if (isOfUse) return;
    for (const member of members) if (jsonEqual(spec[member], old[member])) delete spec[member];
  };
  if (hasAddress(spec) && hasAddress(old)) {
    // Who says another address means the list, too.
    const isOther = spec.clusterIP && old.clusterIP && spec.clusterIP !== old.clusterIP;
    if (isOther && jsonEqual(spec.clusterIPs, old.clusterIPs)) spec.clusterIPs = [spec.clusterIP ?? ""];
    if (!spec.clusterIP && old.clusterIP) spec.clusterIP = old.clusterIP;
    if (!spec.clusterIPs?.length && spec.clusterIP && spec.clusterIP === old.clusterIP) {
      spec.clusterIPs = [...(old.clusterIPs ?? [old.clusterIP])];
    }
  }
  drop(hasAddress(spec), "clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy");
  if (!hasAddress(spec) && !spec.clusterIP) delete spec.clusterIP;
  carryNodePorts(spec, old);
  drop(isOutside(spec), "externalTrafficPolicy");
  drop(hasHealthPort(spec), "healthCheckNodePort");
  if (hasHealthPort(spec) && hasHealthPort(old)) spec.healthCheckNodePort ||= old.healthCheckNodePort ?? 0;
  if (!spec.healthCheckNodePort) delete spec.healthCheckNodePort;
  drop(isBalanced(spec), "allocateLoadBalancerNodePorts", "loadBalancerClass");
  if (isBalanced(old) && !isBalanced(spec)) service.status = { ...service.status, loadBalancer: {} };
}

/** What it is given, or keeps, where it says nothing: upstream does that when it is known who changed what. */
export function assignedFields({ spec }: Partial<Service>): FieldsV1 {
  const assigned: Record<string, FieldsV1> = {};
  const { type, ports } = (spec ?? {}) as Partial<ServiceSpec>;
  for (const member of [
    "clusterIP",
    "clusterIPs",
    "ipFamilies",
    "ipFamilyPolicy",
    "healthCheckNodePort",
  ] as const) {
    if (!spec?.[member] || jsonEqual(spec[member], [])) assigned[`f:${member}`] = {};
  }
  const unsaid = (Array.isArray(ports) ? ports : []).filter((one) => one && !one.nodePort);
  // A field that holds none is one itself.
  if (unsaid.length > 0 && (type === "NodePort" || type === "LoadBalancer")) {
    assigned["f:ports"] = Object.fromEntries(
      unsaid.map(({ port, protocol }) => [
        `k:${JSON.stringify({ port, protocol: protocol || "TCP" })}`,
        { "f:nodePort": {} },
      ]),
    );
  }
  return { "f:spec": assigned };
}

export function hasAddress({ type }: ServiceSpec): boolean {
  return type !== "ExternalName";
}

/** Whether somebody outside the nodes can reach it. */
export function isOutside({ type }: ServiceSpec): boolean {
  return type === "NodePort" || type === "LoadBalancer";
}

export function isBalanced({ type }: ServiceSpec): boolean {
  return type === "LoadBalancer";
}

/** Whether its ports get ports of the nodes. */
export function hasNodePorts({ type, allocateLoadBalancerNodePorts }: ServiceSpec): boolean {
  return type === "NodePort" || (type === "LoadBalancer" && allocateLoadBalancerNodePorts !== false);
}

export function hasHealthPort({ type, externalTrafficPolicy }: ServiceSpec): boolean {
  return type === "LoadBalancer" && externalTrafficPolicy === "Local";
}

/** A port keeps its node port by its name, whatever else of it changes. */
function carryNodePorts(spec: ServiceSpec, old: ServiceSpec): void {
  if (!hasNodePorts(old)) return;
  const { ports = [] } = spec;
  const [before, now] = [portsOf(old), portsOf(spec)];
  if (!hasNodePorts(spec)) {
    const isChanged = now.some((port) => !before.includes(port));
    if (!isChanged) for (const port of ports) delete port.nodePort;
    return;
  }
  const taken = new Set(before.filter((port) => now.includes(port)));
  const named = new Map((old.ports ?? []).map(({ name = "", nodePort = 0 }) => [name, nodePort]));
  for (const port of ports) {
    const known = named.get(port.name ?? "") ?? 0;
    if (port.nodePort || known === 0 || taken.has(known)) continue;
    port.nodePort = known;
    taken.add(known);
  }
}

function portsOf({ ports = [] }: ServiceSpec): number[] {
  return ports.flatMap(({ nodePort }) => (nodePort ? [nodePort] : []));
}
