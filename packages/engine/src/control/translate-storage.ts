/** Datastores, content trees and volumes → what is to be fetched and made. Pure. */
import { type config, storage } from "@selvedge/eve-api";
import type {
  ContentFormat,
  ContentId,
  ContentSpec,
  Credentials,
  Datastore,
  VolumeForm,
  VolumeId,
  VolumeSpec,
} from "../desired.ts";
import { ConfigFault, isUuid, readEach, refuseBlank } from "./config-fault.ts";

/** Opens the credentials of one datastore when its source asks for them. */
export type CredentialsOpener = (
  block: NonNullable<storage.DatastoreConfig["cipherData"]>,
) => Promise<Credentials>;

export interface Datastores {
  readonly known: ReadonlyMap<string, Datastore>;
  /** Of those that cannot be read: contents that name no other have their faults. */
  readonly faults: ReadonlyMap<string, ConfigFault>;
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

export function translateDatastores(
  { datastores }: config.EdgeDevConfig,
  open: CredentialsOpener,
): Datastores {
  const [known, faults] = [new Map<string, Datastore>(), new Map<string, ConfigFault>()];
  for (const [at, item] of datastores.entries()) {
    const [field, id] = [`datastores[${at}]`, item.id.toLowerCase()];
    const type = datastoreTypes[item.dType];
    const { cipherData, apiKey, password } = item;
    // Never both: clear text beside a block would be a way around it.
    const clear = apiKey === "" ? undefined : { user: apiKey, password };
    if (known.has(id)) faults.set(id, new ConfigFault(`${field}.id`, `another has ${id}, too`));
    else if (type === undefined)
      faults.set(id, new ConfigFault(`${field}.dType`, `type ${item.dType} is not known`));
    else
      known.set(id, {
        ...{ id, type, fqdn: item.fqdn, path: item.dpath, region: item.region },
        credentials: async () => (cipherData === undefined ? clear : await open(cipherData)),
        certificates: item.dsCertPEM.map((pem) => new TextDecoder().decode(pem)),
      });
  }
  // Of two with one id nobody could say which is meant.
  for (const id of faults.keys()) known.delete(id);
  return { known, faults };
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

export function translateContents(
  { contentInfo }: config.EdgeDevConfig,
  datastores: Datastores,
  nodeId: string,
  before?: readonly ContentSpec[],
): ContentSpec[] {
  return readEach<storage.ContentTree, ContentSpec>({
    ...{ field: "contentInfo", idField: "uuid", items: contentInfo, before },
    idOf: ({ uuid }) => uuid,
    isOurs: ({ designatedNodeId }) => !elsewhere(designatedNodeId, nodeId),
    read: (item, field) => translateContent(item, field, datastores),
    kept: (known) => known,
    blank: (item, id, unread) => ({
      ...{ id: id as ContentId, displayName: item.displayName, url: item.URL, unread },
      ...{ format: "other", sha256: "", maxSizeBytes: 0, datastores: [] },
    }),
  });
}

function translateContent(item: storage.ContentTree, field: string, datastores: Datastores): ContentSpec {
  const sha256 = item.sha256.toLowerCase();
  if (!/^([0-9a-f]{64})?$/.test(sha256))
    throw new ConfigFault(`${field}.sha256`, "write 64 hexadecimal digits, or nothing");
  if (item.URL === "") throw new ConfigFault(`${field}.URL`, "is empty");
  return {
    id: item.uuid.toLowerCase() as ContentId,
    format: formats[item.iformat] ?? "other",
    ...(item.displayName === "" ? {} : { displayName: item.displayName }),
    ...(item.customMetaData === "" ? {} : { meta: item.customMetaData }),
    url: item.URL,
    ...(item.generationCount === 0n ? {} : { generation: Number(item.generationCount) }),
    sha256,
    maxSizeBytes: Number(item.maxSizeBytes),
    datastores: sourcesOf(item, `${field}.ds_ids_list`, datastores),
  };
}

function sourcesOf(
  { dsIdsList, dsId }: storage.ContentTree,
  field: string,
  { known, faults }: Datastores,
): Datastore[] {
  const wanted = (dsIdsList.length > 0 ? dsIdsList : dsId === "" ? [] : [dsId]).map((id) => id.toLowerCase());
  if (wanted.length === 0) throw new ConfigFault(field, "names no datastore");
  const sources = wanted.flatMap((id) => known.get(id) ?? []);
  if (sources.length > 0) return sources;
  const fault = wanted.map((id) => faults.get(id)).find((it) => it !== undefined);
  throw fault ?? new ConfigFault(field, `no datastore has id ${wanted.join(" or ")}`);
}

const forms: Readonly<Partial<Record<ContentFormat, VolumeForm>>> = { container: "image", iso: "cdrom" };

export function translateVolumes(
  { volumes }: config.EdgeDevConfig,
  contents: readonly ContentSpec[],
  nodeId: string,
  before?: readonly VolumeSpec[],
): VolumeSpec[] {
  return readEach<storage.Volume, VolumeSpec>({
    ...{ field: "volumes", idField: "uuid", items: volumes, before },
    idOf: ({ uuid }) => uuid,
    isOurs: ({ designatedNodeId }) => !elsewhere(designatedNodeId, nodeId),
    read: (item, field) => {
      const content = contentOf(item, `${field}.origin.downloadContentTreeID`, contents);
      return { ...volumeOf(item, content), ...targetFault(item, content) };
    },
    kept: (known) => known,
    blank: (item, _id, unread) => ({ ...volumeOf(item, undefined), unread }),
  });
}

/** Undefined where it is made from nothing. */
function contentOf(
  { origin }: storage.Volume,
  field: string,
  contents: readonly ContentSpec[],
): ContentSpec | undefined {
  if (origin?.type !== storage.VolumeContentOriginType.VCOT_DOWNLOAD) return undefined;
  const id = origin.downloadContentTreeID.toLowerCase();
  if (!isUuid(id)) throw new ConfigFault(field, `${JSON.stringify(id)} is not a UUID`);
  const content = contents.find((it) => it.id === id);
  if (content === undefined) throw new ConfigFault(field, `no contentInfo has uuid ${id}`);
  refuseBlank(content.unread);
  return content;
}

function volumeOf(item: storage.Volume, content: ContentSpec | undefined): VolumeSpec {
  return {
    id: item.uuid.toLowerCase() as VolumeId,
    generation: Number(item.generationCount),
    displayName: item.displayName,
    form: formOf(item, content),
    contentId: content?.id,
    format: content?.format,
    sizeBytes: Number(item.maxsizebytes),
    readOnly: item.readonly,
    clearText: item.clearText,
  };
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
