/**
 * EdgeDevConfig → DesiredState: the engine's side of the API's language, and the only place that reads it.
 * Pure. One thing that makes no sense makes the whole configuration unacceptable, and the fault names its
 * field, so that the last good one goes on and the controller can say what to mend. What makes sense and only
 * names something that is not there makes those apps wait that need it, as EVE does: the rest goes on.
 */
import { type config, ext, getExtension, storage } from "@selvedge/eve-api";
import type {
  ContentFormat,
  ContentId,
  ContentSpec,
  Credentials,
  Datastore,
  DesiredState,
  VolumeForm,
  VolumeId,
  VolumeSpec,
} from "../desired.ts";
import { ConfigFault, isUuid, unique } from "./config-fault.ts";
import { type Missing, translateApps } from "./translate-apps.ts";
import { translateCertificates } from "./translate-certificates.ts";
import { translateDevices } from "./translate-devices.ts";
import { translateEdgeview } from "./translate-edgeview.ts";
import { translateNetworks } from "./translate-networks.ts";
import { translateNode } from "./translate-node.ts";
import { translatePatches } from "./translate-patches.ts";
import { translatePorts } from "./translate-ports.ts";
import { translateServices } from "./translate-services.ts";
import { unappliedFields } from "./unapplied-fields.ts";

/** Opens the credentials of one datastore when its source asks for them. */
export type CredentialsOpener = (
  block: NonNullable<storage.DatastoreConfig["cipherData"]>,
) => Promise<Credentials>;

export function translate(
  message: config.EdgeDevConfig,
  configHash: string,
  openCredentials: CredentialsOpener,
): DesiredState {
  const nodeId = message.id?.uuid.toLowerCase() ?? "";
  if (!isUuid(nodeId)) throw new ConfigFault("id.uuid", `${JSON.stringify(nodeId)} is not a UUID`);
  const extension = extensionOf(message);
  const datastores = translateDatastores(message, openCredentials);
  const missing: Missing = new Map();
  const contents = translateContents(message, datastores, nodeId, missing);
  const volumes = translateVolumes(message, contents, nodeId, missing);
  const networks = translateNetworks(message);
  const devices = translateDevices(message);
  return {
    nodeId,
    nodeName: extension?.nodeName || message.deviceName || nodeId,
    configHash,
    apps: translateApps(message, { contents, volumes, missing, nodeId, devices }),
    contents,
    volumes,
    networks,
    services: translateServices(extension),
    patches: translatePatches(message),
    ...portsOf(message),
    ...certificatesOf(message),
    devices,
    settings: new Map(message.configItems.map(({ key, value }) => [key, value])),
    ...unappliedOf(message),
    node: translateNode(message, datastores),
    ...translateEdgeview(message),
  };
}

function unappliedOf(message: config.EdgeDevConfig): Pick<DesiredState, "unapplied"> {
  const unapplied = unappliedFields(message);
  return unapplied.size === 0 ? {} : { unapplied };
}

function extensionOf(message: config.EdgeDevConfig): ext.NodeExtension | undefined {
  try {
    return getExtension(message, ext.NodeExtensionSchema);
  } catch (cause) {
    throw new ConfigFault("(50001)", "the node's extension cannot be read", { cause });
  }
}

const datastoreTypes: Readonly<Record<number, Datastore["type"]>> = {
  [storage.DsType.DsHttp]: "http",
  [storage.DsType.DsHttps]: "https",
  [storage.DsType.DsS3]: "s3",
  [storage.DsType.DsSFTP]: "sftp",
  [storage.DsType.DsContainerRegistry]: "registry",
  [storage.DsType.DsAzureBlob]: "azure",
  [storage.DsType.DsGoogleStorage]: "google",
};

function translateDatastores(
  { datastores }: config.EdgeDevConfig,
  open: CredentialsOpener,
): Map<string, Datastore> {
  const list = datastores.map((item, at): Datastore => {
    const field = `datastores[${at}]`;
    const type = datastoreTypes[item.dType];
    if (type === undefined) throw new ConfigFault(`${field}.dType`, `type ${item.dType} is not known`);
    const { cipherData, apiKey, password } = item;
    // Never both: clear text beside a block would be a way around it.
    const clear = apiKey === "" ? undefined : { user: apiKey, password };
    return {
      id: item.id.toLowerCase(),
      type,
      fqdn: item.fqdn,
      path: item.dpath,
      region: item.region,
      credentials: async () => (cipherData === undefined ? clear : await open(cipherData)),
      certificates: item.dsCertPEM.map((pem) => new TextDecoder().decode(pem)),
    };
  });
  return unique("datastores", list, ({ id }) => id);
}

const formats: Readonly<Record<number, ContentSpec["format"]>> = {
  [storage.Format.CONTAINER]: "container",
  [storage.Format.RAW]: "raw",
  [storage.Format.QCOW]: "qcow",
  [storage.Format.QCOW2]: "qcow2",
  [storage.Format.VHD]: "vhd",
  [storage.Format.VHDX]: "vhdx",
  [storage.Format.VMDK]: "vmdk",
  [storage.Format.OVA]: "ova",
  [storage.Format.ISO]: "iso",
};

function translateContents(
  { contentInfo }: config.EdgeDevConfig,
  datastores: ReadonlyMap<string, Datastore>,
  nodeId: string,
  missing: Missing,
): ContentSpec[] {
  const list = contentInfo.flatMap((item, at): ContentSpec[] => {
    const field = `contentInfo[${at}]`;
    if (elsewhere(item.designatedNodeId, nodeId)) return [];
    const id = item.uuid.toLowerCase();
    if (!isUuid(id)) throw new ConfigFault(`${field}.uuid`, `${JSON.stringify(id)} is not a UUID`);
    const sha256 = item.sha256.toLowerCase();
    if (!/^([0-9a-f]{64})?$/.test(sha256))
      throw new ConfigFault(`${field}.sha256`, "write 64 hexadecimal digits, or nothing");
    if (item.URL === "") throw new ConfigFault(`${field}.URL`, "is empty");
    const wanted = item.dsIdsList.length > 0 ? item.dsIdsList : item.dsId === "" ? [] : [item.dsId];
    if (wanted.length === 0) throw new ConfigFault(`${field}.ds_ids_list`, "names no datastore");
    const sources = wanted.flatMap((name) => datastores.get(name.toLowerCase()) ?? []);
    if (sources.length === 0) {
      missing.set(id, `${field}.ds_ids_list: no datastore has id ${wanted.join(" or ")}`);
      return [];
    }
    return [
      {
        id: id as ContentId,
        format: formats[item.iformat] ?? "other",
        ...(item.displayName === "" ? {} : { displayName: item.displayName }),
        ...(item.customMetaData === "" ? {} : { meta: item.customMetaData }),
        url: item.URL,
        ...(item.generationCount === 0n ? {} : { generation: Number(item.generationCount) }),
        sha256,
        maxSizeBytes: Number(item.maxSizeBytes),
        datastores: sources,
      },
    ];
  });
  return [...unique("contentInfo", list, ({ id }) => id).values()];
}

const forms: Readonly<Partial<Record<ContentFormat, VolumeForm>>> = { container: "image", iso: "cdrom" };

function translateVolumes(
  { volumes }: config.EdgeDevConfig,
  contents: readonly ContentSpec[],
  nodeId: string,
  missing: Missing,
): VolumeSpec[] {
  const list = volumes.flatMap((item, at): VolumeSpec[] => {
    const field = `volumes[${at}]`;
    if (elsewhere(item.designatedNodeId, nodeId)) return [];
    const id = item.uuid.toLowerCase();
    if (!isUuid(id)) throw new ConfigFault(`${field}.uuid`, `${JSON.stringify(id)} is not a UUID`);
    const tree = (item.origin?.downloadContentTreeID ?? "").toLowerCase() as ContentId;
    const downloaded = item.origin?.type === storage.VolumeContentOriginType.VCOT_DOWNLOAD;
    const origin = `${field}.origin.downloadContentTreeID`;
    if (downloaded && !isUuid(tree)) throw new ConfigFault(origin, `${JSON.stringify(tree)} is not a UUID`);
    const content = downloaded ? contents.find((it) => it.id === tree) : undefined;
    if (downloaded && content === undefined) {
      missing.set(id, missing.get(tree) ?? `${origin}: no contentInfo has uuid ${tree}`);
      return [];
    }
    return [
      {
        id: id as VolumeId,
        generation: Number(item.generationCount),
        displayName: item.displayName,
        form: formOf(item, content),
        contentId: content?.id,
        format: content?.format,
        sizeBytes: Number(item.maxsizebytes),
        readOnly: item.readonly,
        clearText: item.clearText,
        ...targetFault(item, content),
      },
    ];
  });
  return [...unique("volumes", list, ({ id }) => id).values()];
}

/** What is to be a kernel or a RAM disk is a disk as any other on EVE, which looks for none of them. */
function formOf({ target }: storage.Volume, content: ContentSpec | undefined): VolumeForm {
  const isFile = target === storage.Target.AppCustom;
  if (content === undefined) return "blank";
  return isFile && isOneFile(content) ? "file" : (forms[content.format] ?? "disk");
}

function targetFault(
  { target }: storage.Volume,
  content: ContentSpec | undefined,
): Pick<VolumeSpec, "unsupported"> {
  if (target > storage.Target.AppCustom)
    return { unsupported: `target ${target} is not known; use Disk (1) or AppCustom (5)` };
  if (target === storage.Target.AppCustom && (content === undefined || !isOneFile(content)))
    return { unsupported: "target AppCustom (5): apps fetch it, so it needs the content of one file" };
  return {};
}

function isOneFile({ format }: ContentSpec): boolean {
  return format !== "container" && format !== "other";
}

/** Meant for another node of a cluster. */
function elsewhere(designated: string, nodeId: string): boolean {
  return designated !== "" && designated.toLowerCase() !== nodeId;
}

function portsOf(message: config.EdgeDevConfig): Pick<DesiredState, "ports"> {
  const ports = translatePorts(message);
  return ports === undefined ? {} : { ports };
}

function certificatesOf(message: config.EdgeDevConfig): Pick<DesiredState, "certificates"> {
  const certificates = translateCertificates(message);
  return certificates.length === 0 ? {} : { certificates };
}
