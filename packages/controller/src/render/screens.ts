/** Screens of Pods on boxes that run EVE, seen through the tunnel that the box dials because of them. */
import type { app, config } from "@selvedge/eve-api";
import { type Node, type Pod, screenAnnotation } from "@selvedge/kinds";
import { speaksEve } from "./api-access.ts";

/** VNC's ports on a box, as far as EVE keeps others than itself from them. */
const screensMax = 99;

/** Nodes of ours have none to show: their containers run on no graphics card. */
function wantsScreen({ metadata }: Pod, node: Node | undefined): boolean {
  return metadata.annotations?.[screenAnnotation] === "true" && speaksEve(node);
}

/**
 * The number of each screen by the Pod's UID: what it has, as another is another machine to EVE; else the lowest that
 * is free. Undefined for those that find none.
 */
export function screenNumbers(
  { pods, node }: { readonly pods: readonly Pod[]; readonly node: Node | undefined },
  previous: config.EdgeDevConfig | undefined,
): ReadonlyMap<string, number | undefined> {
  const uids = pods.flatMap((pod) => (wantsScreen(pod, node) ? [pod.metadata.uid ?? ""] : [])).sort();
  const had = new Map(
    (previous?.apps ?? []).map((app) => [app.uuidandversion?.uuid ?? "", app.fixedresources?.vncDisplay]),
  );
  const kept = new Map(uids.flatMap((uid) => (had.get(uid) ? [[uid, had.get(uid)] as const] : [])));
  const taken = new Set(kept.values());
  const free = Array.from({ length: screensMax }, (_, at) => at + 1).filter((number) => !taken.has(number));
  return new Map(uids.map((uid) => [uid, kept.get(uid) ?? free.shift()]));
}

export function giveScreen(config: app.AppInstanceConfig, number: number | undefined): void {
  if (number === undefined || config.fixedresources === undefined) return;
  config.remoteConsole = true;
  config.fixedresources.enableVnc = true;
  config.fixedresources.vncDisplay = number;
}
