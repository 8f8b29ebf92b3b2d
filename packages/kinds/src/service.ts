import type { KindDefinition } from "@selvedge/apimachinery";
import { ageColumn, column, labelsText, nameColumn } from "./columns.ts";
import {
  atomic,
  byKeys,
  flag,
  int32,
  intOrString,
  kindMessage,
  type Message,
  message,
  needed,
  object,
  objects,
  pointer,
  text,
  textMap,
  texts,
} from "./fields.ts";
import { builtIn } from "./kind.ts";
import { condition } from "./meta-fields.ts";
import { assignedFields } from "./service-change.ts";
import {
  defaultService,
  serviceNameFaults,
  validateService,
  validateServiceStatus,
} from "./service-rules.ts";
import type { Service, ServicePort } from "./service-types.ts";

const servicePort: Message = message("A port of the Service.", {
  name: text(1, "Its name; needed when there are several."),
  protocol: text(2, "TCP or UDP.", { enum: ["SCTP", "TCP", "UDP"], default: "TCP" }),
  appProtocol: text(6, "What is spoken: kept and shown.", pointer),
  port: int32(3, "Its number.", { ...needed, default: 0 }),
  targetPort: intOrString(4, "Port of the Pods, as a number or by name; port when not said."),
  nodePort: int32(
    5,
    "The port opened on every node that runs such a Pod, 30000 to 32767. Given by the server when not said.",
  ),
});

const clientIPConfig: Message = message("How long a client stays with its Pod.", {
  timeoutSeconds: int32(1, "How long.", pointer),
});

const sessionAffinityConfig: Message = message("How long clients stay with their Pods.", {
  clientIP: object(1, clientIPConfig, "By address.", pointer),
});

const serviceSpec: Message = message("Which Pods, and on which ports of their nodes they can be reached.", {
  ports: objects(1, servicePort, "The ports.", byKeys("port", "protocol")),
  selector: textMap(2, "Labels of the Pods.", { "x-kubernetes-map-type": "atomic" }),
  clusterIP: text(
    3,
    "The address by which apps of one node reach its Pods there; given when not said. None: its name leads to " +
      "the Pods' own addresses.",
  ),
  clusterIPs: texts(18, "As clusterIP.", atomic),
  type: text(
    4,
    "NodePort and LoadBalancer open ports on the nodes; ClusterIP is for apps of the same node; ExternalName is a " +
      "name for another host.",
  ),
  externalIPs: texts(5, "Refused.", atomic),
  sessionAffinity: text(7, "None or ClientIP."),
  loadBalancerIP: text(8, "Kept."),
  loadBalancerSourceRanges: texts(9, "Kept.", atomic),
  externalName: text(10, "Another host, which apps find by the Service's name."),
  externalTrafficPolicy: text(11, "Local is what a node does: it serves its own Pods."),
  healthCheckNodePort: int32(12, "Kept."),
  publishNotReadyAddresses: flag(13, "Whether its Pods are led to before they are ready."),
  sessionAffinityConfig: object(14, sessionAffinityConfig, "How long clients stay with their Pods.", pointer),
  ipFamilies: texts(19, "IPv4 is all there is for now.", atomic),
  ipFamilyPolicy: text(17, "SingleStack is all there is for now.", pointer),
  allocateLoadBalancerNodePorts: flag(20, "Whether nodes open ports for it.", pointer),
  loadBalancerClass: text(21, "Kept.", pointer),
  internalTrafficPolicy: text(22, "Cluster or Local: kept and shown.", pointer),
  trafficDistribution: text(23, "Kept and shown.", pointer),
});

const portStatus: Message = message("A port of a load balancer.", {
  port: int32(1, "Its number.", { ...needed, default: 0 }),
  protocol: text(2, "TCP, UDP or SCTP.", { ...needed, default: "" }),
  error: text(3, "What is wrong with it.", pointer),
});

const loadBalancerIngress: Message = message("An address of a load balancer.", {
  ip: text(1, "The address."),
  hostname: text(2, "The name."),
  ipMode: text(3, "VIP or Proxy.", pointer),
  ports: objects(4, portStatus, "Its ports.", atomic),
});

const loadBalancerStatus: Message = message("A load balancer: there is none.", {
  ingress: objects(1, loadBalancerIngress, "Its addresses.", atomic),
});

const serviceStatus: Message = message("How the Service is.", {
  loadBalancer: object(1, loadBalancerStatus, "Its load balancer: there is none."),
  conditions: objects(2, condition, "What is true or not about it.", byKeys("type")),
});

const service: Message = kindMessage("Pods as one thing to reach: opens ports on the nodes that run them.", {
  spec: object(2, serviceSpec, "Which Pods, and which ports."),
  status: object(3, serviceStatus, "How it is."),
});

export const serviceKind: KindDefinition = builtIn(service, {
  group: "",
  version: "v1",
  kind: "Service",
  plural: "services",
  returnsDeleted: true,
  singular: "service",
  createsOnUpdate: true,
  shortNames: ["svc"],
  categories: ["all"],
  namespaced: true,
  subresources: {
    status: true,
    others: [
      { name: "proxy", kind: "ServiceProxyOptions", verbs: ["create", "delete", "get", "patch", "update"] },
    ],
  },
  selectableFields: ["spec.clusterIP", "spec.type"],
  nameFaults: serviceNameFaults,
  hasGeneration: false,
  assigned: (object) => assignedFields(object as Service),
  applyDefaults: (object, old) => defaultService(object as Service, old as Service | undefined),
  validate: (object, old) => validateService(object as Service, old as Service | undefined),
  validateStatus: (object) => validateServiceStatus(object as Service),
  columns: [
    nameColumn,
    column<Service>("Type", "How it can be reached.", ({ spec }) => spec.type ?? ""),
    column<Service>(
      "Cluster-IP",
      "Its address in the cluster.",
      ({ spec }) => spec.clusterIPs?.[0] ?? "<none>",
    ),
    column<Service>("External-IP", "Its addresses outside.", externalText),
    column<Service>("Port(s)", "Its ports.", ({ spec }) => portsText(spec.ports)),
    ageColumn,
    column<Service>("Selector", "Labels of its Pods.", ({ spec }) => labelsText(spec.selector), 1),
  ],
});

function externalText({ spec, status }: Service): string {
  if (spec.type === "ExternalName") return spec.externalName ?? "<none>";
  if (spec.type !== "LoadBalancer") return "<none>";
  const found = (status?.loadBalancer?.ingress ?? []).map(({ ip, hostname }) => ip ?? hostname ?? "");
  return [...new Set(found)].sort().join(",") || "<pending>";
}

function portsText(ports: readonly ServicePort[] = []): string {
  const pieces = ports.map(({ port, nodePort, protocol = "TCP" }) =>
    nodePort ? `${port}:${nodePort}/${protocol}` : `${port}/${protocol}`,
  );
  return pieces.join(",") || "<none>";
}
