import { type Clock, type Instant, instant, type Millis, millis, minutes, toRfc3339 } from "@selvedge/base";
import {
  type EdgeNode,
  type EdgeNodeStatus,
  edgeNodeKind,
  type Node,
  nodeKind,
  type Pod,
  podKind,
} from "@selvedge/kinds";
import { lookAgain, type Outcome, type Reconciler, settled } from "@selvedge/reconcile";
import type { EventRecorder } from "../events/event-recorder.ts";
import type { NodeFacts } from "../ingest/node-facts.ts";
import { type Caches, nodeNameOf } from "../objects/caches.ts";
import type { Cluster } from "../objects/cluster.ts";
import { conditionOf, setCondition } from "../objects/conditions.ts";
import { type Wake, wakeOn } from "../objects/wiring.ts";
import type { NodeId } from "../ports.ts";
import { dropLease, keepLease } from "./node-lease.ts";
import {
  type Hearing,
  isUnlinked,
  type Life,
  lastSeenAge,
  lifeOf,
  mayNeedReadiness,
  readinessFor,
  readyCondition,
  silenceOf,
  taintsFor,
} from "./node-life.ts";
import { adaptNode, edgeNodeLabel, isEnrolled, newNode } from "./node-object.ts";

/** Which nodes have a link now. */
export interface LinkStates {
  state(node: NodeId): { readonly connected: boolean; readonly since: Instant | undefined };
  onChange(listener: (node: NodeId) => void): () => void;
}

export interface NodeDeps {
  readonly cluster: Cluster;
  readonly caches: Caches;
  readonly clock: Clock;
  readonly events: EventRecorder;
  readonly facts: NodeFacts;
  readonly links: LinkStates;
  /** Called with a node whose EdgeNode is gone, so that what is kept of it elsewhere goes too. */
  readonly forget: (node: NodeId) => void;
}

/**
 * Keeps the Node of each EdgeNode: there while it is enrolled, Ready while it is heard. The key is the
 * Node's name.
 */
export class NodeReconciler implements Reconciler {
  readonly name = "node";
  readonly reads: readonly string[] = ["EdgeNode", "Node", "Pod", "node reports", "links"];
  readonly writes: readonly string[] = [
    "Node",
    "Node.status.conditions.Ready",
    "EdgeNode.status.conditions.Ready",
    "Pod.status.conditions.Ready (node silent)",
    "Pod removal (node gone)",
    "Lease",
  ];
  readonly #deps: NodeDeps;
  readonly #started: Millis;

  constructor(deps: NodeDeps) {
    this.#deps = deps;
    this.#started = deps.clock.monotonic();
  }

  async reconcile(nodeName: string): Promise<Outcome> {
    const { caches, cluster } = this.#deps;
    const [edgeNode] = caches.edgeNodes.by("node", nodeName);
    const node = caches.nodes.get(nodeName);
    if (edgeNode === undefined || !isEnrolled(edgeNode)) {
      return node === undefined ? settled : await this.#remove(node);
    }
    if (node === undefined) await cluster.create(nodeKind, newNode(edgeNode));
    else
      await cluster.change<Node>(nodeKind, nodeName, undefined, (draft) =>
        adaptNode(draft, edgeNode, undefined),
      );
    return await this.#follow(edgeNode, nodeName);
  }

  async #follow(edgeNode: EdgeNode, nodeName: string): Promise<Outcome> {
    const { clock, facts, links } = this.#deps;
    const id = edgeNode.status?.nodeID ?? "";
    const link = links.state(id);
    const stored = Date.parse(edgeNode.status?.lastSeen ?? "");
    const known = Number.isFinite(stored) ? instant(stored) : undefined;
    const silence = silenceOf(edgeNode);
    const heard = facts.lastSeen(id);
    const now = clock.monotonic();
    const hearing = { lastSeen: heard, started: this.#started, linked: link.connected, now };
    const life = lifeOf(hearing, silence, known);
    const age = lastSeenAge(facts.count, link.connected);
    const changed = await this.#setReady(nodeName, life, silence);
    const seen = await this.#setEdgeNode(edgeNode, life, silence, link, hearing, age);
    if (seen !== undefined) {
      await keepLease(this.#deps.cluster, nodeName, seen, millis(silence + age));
    }
    await this.#setPods(nodeName, life);
    if (changed) await this.#tell(nodeName, life);
    if (life.is === "silent") facts.listenFor(id);
    if (life.is === "heard") {
      const soon = Math.min(life.until - now, age);
      return lookAgain("listening", millis(Math.max(soon, 1000)));
    }
    // Time alone changes nothing for one that is silent, or that never came.
    return settled;
  }

  async #setReady(nodeName: string, life: Life, silence: Millis): Promise<boolean> {
    const { cluster, clock } = this.#deps;
    const now = clock.now();
    const says = { type: "Ready", ...readyCondition(life, silence) };
    let turned = false;
    await cluster.changeStatus<Node>(nodeKind, nodeName, undefined, (draft) => {
      draft.status ??= {};
      draft.status.conditions ??= [];
      turned = conditionOf(draft.status.conditions, "Ready")?.status !== says.status;
      const changed = setCondition(draft.status.conditions, says, now);
      const ready = draft.status.conditions.find(({ type }) => type === "Ready");
      if (changed && ready !== undefined) ready.lastHeartbeatTime = toRfc3339(now);
      return changed;
    });
    if (taintsFor(this.#deps.caches.nodes.get(nodeName)?.spec.taints, life, now) === undefined) return turned;
    await cluster.change<Node>(nodeKind, nodeName, undefined, (draft) => {
      const taints = taintsFor(draft.spec.taints, life, now);
      if (taints === undefined) return false;
      if (taints.length === 0) delete draft.spec.taints;
      else draft.spec.taints = taints;
      return true;
    });
    return turned;
  }

  /** Returns the time of the last request, when it was stored anew. */
  async #setEdgeNode(
    edgeNode: EdgeNode,
    life: Life,
    silence: Millis,
    link: ReturnType<LinkStates["state"]>,
    hearing: Hearing,
    age: Millis,
  ): Promise<Instant | undefined> {
    const { cluster, clock } = this.#deps;
    let told: Instant | undefined;
    const { status, reason, message } = readyCondition(life, silence);
    await cluster.changeStatus<EdgeNode>(edgeNodeKind, edgeNode.metadata.name, undefined, (draft) => {
      const own: EdgeNodeStatus = draft.status ?? {};
      draft.status = own;
      own.conditions ??= [];
      const ready = {
        type: "Ready",
        status: status === "Unknown" ? ("False" as const) : status,
        reason,
        message,
      };
      let changed = setCondition(own.conditions, ready, clock.now());
      if (link.connected || isUnlinked(hearing, life))
        changed = setLink(own, link, own.conditions, clock.now()) || changed;
      const phase =
        draft.spec.activate === false
          ? "Deactivated"
          : life.is === "heard"
            ? "Ready"
            : life.is === "silent"
              ? "NotReady"
              : (own.phase ?? "Enrolled");
      if (own.phase !== phase) changed = true;
      own.phase = phase;
      const stored = Date.parse(own.lastSeen ?? "");
      const seen = link.connected ? clock.now() : hearing.lastSeen?.at;
      const stale = !(seen !== undefined && seen - stored < age);
      if (seen !== undefined && (changed || stale)) {
        const text = toRfc3339(seen);
        if (own.lastSeen !== text) {
          changed = true;
          told = seen;
        }
        own.lastSeen = text;
      }
      return changed;
    });
    return told;
  }

  async #setPods(nodeName: string, life: Life): Promise<void> {
    const { caches, cluster, clock } = this.#deps;
    for (const pod of caches.pods.by("node", nodeName)) {
      if (!mayNeedReadiness(pod, life)) continue;
      await cluster.changeStatus<Pod>(podKind, pod.metadata.name, pod.metadata.namespace, (draft) => {
        if (draft.metadata.uid !== pod.metadata.uid || draft.status === undefined) return false;
        return readinessFor(draft, draft.status, life, clock.now());
      });
    }
  }

  async #tell(nodeName: string, life: Life): Promise<void> {
    const { caches, events } = this.#deps;
    const node = caches.nodes.get(nodeName);
    if (node === undefined || life.is === "expected") return;
    const happening =
      life.is === "heard"
        ? { type: "Normal" as const, reason: "NodeReady" }
        : { type: "Warning" as const, reason: "NodeNotReady" };
    const message = `Node ${nodeName} status is now: ${happening.reason}`;
    await events.record(node, { ...happening, message, component: "node-controller" });
  }

  /**
   * A Node of ours without its EdgeNode: it goes, and its Pods with it, because nobody is left to stop
   * them.
   */
  async #remove(node: Node): Promise<Outcome> {
    const { caches, cluster, forget } = this.#deps;
    if (node.metadata.labels?.[edgeNodeLabel] === undefined) {
      return await this.#tellStranger(node);
    }
    for (const pod of caches.pods.by("node", node.metadata.name)) {
      await cluster.delete(podKind, pod, { gracePeriodSeconds: 0 });
    }
    await cluster.delete(nodeKind, node);
    await dropLease(cluster, node.metadata.name);
    forget(node.spec.providerID?.replace(/^selvedge:\/\//, "") ?? "");
    return settled;
  }

  /** A Node that somebody made by hand is nobody's: after a while it is told not to be Ready, if nobody else did. */
  async #tellStranger({ metadata, status }: Node): Promise<Outcome> {
    if (conditionOf(status?.conditions, "Ready") !== undefined) return settled;
    const { cluster, clock } = this.#deps;
    const left = Date.parse(metadata.creationTimestamp ?? "") + startupGrace - clock.now();
    if (left > 0) return lookAgain("a node that may still report", millis(left));
    const message = "Kubelet never posted node status.";
    const says = { type: "Ready", status: "Unknown", reason: "NodeStatusNeverUpdated", message } as const;
    await cluster.changeStatus<Node>(nodeKind, metadata.name, undefined, (draft) => {
      draft.status ??= {};
      draft.status.conditions ??= [];
      if (conditionOf(draft.status.conditions, "Ready") !== undefined) return false;
      return setCondition(draft.status.conditions, says, clock.now());
    });
    return settled;
  }
}

/** Upstream's: how long a new node may take until it is heard. */
const startupGrace: Millis = minutes(1);

/** Places the link among what is said of a node, in place; returns whether anything changed. */
function setLink(
  status: EdgeNodeStatus,
  link: ReturnType<LinkStates["state"]>,
  conditions: NonNullable<EdgeNodeStatus["conditions"]>,
  now: Instant,
): boolean {
  const says = link.connected
    ? { type: "LinkUp", status: "True" as const, reason: "Connected" }
    : { type: "LinkUp", status: "False" as const, reason: "NotConnected" };
  const since = link.connected && link.since !== undefined ? toRfc3339(link.since) : undefined;
  const turned = setCondition(conditions, says, now);
  if (status.linkConnectedAt === since) return turned;
  if (since === undefined) delete status.linkConnectedAt;
  else status.linkConnectedAt = since;
  return true;
}

/** Whether two states of an EdgeNode differ in nothing but what is written here and nobody here reads. */
function sameForNode(before: EdgeNode, after: EdgeNode): boolean {
  return (
    before.metadata.generation === after.metadata.generation &&
    before.status?.nodeID === after.status?.nodeID &&
    before.status?.phase === after.status?.phase &&
    isEnrolled(before) === isEnrolled(after)
  );
}

export function nodeWakes(): Wake[] {
  return [
    wakeOn<EdgeNode>(edgeNodeKind, (before, after) => {
      if (before !== undefined && after !== undefined && sameForNode(before, after)) return [];
      const names = [before, after].flatMap((one) => (one === undefined ? [] : [nodeNameOf(one)]));
      return [...new Set(names)];
    }),
    wakeOn<Node>(nodeKind, (before, after) =>
      before !== undefined && after !== undefined && before.metadata.generation === after.metadata.generation
        ? []
        : [(after ?? before)?.metadata.name ?? ""],
    ),
    // What others say of a Pod that waits for it.
    wakeOn<Pod>(podKind, (_before, after) => {
      const { nodeName = "", readinessGates = [] } = after?.spec ?? {};
      return nodeName === "" || readinessGates.length === 0 ? [] : [nodeName];
    }),
  ];
}
