import { timestampDate } from "@bufbuild/protobuf/wkt";
import { type Clock, hours, type Instant, jsonEqual, type Log, LruMap } from "@selvedge/base";
import {
  ext,
  type flowlog,
  getExtension,
  type hardwareHealth,
  info,
  type ZInfoMsg,
  type ZMetricMsg,
} from "@selvedge/eve-api";
import {
  type EdgeNode,
  type EdgeNodeStatus,
  edgeNodeKind,
  type Node,
  nodeKind,
  type Pod,
  podKind,
} from "@selvedge/kinds";
import type { EventRecorder } from "../events/event-recorder.ts";
import { adaptNode, isEnrolled, newNode } from "../node-status/node-object.ts";
import { type Caches, nodeNameOf } from "../objects/caches.ts";
import type { Cluster } from "../objects/cluster.ts";
import { setCondition } from "../objects/conditions.ts";
import { isGoing, isOver } from "../objects/pods.ts";
import type { ConfigBook, NodeId, Reports } from "../ports.ts";
import { decodeConfig } from "../render/node-config.ts";
import { AppOwners } from "./app-owners.ts";
import { architectureOf, edgeNodeStatusOf, nodeReportOf, nodeStatusOf } from "./device-status.ts";
import { errorText } from "./error-text.ts";
import { setLocation, setNetworksCondition, timeCondition, withDeviceParts } from "./eve-status.ts";
import type { FlowBook } from "./flow-book.ts";
import { mayHaveMachine, reportOfForeignApp } from "./foreign-app.ts";
import { contentNews, type PartNews, showNews, usersOf, volumeNews } from "./foreign-parts.ts";
import { type HealthBook, healthCondition } from "./hardware-health.ts";
import type { NodeFacts } from "./node-facts.ts";
import { timeOfNode } from "./node-time.ts";
import type { PatchUse } from "./patch-use.ts";
import { podStatusOf } from "./pod-status.ts";
import { ReportOrder } from "./report-order.ts";
import { ReportQueues } from "./report-queues.ts";
import { type StateBook, subjectOf } from "./state-book.ts";
import type { UsageBook } from "./usage-book.ts";

export interface NodeReportsDeps {
  readonly cluster: Cluster;
  readonly caches: Caches;
  readonly clock: Clock;
  readonly log: Log;
  readonly events: EventRecorder;
  readonly facts: NodeFacts;
  readonly usages: UsageBook;
  readonly flows: FlowBook;
  readonly health: HealthBook;
  readonly states: StateBook;
  readonly patchUse: PatchUse;
  /** What nodes were told, to know what they speak of. */
  readonly configs: Pick<ConfigBook, "current">;
}

/** Events older than this have been swept already; a node that repeats them does not bring them back. */
const eventAgeMax = hours(1);
/** Events that were told are remembered, so that a node's repeating them costs nothing. */
const toldMax = 100_000;

/**
 * Turns what nodes report into the status of objects. A call resolves when the status is stored, and only
 * then does the gateway acknowledge: what a node was thanked for is never lost. Reports of one node are
 * handled one after another.
 */
export class NodeReports implements Omit<Reports, "deviceLogs" | "appLogs"> {
  readonly #deps: NodeReportsDeps;
  readonly #order = new ReportOrder();
  readonly #owners: AppOwners;
  readonly #told = new LruMap<string, number>(toldMax);
  readonly #queues = new ReportQueues();

  constructor(deps: NodeReportsDeps) {
    this.#deps = deps;
    this.#owners = new AppOwners(deps.caches);
  }

  info(node: NodeId, message: ZInfoMsg): Promise<void> {
    // What cannot be kept yet must not be acknowledged: the node says it again.
    if (!this.#deps.cluster.started) return Promise.reject(new Error("the controller is still starting"));
    return this.#queues.run(node, () => this.#info(node, message));
  }

  async metrics(node: NodeId, message: ZMetricMsg, bytes: Uint8Array): Promise<void> {
    const edgeNode = this.#edgeNode(node);
    if (edgeNode === undefined) return;
    const isOurs = edgeNode.status?.engineVersion !== undefined;
    const own = { ...message, am: message.am.filter(({ AppID }) => this.#owners.owns(node, AppID)) };
    this.#deps.usages.take(node, own, isOurs, this.#deps.clock.now());
    this.#deps.patchUse.take(own);
    if (!this.#deps.states.takeMetrics(node, bytes)) {
      this.#deps.log.warn("figures are too large to keep", { node });
    }
  }

  /** Whether the log of this app is this node's to write. */
  writes(node: NodeId, app: string): boolean {
    if (!this.#deps.cluster.started) throw new Error("the controller is still starting");
    return this.#owners.owns(node, app);
  }

  async flows(node: NodeId, message: flowlog.FlowMessage): Promise<void> {
    if (this.#edgeNode(node) !== undefined) this.#deps.flows.take(node, message);
  }

  async hardwareHealth(node: NodeId, message: hardwareHealth.ZHardwareHealth): Promise<void> {
    const { cluster, clock, health, log } = this.#deps;
    const edgeNode = this.#edgeNode(node);
    if (edgeNode === undefined) return;
    if (!health.take(node, message)) log.warn("a report on hardware is too large to keep", { node });
    const says = healthCondition(message);
    let turned = false;
    await cluster.changeStatus<EdgeNode>(edgeNodeKind, edgeNode.metadata.name, undefined, (draft) => {
      draft.status ??= {};
      draft.status.conditions ??= [];
      const before = draft.status.conditions.find(({ type }) => type === says.type)?.status;
      turned = before !== says.status && says.status === "False";
      return setCondition(draft.status.conditions, says, clock.now());
    });
    if (!turned) return;
    await this.#deps.events.record(edgeNode, {
      ...({ type: "Warning", reason: "HardwareFault", component: "engine" } as const),
      ...{ message: says.message ?? "", host: nodeNameOf(edgeNode) },
    });
  }

  /**
   * A device of EVE says what it runs on by asking whether there is anything newer; a node of ours says it in
   * its report, when it has accepted it.
   */
  runsOn(node: NodeId, configHash: string): void {
    const { cluster, facts, log } = this.#deps;
    const edgeNode = cluster.started ? this.#edgeNode(node) : undefined;
    const { engineVersion, configHash: known } = edgeNode?.status ?? {};
    if (edgeNode === undefined || engineVersion !== undefined) return;
    if (facts.apps(node)?.configHash !== configHash) this.#haveApps(node, configHash);
    if (known?.applied === configHash) return;
    const says = { type: "ConfigAccepted", status: "True", reason: "Taken" } as const;
    this.#queues
      .run(node, () =>
        this.#said(edgeNode, (status, now) => {
          if (status.configHash?.applied === configHash) return false;
          status.configHash = { ...status.configHash, applied: configHash };
          status.conditions ??= [];
          setCondition(status.conditions, says, now);
          return true;
        }),
      )
      // It is noticed again at the next poll.
      .catch((error: unknown) => log.warn("cannot show what a node runs on", { node, error }));
  }

  seen(node: NodeId, at: Instant): void {
    this.#deps.facts.see(node, at, this.#deps.clock.monotonic());
  }

  async #info(node: NodeId, message: ZInfoMsg): Promise<void> {
    const edgeNode = this.#edgeNode(node);
    if (edgeNode === undefined || !isEnrolled(edgeNode)) return;
    const { case: kind, value } = message.InfoContent;
    const sent = message.atTimeStamp === undefined ? 0 : timestampDate(message.atTimeStamp).getTime();
    const subject = subjectOf(message);
    if (subject === undefined) return;
    if (!this.#order.accept(`${node}/${subject}`, sent, this.#deps.clock.now())) return;
    // Of its own apps a node of ours says all in the report that becomes the Pod's status.
    const isOurs = kind === "ainfo" && getExtension(value, ext.AppReportSchema) !== undefined;
    if (!isOurs && !this.#deps.states.take(node, message)) {
      this.#deps.log.warn("a report is too large to keep", { node, kind });
    }
    switch (kind) {
      case "dinfo":
        await this.#device(edgeNode, node, value);
        return;
      case "ainfo":
        await this.#app(edgeNode, value);
        if (!isOurs) this.#appChanged(node, value);
        return;
      case "cinfo":
        await this.#part(edgeNode, node, value.uuid, contentNews(value));
        return;
      case "vinfo":
        await this.#part(edgeNode, node, value.uuid, volumeNews(value));
        return;
      case "niinfo":
        await this.#network(edgeNode, node, value);
        return;
      case "locinfo":
        await this.#said(edgeNode, (status) => setLocation(status, value));
        return;
      case "ntpSources": {
        const says = timeCondition(value);
        await this.#said(edgeNode, (status, now) => {
          status.conditions ??= [];
          return setCondition(status.conditions, says, now);
        });
        return;
      }
      default:
      // What has no object to show it on is in the state of the node.
    }
  }

  async #said(
    { metadata }: EdgeNode,
    change: (status: EdgeNodeStatus, now: Instant) => boolean,
  ): Promise<void> {
    const { cluster, clock } = this.#deps;
    await cluster.changeStatus<EdgeNode>(edgeNodeKind, metadata.name, undefined, (draft) => {
      draft.status ??= {};
      return change(draft.status, clock.now());
    });
  }

  /** News of an image or a volume, for nodes whose apps do not report it themselves. */
  async #part(edgeNode: EdgeNode, nodeId: NodeId, part: string, news: PartNews | undefined): Promise<void> {
    const { caches, cluster, configs } = this.#deps;
    const current = configs.current(nodeId);
    if (edgeNode.status?.engineVersion !== undefined || news === undefined || current === undefined) return;
    for (const { uid, at } of usersOf(decodeConfig(current.config), part)) {
      const [pod] = caches.pods.by("uid", uid);
      if (pod === undefined || isOver(pod)) continue;
      const { name, namespace } = pod.metadata;
      let changed = false;
      await cluster.changeStatus<Pod>(podKind, name, namespace, (draft) => {
        draft.status ??= { phase: "Pending" };
        changed = draft.metadata.uid === uid && showNews(draft, draft.status, at, news);
        return changed;
      });
      if (!changed || news.reason === "ContainerCreating") continue;
      const { reason, message } = { reason: "Failed", message: `Error: ${news.message}` };
      const host = nodeNameOf(edgeNode);
      await this.#deps.events.record(pod, { type: "Warning", reason, message, component: "engine", host });
    }
  }

  async #network(edgeNode: EdgeNode, node: NodeId, network: info.ZInfoNetworkInstance): Promise<void> {
    await this.#said(edgeNode, (status, now) => setNetworksCondition(status, network, now));
    for (const error of network.networkErr) {
      const message = `network ${network.displayname}: ${errorText(error)}`;
      await this.#tell(edgeNode, `${node}/${network.networkID}`, 1, {
        ...({ type: "Warning", reason: "NetworkFailed", component: "engine" } as const),
        ...{ message, host: nodeNameOf(edgeNode) },
      });
    }
  }

  async #device(edgeNode: EdgeNode, nodeId: NodeId, device: info.ZInfoDevice): Promise<void> {
    const { cluster, caches, clock, facts } = this.#deps;
    const name = nodeNameOf(edgeNode);
    const now = clock.now();
    const report = nodeReportOf(device);
    await this.#ensureNode(edgeNode, architectureOf(device, report));
    await cluster.changeStatus<Node>(nodeKind, name, undefined, (draft) => {
      const { devices } = edgeNode.spec;
      const status = nodeStatusOf(draft.status ?? {}, name, nodeId, device, now, devices);
      const same = jsonEqual(withoutHeartbeats(status), withoutHeartbeats(draft.status ?? {}));
      draft.status = status;
      return !same;
    });
    await cluster.changeStatus<EdgeNode>(edgeNodeKind, edgeNode.metadata.name, undefined, (draft) => {
      const said = edgeNodeStatusOf(draft.status ?? {}, name, device, now);
      const status = withDeviceParts(said, device, now, draft.spec.system);
      const same = jsonEqual(status, draft.status ?? {});
      draft.status = status;
      return !same;
    });
    if (report === undefined) return;
    facts.setApps(nodeId, { apps: new Set(report.appIds), configHash: report.configHash });
    const stored = caches.edgeNodes.get(edgeNode.metadata.name);
    const error = stored?.status?.configError;
    if (stored !== undefined && error !== undefined) {
      const message = `${error.field ? `${error.field}: ` : ""}${error.message}`;
      await this.#tell(stored, `${nodeId}/config`, 1, {
        ...({ type: "Warning", reason: "ConfigRefused", component: "engine", host: name } as const),
        message,
      });
    }
  }

  /** A Node must be there before its first status is. */
  async #ensureNode(edgeNode: EdgeNode, architecture: string): Promise<void> {
    const { cluster } = this.#deps;
    const found = await cluster.change<Node>(nodeKind, nodeNameOf(edgeNode), undefined, (draft) =>
      adaptNode(draft, edgeNode, architecture),
    );
    if (found === undefined) await cluster.create(nodeKind, newNode(edgeNode));
  }

  async #app(edgeNode: EdgeNode, app: info.ZInfoApp): Promise<void> {
    const { cluster, caches, clock } = this.#deps;
    const nodeName = nodeNameOf(edgeNode);
    const [pod] = caches.pods.by("uid", app.AppID);
    // An app nobody knows (any more) is one that is leaving the node, or another node's: nothing to keep.
    if (pod === undefined || pod.spec.nodeName !== nodeName) return;
    const own = getExtension(app, ext.AppReportSchema);
    const halted = app.state === info.ZSwState.HALTED || app.state === info.ZSwState.INVALID;
    // A message with nothing but the id says that the app is gone. Unless it was asked to go, it will come
    // back.
    if (app.state === info.ZSwState.INVALID && own === undefined && !isGoing(pod)) return;
    const hostIp = caches.nodes
      .get(nodeName)
      ?.status?.addresses?.find(({ type }) => type === "InternalIP")?.address;
    const report = own ?? reportOfForeignApp(pod, app, hostIp ?? "");
    const { name, namespace } = pod.metadata;
    await cluster.changeStatus<Pod>(podKind, name, namespace, (draft) => {
      if (draft.metadata.uid !== app.AppID || isOver(draft)) return false;
      const status = podStatusOf(draft, report, halted, clock.now());
      const same = jsonEqual(status, draft.status ?? {});
      draft.status = status;
      return !same;
    });
    for (const event of report.events) await this.#appEvent(pod, nodeName, event);
  }

  #appChanged(node: NodeId, app: info.ZInfoApp): void {
    const list = this.#deps.facts.apps(node);
    if (list === undefined || list.apps.has(app.AppID) === mayHaveMachine(app)) return;
    this.#haveApps(node, list.configHash);
  }

  /** A box of EVE has what it is to run by this configuration, and what may have a machine though it is not. */
  #haveApps(node: NodeId, configHash: string): void {
    const { configs, facts, states } = this.#deps;
    const current = configs.current(node);
    // Of one that was replaced meanwhile it says nothing new.
    if (current?.hash !== configHash) return;
    const wanted = decodeConfig(current.config).apps.filter(({ activate }) => activate);
    const machines = states.apps(node).filter(mayHaveMachine);
    const ids = [
      ...wanted.map(({ uuidandversion }) => uuidandversion?.uuid ?? ""),
      ...machines.map(({ AppID }) => AppID),
    ];
    facts.setApps(node, { apps: new Set(ids), configHash });
  }

  async #appEvent(pod: Pod, host: string, event: ext.AppEvent): Promise<void> {
    const { clock } = this.#deps;
    const [firstAt, lastAt] = [timeOfNode(event.firstAt), timeOfNode(event.lastAt) ?? clock.now()];
    if (clock.now() - lastAt > eventAgeMax) return;
    const { type, reason, message, container, count } = event;
    const key = `${pod.metadata.uid}/${container}/${reason}/${message}/${event.firstAt}`;
    const init = (pod.spec.initContainers ?? []).some(({ name }) => name === container);
    await this.#tell(pod, key, Math.max(count, 1), {
      ...{ type: type === "Warning" ? "Warning" : "Normal", reason, message, component: "engine", host },
      lastAt,
      ...(firstAt !== undefined && { firstAt }),
      ...(container !== "" && { fieldPath: `spec.${init ? "initContainers" : "containers"}{${container}}` }),
    });
  }

  /** Tells what was not told yet. */
  async #tell(
    about: EdgeNode | Pod,
    key: string,
    count: number,
    happening: Parameters<EventRecorder["record"]>[1],
  ): Promise<void> {
    const told = `${key}/${happening.message}`;
    if ((this.#told.get(told) ?? 0) >= count) return;
    this.#told.set(told, count);
    await this.#deps.events.record(about, { ...happening, count });
  }

  #edgeNode(node: NodeId): EdgeNode | undefined {
    return this.#deps.caches.edgeNodes.by("id", node)[0];
  }
}

/** Heartbeats alone are not worth a write: a fleet's would be most of what the store does. */
function withoutHeartbeats(status: NonNullable<Node["status"]>): unknown {
  return {
    ...status,
    conditions: (status.conditions ?? []).map(({ lastHeartbeatTime: _time, ...condition }) => condition),
  };
}
