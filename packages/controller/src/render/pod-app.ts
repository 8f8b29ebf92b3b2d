import { createHash } from "node:crypto";
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import type { Instant } from "@selvedge/base";
import { app, type cipher, ext, type firewall, setExtension, storage, vm } from "@selvedge/eve-api";
import { type Container, type Pod, type PodSpec, podGaps } from "@selvedge/kinds";
import { isGoing, isOver } from "../objects/pods.ts";
import { hasToken, speaksEve } from "./api-access.ts";
import { containerOf, staysBeside } from "./container.ts";
import { resourceNumbers } from "./downward.ts";
import { environmentOf } from "./environment.ts";
import { type ImagePlan, imageOf } from "./image.ts";
import { RenderError, type RenderInputs } from "./inputs.ts";
import { adaptersOf } from "./node-links.ts";
import { clusterDomain, searchDomains } from "./services.ts";
import { stableId } from "./stable-id.ts";
import { userDataOf } from "./user-data.ts";
import { claimedVolumes, nodeVolume, volumesOf } from "./volumes.ts";

/** One Pod on its way into the configuration; only its secrets are still to be sealed. */
export interface AppPlan {
  readonly app: app.AppInstanceConfig;
  readonly extension: ext.AppExtension;
  readonly volumes: readonly storage.Volume[];
  readonly images: readonly ImagePlan[];
  /** An encoded AppSecrets; undefined when there is nothing to keep secret. */
  readonly secrets: Uint8Array | undefined;
  /** An encoded EncryptionBlock, for boxes that have variables and files from nowhere else. */
  readonly userData: Uint8Array | undefined;
  /** When a token among its secrets is made anew; undefined: none is. */
  readonly renewAt: Instant | undefined;
  /** What of it the node is not told of. */
  readonly unsaid: string | undefined;
}

const mebibyte = 1024 * 1024;
/** What a container gets that asks for nothing; docs/decisions/0004. */
const defaultMemory = 128 * mebibyte;
/** The guest's kernel, init and agent. */
const guestMemory = 96 * mebibyte;
const cpusMax = 16;

const restartPolicies: Readonly<Record<string, ext.RestartPolicy>> = {
  Always: ext.RestartPolicy.ALWAYS,
  OnFailure: ext.RestartPolicy.ON_FAILURE,
  Never: ext.RestartPolicy.NEVER,
};

/** The node's one network. */
export const defaultNetworkId: string = stableId("network/default");

/** A Pod as an app of its node. Throws a RenderError when something it refers to is not there. */
export function planApp(pod: Pod, acls: readonly firewall.ACE[], inputs: RenderInputs): AppPlan {
  const { metadata, spec } = pod;
  const gaps = podGaps("spec", spec);
  if (gaps.length > 0) throw new RenderError("NotSupported", gaps.join("; "));
  requireOne(pod, inputs);
  const uid = metadata.uid ?? "";
  const values = new Map<string, string>();
  const images: ImagePlan[] = [];
  const volumes: storage.Volume[] = [];
  const bring = (container: Container): ext.Container => {
    const image = imageOf(pod, container.image ?? "", inputs);
    images.push(image);
    const environment = environmentOf(pod, container, inputs);
    for (const [key, value] of environment.secrets) values.set(key, value);
    return containerOf(pod, container, image.contentTree.uuid, environment);
  };
  const convert = (container: Container): ext.Container => {
    const made = bring(container);
    volumes.push(rootVolume(uid, container.name, made.contentTreeId));
    return made;
  };
  const initContainers = (spec.initContainers ?? []).map(convert);
  const containers = spec.containers.map(convert);
  // Another root volume would be another app to EVE; these only come in beside what runs.
  const ephemeralContainers = (spec.ephemeralContainers ?? []).map(bring);
  const claimed = claimedVolumes(pod, inputs).map(nodeVolume);
  const made = volumesOf(pod, inputs);
  const { volumes: appVolumes, secrets: files } = made;
  const [main] = spec.containers;
  const needsUserData = main !== undefined && speaksEve(inputs.node);
  const extension = create(ext.AppExtensionSchema, {
    namespace: metadata.namespace ?? "",
    name: metadata.name,
    hostname: spec.hostname ?? hostnameOf(metadata.name),
    initContainers,
    containers,
    ephemeralContainers,
    volumes: appVolumes,
    restartPolicy: restartPolicies[spec.restartPolicy ?? "Always"] ?? ext.RestartPolicy.ALWAYS,
    terminationGraceSeconds: graceOf(
      metadata.deletionGracePeriodSeconds ?? spec.terminationGracePeriodSeconds,
    ),
    isolation: spec.runtimeClassName === "container" ? ext.Isolation.CONTAINER : ext.Isolation.MICROVM,
    emulation:
      metadata.annotations?.["selvedge.dev/emulation"] === "refuse"
        ? ext.EmulationPolicy.REFUSE
        : ext.EmulationPolicy.ALLOW,
    labels: ordered(metadata.labels),
    annotations: ordered(metadata.annotations),
    activeDeadlineSeconds: BigInt(spec.activeDeadlineSeconds ?? 0),
    serviceAccount: spec.serviceAccountName ?? "default",
    searchDomains: searchDomains(pod),
    apiAccess: hasToken(pod, inputs.node),
    ...surroundings(pod),
  });
  return {
    app: appConfig(pod, volumes, claimed, acls, inputs),
    extension,
    volumes,
    images,
    secrets: secretsOf(values, files),
    renewAt: made.renewAt,
    unsaid: needsUserData ? unsaidOf(main) : undefined,
    userData: needsUserData ? userDataOf(pod, environmentOf(pod, main, inputs), made) : undefined,
  };
}

/** EVE's boxes start the first image of an app and skip the others, without a word: an init container for ever. */
function requireOne({ spec: { initContainers = [], containers } }: Pod, inputs: RenderInputs): void {
  const count = initContainers.length + containers.length;
  if (count === 1 || !speaksEve(inputs.node)) return;
  const message =
    `node ${inputs.nodeName} runs EVE, which starts one container of a Pod, and this has ${count}, init ` +
    "containers included: put them into Pods of their own, or the Pod on another node";
  throw new RenderError("NotSupported", message);
}

function unsaidOf({ name, command, args }: Container): string | undefined {
  if (command === undefined && args === undefined) return undefined;
  return `container ${name} runs what its image says: EVE has no word for command and args; build them into an image`;
}

/** Names, addresses and settings that all containers of the Pod share. */
function surroundings({ metadata, spec }: Pod): MessageInitShape<typeof ext.AppExtensionSchema> {
  const { fsGroup, fsGroupChangePolicy, sysctls = [] } = spec.securityContext ?? {};
  return {
    hostAliases: (spec.hostAliases ?? []).map(({ ip, hostnames = [] }) =>
      create(ext.HostAliasSchema, { address: ip, names: hostnames }),
    ),
    ...dnsOf(spec),
    kernelParameters: sysctls.map(({ name, value }) => create(ext.KernelParameterSchema, { name, value })),
    domain: spec.subdomain ? `${spec.subdomain}.${metadata.namespace}.svc.${clusterDomain}` : "",
    wholeHostname: spec.setHostnameAsFQDN === true,
    shareProcesses: spec.shareProcessNamespace === true,
    ...(fsGroup === undefined ? {} : { fsGroup: BigInt(fsGroup) }),
    fsGroupAlways: fsGroup !== undefined && fsGroupChangePolicy !== "OnRootMismatch",
  };
}

function dnsOf({ dnsPolicy, dnsConfig }: PodSpec): MessageInitShape<typeof ext.AppExtensionSchema> {
  if (dnsConfig === undefined && dnsPolicy !== "None") return {};
  const { nameservers = [], searches = [], options = [] } = dnsConfig ?? {};
  const lines = options.map(({ name = "", value = "" }) => (value === "" ? name : `${name}:${value}`));
  const alone = dnsPolicy === "None";
  return { dns: create(ext.DnsConfigSchema, { servers: nameservers, searches, options: lines, alone }) };
}

/** Puts the sealed secrets into the app and gives it its version: a hash of all that was rendered. */
export function finishApp(
  plan: AppPlan,
  sealed: Uint8Array,
  userData: cipher.CipherBlock | undefined,
): app.AppInstanceConfig {
  const { app: config, extension } = plan;
  if (userData !== undefined) config.cipherData = userData;
  setExtension(config, ext.AppExtensionSchema, { ...extension, secrets: sealed });
  const images = plan.images.map(({ contentTree }) => toBinary(storage.ContentTreeSchema, contentTree));
  const hash = createHash("sha256").update(toBinary(app.AppInstanceConfigSchema, config));
  for (const image of images) hash.update(image);
  if (config.uuidandversion !== undefined) config.uuidandversion.version = hash.digest("hex").slice(0, 32);
  return config;
}

/** The name blocks of a Pod are sealed under. */
export function secretsName(pod: Pod): string {
  return `pod/${pod.metadata.uid ?? ""}`;
}

export function userDataName(pod: Pod): string {
  return `user-data/${pod.metadata.uid ?? ""}`;
}

export type CipherBlock = cipher.CipherBlock;

function appConfig(
  pod: Pod,
  volumes: readonly storage.Volume[],
  claimed: readonly storage.Volume[],
  acls: readonly firewall.ACE[],
  inputs: RenderInputs,
): app.AppInstanceConfig {
  const { edgeNode } = inputs;
  const { metadata, spec } = pod;
  const beside = (spec.initContainers ?? []).filter(staysBeside);
  const numbers = [...beside, ...spec.containers].map(resourceNumbers);
  const memory = numbers.reduce(
    (sum, { memoryLimit, memoryRequest }) => sum + (memoryLimit || memoryRequest || defaultMemory),
    guestMemory,
  );
  const cpus = Math.ceil(
    numbers.reduce((sum, { cpuLimit, cpuRequest }) => sum + (cpuLimit || cpuRequest || 1000), 0) / 1000,
  );
  const vcpus = Math.min(Math.max(cpus, 1), cpusMax);
  const kibibytes = Math.ceil(memory / 1024);
  return create(app.AppInstanceConfigSchema, {
    uuidandversion: { uuid: metadata.uid ?? "", version: "" },
    displayname: `${metadata.namespace ?? ""}/${metadata.name}`,
    fixedresources: {
      memory: kibibytes,
      maxmem: kibibytes,
      vcpus,
      maxcpus: vcpus,
      virtualizationMode: vm.VmMode.HVM,
    },
    activate: !isGoing(pod) && edgeNode.spec.activate !== false && !wouldStartAgain(pod, inputs),
    interfaces: [{ name: "eth0", networkId: defaultNetworkId, acls: [...acls] }],
    adapters: adaptersOf(pod, edgeNode),
    volumeRefList: [
      ...volumes.map(({ uuid }) => ({ uuid, mountDir: "/" })),
      ...claimed.map(({ uuid }) => ({ uuid, mountDir: mountDirOf(pod, uuid, inputs) })),
    ],
  });
}

/** Our engine knows what is over; EVE starts it again after ten minutes, for as long as it may. */
function wouldStartAgain(pod: Pod, { node }: RenderInputs): boolean {
  return isOver(pod) && speaksEve(node);
}

/** Where the first container that mounts a volume of the node sees it; our engine goes by the containers. */
function mountDirOf({ metadata, spec }: Pod, uuid: string, { nodeVolumes }: RenderInputs): string {
  const claim = nodeVolumes.find((one) => one.metadata.uid === uuid)?.spec.claimRef;
  const volume = spec.volumes?.find(
    (one) => one.persistentVolumeClaim?.claimName === claim?.name && claim?.namespace === metadata.namespace,
  );
  const mounts = spec.containers.flatMap(({ volumeMounts = [] }) => volumeMounts);
  return mounts.find(({ name }) => name === volume?.name)?.mountPath ?? "";
}

function rootVolume(uid: string, container: string, contentTreeId: string): storage.Volume {
  return create(storage.VolumeSchema, {
    // Another image is another volume: a device keeps what it made of the first under the same name.
    uuid: stableId(`volume/${uid}/${container}/${contentTreeId}`),
    origin: {
      type: storage.VolumeContentOriginType.VCOT_DOWNLOAD,
      downloadContentTreeID: contentTreeId,
    },
    displayName: container,
    target: storage.Target.Disk,
  });
}

function secretsOf(
  values: ReadonlyMap<string, string>,
  files: ReadonlyMap<string, ext.FileSet>,
): Uint8Array | undefined {
  if (values.size === 0 && files.size === 0) return undefined;
  return toBinary(
    ext.AppSecretsSchema,
    create(ext.AppSecretsSchema, {
      values: ordered(Object.fromEntries(values)),
      files: ordered(Object.fromEntries(files)),
    }),
  );
}

/** Maps are encoded in the order they were filled; this makes it one order. */
function ordered<T>(map: Readonly<Record<string, T>> = {}): Record<string, T> {
  return Object.fromEntries(Object.entries(map).sort(([left], [right]) => (left < right ? -1 : 1)));
}

/** What is less than none is the least, as for who deletes. */
function graceOf(seconds = 30): number {
  return seconds < 0 ? 1 : seconds;
}

/** A Pod's name as a host name: at most 63 characters, not ending in a dash or a dot, as kubelet cuts it. */
function hostnameOf(name: string): string {
  return name.slice(0, 63).replace(/[-.]+$/, "");
}
