/** Which disks an app's machine is started with. */
import { type AppSpec, volumeUses } from "../desired.ts";
import type { AppContext } from "./app-context.ts";
import { ownContainers } from "./app-record.ts";
import type { VmSpec } from "./hypervisor.ts";
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

/** EVE's settings for nodes whose apps all have user data in parts, and what their machines may have. */
const takeApart = "process.cloud-init.multipart";
const besideAll = "memory.vmm.limit.MiB";

/** What the node says for all machines goes before what an app says for its own. */
function besideMib(
  { besideBytes }: AppSpec,
  settings: ReadonlyMap<string, string> | undefined,
): Pick<VmSpec, "besideMib"> {
  const mib = Number(settings?.get(besideAll) ?? 0) || Math.ceil((besideBytes ?? 0) / 2 ** 20);
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
  const multipart = settings?.get(takeApart) === "true";
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
      usbFirst: spec.bootOrder?.usb === "first",
      seed: await vmSeed(spec, await openUserData(spec, secrets), multipart),
    },
  };
}
