/** Apps of a controller that is not ours, in EVE's fields alone: a container or a virtual machine on volumes. */
import { create, toBinary } from "@bufbuild/protobuf";
import { app as appApi, cipher, ext, vm } from "@selvedge/eve-api";
import type { ContentSpec, ForeignApp, VmSettings, VolumeSpec, VolumeUse } from "../desired.ts";
import { volumeKey, volumeName } from "../desired.ts";
import { ConfigFault, isUuid, refuseBlank } from "./config-fault.ts";

export interface ForeignContext {
  readonly contents: readonly ContentSpec[];
  readonly volumes: readonly VolumeSpec[];
}

export type Hindrance = { readonly reason: string; readonly message: string };

export interface ForeignParts {
  readonly pod: ext.AppExtension;
  readonly foreign: ForeignApp;
  /** What it names that is not there, or what this node cannot do. */
  readonly hindrance: Hindrance | undefined;
}

type App = appApi.AppInstanceConfig;

/** Disks of an app; a bus has no room for more. */
export const volumesMax = 12;

export function translateForeign(item: App, field: string, context: ForeignContext): ForeignParts {
  const refs = item.volumeRefList;
  if (refs.length === 0) throw new ConfigFault(`${field}.volumeRefList`, "is empty: nothing to start from");
  if (refs.length > volumesMax)
    throw new ConfigFault(`${field}.volumeRefList`, `has ${refs.length}, an app may have ${volumesMax}`);
  const found = refs.map((ref, at) => volumeOf(ref, `${field}.volumeRefList[${at}]`, context));
  const missing = found.find((it) => typeof it === "string");
  const specs = found.filter((it) => typeof it !== "string");
  const uses = found.flatMap((spec, at) =>
    typeof spec === "string" ? [] : [useOf(spec, refs[at]?.mountDir ?? "", `${field}.volumeRefList[${at}]`)],
  );
  const disks = uses.filter(({ form }) => form !== "file");
  const volumes = [...disks, ...uses.filter(({ form }) => form === "file")];
  if (missing === undefined && specs.every(({ contentId }) => contentId === undefined))
    throw new ConfigFault(`${field}.volumeRefList[0].uuid`, "no volume has content to start from");
  const machine = missing === undefined && volumes[0]?.form !== "image" ? vmSettings(item) : undefined;
  const contentId = disks.find((use) => use.contentId !== undefined)?.contentId;
  const content = context.contents.find(({ id }) => id === contentId);
  return {
    pod: foreignExtension(item, content, machine === undefined ? disks : []),
    foreign: { volumes, vm: machine, ...userDataOf(item) },
    hindrance:
      missing === undefined
        ? unsupported(item, field, specs, machine)
        : { reason: "MissingReference", message: missing },
  };
}

/** The volume, or why there is none. */
function volumeOf(
  { uuid, generationCount }: App["volumeRefList"][number],
  field: string,
  { volumes }: ForeignContext,
): VolumeSpec | string {
  const id = uuid.toLowerCase();
  if (!isUuid(id)) throw new ConfigFault(`${field}.uuid`, `${JSON.stringify(uuid)} is not a UUID`);
  const volume = volumes.find((candidate) => candidate.id === id);
  if (volume === undefined) return `${field}.uuid: no volume has uuid ${id}`;
  const { unread } = volume;
  const fits = BigInt(volume.generation) === generationCount;
  // The generation before goes on, and this app is for the next.
  refuseBlank(unread && { ...unread, goesOn: unread.goesOn && fits });
  if (!fits)
    return `${field}.generationCount: the volume is of generation ${volume.generation}, not ${generationCount}`;
  return volume;
}

function useOf(spec: VolumeSpec, mountDir: string, field: string): VolumeUse {
  if (mountDir !== "" && (!mountDir.startsWith("/") || mountDir.split("/").includes("..")))
    throw new ConfigFault(`${field}.mount_dir`, `${JSON.stringify(mountDir)} is not an absolute path`);
  const { id: volumeId, form, contentId } = spec;
  // What is only fetched nobody writes to.
  const readOnly = spec.readOnly || form === "file";
  return { key: volumeKey(spec), volumeId, form, contentId, readOnly, mountDir };
}

function userDataOf(
  item: App,
): Pick<ForeignApp, "userData" | "sealedUserData" | "metaData" | "cloudInitVersion"> {
  const { userData, cipherData } = item;
  const sealed = cipherData === undefined ? undefined : toBinary(cipher.CipherBlockSchema, cipherData);
  return {
    // Never both: clear text beside a block would be a way around it.
    userData: sealed === undefined ? userData : "",
    sealedUserData: sealed?.toBase64() ?? "",
    metaData: metaDataTypes[item.metaDataType] ?? "drive",
    cloudInitVersion: item.cloudInitVersion,
  };
}

const metaDataTypes: Readonly<Record<number, ForeignApp["metaData"]>> = {
  [appApi.MetaDataType.MetaDataDrive]: "drive",
  [appApi.MetaDataType.MetaDataNone]: "none",
  [appApi.MetaDataType.MetaDataOpenStack]: "openstack",
  [appApi.MetaDataType.MetaDataDriveMultipart]: "multipart",
};

/** EVE starts what is fully virtualized with BIOS, and with UEFI when the hypervisor is to be hidden. */
function vmSettings({ fixedresources }: App): VmSettings {
  const mode = fixedresources?.virtualizationMode;
  return {
    firmware: mode === vm.VmMode.FML || fixedresources?.bootMode === vm.VmBootMode.UEFI ? "uefi" : "bios",
    devices: mode === vm.VmMode.LEGACY ? "legacy" : "virtio",
    ...screenOf(fixedresources),
  };
}

function screenOf(resources: App["fixedresources"]): Pick<VmSettings, "screen" | "screenPassword"> {
  if (resources?.enableVnc !== true) return { screen: undefined };
  const { vncDisplay: screen, vncPasswd: screenPassword } = resources;
  return screenPassword === "" ? { screen } : { screen, screenPassword };
}

const noHypervisor = "virtualizationMode: NOHYPER starts no disk; use HVM (BIOS), FML (UEFI) or LEGACY";

/** Devices need a machine with the buses of one: a container's has none. */
export function adaptersFault(
  adapters: App["adapters"],
  machine: VmSettings | undefined,
): string | undefined {
  const [first] = adapters;
  if (first === undefined) return undefined;
  if (machine === undefined) return `${first.name} can be given to a virtual machine, not to a container`;
  return machine.devices === "legacy"
    ? `${first.name} cannot be given to a LEGACY machine; use HVM or FML`
    : undefined;
}

/** What EVE's fields ask for and this node does not do: said of the app, which waits. */
function unsupported(
  item: App,
  field: string,
  volumes: readonly VolumeSpec[],
  machine: VmSettings | undefined,
): Hindrance | undefined {
  const { fixedresources, adapters } = item;
  const mode = fixedresources?.virtualizationMode;
  const adapterFault = adaptersFault(adapters, machine);
  if (adapterFault !== undefined)
    return { reason: "UnsupportedAdapters", message: `${field}.adapters: ${adapterFault}` };
  if (item.service)
    return {
      reason: "UnsupportedService",
      message: `${field}.service: this node runs apps in machines of their own only`,
    };
  if (machine !== undefined && mode === vm.VmMode.NOHYPER)
    return { reason: "UnsupportedMode", message: `${field}.fixedresources.${noHypervisor}` };
  const kernel = kernelFault(fixedresources, machine);
  if (kernel !== undefined)
    return { reason: "UnsupportedKernel", message: `${field}.fixedresources.${kernel}` };
  if (volumes.every(({ form, contentId }) => form === "file" || contentId === undefined))
    return {
      reason: "UnsupportedVolume",
      message: `${field}.volumeRefList: all its content is of target AppCustom (5): nothing to start from`,
    };
  const odd = volumes.find(({ unsupported: why }) => why !== undefined);
  return odd && { reason: "UnsupportedVolume", message: `volume ${odd.id}: ${odd.unsupported}` };
}

/** What EVE starts containers with, and a loader that it takes for none: controllers send them. */
const evesOwn: Readonly<Record<string, readonly string[]>> = {
  kernel: ["/hostfs/boot/kernel"],
  ramdisk: ["/usr/lib/xen/boot/runx-initrd"],
  extraargs: ["console=hvc0 root=9p dhcp=1"],
  bootloader: ["/usr/bin/pygrub"],
};

/** To EVE these are files of its own system, given to QEMU as they are: here they would be other files, or none. */
function kernelFault(resources: App["fixedresources"], machine: VmSettings | undefined): string | undefined {
  const { kernel = "", ramdisk = "", extraargs = "", bootloader = "" } = resources ?? {};
  for (const [name, value] of Object.entries({ kernel, ramdisk, extraargs, bootloader })) {
    const known = machine === undefined || name === "bootloader" ? evesOwn[name] : undefined;
    if (value === "" || known?.includes(value) === true) continue;
    return machine === undefined
      ? `${name}: a container is started by this node's own kernel; leave it empty`
      : `${name}: a machine starts what is on its disk, by BIOS or UEFI (boot_mode); leave it empty`;
  }
  return undefined;
}

function foreignExtension(
  item: App,
  content: ContentSpec | undefined,
  volumes: readonly VolumeUse[],
): ext.AppExtension {
  const data = volumes.map((use, at) => ({ use, name: volumeName(at) }));
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
          .slice(1)
          .filter(({ use }) => use.mountDir !== "")
          .map(({ name, use }) => ({ volume: name, mountPath: use.mountDir, readOnly: use.readOnly })),
      },
    ],
    volumes: data.map(({ name, use }) => ({
      name,
      source: { case: "nodeVolume" as const, value: { volumeId: use.volumeId } },
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

export const volumeInUse = "VolumeInUse";

/** Two apps that write to one volume would destroy what is on it: the one that is listed later waits. */
export function refuseShared<A extends { active: boolean; foreign: ForeignApp | undefined }>(
  apps: readonly A[],
): (A & { readonly hindrance?: Hindrance })[] {
  const taken = new Map<string, "read" | "write">();
  return apps.map((app) => {
    if (!app.active || app.foreign === undefined) return app;
    const clash = app.foreign.volumes.find(({ key, readOnly }) => {
      const before = taken.get(key);
      return before === "write" || (before === "read" && !readOnly);
    });
    if (clash !== undefined) {
      const message = `volume ${clash.volumeId} is another app's already; only read-only ones can be shared`;
      return { ...app, hindrance: { reason: volumeInUse, message } };
    }
    for (const { key, readOnly } of app.foreign.volumes) taken.set(key, readOnly ? "read" : "write");
    return app;
  });
}
