import { ext } from "@selvedge/eve-api";
import type { ContainerRun } from "./hypervisor.ts";

export interface ContainerView {
  readonly index: number;
  readonly init: boolean;
  readonly run: ContainerRun | undefined;
}

const { ON_FAILURE: onFailure, NEVER: never } = ext.RestartPolicy;

/** Which containers to start now: init containers one after another, then all others, then what must run again. */
export function containersToStart(views: readonly ContainerView[], policy: ext.RestartPolicy): number[] {
  for (const { init, run, index } of views) {
    if (!init) continue;
    if (run === undefined) return [index];
    if (run.phase === "exited" && run.code === 0) continue;
    return run.phase !== "running" && policy !== never ? [index] : [];
  }
  return views.filter((view) => !view.init && mustStart(view.run, policy)).map(({ index }) => index);
}

function mustStart(run: ContainerRun | undefined, policy: ext.RestartPolicy): boolean {
  if (run === undefined) return true;
  if (run.phase === "running" || policy === never) return false;
  return !(policy === onFailure && run.phase === "exited" && run.code === 0);
}

/** Kubernetes' phase of a Pod. */
export function podPhase(views: readonly ContainerView[], policy: ext.RestartPolicy): string {
  const failed = (run: ContainerRun | undefined): boolean =>
    run?.phase === "failed" || (run?.phase === "exited" && run.code !== 0);
  if (policy === never && views.some(({ init, run }) => init && failed(run))) return "Failed";
  const main = views.filter(({ init }) => !init);
  if (main.some(({ run }) => run === undefined)) return "Pending";
  if (containersToStart(views, policy).length > 0 || main.some(({ run }) => run?.phase === "running"))
    return "Running";
  return main.some(({ run }) => failed(run)) ? "Failed" : "Succeeded";
}
