import { createHash } from "node:crypto";
import { create, toBinary } from "@bufbuild/protobuf";
import { type app as appApi, cipher, type config, ext, type firewall, getExtension } from "@selvedge/eve-api";
import type {
  AppId,
  AppSpec,
  ContentSpec,
  ForeignApp,
  NetworkId,
  NicSpec,
  PortMap,
  VolumeSpec,
} from "../desired.ts";
import { ConfigFault, isUuid, unique } from "./config-fault.ts";
import { environmentOf } from "./user-data.ts";

export interface AppContext {
  readonly contents: readonly ContentSpec[];
  readonly volumes: readonly VolumeSpec[];
  /** Why volumes and contents that the configuration has are not to be had. */
  readonly missing: Missing;
  readonly nodeId: string;
}

export type Missing = Map<string, string>;

const kib = 1024;
/** What QEMU takes, and more than any box we know has. */
const vcpusMax = 256;
/** Below this no guest of ours starts. */
const memoryMin = 16 * kib * kib;
const portMax = 65_535;

export function translateApps({ apps }: config.EdgeDevConfig, context: AppContext): AppSpec[] {
  const list = apps.flatMap((item, at): AppSpec[] => {
    const { designatedNodeId } = item;
    if (designatedNodeId !== "" && designatedNodeId.toLowerCase() !== context.nodeId) return [];
    return [translateApp(item, `apps[${at}]`, context)];
  });
  return [...unique("apps", list, ({ id }) => id).values()];
}

function translateApp(item: appApi.AppInstanceConfig, field: string, context: AppContext): AppSpec {
  const id = item.uuidandversion?.uuid.toLowerCase() ?? "";
  if (!isUuid(id))
    throw new ConfigFault(`${field}.uuidandversion.uuid`, `${JSON.stringify(id)} is not a UUID`);
  const { fixedresources } = item;
  if (fixedresources === undefined) throw new ConfigFault(`${field}.fixedresources`, "is missing");
  const memoryBytes = fixedresources.memory * kib;
  if (memoryBytes < memoryMin)
    throw new ConfigFault(
      `${field}.fixedresources.memory`,
      `${fixedresources.memory} KiB are too few to start a guest`,
    );
  const vcpus = fixedresources.vcpus || 1;
  if (vcpus > vcpusMax)
    throw new ConfigFault(`${field}.fixedresources.vcpus`, `${vcpus} are more than ${vcpusMax}`);
  const nics = item.interfaces.map((nic, at) => translateNic(nic, `${field}.interfaces[${at}]`));
  unique(`${field}.interfaces`, nics, ({ name }) => name);
  const { pod, missing } = podOf(item, field, context);
  const hindrance = hindranceOf(field, nics, missing);
  const spec = {
    id: id as AppId,
    version: item.uuidandversion?.version ?? "",
    displayName: item.displayname || id,
    active: item.activate,
    restartCounter: item.restart?.counter ?? 0,
    purgeCounter: item.purge?.counter ?? 0,
    vcpus,
    memoryBytes,
    nics,
    pod,
    ...(hindrance === undefined ? {} : { hindrance }),
    foreign: getPod(item, field) === undefined ? foreignApp(item) : undefined,
  };
  return { ...spec, revision: revisionOf(spec) };
}

/** Plugs of an app; the guest sets up one. */
const nicsMax = 1;

function hindranceOf(
  field: string,
  nics: readonly NicSpec[],
  missing: string | undefined,
): AppSpec["hindrance"] | undefined {
  if (missing !== undefined) return { reason: "MissingReference", message: missing };
  if (nics.length <= nicsMax) return undefined;
  const message = `${field}.interfaces: has ${nics.length}, this node gives an app ${nicsMax}`;
  return { reason: "UnsupportedInterfaces", message };
}

/** Equal content gives an equal revision, through restarts of the engine as well. */
function revisionOf({ pod, ...spec }: Omit<AppSpec, "revision">): string {
  const sum = createHash("sha256").update(JSON.stringify(spec)).update("\0");
  return sum.update(toBinary(ext.AppExtensionSchema, pod)).digest("hex").slice(0, 32);
}

function getPod(item: appApi.AppInstanceConfig, field: string): ext.AppExtension | undefined {
  try {
    return getExtension(item, ext.AppExtensionSchema);
  } catch (cause) {
    throw new ConfigFault(`${field}.(50001)`, "the app's extension cannot be read", { cause });
  }
}

function foreignApp({ userData, cipherData }: appApi.AppInstanceConfig): ForeignApp {
  const sealed = cipherData === undefined ? undefined : toBinary(cipher.CipherBlockSchema, cipherData);
  // Never both: clear text beside a block would be a way around it.
  return {
    environment: sealed === undefined ? environmentOf(userData) : [],
    sealedUserData: sealed?.toBase64() ?? "",
  };
}

interface PodParts {
  readonly pod: ext.AppExtension;
  /** What it names that is not there. */
  readonly missing: string | undefined;
}

function podOf(item: appApi.AppInstanceConfig, field: string, context: AppContext): PodParts {
  const pod = getPod(item, field);
  if (pod === undefined) return foreignPod(item, field, context);
  const containers = [...pod.initContainers, ...pod.containers];
  if (pod.containers.length === 0) throw new ConfigFault(`${field}.(50001).containers`, "there is none");
  unique(`${field}.(50001).containers`, containers, ({ name }) => name);
  const known = new Set<string>(context.contents.map(({ id }) => id));
  const missing = containers.flatMap(({ name, contentTreeId }): string[] => {
    const at = `${field}.(50001).containers.${name}.content_tree_id`;
    const id = contentTreeId.toLowerCase();
    if (!isUuid(id)) throw new ConfigFault(at, `${JSON.stringify(contentTreeId)} is not a UUID`);
    return known.has(id) ? [] : [context.missing.get(id) ?? `${at}: no contentInfo has uuid ${id}`];
  });
  return { pod, missing: missing[0] };
}

/** An app of a controller that is not ours: one container on its first volume, which EVE calls the root. */
function foreignPod(item: appApi.AppInstanceConfig, field: string, context: AppContext): PodParts {
  const [ref] = item.volumeRefList;
  if (ref === undefined) throw new ConfigFault(`${field}.volumeRefList`, "is empty: nothing to start from");
  const volumes = item.volumeRefList.map((it, at) => volumeOf(it, `${field}.volumeRefList[${at}]`, context));
  const missing = volumes.find((it) => typeof it === "string");
  const [root, ...others] = volumes.filter((it) => typeof it !== "string");
  if (missing !== undefined || root === undefined)
    return { pod: foreignExtension(item, undefined, []), missing };
  const content = context.contents.find(({ id }) => id === root.contentId);
  if (content === undefined)
    throw new ConfigFault(`${field}.volumeRefList[0].uuid`, "the first volume has no content to start from");
  return { pod: foreignExtension(item, content, others), missing };
}

/** The volume, or why there is none. */
function volumeOf(
  { uuid, generationCount }: appApi.AppInstanceConfig["volumeRefList"][number],
  field: string,
  { volumes, missing }: AppContext,
): VolumeSpec | string {
  const id = uuid.toLowerCase();
  if (!isUuid(id)) throw new ConfigFault(`${field}.uuid`, `${JSON.stringify(uuid)} is not a UUID`);
  const volume = volumes.find((candidate) => candidate.id === id);
  if (volume === undefined) return missing.get(id) ?? `${field}.uuid: no volume has uuid ${id}`;
  if (BigInt(volume.generation) !== generationCount)
    return `${field}.generationCount: the volume is of generation ${volume.generation}, not ${generationCount}`;
  return volume;
}

function foreignExtension(
  item: appApi.AppInstanceConfig,
  content: ContentSpec | undefined,
  volumes: readonly VolumeSpec[],
): ext.AppExtension {
  const data = volumes.map((volume, at) => ({
    ...{ volume, name: `volume-${at + 1}`, mountPath: item.volumeRefList[at + 1]?.mountDir ?? "" },
  }));
  return create(ext.AppExtensionSchema, {
    name: item.displayname || (item.uuidandversion?.uuid ?? ""),
    hostname: hostnameOf(item.displayname),
    containers: [
      {
        name: "main",
        image: content?.url ?? "",
        contentTreeId: content?.id ?? "",
        resources: { memoryLimitBytes: 0n },
        volumeMounts: data
          .filter(({ mountPath }) => mountPath.startsWith("/"))
          .map(({ name, mountPath, volume }) => ({ volume: name, mountPath, readOnly: volume.readOnly })),
      },
    ],
    volumes: data.map(({ name, volume }) => ({
      name,
      source: { case: "nodeVolume" as const, value: { volumeId: volume.id } },
    })),
    restartPolicy: ext.RestartPolicy.ALWAYS,
    terminationGraceSeconds: foreignGraceSeconds,
    isolation: ext.Isolation.MICROVM,
    emulation: ext.EmulationPolicy.ALLOW,
  });
}

/** What EVE gives a guest to shut down before it is halted. */
const foreignGraceSeconds = 60;

function hostnameOf(displayName: string): string {
  return displayName
    .toLowerCase()
    .replace(/[^a-z0-9-]+/g, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, 63);
}

/** A network that is not there makes the plug wait; the network domain says so. */
function translateNic(item: appApi.AppInstanceConfig["interfaces"][number], field: string): NicSpec {
  if (item.name === "") throw new ConfigFault(`${field}.name`, "is empty");
  const networkId = item.networkId.toLowerCase() as NetworkId;
  if (!isUuid(networkId))
    throw new ConfigFault(`${field}.networkId`, `${JSON.stringify(item.networkId)} is not a UUID`);
  const mac = item.macAddress.toLowerCase();
  if (!/^([0-9a-f]{2}(:[0-9a-f]{2}){5})?$/.test(mac))
    throw new ConfigFault(`${field}.macAddress`, `${JSON.stringify(item.macAddress)} is not a MAC address`);
  return {
    name: item.name,
    networkId,
    mac: mac === "" ? undefined : mac,
    portMaps: item.acls.flatMap((acl, at) => portMap(acl, `${field}.acls[${at}]`)),
  };
}

function portMap({ matches, actions }: firewall.ACE, field: string): PortMap[] {
  const action = actions.find(({ portmap }) => portmap);
  if (action === undefined) return [];
  const match = (type: string): string => matches.find((item) => item.type === type)?.value ?? "";
  const protocol = match("protocol").toLowerCase();
  if (protocol !== "tcp" && protocol !== "udp")
    throw new ConfigFault(`${field}.matches`, "a port map needs a match protocol: tcp or udp");
  const nodePort = Number(match("lport"));
  if (!isPort(nodePort))
    throw new ConfigFault(`${field}.matches`, "a port map needs a match lport from 1 to 65535");
  if (!isPort(action.appPort))
    throw new ConfigFault(`${field}.actions[0].appPort`, `${action.appPort} is not a port`);
  return [{ protocol, nodePort, appPort: action.appPort }];
}

function isPort(value: number): boolean {
  return Number.isInteger(value) && value >= 1 && value <= portMax;
}
