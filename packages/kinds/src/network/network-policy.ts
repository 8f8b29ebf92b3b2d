import type { FieldError, KindDefinition, KubeObject, LabelSelector } from "@selvedge/apimachinery";
import { ageColumn, column, nameColumn, selectorText } from "../columns.ts";
import { Faults } from "../faults.ts";
import {
  atomic,
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
  texts,
} from "../fields.ts";
import { builtIn } from "../kind.ts";
import { labelSelector } from "../meta-fields.ts";
import { cidrFault } from "./cidr.ts";

export interface NetworkPolicy extends KubeObject {
  apiVersion: "networking.k8s.io/v1";
  kind: "NetworkPolicy";
  spec: NetworkPolicySpec;
}

export interface NetworkPolicySpec {
  podSelector?: LabelSelector;
  policyTypes?: ("Ingress" | "Egress")[];
  ingress?: { ports?: PolicyPort[]; from?: PolicyPeer[] }[];
  egress?: { ports?: PolicyPort[]; to?: PolicyPeer[] }[];
}

export interface PolicyPort {
  protocol?: string;
  port?: number | string;
  endPort?: number;
}

export interface PolicyPeer {
  podSelector?: LabelSelector;
  namespaceSelector?: LabelSelector;
  ipBlock?: { cidr: string; except?: string[] };
}

const ipBlock: Message = message("A range of addresses.", {
  cidr: text(1, "The range: 192.168.1.0/24.", needed),
  except: texts(2, "Ranges within it that are left out.", atomic),
});

const peer: Message = message("Who: Pods, or addresses.", {
  podSelector: object(1, labelSelector, "Which Pods.", pointer),
  namespaceSelector: object(
    2,
    labelSelector,
    "Of which namespaces; the policy's own when not said.",
    pointer,
  ),
  ipBlock: object(3, ipBlock, "Addresses.", pointer),
});

const port: Message = message("A port.", {
  protocol: text(1, "TCP, UDP or SCTP. TCP when not said.", pointer),
  port: intOrString(2, "Its number or name; all when not said.", pointer),
  endPort: int32(3, "The last of a range that begins with port.", pointer),
});

const ingressRule: Message = message("Who may reach which ports.", {
  ports: objects(1, port, "The ports; all when none is said.", atomic),
  from: objects(2, peer, "Who; all when none is said.", atomic),
});

const egressRule: Message = message("What may be reached.", {
  ports: objects(1, port, "The ports; all when none is said.", atomic),
  to: objects(2, peer, "What; all when none is said.", atomic),
});

const policySpec: Message = message("Who may talk to the Pods it selects.", {
  podSelector: object(1, labelSelector, "Which Pods it is about; an empty selector is all."),
  ingress: objects(2, ingressRule, "Who may reach them.", atomic),
  egress: objects(3, egressRule, "What they may reach.", atomic),
  policyTypes: texts(4, "Ingress, Egress or both: what it says nothing of stays open.", atomic),
});

const networkPolicy: Message = kindMessage("Who may talk to Pods.", {
  spec: object(2, policySpec, "Who may talk to the Pods it selects."),
});

export const networkPolicyKind: KindDefinition = builtIn(networkPolicy, {
  group: "networking.k8s.io",
  version: "v1",
  kind: "NetworkPolicy",
  plural: "networkpolicies",
  singular: "networkpolicy",
  shortNames: ["netpol"],
  namespaced: true,
  applyDefaults: (object) => applyDefaults(object as NetworkPolicy),
  validate: (object) => validate(object as NetworkPolicy),
  columns: [
    nameColumn,
    column<NetworkPolicy>("Pod-Selector", "Which Pods it is about.", ({ spec }) =>
      selectorText(spec?.podSelector),
    ),
    ageColumn,
  ],
});

function applyDefaults(policy: NetworkPolicy): void {
  policy.spec ??= {};
  const { spec } = policy;
  spec.podSelector ??= {};
  if (spec.policyTypes === undefined || spec.policyTypes.length === 0) {
    spec.policyTypes = spec.egress?.length ? ["Ingress", "Egress"] : ["Ingress"];
  }
  for (const { ports = [] } of [...(spec.ingress ?? []), ...(spec.egress ?? [])]) {
    for (const one of ports) one.protocol ??= "TCP";
  }
}

function validate({ spec }: NetworkPolicy): FieldError[] {
  const faults = new Faults();
  faults.selector("spec.podSelector", spec.podSelector);
  for (const [index, { ports = [], from = [] }] of (spec.ingress ?? []).entries()) {
    checkRule(faults, `spec.ingress[${index}]`, ports, "from", from);
  }
  for (const [index, { ports = [], to = [] }] of (spec.egress ?? []).entries()) {
    checkRule(faults, `spec.egress[${index}]`, ports, "to", to);
  }
  const types = spec.policyTypes ?? [];
  if (types.length > 2) {
    faults.invalid("spec.policyTypes", types, "may not specify more than two policyTypes");
  } else {
    for (const [index, type] of types.entries()) {
      faults.oneOf(`spec.policyTypes[${index}]`, type, ["Ingress", "Egress"]);
    }
  }
  return faults.errors;
}

function checkRule(
  faults: Faults,
  path: string,
  ports: readonly PolicyPort[],
  side: string,
  peers: readonly PolicyPeer[],
): void {
  for (const [index, one] of ports.entries()) {
    const at = `${path}.ports[${index}]`;
    faults.oneOf(`${at}.protocol`, one.protocol, ["TCP", "UDP", "SCTP"]);
    faults.portOrName(`${at}.port`, one.port);
    if (one.endPort === undefined) continue;
    if (typeof one.port !== "number") {
      const why = one.port === undefined ? "not specified" : "non-numeric";
      faults.invalid(`${at}.endPort`, one.endPort, `may not be specified when \`port\` is ${why}`);
      continue;
    }
    if (one.endPort < one.port)
      faults.invalid(`${at}.endPort`, one.port, "must be greater than or equal to `port`");
    faults.port(`${at}.endPort`, one.endPort);
  }
  for (const [index, one] of peers.entries()) checkPeer(faults, `${path}.${side}[${index}]`, one);
}

function checkPeer(
  faults: Faults,
  path: string,
  { podSelector, namespaceSelector, ipBlock: block }: PolicyPeer,
): void {
  faults.selector(`${path}.podSelector`, podSelector);
  faults.selector(`${path}.namespaceSelector`, namespaceSelector);
  if (podSelector === undefined && namespaceSelector === undefined && block === undefined) {
    faults.required(path, "must specify a peer");
  }
  if (block === undefined) return;
  if (podSelector !== undefined || namespaceSelector !== undefined) {
    faults.forbidden(path, "may not specify both ipBlock and another peer");
  }
  if (!block.cidr) faults.required(`${path}.ipBlock.cidr`);
  else {
    const fault = cidrFault(block.cidr);
    if (fault !== undefined) faults.invalid(`${path}.ipBlock.cidr`, block.cidr, fault);
  }
  for (const [index, cidr] of (block.except ?? []).entries()) {
    const fault = cidrFault(cidr, block.cidr);
    if (fault !== undefined) faults.invalid(`${path}.ipBlock.except[${index}]`, cidr, fault);
  }
}
