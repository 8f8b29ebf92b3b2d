/** What NetworkPolicies let a Pod say and hear on its node. Pure. */
import { matchesLabels, requirementsOf } from "@selvedge/apimachinery";
import type { Namespace, NetworkPolicy, Pod, PolicyPeer, PolicyPort } from "@selvedge/kinds";
import { isOver } from "../objects/pods.ts";
import { type Opening, type Protocol, tidied, without } from "./openings.ts";

/** Undefined on one side: no policy is about it, and what Pods have without any holds. */
export interface AccessPlan {
  readonly ingress: readonly Opening[] | undefined;
  readonly egress: readonly Opening[] | undefined;
  /** Openings that were left out, as the list would have been too long. */
  readonly tooMany: number;
}

export interface Neighbourhood {
  /** The Pods of one node: only they have addresses that mean something to each other. */
  readonly pods: readonly Pod[];
  readonly policies: readonly NetworkPolicy[];
  namespace(name: string): Namespace | undefined;
}

/** Openings of one side of one Pod: a list is walked for each new connection. EVE takes fewer (render/eve-lists.ts). */
export const openingsMax = 120;

export const noPolicy: AccessPlan = { ingress: undefined, egress: undefined, tooMany: 0 };

/** Policies add up: what one of those that select the Pod lets through passes. */
export function accessPlan(pod: Pod, around: Neighbourhood): AccessPlan {
  const policies = policiesOf(pod, around.policies);
  const side = (type: "Ingress" | "Egress"): Opening[] | undefined => {
    const about = policies.filter(({ spec }) => spec.policyTypes?.includes(type));
    if (about.length === 0) return undefined;
    return tidied(
      about.flatMap((policy) =>
        type === "Ingress" ? heard(policy, pod, around) : said(policy, pod, around),
      ),
    );
  };
  const [ingress, egress] = [side("Ingress"), side("Egress")];
  const over = [ingress, egress].map((list) => Math.max(0, (list?.length ?? 0) - openingsMax));
  return {
    ingress: ingress?.slice(0, openingsMax),
    egress: egress?.slice(0, openingsMax),
    tooMany: (over[0] ?? 0) + (over[1] ?? 0),
  };
}

/** Those that are about a Pod. */
export function policiesOf({ metadata }: Pod, policies: readonly NetworkPolicy[]): NetworkPolicy[] {
  return policies
    .filter((policy) => policy.metadata.namespace === metadata.namespace)
    .filter(({ spec }) => matchesLabels(requirementsOf(spec.podSelector ?? {}) ?? [], metadata.labels))
    .sort((left, right) => (left.metadata.name < right.metadata.name ? -1 : 1));
}

/** Whether a peer of a policy, which is no range of addresses, means a Pod. */
export function isPeer(
  peer: PolicyPeer,
  policy: NetworkPolicy,
  { metadata }: Pod,
  namespace: Neighbourhood["namespace"],
): boolean {
  if (peer.ipBlock !== undefined) return false;
  const home = metadata.namespace ?? "";
  if (peer.namespaceSelector === undefined && home !== policy.metadata.namespace) return false;
  const wanted = requirementsOf(peer.namespaceSelector);
  if (wanted !== undefined && !matchesLabels(wanted, namespace(home)?.metadata.labels)) return false;
  return matchesLabels(requirementsOf(peer.podSelector) ?? [], metadata.labels);
}

function heard(policy: NetworkPolicy, pod: Pod, around: Neighbourhood): Opening[] {
  const by = policy.metadata.name;
  return (policy.spec.ingress ?? []).flatMap(({ ports, from = [] }) => {
    const doors = doorsOf(ports, pod);
    const remotes = from.length === 0 ? [{}] : from.flatMap((peer) => remotesOf(peer, policy, pod, around));
    return remotes.flatMap(({ remote }: Remote) => doors.map((door) => opening(by, door, remote)));
  });
}

function said(policy: NetworkPolicy, pod: Pod, around: Neighbourhood): Opening[] {
  const by = policy.metadata.name;
  return (policy.spec.egress ?? []).flatMap(({ ports, to = [] }) => {
    const remotes: Remote[] =
      to.length === 0 ? [{}] : to.flatMap((peer) => remotesOf(peer, policy, pod, around));
    // A port by name is one that the Pod which is asked gives that name.
    return remotes.flatMap(({ remote, of }) => doorsOf(ports, of).map((door) => opening(by, door, remote)));
  });
}

interface Remote {
  readonly remote?: string;
  readonly of?: Pod;
}

function remotesOf(peer: PolicyPeer, policy: NetworkPolicy, pod: Pod, around: Neighbourhood): Remote[] {
  const { ipBlock } = peer;
  if (ipBlock !== undefined) return without(ipBlock.cidr, ipBlock.except ?? []).map((remote) => ({ remote }));
  return around.pods
    .filter((other) => other.metadata.uid !== pod.metadata.uid && !isOver(other))
    .filter((other) => isPeer(peer, policy, other, around.namespace))
    .flatMap((of) => (of.status?.podIP ? [{ remote: `${of.status.podIP}/32`, of }] : []));
}

type Door = Pick<Opening, "protocol" | "ports">;

function doorsOf(ports: readonly PolicyPort[] = [], pod: Pod | undefined): Door[] {
  if (ports.length === 0) return [{}];
  return ports.flatMap(({ protocol = "TCP", port, endPort }): Door[] => {
    const name = protocol.toLowerCase() as Protocol;
    if (port === undefined) return [{ protocol: name }];
    if (typeof port === "number") return [{ protocol: name, ports: { first: port, last: endPort ?? port } }];
    const numbers = pod === undefined ? [] : namedPorts(pod, port, protocol);
    return numbers.map((number) => ({ protocol: name, ports: { first: number, last: number } }));
  });
}

function namedPorts({ spec }: Pod, name: string, protocol: string): number[] {
  return spec.containers.flatMap(({ ports = [] }) =>
    ports.flatMap((port) =>
      port.name === name && (port.protocol ?? "TCP") === protocol ? [port.containerPort] : [],
    ),
  );
}

function opening(by: string, door: Door, remote: string | undefined): Opening {
  return { by, ...door, ...(remote === undefined ? {} : { remote }) };
}
