/** The volumes of the node that an app with the extension mounts. */
import type { ext } from "@selvedge/eve-api";
import type { NamedVolumeUse, VolumeSpec } from "../desired.ts";
import { volumeKey } from "../desired.ts";
import { ConfigFault, isUuid, refuseBlank } from "./config-fault.ts";
import { type ForeignContext, type Hindrance, volumesMax } from "./translate-foreign.ts";

export interface PodVolumes {
  /** Each volume once, however many names the app has for it, by the first of them. */
  readonly podVolumes: readonly NamedVolumeUse[];
  readonly hindrance: Hindrance | undefined;
}

/** An app waits for a volume that is not there, and for one that this node cannot make. */
export function podVolumesOf(
  pod: ext.AppExtension,
  field: string,
  { volumes }: Pick<ForeignContext, "volumes">,
): PodVolumes {
  const uses = new Map<string, NamedVolumeUse>();
  let hindrance: Hindrance | undefined;
  for (const { name, source } of pod.volumes) {
    if (source.case !== "nodeVolume") continue;
    const at = `${field}.volumes.${name}.node_volume.volume_id`;
    const id = source.value.volumeId.toLowerCase();
    if (!isUuid(id)) throw new ConfigFault(at, `${JSON.stringify(source.value.volumeId)} is not a UUID`);
    const volume = volumes.find((candidate) => candidate.id === id);
    refuseBlank(volume?.unread);
    if (volume === undefined) {
      const message = `${at}: no volume has uuid ${id}`;
      hindrance ??= { reason: "MissingReference", message };
    } else {
      if (volume.unsupported !== undefined)
        hindrance ??= { reason: "UnsupportedVolume", message: `volume ${id}: ${volume.unsupported}` };
      if (!uses.has(id)) uses.set(id, useOf(name, volume));
    }
  }
  if (uses.size > volumesMax)
    throw new ConfigFault(`${field}.volumes`, `names ${uses.size} volumes, an app may have ${volumesMax}`);
  return { podVolumes: [...uses.values()], hindrance };
}

/** Mounted for the app as a whole; each container says itself where it sees it, and how. */
function useOf(name: string, volume: VolumeSpec): NamedVolumeUse {
  const { id: volumeId, form, contentId, readOnly } = volume;
  return { name, key: volumeKey(volume), volumeId, form, contentId, readOnly, mountDir: "/" };
}
