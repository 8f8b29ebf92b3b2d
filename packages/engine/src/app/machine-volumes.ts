/** Which disks an app's machine is started with. */
import { numberIn, resolutionForm, switchIn } from "../control/settings/config-items.ts";
import { type AppSpec, type VmSettings, volumeUses } from "../desired.ts";
import type { AppContext } from "./app-context.ts";
import { ownContainers } from "./app-record.ts";
import type { VmBoot, VmSpec } from "./hypervisor.ts";
import { openUserData } from "./seed/user-data.ts";
import { vmSeed } from "./seed/vm-seed.ts";

/** Contents whose read-only root images the machine needs, each once: a virtual machine has its own on volumes. */
export function rootContents(spec: AppSpec): string[] {
  if (spec.foreign?.vm !== undefined) return [];
  const below = volumeUses(spec).flatMap(({ form, contentId }) =>
    form === "image" && contentId !== undefined ? [contentId] : [],
  );
  return [...new Set([...ownContainers(spec).map(({ container }) => container.contentTreeId), ...below])];
}

/** Of a machine that starts by UEFI, which sets its screen up by what is said of it. */
export function resolutionOf(
  { firmware, screen }: VmSettings,
  settings: ReadonlyMap<string, string> | undefined,
): Pick<VmBoot, "resolution"> {
  const [, width, height] = resolutionForm.exec(settings?.get("app.fml.resolution") ?? "") ?? [];
  if (firmware !== "uefi" || screen === undefined || width === undefined) return {};
  return { resolution: { width: Number(width), height: Number(height) } };
}

/** What the node says for all machines goes before what an app says for its own. */
function besideMib(
  { besideBytes }: AppSpec,
  settings: ReadonlyMap<string, string> | undefined,
): Pick<VmSpec, "besideMib"> {
  const mib = numberIn(settings, "memory.vmm.limit.MiB") || Math.ceil((besideBytes ?? 0) / 2 ** 20);
  return mib > 0 ? { besideMib: mib } : {};
}

export async function machineVolumes(
  spec: AppSpec,
  { store, secrets, vault }: Pick<AppContext, "store" | "secrets" | "vault">,
): Promise<Pick<VmSpec, "volumes" | "vm" | "devices" | "besideMib">> {
  const { foreign } = spec;
  const volumes = volumeUses(spec).map(({ key, readOnly, form, name }) => {
    const status = store.volumes.get(key);
    if (status?.phase !== "ready") throw new Error(`volume ${name} is not there any more`);
    const secret = status.sealed ? vault.secretFor(`volume ${key}`) : undefined;
    if (status.sealed && secret === undefined) throw new Error(`the vault with volume ${name} is locked`);
    return { path: status.path, secret, readOnly: readOnly || form === "cdrom", cdrom: form === "cdrom" };
  });
  const settings = store.desired.get()?.settings;
  const beside = besideMib(spec, settings);
  if (foreign?.vm === undefined) return { volumes, ...beside, vm: undefined };
  const multipart = switchIn(settings, "process.cloud-init.multipart");
  const devices = (spec.adapters ?? []).flatMap((name) => {
    const row = store.devices.get(name);
    if (row?.phase !== "lent" || row.appId !== spec.id)
      throw new Error(`adapter ${name} is not there any more`);
    return row.devices;
  });
  return {
    volumes,
    ...beside,
    ...(devices.length === 0 ? {} : { devices }),
    vm: {
      ...foreign.vm,
      ...resolutionOf(foreign.vm, settings),
      usbFirst: spec.bootOrder?.usb === "first",
      seed: await vmSeed(spec, await openUserData(spec, secrets), multipart),
    },
  };
}
