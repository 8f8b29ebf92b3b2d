import { cloneJson } from "@selvedge/base";
import type { PersistentVolumeClaim, Pod, PodTemplateSpec, StatefulSet } from "@selvedge/kinds";
import { revisionHashLabel } from "../history.ts";
import { podFromTemplate } from "../template.ts";

const podNameLabel = "statefulset.kubernetes.io/pod-name";
const podIndexLabel = "apps.kubernetes.io/pod-index";

/** The number in a Pod's name; undefined when it is none of the set's. */
export function ordinalOf({ metadata }: StatefulSet, pod: Pod): number | undefined {
  const match = /^(.*)-(\d+)$/.exec(pod.metadata.name);
  return match !== null && match[1] === metadata.name ? Number(match[2]) : undefined;
}

export function revisionOf({ metadata }: Pod): string {
  return metadata.labels?.[revisionHashLabel] ?? "";
}

/** The numbered Pod of a set, from one of its templates: its name, its host name and its claims stay its own. */
export function statefulPod(
  set: StatefulSet,
  template: PodTemplateSpec,
  revision: string,
  ordinal: number,
): Pod {
  const name = `${set.metadata.name}-${ordinal}`;
  const pod = podFromTemplate(set, template);
  const { metadata, spec } = pod;
  metadata.name = name;
  delete metadata.generateName;
  metadata.labels = {
    ...metadata.labels,
    ...{ [podNameLabel]: name, [podIndexLabel]: `${ordinal}`, [revisionHashLabel]: revision },
  };
  spec.hostname = name;
  if (set.spec.serviceName) spec.subdomain = set.spec.serviceName;
  const claims = (set.spec.volumeClaimTemplates ?? []).map((claim) => claim.metadata.name);
  if (claims.length > 0) {
    const others = (spec.volumes ?? []).filter((volume) => !claims.includes(volume.name));
    const own = claims.map((claim) => ({
      name: claim,
      persistentVolumeClaim: { claimName: `${claim}-${name}` },
    }));
    spec.volumes = [...others, ...own];
  }
  return pod;
}

/** The claims of one numbered Pod. */
export function claimsFor(set: StatefulSet, ordinal: number): PersistentVolumeClaim[] {
  const { name, namespace = "" } = set.metadata;
  return (set.spec.volumeClaimTemplates ?? []).map((template) => ({
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: {
      name: `${template.metadata.name}-${name}-${ordinal}`,
      namespace,
      labels: { ...template.metadata.labels, ...set.spec.selector.matchLabels },
      ...(template.metadata.annotations && { annotations: { ...template.metadata.annotations } }),
    },
    spec: cloneJson(template.spec),
  }));
}
