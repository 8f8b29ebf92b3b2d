/** What objects ask for and Selvedge does not do, whatever their kind. */
import type { KubeObject } from "@selvedge/apimachinery";
import { podDoubts } from "./pod/pod-doubts.ts";
import type { PodSpec } from "./pod/pod-types.ts";
import { podGaps } from "./pod/validate-pod.ts";
import { resourceDoubts } from "./pod/validate-resources.ts";
import { volumeGaps } from "./storage/volume.ts";

/** Where an object says what its Pods are. */
const podPaths: Readonly<Record<string, readonly string[]>> = {
  Pod: ["spec"],
  PodTemplate: ["template", "spec"],
  CronJob: ["spec", "jobTemplate", "spec", "template", "spec"],
};
const templatePath: readonly string[] = ["spec", "template", "spec"];
const withTemplates: ReadonlySet<string> = new Set([
  ...["DaemonSet", "Deployment", "Job", "ReplicaSet", "ReplicationController", "StatefulSet"],
]);
const others: Readonly<Record<string, (object: KubeObject) => readonly string[]>> = {
  PersistentVolume: volumeGaps,
};

/** The kinds that `gapsOf` knows. */
export const kindsWithGaps: ReadonlySet<string> = new Set([
  ...Object.keys(podPaths),
  ...withTemplates,
  ...Object.keys(others),
]);

/** A line a gap: `spec.template.spec.hostNetwork: not supported by Selvedge: an app is never …`. */
export function gapsOf(object: KubeObject): readonly string[] {
  return ofPods(object, podGaps) ?? others[object.kind ?? ""]?.(object) ?? [];
}

/** A line for each thing that is done as it is written, and hardly meant so. */
export function doubtsOf(object: KubeObject): readonly string[] {
  return ofPods(object, (path, spec) => [...podDoubts(path, spec), ...resourceDoubts(path, spec)]) ?? [];
}

/** What is found in the specification of an object's Pods; undefined when it has none. */
function ofPods(
  object: KubeObject,
  find: (path: string, spec: PodSpec) => readonly string[],
): readonly string[] | undefined {
  const kind = object.kind ?? "";
  const path = podPaths[kind] ?? (withTemplates.has(kind) ? templatePath : undefined);
  if (path === undefined) return undefined;
  let part: unknown = object;
  for (const member of path) part = (part as Readonly<Record<string, unknown>> | undefined)?.[member];
  return part === undefined ? [] : find(path.join("."), part as PodSpec);
}
