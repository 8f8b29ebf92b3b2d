import type { EdgeDevConfig } from "@selvedge/eve-api";
import { info } from "@selvedge/eve-api";
import type { Pod, PodStatus } from "@selvedge/kinds";
import { errorText } from "./error-text.ts";

/** What a node that only speaks EVE says of a part of an app: its image, or the volume made from it. */
export interface PartNews {
  readonly reason: "ErrImagePull" | "CreateContainerError" | "ContainerCreating";
  readonly message: string;
}

const { ZSwState: State } = info;
const ready: readonly info.ZSwState[] = [
  State.LOADED,
  State.DELIVERED,
  State.CREATED_VOLUME,
  State.INSTALLED,
];

export function contentNews({
  state,
  err,
  progressPercentage,
  displayName,
}: info.ZInfoContentTree): PartNews | undefined {
  const error = errorText(err);
  if (error !== "") return { reason: "ErrImagePull", message: error };
  if (ready.includes(state)) return undefined;
  const done = progressPercentage > 0 ? `, ${progressPercentage} %` : "";
  return { reason: "ContainerCreating", message: `pulling ${displayName}${done}` };
}

export function volumeNews({ state, volumeErr, displayName }: info.ZInfoVolume): PartNews | undefined {
  const error = errorText(volumeErr);
  if (error !== "") return { reason: "CreateContainerError", message: error };
  return ready.includes(state)
    ? undefined
    : { reason: "ContainerCreating", message: `making the volume of ${displayName}` };
}

/** Which containers use a content tree or a volume, as the UID of the Pod and the container's place in it. */
export function usersOf(
  config: EdgeDevConfig,
  part: string,
): { readonly uid: string; readonly at: number }[] {
  const volumes = new Set(
    config.volumes
      .filter(({ uuid, origin }) => uuid === part || origin?.downloadContentTreeID === part)
      .map(({ uuid }) => uuid),
  );
  return config.apps.flatMap(({ uuidandversion, volumeRefList }) =>
    volumeRefList.flatMap(({ uuid }, at) =>
      volumes.has(uuid) ? [{ uid: uuidandversion?.uuid ?? "", at }] : [],
    ),
  );
}

/** Shows the news on the container that waits for it, in place. Returns whether anything changed. */
export function showNews(pod: Pod, status: PodStatus, at: number, news: PartNews): boolean {
  const inits = pod.spec.initContainers?.length ?? 0;
  const spec = pod.spec.containers[at - inits];
  if (spec === undefined) return false;
  status.containerStatuses ??= pod.spec.containers.map(({ name, image = "" }) => ({
    ...{ name, image, imageID: "", ready: false, started: false, restartCount: 0 },
    state: { waiting: { reason: "ContainerCreating" } },
  }));
  const container = status.containerStatuses.find(({ name }) => name === spec.name);
  const waiting = container?.state?.waiting;
  if (container === undefined || waiting === undefined) return false;
  if (waiting.reason === news.reason && waiting.message === news.message) return false;
  container.state = { waiting: { ...news } };
  return true;
}
