import { type Clock, jsonEqual, millis, seconds } from "@selvedge/base";
import type { cipher } from "@selvedge/eve-api";
import { type EdgeNode, edgeNodeKind, type Pod, podKind, type Service } from "@selvedge/kinds";
import { lookAgain, type Outcome, type Reconciler, settled } from "@selvedge/reconcile";
import type { PodToken, PodTokens, TokenAsked } from "../access/pod-tokens.ts";
import type { EventRecorder } from "../events/event-recorder.ts";
import { configTooLarge } from "../ingest/device-status.ts";
import { openingsMax } from "../network/access-plan.ts";
import type { Caches } from "../objects/caches.ts";
import type { Cluster } from "../objects/cluster.ts";
import { setCondition } from "../objects/conditions.ts";
import { isGoing } from "../objects/pods.ts";
import type { NodeId, NodeSealer } from "../ports.ts";
import { followsLoad } from "./followed-load.ts";
import { type NodeRegistry, type PodFault, RenderError, type RenderInputs } from "./inputs.ts";
import { assembleNode, decodeConfig, type NodePlan, planNode, type SealedBlocks } from "./node-config.ts";
import type { TokenMaker } from "./node-edgeview.ts";
import { NodeCommands } from "./node-orders.ts";
import { configBytesMax, type Published, type RenderedConfigs } from "./rendered-configs.ts";
import { apiService, servicesMax } from "./services.ts";
import { earliest } from "./volumes.ts";

export interface RenderDeps {
  readonly cluster: Cluster;
  readonly caches: Caches;
  readonly clock: Clock;
  readonly events: EventRecorder;
  readonly sealer: NodeSealer;
  readonly configs: RenderedConfigs;
  readonly registry: NodeRegistry;
  readonly tokens: TokenMaker;
  readonly podTokens: PodTokens;
  /** What nodes compare to know that the controller's certificates changed. */
  readonly certificatesHash: () => string;
}

/**
 * The sealer tells when a node's certificate comes; this is for the case that it came while nobody
 * listened.
 */
const sealAgain = seconds(60);
const warning = { type: "Warning", component: "controller" } as const;

/** Keeps one node's configuration what its objects say. The key is the name of the Node. */
export class RenderReconciler implements Reconciler {
  readonly name = "render";
  readonly reads: readonly string[] = [
    "EdgeNode",
    "Node",
    "Pod",
    "ConfigMap",
    "Secret",
    "ServiceAccount",
    "Service",
    "EndpointSlice",
    "NetworkPolicy",
    "Namespace",
    "PersistentVolume",
    "PatchEnvelope",
    "HorizontalPodAutoscaler",
    "node certificates",
  ];
  readonly writes: readonly string[] = [
    "rendered configuration",
    "EdgeNode.status.configHash.rendered",
    "Pod.status (not sent)",
  ];
  readonly #deps: RenderDeps;
  readonly #commands = new NodeCommands();

  constructor(deps: RenderDeps) {
    this.#deps = deps;
  }

  /** Whether it matters here that this node has taken its newest configuration. */
  awaits(nodeName: string): boolean {
    return this.#commands.awaits(nodeName);
  }

  async reconcile(nodeName: string): Promise<Outcome> {
    const { caches, configs, sealer, clock } = this.#deps;
    const [edgeNode] = caches.edgeNodes.by("node", nodeName);
    const nodeId = edgeNode?.status?.nodeID;
    if (edgeNode === undefined || nodeId === undefined) {
      this.#commands.forget(nodeName);
      return settled;
    }
    const plan = planNode(this.#inputs(nodeName, nodeId, edgeNode));
    const sealed = await this.#seal(nodeId, plan);
    const known = configs.current(nodeId);
    const previous = known && decodeConfig(known.config);
    const isTaken = edgeNode.status?.configHash?.applied === known?.hash;
    const commands = this.#commands.of(nodeName, edgeNode, previous, isTaken);
    const contexts = sealer.contexts(nodeId);
    const { config, faults } = assembleNode(plan, sealed, contexts, previous, commands);
    const published = configs.publish(nodeId, config);
    await this.#tellNode(edgeNode, published);
    const sent = new Set(config.apps.map(({ uuidandversion }) => uuidandversion?.uuid));
    for (const fault of faults) await this.#tellPod(fault, sent.has(fault.pod.metadata.uid));
    for (const { part, message } of plan.nodeFaults) {
      const says = `${part}: ${message}; the box goes on with what it has`;
      await this.#deps.events.record(edgeNode, { ...warning, reason: "PortCredentials", message: says });
    }
    for (const app of plan.apps) await this.#tellLacks(app, plan);
    if (plan.services.tooMany > 0) {
      const message =
        `its Pods' namespaces have ${plan.services.tooMany} Services more than a node takes (${servicesMax}); ` +
        "apps there do not find the newest: put fewer in one namespace";
      await this.#deps.events.record(edgeNode, { ...warning, reason: "TooManyServices", message });
    }
    const unsealed = faults.some(({ reason }) => reason === "SecretsNotSealed");
    const isWaiting = unsealed || sealed.size < plan.sealings.size;
    if (isWaiting) return lookAgain("waiting for the node's certificate", sealAgain);
    const renewAt = plan.apps.map((app) => app.plan.renewAt).reduce(earliest, undefined);
    if (renewAt === undefined) return settled;
    return lookAgain("tokens are made anew", millis(Math.max(1, renewAt - clock.now())));
  }

  /** What a list has no place for is denied, a port that another has is not opened, and EVE has no word for some. */
  async #tellLacks({ pod, plan: { unsaid } }: NodePlan["apps"][number], { lists }: NodePlan): Promise<void> {
    const { tooMany = 0, lacks = [] } = lists.get(pod.metadata.uid ?? "") ?? {};
    const { events } = this.#deps;
    if (unsaid !== undefined)
      await events.record(pod, { ...warning, reason: "NotSupported", message: unsaid });
    if (lacks.length > 0) {
      const message = `another Pod has ${lacks.join(", ")} of the node, and this one gets it when that ends`;
      await events.record(pod, { ...warning, reason: "NodePorts", message });
    }
    if (tooMany === 0) return;
    const message =
      `NetworkPolicies allow it ${tooMany} ranges of addresses and ports more than a node takes for one Pod ` +
      `(${openingsMax} each way, fewer with EVE), and those are denied: select fewer Pods, or allow wider ranges`;
    await events.record(pod, { ...warning, reason: "TooManyPeers", message });
  }

  #inputs(nodeName: string, nodeId: NodeId, edgeNode: EdgeNode): RenderInputs {
    const { caches, registry, tokens, certificatesHash } = this.#deps;
    const pods = caches.pods.by("node", nodeName);
    const namespaces = new Set(pods.map(({ metadata }) => metadata.namespace ?? ""));
    return {
      nodeId,
      nodeName,
      edgeNode,
      node: caches.nodes.get(nodeName),
      pods,
      followsLoad: followsLoad(caches, pods),
      services: [...namespaces]
        .flatMap((namespace) => caches.services.by("namespace", namespace))
        .concat(namespaces.has(apiService.namespace) ? [] : (this.#apiService ?? []))
        .sort((left, right) => ((left.metadata.uid ?? "") < (right.metadata.uid ?? "") ? -1 : 1)),
      policies: [...namespaces].flatMap((namespace) => caches.networkPolicies.by("namespace", namespace)),
      namespace: (name) => caches.namespaces.get(name),
      slices: (service) =>
        caches.endpointSlices
          .by("service", service)
          .toSorted((left, right) => (left.metadata.name < right.metadata.name ? -1 : 1)),
      configMap: (namespace, name) => caches.configMaps.get(name, namespace),
      secret: (namespace, name) => caches.secrets.get(name, namespace),
      canSeal: this.#deps.sealer.contexts(nodeId).length > 0,
      accountToken: (pod, asked) => this.#accountToken(pod, asked),
      nodeVolumes: caches.volumes.by("node", nodeName),
      patches: [...namespaces].flatMap((namespace) => caches.patches.by("namespace", namespace)),
      ...{ registry, tokens },
      certificatesHash: certificatesHash(),
    };
  }

  /** What every app with a token asks, whatever its namespace. */
  get #apiService(): Service | undefined {
    return this.#deps.caches.services.get(apiService.name, apiService.namespace);
  }

  #accountToken({ metadata, spec }: Pod, asked: TokenAsked): PodToken {
    const { caches, podTokens } = this.#deps;
    const { namespace = "", name, uid = "" } = metadata;
    const { serviceAccountName = "default", nodeName = "" } = spec;
    const account = caches.serviceAccounts.get(serviceAccountName, namespace)?.metadata.uid;
    if (account === undefined) {
      const why = `failed to fetch token: serviceaccounts ${JSON.stringify(serviceAccountName)} not found`;
      throw new RenderError("FailedMount", why);
    }
    const subject = {
      ...{ namespace, pod: { name, uid }, account: { name: serviceAccountName, uid: account } },
      node: { name: nodeName, uid: caches.nodes.get(nodeName)?.metadata.uid ?? "" },
    };
    return podTokens.make(subject, asked);
  }

  async #seal(nodeId: NodeId, plan: NodePlan): Promise<SealedBlocks> {
    const blocks = new Map<string, cipher.CipherBlock>();
    for (const [name, plaintext] of plan.sealings) {
      const block = await this.#deps.sealer.seal(nodeId, name, plaintext);
      if (block !== undefined) blocks.set(name, block);
    }
    return blocks;
  }

  async #tellNode(edgeNode: EdgeNode, published: Published): Promise<void> {
    const { cluster, clock } = this.#deps;
    const { configHash, conditions = [] } = edgeNode.status ?? {};
    const wasTooLarge = conditions.some(({ reason }) => reason === configTooLarge);
    // Most passes have nothing to tell, and a status is large.
    if (published.type !== "too-large" && !wasTooLarge && configHash?.rendered === published.hash) return;
    await cluster.changeStatus<EdgeNode>(edgeNodeKind, edgeNode.metadata.name, undefined, (draft) => {
      draft.status ??= {};
      draft.status.conditions ??= [];
      if (published.type !== "too-large") {
        const mended = draft.status.conditions.some(({ reason }) => reason === configTooLarge);
        if (mended) {
          const applied = draft.status.configHash?.applied === published.hash;
          const says = applied
            ? ({ status: "True", reason: "Applied" } as const)
            : ({ status: "Unknown", reason: "NotYetApplied" } as const);
          setCondition(draft.status.conditions, { type: "ConfigAccepted", ...says }, clock.now());
        }
        if (!mended && draft.status.configHash?.rendered === published.hash) return false;
        draft.status.configHash = { ...draft.status.configHash, rendered: published.hash };
        return true;
      }
      const message =
        `the configuration would be ${published.bytes} bytes, more than ${configBytesMax}: ` +
        "make the ConfigMaps and Secrets of this node's Pods smaller; the node goes on with the last one";
      const says = { type: "ConfigAccepted", status: "False", reason: configTooLarge, message } as const;
      return setCondition(draft.status.conditions, says, clock.now());
    });
  }

  /** A Pod the node does not have yet shows why; one it runs already goes on, and only an event tells. */
  async #tellPod({ pod, reason, message }: PodFault, runs: boolean): Promise<void> {
    const { cluster, events, clock } = this.#deps;
    const waiting = reason === "FailedMount" || reason === "SecretsNotSealed" ? "ContainerCreating" : reason;
    let changed = false;
    // One that is to go is not waited for.
    if (!runs && !isGoing(pod)) {
      await cluster.changeStatus<Pod>(podKind, pod.metadata.name, pod.metadata.namespace, (draft) => {
        const status = { ...draft.status, phase: "Pending" as const };
        status.containerStatuses = draft.spec.containers.map(({ name, image = "" }) => ({
          name,
          image,
          imageID: "",
          ready: false,
          started: false,
          restartCount: 0,
          state: { waiting: { reason: waiting, message } },
        }));
        const conditions = structuredClone(status.conditions ?? []);
        const says = { status: "False", reason: "ContainersNotReady", message } as const;
        setCondition(conditions, { type: "ContainersReady", ...says }, clock.now());
        setCondition(conditions, { type: "Ready", ...says }, clock.now());
        status.conditions = conditions;
        changed = !jsonEqual(draft.status, status);
        draft.status = status;
        return changed;
      });
    }
    if (runs && reason === "SecretsNotSealed") return;
    const told = reason === "FailedMount" ? `MountVolume.SetUp failed: ${message}` : `Error: ${message}`;
    const word = failures.has(reason) ? "Failed" : reason;
    if (changed || runs) {
      await events.record(pod, { type: "Warning", reason: word, message: told, component: "controller" });
    }
  }
}

/** What kubelet calls just that in an event. */
const failures: ReadonlySet<PodFault["reason"]> = new Set([
  ...(["CreateContainerConfigError", "InvalidImageName", "NotSupported"] as const),
]);
