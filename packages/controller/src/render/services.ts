/** The Services that apps of one node may ask, as the node is told of them. Pure. */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { ext } from "@selvedge/eve-api";
import type { EndpointSlice, Pod, Service, ServicePort } from "@selvedge/kinds";
import { isSelected, selects } from "../endpoints/endpoints-plan.ts";
import { ageOf } from "../objects/age.ts";
import { isGoing, isOver } from "../objects/pods.ts";
import { speaksEve } from "./api-access.ts";
import type { RenderInputs } from "./inputs.ts";
import { type NodeSide, targetOf } from "./ports.ts";

export const clusterDomain = "cluster.local";

/** The API as a Service; the node leads what is said to it over its link. */
export const apiService = { name: "kubernetes", namespace: "default" } as const;

/** Names and rules of more would be a large part of a configuration; the node itself takes 1000. */
export const servicesMax = 250;

export interface NodeServices {
  readonly services: readonly ext.NodeService[];
  /** Those that had no place. */
  readonly tooMany: number;
}

export function nodeServices(inputs: RenderInputs): NodeServices {
  const { told, tooMany } = toldServices(inputs);
  return { services: told.map((service) => nodeService(service, inputs)), tooMany };
}

/** What ports of the node are: boxes of EVE know one app a port. */
export function nodeSide(inputs: RenderInputs): NodeSide {
  const { told } = toldServices(inputs);
  const { ports = [] } = inputs.edgeNode.status ?? {};
  return {
    shared: new Set(speaksEve(inputs.node) ? [] : told.filter((service) => !isHeadless(service))),
    portAt: (address) => ports.find(({ addresses = [] }) => addresses.includes(address))?.name,
  };
}

/** The oldest of those that its Pods' namespaces have. */
function toldServices({ services }: RenderInputs): {
  readonly told: readonly Service[];
  readonly tooMany: number;
} {
  const all = services.toSorted((left, right) => (ageOf(left) < ageOf(right) ? -1 : 1));
  const told = all.slice(0, servicesMax);
  return { told, tooMany: all.length - told.length };
}

function isHeadless({ spec: { clusterIP = "" } }: Service): boolean {
  return clusterIP === "" || clusterIP === "None";
}

/** Where a Pod's resolver looks for the names of Services. */
export function searchDomains({ metadata, spec }: Pod): string[] {
  if (spec.dnsPolicy === "Default" || spec.dnsPolicy === "None") return [];
  return [`${metadata.namespace}.svc.${clusterDomain}`, `svc.${clusterDomain}`, clusterDomain];
}

function nodeService(service: Service, inputs: RenderInputs): ext.NodeService {
  const { metadata, spec } = service;
  const name = `${metadata.name}.${metadata.namespace}.svc.${clusterDomain}`;
  // As upstream: written with a dot behind or in capitals it is the same host.
  if (spec.type === "ExternalName") {
    const externalName = (spec.externalName ?? "").toLowerCase().replace(/\.$/, "");
    return create(ext.NodeServiceSchema, { name, externalName });
  }
  const { clusterIP = "" } = spec;
  const headless = isHeadless(service);
  const pods = inputs.pods
    .filter((pod) => selects(service) && isSelected(service, pod) && !isGoing(pod) && !isOver(pod))
    .sort((left, right) => ((left.metadata.uid ?? "") < (right.metadata.uid ?? "") ? -1 : 1));
  const slices = selects(service) ? [] : inputs.slices(`${metadata.namespace}/${metadata.name}`);
  // Of a headless one only the names of ports are of use.
  const ports = (spec.ports ?? []).filter((it) => it.protocol !== "SCTP" && (!headless || it.name));
  const controller = metadata.name === apiService.name && metadata.namespace === apiService.namespace;
  return create(ext.NodeServiceSchema, {
    name,
    address: headless ? "" : clusterIP,
    ports: ports.map((port) => ({
      protocol: (port.protocol ?? "TCP").toLowerCase(),
      ...{ port: port.port, name: port.name ?? "", nodePort: port.nodePort ?? 0, controller },
      targets: [
        ...pods.flatMap((pod) => podTarget(pod, port, headless ? service : undefined)),
        ...slices.flatMap((it) => others(it, port)),
      ],
    })),
    members: headless
      ? [...pods.map((pod) => member(pod, service)), ...slices.flatMap((slice) => otherMembers(slice))]
      : [],
    sticky: spec.sessionAffinity === "ClientIP",
    unready: spec.publishNotReadyAddresses === true,
  });
}

type Target = MessageInitShape<typeof ext.ServiceTargetSchema>;

/** With its name below the Service's, where that leads to its Pods by their names. */
function podTarget(pod: Pod, port: ServicePort, named: Service | undefined): Target[] {
  const number = targetOf(pod, port);
  if (number === undefined) return [];
  return [{ ...(named ? member(pod, named) : { appId: pod.metadata.uid ?? "" }), port: number }];
}

/** As upstream: a Pod has a name of its own below a Service that is named as its subdomain. */
function member({ metadata, spec }: Pod, service: Service): Target {
  const named = spec.subdomain === service.metadata.name ? (spec.hostname ?? "") : "";
  return { appId: metadata.uid ?? "", hostname: named };
}

/** What somebody wrote by hand: places outside the fleet. */
function others(
  { addressType, endpoints = [], ports = [] }: EndpointSlice,
  { name, protocol }: ServicePort,
): Target[] {
  const same = ports.find(
    (one) => (one.name ?? "") === (name ?? "") && (one.protocol ?? "TCP") === (protocol ?? "TCP"),
  );
  if (addressType !== "IPv4" || same?.port === undefined) return [];
  const { port } = same;
  return endpoints
    .filter(({ conditions }) => conditions?.ready !== false)
    .map(({ addresses, hostname = "" }) => ({ address: addresses[0] ?? "", port, hostname }));
}

function otherMembers({ addressType, endpoints = [] }: EndpointSlice): Target[] {
  if (addressType !== "IPv4") return [];
  return endpoints
    .filter(({ conditions }) => conditions?.ready !== false)
    .map(({ addresses, hostname = "" }) => ({ address: addresses[0] ?? "", hostname }));
}
