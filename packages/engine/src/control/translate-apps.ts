import { create } from "@bufbuild/protobuf";
import { type app as appApi, type config, ext, type firewall, getExtension } from "@selvedge/eve-api";
import type {
  AppId,
  AppSpec,
  ContentSpec,
  NetworkId,
  NetworkSpec,
  NicSpec,
  PortMap,
  VolumeId,
  VolumeSpec,
} from "../desired.ts";
import { ConfigFault, isUuid, unique } from "./config-fault.ts";

export interface AppContext {
  readonly contents: readonly ContentSpec[];
  readonly volumes: readonly VolumeSpec[];
  readonly networks: readonly NetworkSpec[];
  readonly nodeId: string;
}

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
  const nics = item.interfaces.map((nic, at) => translateNic(nic, `${field}.interfaces[${at}]`, context));
  unique(`${field}.interfaces`, nics, ({ name }) => name);
  return {
    id: id as AppId,
    version: item.uuidandversion?.version ?? "",
    displayName: item.displayname || id,
    active: item.activate,
    restartCounter: item.restart?.counter ?? 0,
    purgeCounter: item.purge?.counter ?? 0,
    vcpus,
    memoryBytes,
    nics,
    pod: podOf(item, field, context),
  };
}

function podOf(item: appApi.AppInstanceConfig, field: string, context: AppContext): ext.AppExtension {
  let pod: ext.AppExtension | undefined;
  try {
    pod = getExtension(item, ext.AppExtensionSchema);
  } catch (cause) {
    throw new ConfigFault(`${field}.(50001)`, "the app's extension cannot be read", { cause });
  }
  if (pod === undefined) return foreignPod(item, field, context);
  const containers = [...pod.initContainers, ...pod.containers];
  if (pod.containers.length === 0) throw new ConfigFault(`${field}.(50001).containers`, "there is none");
  unique(`${field}.(50001).containers`, containers, ({ name }) => name);
  const known = new Set<string>(context.contents.map(({ id }) => id));
  for (const { name, contentTreeId } of containers)
    if (!known.has(contentTreeId.toLowerCase()))
      throw new ConfigFault(
        `${field}.(50001).containers.${name}.content_tree_id`,
        `no contentInfo has uuid ${JSON.stringify(contentTreeId)}`,
      );
  return pod;
}

/** An app of a controller that is not ours: one container on its first volume, which EVE calls the root. */
function foreignPod(
  item: appApi.AppInstanceConfig,
  field: string,
  { volumes, contents }: AppContext,
): ext.AppExtension {
  const ref = item.volumeRefList[0];
  if (ref === undefined) throw new ConfigFault(`${field}.volumeRefList`, "is empty: nothing to start from");
  const root = volumeOf(ref.uuid, volumes, `${field}.volumeRefList[0].uuid`);
  if (BigInt(root.generation) !== ref.generationCount)
    throw new ConfigFault(
      `${field}.volumeRefList[0].generationCount`,
      `the volume is of generation ${root.generation}, not ${ref.generationCount}`,
    );
  const content = contents.find(({ id }) => id === root.contentId);
  if (content === undefined)
    throw new ConfigFault(`${field}.volumeRefList[0].uuid`, "the first volume has no content to start from");
  const env = environmentOf(item.userData).map(([name, value]) =>
    create(ext.EnvVarSchema, { name, source: { case: "value", value } }),
  );
  const data = item.volumeRefList.slice(1).map((other, at) => ({
    ref: other,
    name: `volume-${at + 1}`,
    volume: volumeOf(other.uuid, volumes, `${field}.volumeRefList[${at + 1}].uuid`),
  }));
  return create(ext.AppExtensionSchema, {
    name: item.displayname || root.id,
    hostname: hostnameOf(item.displayname),
    containers: [
      {
        name: "main",
        image: content.url,
        contentTreeId: content.id,
        env,
        resources: { memoryLimitBytes: 0n },
        volumeMounts: data
          .filter(({ ref: { mountDir } }) => mountDir.startsWith("/"))
          .map(({ name, ref: { mountDir }, volume }) => ({
            volume: name,
            mountPath: mountDir,
            readOnly: volume.readOnly,
          })),
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

function volumeOf(uuid: string, volumes: readonly VolumeSpec[], field: string): VolumeSpec {
  const id = uuid.toLowerCase() as VolumeId;
  const volume = volumes.find((candidate) => candidate.id === id);
  if (volume === undefined) throw new ConfigFault(field, `no volume has uuid ${JSON.stringify(uuid)}`);
  return volume;
}

/** User data of a container app, base64: lines of NAME=value, as EVE gives them to the entrypoint. */
function environmentOf(userData: string): [string, string][] {
  if (userData === "") return [];
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(Uint8Array.fromBase64(userData));
  } catch {
    // Not text: meant for a cloud-init that this app may bring, not for us.
    return [];
  }
  return text.split("\n").flatMap((line): [string, string][] => {
    const [, name, value] = /^\s*(?:-\s+)?([A-Za-z_][A-Za-z0-9_]*)=(.*?)\s*$/.exec(line) ?? [];
    return name === undefined || value === undefined ? [] : [[name, value]];
  });
}

function hostnameOf(displayName: string): string {
  return displayName
    .toLowerCase()
    .replace(/[^a-z0-9-]+/g, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, 63);
}

function translateNic(
  item: appApi.AppInstanceConfig["interfaces"][number],
  field: string,
  { networks }: AppContext,
): NicSpec {
  if (item.name === "") throw new ConfigFault(`${field}.name`, "is empty");
  const networkId = item.networkId.toLowerCase() as NetworkId;
  if (!networks.some(({ id }) => id === networkId))
    throw new ConfigFault(
      `${field}.networkId`,
      `no networkInstances has uuid ${JSON.stringify(item.networkId)}`,
    );
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
