import type { AppSpec } from "../desired.ts";

/**
 * What EVE's rules say against a change of an app that runs: another set of volumes or devices takes a purge,
 * other resources a restart. As long as the counter that goes with it has not moved, nothing of the change is
 * done. Undefined: nothing speaks against it. Pods follow Kubernetes' rules instead.
 */
export function refuseChange(before: AppSpec, wanted: AppSpec): string | undefined {
  if (before.foreign === undefined || wanted.foreign === undefined) return undefined;
  // Started by an engine that knew no volumes: what is asked for now is the first that can be followed.
  if (before.foreign.volumes.length === 0) return undefined;
  const purges = before.purgeCounter !== wanted.purgeCounter;
  const restarts = before.restartCounter !== wanted.restartCounter;
  if (!purges && volumesOf(before) !== volumesOf(wanted))
    return `Need purge due to a change of volumes, but purge.counter is the same: ${nothing}`;
  if (!purges && devicesOf(before) !== devicesOf(wanted))
    return `Need purge due to a change of adapters, but purge.counter is the same: ${nothing}`;
  if (!purges && !restarts && resourcesOf(before) !== resourcesOf(wanted))
    return `Need restart due to a change of fixedresources, but restart.counter is the same: ${nothing}`;
  return undefined;
}

/** Whether it is another app that is asked for, so that a state before it is worth keeping; as EVE judges it. */
export function changesApp(before: AppSpec, wanted: AppSpec): boolean {
  return (
    before.purgeCounter !== wanted.purgeCounter ||
    volumesOf(before) !== volumesOf(wanted) ||
    devicesOf(before) !== devicesOf(wanted) ||
    resourcesOf(before) !== resourcesOf(wanted)
  );
}

const nothing = "nothing of the change is applied";

function volumesOf({ foreign }: AppSpec): string {
  return JSON.stringify(foreign?.volumes.map(({ key, mountDir }) => [key, mountDir]));
}

function devicesOf({ adapters = [], functions = {} }: AppSpec): string {
  return JSON.stringify([adapters, functions]);
}

function resourcesOf({ vcpus, memoryBytes, foreign, ownProcessors, besideBytes }: AppSpec): string {
  return JSON.stringify([vcpus, memoryBytes, foreign?.vm, ownProcessors, besideBytes]);
}
