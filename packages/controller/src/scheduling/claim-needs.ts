import { splitKey } from "@selvedge/client";
import { localProvisioner, type Pod } from "@selvedge/kinds";
import { type Caches, claimsOf } from "../objects/caches.ts";
import { isOver } from "../objects/pods.ts";
import { nodesOf } from "../volumes/claim-plan.ts";

/** What a Pod's claims ask of its node. */
export interface ClaimNeeds {
  /** Why it can be nowhere now. */
  readonly fault?: string;
  /** The nodes that have its volumes; undefined: all. */
  readonly nodes?: ReadonlySet<string>;
}

type Claims = Pick<Caches, "claims" | "volumes" | "storageClasses" | "pods">;

/** A volume is where it was made: Pods go to it. One that is not made yet is made where its first Pod goes. */
export function claimNeeds(pod: Pod, caches: Claims): ClaimNeeds {
  let nodes: ReadonlySet<string> | undefined;
  for (const key of claimsOf(pod)) {
    const { name, namespace } = splitKey(key);
    const claim = caches.claims.get(name, namespace);
    if (claim === undefined) return { fault: `persistentvolumeclaim "${name}" not found` };
    if (claim.metadata.deletionTimestamp !== undefined) {
      return { fault: `persistentvolumeclaim "${name}" is being deleted` };
    }
    if (claim.status?.phase === "Lost")
      return {
        fault: `persistentvolumeclaim "${name}" bound to non-existent persistentvolume "${claim.spec.volumeName}"`,
      };
    const volume = caches.volumes.get(claim.spec.volumeName ?? "");
    const places = volume === undefined ? placesOfUsers(key, caches) : nodesOf(volume);
    if (volume === undefined) {
      const maker = caches.storageClasses.get(claim.spec.storageClassName ?? "")?.provisioner;
      if (maker !== localProvisioner) return { fault: "pod has unbound immediate PersistentVolumeClaims" };
    }
    if (places === undefined) continue;
    const here = new Set(places);
    nodes = nodes === undefined ? here : here.intersection(nodes);
  }
  return nodes === undefined ? {} : { nodes };
}

/** Where another Pod is about to have the same volume made. */
function placesOfUsers(key: string, { pods }: Claims): string[] | undefined {
  const placed = pods.by("claim", key).find((pod) => pod.spec.nodeName && !isOver(pod));
  return placed?.spec.nodeName === undefined ? undefined : [placed.spec.nodeName];
}
