import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  type app,
  cipher,
  config,
  ext,
  type firewall,
  netinst,
  type patchEnvelope,
  setExtension,
  storage,
} from "@selvedge/eve-api";
import type { EdgeNode, Pod } from "@selvedge/kinds";
import { accessPlan } from "../network/access-plan.ts";
import { speaksEve } from "./api-access.ts";
import { restartsOf, withCommands } from "./app-commands.ts";
import { asEveTakes } from "./eve-lists.ts";
import type { DatastorePlan, ImagePlan } from "./image.ts";
import { type PodFault, RenderError, type RenderInputs } from "./inputs.ts";
import { consoleSecrets, renderConsole } from "./node-console.ts";
import { edgeviewOf } from "./node-edgeview.ts";
import { planSystem, type RenderedCommands, type RenderedSystem, renderSystem } from "./node-orders.ts";
import { portSecrets, type RenderedPorts, renderPorts } from "./node-ports.ts";
import { scepSecrets } from "./node-scep.ts";
import type { NodeFault } from "./node-secrets.ts";
import { finishPatch, type PatchPlan, planPatches } from "./patches.ts";
import { type AppPlan, defaultNetworkId, finishApp, planApp, secretsName, userDataName } from "./pod-app.ts";
import { accessRules, checkHostAddresses, lackedPorts, type NodeSide, portMappings } from "./ports.ts";
import { giveScreen, screenNumbers } from "./screens.ts";
import { type NodeServices, nodeServices, nodeSide } from "./services.ts";
import { nodeVolume } from "./volumes.ts";

/** A node's configuration with all decided but what the sealer must still encrypt. */
export interface NodePlan {
  readonly inputs: RenderInputs;
  readonly apps: readonly { readonly pod: Pod; readonly plan: AppPlan }[];
  /** What the plug of each Pod may say and hear, by UID. */
  readonly lists: ReadonlyMap<string, AccessList>;
  readonly services: NodeServices;
  readonly patches: readonly PatchPlan[];
  /** Pods that cannot be sent now. */
  readonly faults: readonly PodFault[];
  /** Parts of the box itself whose secrets cannot be sent now. */
  readonly nodeFaults: readonly NodeFault[];
  /** The image of the box's system, when somebody said which. */
  readonly system: ImagePlan | undefined;
  readonly datastores: readonly DatastorePlan[];
  /** What to encrypt, by name. */
  readonly sealings: ReadonlyMap<string, Uint8Array>;
}

export interface AccessList {
  readonly acls: readonly firewall.ACE[];
  /** What policies allow and the list has no place for. */
  readonly tooMany: number;
  /** Ports of the node that it wants and another Pod has. */
  readonly lacks: readonly string[];
}

/** Encrypted blocks by name; a name that is missing could not be sealed. */
export type SealedBlocks = ReadonlyMap<string, cipher.CipherBlock>;

export interface AssembledConfig {
  /** Without config_timestamp. */
  readonly config: config.EdgeDevConfig;
  /** The plan's faults, and those of Pods whose secrets could not be sealed. */
  readonly faults: readonly PodFault[];
}

/**
 * EVE's configuration items every node gets; an EdgeNode's own settings win. Names are EVE's. Timers are
 * not among them: EVE's defaults are good, and our engine talks less while its link is up, unless somebody
 * sets them.
 */
const defaultSettings: Readonly<Record<string, string>> = {
  // Absent ones mean false once a configuration has come, which would turn a box's screen and keyboard off.
  "debug.enable.usb": "true",
  "debug.enable.vga": "true",
  "debug.enable.console": "true",
};

/** An autoscaler looks every fifteen seconds, and goes by what it hears: every 9 to 30 seconds, some 7 MB a day. */
const followedSettings: Readonly<Record<string, string>> = { "timer.metric.interval": "30" };

/** Decides what goes into one node's configuration. Pure; docs/decisions/0004 is the mapping. */
export function planNode(inputs: RenderInputs): NodePlan {
  const apps: { readonly pod: Pod; readonly plan: AppPlan }[] = [];
  const faults: PodFault[] = [];
  const sealings = new Map<string, Uint8Array>();
  const datastores = new Map<string, DatastorePlan>();
  const pods = [...inputs.pods].sort((left, right) =>
    (left.metadata.uid ?? "") < (right.metadata.uid ?? "") ? -1 : 1,
  );
  const side = nodeSide(inputs);
  const lists = accessLists(pods, side, inputs);
  for (const pod of pods) {
    try {
      checkHostAddresses(pod, side, inputs.nodeName);
      const plan = planApp(pod, lists.get(pod.metadata.uid ?? "")?.acls ?? [], inputs);
      apps.push({ pod, plan });
      if (plan.secrets !== undefined) sealings.set(secretsName(pod), plan.secrets);
      if (plan.userData !== undefined) sealings.set(userDataName(pod), plan.userData);
      for (const { datastore } of plan.images) datastores.set(datastore.id, datastore);
    } catch (error) {
      if (!(error instanceof RenderError)) throw error;
      faults.push({ pod, container: undefined, reason: error.reason, message: error.message });
    }
  }
  const system = planSystem(inputs);
  if (system !== undefined) datastores.set(system.datastore.id, system.datastore);
  const patches = planPatches(inputs);
  for (const { made } of patches) {
    for (const { datastore } of made?.images ?? []) datastores.set(datastore.id, datastore);
    for (const [name, { plaintext }] of made?.sealings ?? []) sealings.set(name, plaintext);
  }
  for (const { id, credentials } of datastores.values()) {
    if (credentials === undefined) continue;
    const block = create(cipher.EncryptionBlockSchema, {
      dsAPIKey: credentials.user,
      dsPassword: credentials.password,
    });
    sealings.set(datastoreName(id), toBinary(cipher.EncryptionBlockSchema, block));
  }
  const own = [portSecrets, scepSecrets, consoleSecrets].map((of) =>
    of(inputs.edgeNode, (namespace, name) => inputs.secret(namespace, name)),
  );
  for (const secrets of own) for (const [name, plaintext] of secrets.sealings) sealings.set(name, plaintext);
  return {
    services: nodeServices(inputs),
    ...{ inputs, apps, lists, faults, sealings, system, patches },
    nodeFaults: own.flatMap((secrets) => secrets.faults),
    datastores: [...datastores.values()],
  };
}

function accessLists(pods: readonly Pod[], side: NodeSide, inputs: RenderInputs): Map<string, AccessList> {
  const mappings = portMappings(pods, inputs.services, side);
  const lists = pods.map((pod): [string, AccessList] => {
    const uid = pod.metadata.uid ?? "";
    const plan = accessPlan(pod, inputs);
    const own = mappings.get(uid) ?? [];
    const lacks = lackedPorts(pod, own, side);
    const all = accessRules(own, plan);
    const acls = speaksEve(inputs.node) ? asEveTakes(all) : all;
    return [uid, { acls, tooMany: plan.tooMany + all.length - acls.length, lacks }];
  });
  return new Map(lists);
}

/**
 * The configuration from the plan and what the sealer made of its secrets. A Pod that cannot be rendered
 * now but could be before keeps what the node runs on: a ConfigMap deleted by mistake stops nothing.
 */
export function assembleNode(
  plan: NodePlan,
  sealed: SealedBlocks,
  contexts: readonly cipher.CipherContext[],
  previous: config.EdgeDevConfig | undefined,
  commands: RenderedCommands = {},
): AssembledConfig {
  const { inputs } = plan;
  const faults = [...plan.faults];
  const parts = new Parts();
  // What is on a node stays until it is deleted, not until nobody mounts it.
  for (const volume of inputs.nodeVolumes.map(nodeVolume)) parts.volumes.set(volume.uuid, volume);
  const screens = screenNumbers(inputs, previous);
  for (const { pod, plan: planned } of plan.apps) {
    const [block, userData] = [sealed.get(secretsName(pod)), sealed.get(userDataName(pod))];
    const datastores = planned.images.map(({ datastore }) => sealedDatastore(datastore, sealed));
    const isSealed =
      (planned.secrets === undefined || block !== undefined) &&
      (planned.userData === undefined || userData !== undefined);
    if (!isSealed || datastores.includes(undefined)) {
      const message = `node ${inputs.nodeName} has not sent the certificate that secrets are encrypted to`;
      faults.push({ pod, container: undefined, reason: "SecretsNotSealed", message });
      continue;
    }
    const screen = screens.get(pod.metadata.uid ?? "");
    if (screen === undefined && screens.has(pod.metadata.uid ?? "")) {
      const message = `node ${inputs.nodeName} has as many screens as it can show`;
      faults.push({ pod, container: undefined, reason: "NotSupported", message });
      continue;
    }
    giveScreen(planned.app, screen);
    for (const datastore of datastores)
      if (datastore !== undefined) parts.datastores.set(datastore.id, datastore);
    for (const { contentTree } of planned.images) parts.contents.set(contentTree.uuid, contentTree);
    for (const volume of planned.volumes) parts.volumes.set(volume.uuid, volume);
    const bytes = block === undefined ? new Uint8Array() : toBinary(cipher.CipherBlockSchema, block);
    const app = finishApp(planned, bytes, userData);
    parts.apps.push(withCommands(app, appOf(previous, pod), restartsOf(pod, inputs.node)));
  }
  for (const { pod } of faults) {
    const acls = plan.lists.get(pod.metadata.uid ?? "")?.acls ?? [];
    if (previous !== undefined) parts.keep(pod, acls, previous);
  }
  for (const patch of plan.patches) parts.addPatch(patch, sealed, previous);
  const system = parts.addSystem(plan.system, sealed) ? plan.system : undefined;
  const { locConfig, bundles } = renderConsole(inputs.edgeNode, sealed, previous);
  if (bundles !== undefined) parts.datastores.set(bundles.id, bundles);
  const edgeview = edgeviewOf(inputs.nodeId, inputs.edgeNode, inputs.tokens, previous);
  const own = {
    ...(edgeview && { edgeview }),
    ...(locConfig && { locConfig }),
    ...renderPorts(inputs.edgeNode, sealed, previous),
    ...commands,
    ...renderSystem(inputs.edgeNode, system),
    controllerEpoch: previous?.controllerEpoch ?? 0n,
  };
  return { config: configOf(plan, parts, own, contexts), faults };
}

function datastoreName(id: string): string {
  return `datastore/${id}`;
}

function sealedDatastore(plan: DatastorePlan, sealed: SealedBlocks): storage.DatastoreConfig | undefined {
  const block = sealed.get(datastoreName(plan.id));
  if (plan.credentials !== undefined && block === undefined) return undefined;
  return create(storage.DatastoreConfigSchema, {
    id: plan.id,
    dType: storage.DsType.DsContainerRegistry,
    fqdn: plan.fqdn,
    dsCertPEM: plan.certificates.map((pem) => new Uint8Array(Buffer.from(pem, "utf8"))),
    ...(block === undefined ? {} : { cipherData: block }),
  });
}

function appOf(previous: config.EdgeDevConfig | undefined, pod: Pod): app.AppInstanceConfig | undefined {
  return previous?.apps.find(({ uuidandversion }) => uuidandversion?.uuid === pod.metadata.uid);
}

/** The lists of a configuration while they are being filled. */
class Parts {
  readonly apps: app.AppInstanceConfig[] = [];
  readonly volumes = new Map<string, storage.Volume>();
  readonly contents = new Map<string, storage.ContentTree>();
  readonly datastores = new Map<string, storage.DatastoreConfig>();
  readonly patches: patchEnvelope.EvePatchEnvelope[] = [];

  /** Whole, or as the node has it: what cannot be sent now takes nothing away. */
  addPatch(plan: PatchPlan, sealed: SealedBlocks, previous: config.EdgeDevConfig | undefined): void {
    const datastores = plan.made?.images.map(({ datastore }) => sealedDatastore(datastore, sealed)) ?? [];
    const envelope = datastores.includes(undefined) ? undefined : finishPatch(plan, sealed);
    if (plan.made === undefined || envelope === undefined) {
      const before = previous?.patchEnvelopes.find(({ uuid }) => uuid === plan.uuid);
      if (previous === undefined || before === undefined) return;
      before.appInstIdsAllowed = [...plan.apps];
      this.patches.push(before);
      const volumes = before.artifacts.map(({ binaryBlob: { case: from, value } }) =>
        from === "volumeRef" ? value.imageId : "",
      );
      this.#keepVolumes(new Set(volumes), previous);
      return;
    }
    this.patches.push(envelope);
    for (const datastore of datastores)
      if (datastore !== undefined) this.datastores.set(datastore.id, datastore);
    for (const { contentTree } of plan.made.images) this.contents.set(contentTree.uuid, contentTree);
    for (const volume of plan.made.volumes) this.volumes.set(volume.uuid, volume);
  }

  /** Whether the box can fetch its system: not before its registry's password is sealed. */
  addSystem(image: ImagePlan | undefined, sealed: SealedBlocks): boolean {
    const datastore = image && sealedDatastore(image.datastore, sealed);
    if (image === undefined || datastore === undefined) return false;
    this.datastores.set(datastore.id, datastore);
    this.contents.set(image.contentTree.uuid, image.contentTree);
    return true;
  }

  /** Takes over an app, and what it needs, from the configuration before; who may talk to it is of now. */
  keep(pod: Pod, acls: readonly firewall.ACE[], previous: config.EdgeDevConfig): void {
    const found = appOf(previous, pod);
    if (found === undefined) return;
    for (const plug of found.interfaces) plug.acls = [...acls];
    if (pod.metadata.deletionTimestamp !== undefined) found.activate = false;
    this.apps.push(found);
    this.#keepVolumes(new Set(found.volumeRefList.map(({ uuid }) => uuid)), previous);
  }

  /** With what they are made from. */
  #keepVolumes(volumes: ReadonlySet<string>, previous: config.EdgeDevConfig): void {
    for (const volume of previous.volumes)
      if (volumes.has(volume.uuid)) this.volumes.set(volume.uuid, volume);
    const contents = new Set([...this.volumes.values()].map(({ origin }) => origin?.downloadContentTreeID));
    for (const content of previous.contentInfo) {
      if (contents.has(content.uuid) && !this.contents.has(content.uuid))
        this.contents.set(content.uuid, content);
    }
    const datastores = new Set([...this.contents.values()].flatMap(({ dsIdsList }) => dsIdsList));
    for (const datastore of previous.datastores) {
      if (datastores.has(datastore.id) && !this.datastores.has(datastore.id)) {
        this.datastores.set(datastore.id, datastore);
      }
    }
  }
}

/** How others than the controller speak with the box, and which of our lives this is. */
type Sides = Pick<config.EdgeDevConfig, "edgeview" | "locConfig" | "controllerEpoch">;

function configOf(
  plan: NodePlan,
  parts: Parts,
  own: RenderedPorts & RenderedCommands & RenderedSystem & Partial<Sides>,
  contexts: readonly cipher.CipherContext[],
): config.EdgeDevConfig {
  const { inputs } = plan;
  const { nodeId, nodeName, edgeNode } = inputs;
  const { services } = plan.services;
  const inOrder = <T>(map: ReadonlyMap<string, T>): T[] =>
    [...map].sort(([left], [right]) => (left < right ? -1 : 1)).map(([, value]) => value);
  const uuidOf = ({ uuidandversion }: app.AppInstanceConfig): string => uuidandversion?.uuid ?? "";
  const made = create(config.EdgeDevConfigSchema, {
    id: { uuid: nodeId, version: "1" },
    deviceName: nodeName,
    apps: parts.apps.sort((left, right) => (uuidOf(left) < uuidOf(right) ? -1 : 1)),
    datastores: inOrder(parts.datastores),
    contentInfo: inOrder(parts.contents),
    volumes: inOrder(parts.volumes),
    patchEnvelopes: parts.patches,
    networkInstances: [defaultNetwork()],
    ...own,
    cipherContexts: [...contexts],
    controllercertConfighash: inputs.certificatesHash,
    configItems: configItemsOf(edgeNode, inputs.followsLoad),
  });
  const labels = Object.fromEntries(
    Object.entries(edgeNode.spec.labels ?? {}).sort(([left], [right]) => (left < right ? -1 : 1)),
  );
  const extension = create(ext.NodeExtensionSchema, { nodeName, labels, services: [...services] });
  setExtension(made, ext.NodeExtensionSchema, extension);
  return made;
}

export function configItemsOf(
  { spec }: EdgeNode,
  followsLoad = false,
): { readonly key: string; readonly value: string }[] {
  return Object.entries({ ...defaultSettings, ...(followsLoad && followedSettings), ...spec.settings })
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([key, value]) => ({ key, value }));
}

function defaultNetwork(): netinst.NetworkInstanceConfig {
  return create(netinst.NetworkInstanceConfigSchema, {
    uuidandversion: { uuid: defaultNetworkId, version: "1" },
    displayname: "default",
    instType: netinst.ZNetworkInstType.ZnetInstLocal,
    activate: true,
    port: { name: "uplink" },
    ipType: netinst.AddressType.IPV4,
    ip: {
      subnet: "10.77.0.0/24",
      gateway: "10.77.0.1",
      dhcpRange: { start: "10.77.0.10", end: "10.77.0.250" },
    },
    // Flow logs cost an idle node more than everything else together; they come with their own setting.
    disableFlowlog: true,
  });
}

export function decodeConfig(bytes: Uint8Array): config.EdgeDevConfig {
  return fromBinary(config.EdgeDevConfigSchema, bytes);
}
