import {
  dnsLabelFaults,
  dnsSubdomainFaults,
  type FieldError,
  type KindDefinition,
  type KubeObject,
  labelValueFaults,
} from "@selvedge/apimachinery";
import { ageColumn, column, nameColumn } from "../columns.ts";
import { type ObjectReference, objectReference } from "../event.ts";
import { Faults, immutable } from "../faults.ts";
import {
  atomic,
  flag,
  int32,
  kindMessage,
  type Message,
  message,
  needed,
  object,
  objects,
  pointer,
  set,
  text,
  textMap,
  texts,
} from "../fields.ts";
import { builtIn } from "../kind.ts";
import { addressFault, specialAddressFault } from "./cidr.ts";

export interface EndpointSlice extends KubeObject {
  apiVersion: "discovery.k8s.io/v1";
  kind: "EndpointSlice";
  addressType: "IPv4" | "IPv6" | "FQDN";
  endpoints?: Endpoint[];
  ports?: EndpointPort[];
}

export interface Endpoint {
  addresses: string[];
  conditions?: { ready?: boolean; serving?: boolean; terminating?: boolean };
  hostname?: string;
  targetRef?: ObjectReference;
  nodeName?: string;
  zone?: string;
  hints?: { forZones?: { name: string }[]; forNodes?: { name: string }[] };
}

export interface EndpointPort {
  name?: string;
  protocol?: string;
  port?: number;
  appProtocol?: string;
}

const conditions: Message = message("How it is.", {
  ready: flag(1, "Whether it takes requests.", pointer),
  serving: flag(2, "Whether it answers, also while it is going.", pointer),
  terminating: flag(3, "Whether it is going.", pointer),
});

const forZone: Message = message("A zone.", { name: text(1, "Its name.", needed) });
const forNode: Message = message("A node.", { name: text(1, "Its name.", needed) });
const hints: Message = message("For whom it is best.", {
  forZones: objects(1, forZone, "Zones.", atomic),
  forNodes: objects(2, forNode, "Nodes.", atomic),
});

const endpoint: Message = message("One place that answers.", {
  addresses: texts(1, "Its addresses.", set, needed),
  conditions: object(2, conditions, "How it is."),
  hostname: text(3, "Its host name.", pointer),
  targetRef: object(4, objectReference, "The Pod.", pointer),
  deprecatedTopology: textMap(5, "Not used any more."),
  nodeName: text(6, "The node it is on.", pointer),
  zone: text(7, "The zone it is in.", pointer),
  hints: object(8, hints, "For whom it is best.", pointer),
});

const endpointPort: Message = message(
  "A port.",
  {
    name: text(1, "Its name.", pointer),
    protocol: text(2, "TCP, UDP or SCTP.", pointer),
    port: int32(3, "Its number.", pointer),
    appProtocol: text(4, "What is spoken on it.", pointer),
  },
  { "x-kubernetes-map-type": "atomic" },
);

const endpointSlice: Message = kindMessage("Places that answer for a Service.", {
  endpoints: objects(2, endpoint, "The places.", atomic, needed),
  ports: objects(3, endpointPort, "Their ports.", atomic),
  addressType: text(4, "IPv4, IPv6 or FQDN. Never changes.", needed),
});

export const endpointSliceKind: KindDefinition = builtIn(endpointSlice, {
  group: "discovery.k8s.io",
  version: "v1",
  kind: "EndpointSlice",
  plural: "endpointslices",
  singular: "endpointslice",
  namespaced: true,
  hasGeneration: true,
  applyDefaults: (object) => {
    const slice = object as EndpointSlice;
    slice.endpoints ??= [];
    for (const one of slice.endpoints) one.conditions ??= {};
    for (const port of slice.ports ?? []) {
      port.name ??= "";
      port.protocol ??= "TCP";
    }
  },
  validate: (object, old) => validate(object as EndpointSlice, old as EndpointSlice | undefined),
  columns: [
    nameColumn,
    column<EndpointSlice>("AddressType", "Of which kind addresses are.", ({ addressType }) => addressType),
    column<EndpointSlice>("Ports", "Ports of the places.", portsText),
    column<EndpointSlice>("Endpoints", "Addresses of the places.", endpointsText),
    ageColumn,
  ],
});

const shownMax = 3;

function more(shown: readonly string[], all: number): string {
  return shown.join(",") + (all > shown.length ? ` + ${all - shown.length} more...` : "");
}

function portsText({ ports }: EndpointSlice): string {
  if (ports === undefined || ports.length === 0) return "<unset>";
  const shown = ports
    .slice(0, shownMax)
    .map(({ port, name }) => (port === undefined ? (name ?? "") : `${port}`));
  return more(shown, ports.length);
}

function endpointsText({ endpoints = [] }: EndpointSlice): string {
  const all = endpoints.flatMap(({ addresses }) => addresses);
  return all.length === 0 ? "<unset>" : more(all.slice(0, shownMax), all.length);
}

const endpointsMax = 1000;
const portsMax = 20_000;
const addressesMax = 100;

function validate(slice: EndpointSlice, old: EndpointSlice | undefined): FieldError[] {
  const faults = new Faults();
  const { addressType, endpoints = [], ports = [] } = slice;
  if (!addressType) faults.required("addressType");
  else faults.oneOf("addressType", addressType, ["FQDN", "IPv4", "IPv6"]);
  if (old !== undefined && addressType !== old.addressType)
    faults.invalid("addressType", addressType, immutable);
  if (endpoints.length > endpointsMax) faults.tooMany("endpoints", endpoints.length, endpointsMax);
  for (const [index, endpoint] of endpoints.entries()) {
    const { addresses = [] } = endpoint;
    checkPlace(faults, `endpoints[${index}]`, endpoint);
    const path = `endpoints[${index}].addresses`;
    if (addresses.length === 0) faults.required(path, "must contain at least 1 address");
    if (addresses.length > addressesMax) faults.tooMany(path, addresses.length, addressesMax);
    for (const [place, address] of addresses.entries()) {
      const at = `${path}[${place}]`;
      if (addressType === "FQDN") faults.subdomain(at, address);
      else if (addressType === "IPv4" || addressType === "IPv6") {
        const wrong = addressFault(address, addressType === "IPv4" ? 4 : 6);
        if (wrong !== undefined) faults.invalid(wrong.member ? at : path, address, wrong.fault);
        const special = specialAddressFault(address);
        if (special !== undefined) faults.invalid(at, address, special);
      }
    }
  }
  if (ports.length > portsMax) faults.tooMany("ports", ports.length, portsMax);
  const names = new Set<string>();
  for (const [index, { name = "", protocol, appProtocol }] of ports.entries()) {
    faults.key(`ports[${index}].appProtocol`, appProtocol);
    if (name !== "") faults.label(`ports[${index}].name`, name);
    if (names.has(name)) faults.duplicate(`ports[${index}].name`, name);
    names.add(name);
    faults.oneOf(`ports[${index}].protocol`, protocol, ["SCTP", "TCP", "UDP"]);
  }
  return faults.errors;
}

const hintsMax = 8;

function checkPlace(faults: Faults, path: string, { hostname, nodeName, hints: best = {} }: Endpoint): void {
  if (hostname !== undefined) faults.all(`${path}.hostname`, hostname, dnsLabelFaults(hostname));
  if (nodeName !== undefined) faults.all(`${path}.nodeName`, nodeName, dnsSubdomainFaults(nodeName));
  for (const member of ["forZones", "forNodes"] as const) {
    const [list, at] = [best[member] ?? [], `${path}.hints.${member}`];
    if (list.length > hintsMax) {
      faults.tooMany(at, list.length, hintsMax);
      continue;
    }
    const seen = new Set<string>();
    for (const [index, { name = "" }] of list.entries()) {
      const place = `${at}[${index}].name`;
      if (seen.has(name)) faults.duplicate(place, name);
      seen.add(name);
      if (member === "forNodes") faults.subdomain(place, name);
      else faults.all(place, name, labelValueFaults(name));
    }
  }
}
