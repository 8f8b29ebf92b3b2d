import {
  dnsLabelFaults,
  dnsSubdomainFaults,
  type FieldError,
  type KindDefinition,
  type KubeObject,
} from "@selvedge/apimachinery";
import { ageColumn, column, nameColumn } from "../columns.ts";
import { type ObjectReference, objectReference } from "../event.ts";
import { Faults } from "../faults.ts";
import {
  atomic,
  int32,
  kindMessage,
  type Message,
  message,
  needed,
  object,
  objects,
  pointer,
  text,
} from "../fields.ts";
import { builtIn } from "../kind.ts";
import { isAddress, notAnAddress, specialAddressFault } from "./cidr.ts";

/** The older form of EndpointSlices, which tools still read and some use as a lock. */
export interface Endpoints extends KubeObject {
  apiVersion: "v1";
  kind: "Endpoints";
  subsets?: EndpointSubset[];
}

export interface EndpointSubset {
  addresses?: EndpointAddress[];
  notReadyAddresses?: EndpointAddress[];
  ports?: { name?: string; port: number; protocol?: string; appProtocol?: string }[];
}

export interface EndpointAddress {
  ip: string;
  hostname?: string;
  nodeName?: string;
  targetRef?: ObjectReference;
}

const address: Message = message(
  "One address.",
  {
    ip: text(1, "The address.", needed),
    targetRef: object(2, objectReference, "The Pod.", pointer),
    hostname: text(3, "Its host name."),
    nodeName: text(4, "The node it is on.", pointer),
  },
  { "x-kubernetes-map-type": "atomic" },
);

const port: Message = message(
  "A port.",
  {
    name: text(1, "Its name."),
    port: int32(2, "Its number.", needed),
    protocol: text(3, "TCP, UDP or SCTP."),
    appProtocol: text(4, "What is spoken on it.", pointer),
  },
  { "x-kubernetes-map-type": "atomic" },
);

const subset: Message = message("Addresses that have the same ports.", {
  addresses: objects(1, address, "Those that take requests.", atomic),
  notReadyAddresses: objects(2, address, "Those that do not, now.", atomic),
  ports: objects(3, port, "Their ports.", atomic),
});

const endpoints: Message = kindMessage("Places that answer for a Service.", {
  subsets: objects(2, subset, "The places.", atomic),
});

export const endpointsKind: KindDefinition = builtIn(endpoints, {
  group: "",
  version: "v1",
  kind: "Endpoints",
  plural: "endpoints",
  singular: "endpoints",
  createsOnUpdate: true,
  shortNames: ["ep"],
  namespaced: true,
  hasGeneration: false,
  deprecationWarning: "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice",
  applyDefaults: (object) => {
    for (const { ports = [] } of (object as Endpoints).subsets ?? []) {
      for (const one of ports) one.protocol ||= "TCP";
    }
  },
  validate: (object) => validate(object as Endpoints),
  columns: [nameColumn, column<Endpoints>("Endpoints", "Addresses and ports.", placesText), ageColumn],
});

const shownMax = 3;

function placesText({ subsets = [] }: Endpoints): string {
  const all = subsets.flatMap(({ addresses = [], ports = [] }) =>
    ports.length === 0
      ? addresses.map(({ ip }) => ip)
      : ports.flatMap((one) => addresses.map(({ ip }) => `${ip.includes(":") ? `[${ip}]` : ip}:${one.port}`)),
  );
  if (all.length === 0) return "<none>";
  const rest = all.length - shownMax;
  return all.slice(0, shownMax).join(",") + (rest > 0 ? ` + ${rest} more...` : "");
}

function validate({ subsets = [] }: Endpoints): FieldError[] {
  const faults = new Faults();
  for (const [index, { addresses = [], notReadyAddresses = [], ports = [] }] of subsets.entries()) {
    const path = `subsets[${index}]`;
    if (addresses.length + notReadyAddresses.length === 0) {
      faults.required(path, "must specify `addresses` or `notReadyAddresses`");
    }
    for (const [name, list] of Object.entries({ addresses, notReadyAddresses })) {
      for (const [place, one] of list.entries()) checkAddress(faults, `${path}.${name}[${place}]`, one);
    }
    for (const [place, one] of ports.entries()) {
      if (one.name) faults.all(`${path}.ports[${place}].name`, one.name, dnsLabelFaults(one.name));
      else if (ports.length > 1) faults.required(`${path}.ports[${place}].name`);
      faults.port(`${path}.ports[${place}].port`, one.port);
      faults.oneOf(`${path}.ports[${place}].protocol`, one.protocol, ["SCTP", "TCP", "UDP"]);
      faults.key(`${path}.ports[${place}].appProtocol`, one.appProtocol);
    }
  }
  return faults.errors;
}

function checkAddress(faults: Faults, at: string, { ip, hostname, nodeName }: EndpointAddress): void {
  if (!isAddress(ip)) {
    faults.invalid(`${at}.ip`, ip, notAnAddress);
    faults.invalid(`${at}.ip`, ip, "must be a valid IP address");
  }
  const special = specialAddressFault(ip);
  if (special !== undefined) faults.invalid(`${at}.ip`, ip, special);
  if (hostname) faults.all(`${at}.hostname`, hostname, dnsLabelFaults(hostname));
  if (nodeName !== undefined) faults.all(`${at}.nodeName`, nodeName, dnsSubdomainFaults(nodeName));
}
