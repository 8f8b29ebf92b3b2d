/** What a NetworkPolicy says that nodes cannot keep as it is meant: it is denied, and said. Pure. */
import type { Namespace, NetworkPolicy, Pod, PolicyPeer, PolicyPort } from "@selvedge/kinds";
import { isOver } from "../objects/pods.ts";
import { isPeer, policiesOf } from "./access-plan.ts";

interface Rule {
  readonly side: "ingress" | "egress";
  readonly ports: readonly PolicyPort[];
  readonly peers: readonly { readonly at: string; readonly peer: PolicyPeer }[];
}

/** What follows from the policy alone: it is said to whoever writes it. */
export function plainFindings(policy: NetworkPolicy): string[] {
  return rulesOf(policy).flatMap(({ side, ports, peers }) =>
    peers.flatMap(({ at, peer: { ipBlock } }) => {
      if (ipBlock === undefined) return [];
      if (ipBlock.cidr.includes(":"))
        return [`${at}.ipBlock.cidr: apps have addresses of IPv4 only; this range lets nobody through`];
      const named = ports.find(({ port }) => typeof port === "string");
      if (side === "ingress" || named === undefined) return [];
      return [`${at}.ipBlock: addresses have no port named ${JSON.stringify(named.port)}; write its number`];
    }),
  );
}

export interface Fleet {
  /** All that could be meant. */
  readonly pods: readonly Pod[];
  namespace(name: string): Namespace | undefined;
}

/**
 * Peers on other nodes than the Pods that the policy is about. Each node has networks of its own behind one
 * address: who comes from another node is not known as a Pod, and nobody there is reached but by a port of
 * the node.
 */
export function distantFindings(policy: NetworkPolicy, { pods, namespace }: Fleet): string[] {
  const placed = pods.filter((pod) => pod.spec.nodeName !== undefined && !isOver(pod));
  const nodes = (some: readonly Pod[]): Set<string> => new Set(some.map(({ spec }) => spec.nodeName ?? ""));
  const here = nodes(placed.filter((pod) => policiesOf(pod, [policy]).length > 0));
  return rulesOf(policy).flatMap(({ side, peers }) =>
    peers.flatMap(({ at, peer }) => {
      if (peer.ipBlock !== undefined) return [];
      const there = nodes(placed.filter((pod) => isPeer(peer, policy, pod, namespace)));
      const apart = [...here].some((one) => [...there].some((other) => other !== one));
      return apart ? [`${at}: ${distant[side]}`] : [];
    }),
  );
}

const distant = {
  ingress:
    "some of these Pods run on other nodes than the Pods they shall reach. They come with the address of " +
    "their node, not as themselves, and are denied: open a hostPort or a Service of type NodePort, and allow " +
    "the addresses of those nodes with an ipBlock",
  egress:
    "some of these Pods run on other nodes than the Pods that shall reach them. They are reached by a hostPort " +
    "or a Service of type NodePort alone, and that is denied: allow the addresses of those nodes with an ipBlock",
} as const;

/** Pods of other namespaces than its own. */
export function meansOthers(policy: NetworkPolicy): boolean {
  return rulesOf(policy).some(({ peers }) => peers.some(({ peer }) => peer.namespaceSelector !== undefined));
}

function rulesOf({ spec }: NetworkPolicy): Rule[] {
  const types = spec.policyTypes ?? [];
  const ingress = types.includes("Ingress") ? (spec.ingress ?? []) : [];
  const egress = types.includes("Egress") ? (spec.egress ?? []) : [];
  return [
    ...ingress.map(({ ports, from }, at) => ruleOf("ingress", ports, `spec.ingress[${at}].from`, from)),
    ...egress.map(({ ports, to }, at) => ruleOf("egress", ports, `spec.egress[${at}].to`, to)),
  ];
}

function ruleOf(
  side: Rule["side"],
  ports: readonly PolicyPort[] = [],
  at: string,
  peers: readonly PolicyPeer[] = [],
): Rule {
  return { side, ports, peers: peers.map((peer, index) => ({ at: `${at}[${index}]`, peer })) };
}
