/** What an autoscaler scales: anything that has a scale, of the program's own kinds or of those users bring. */
import {
  type KindDefinition,
  type KubeObject,
  matchesLabels,
  parseLabelSelector,
  type Requirement,
  SelectorError,
} from "@selvedge/apimachinery";
import { scaleOf, withScale } from "@selvedge/apiserver";
import { ApiError, isReason } from "@selvedge/client";
import type { HorizontalPodAutoscaler, Pod } from "@selvedge/kinds";
import type { Caches } from "../objects/caches.ts";
import type { Cluster } from "../objects/cluster.ts";

export interface ScaleTargetDeps {
  readonly cluster: Cluster;
  readonly caches: Pick<Caches, "pods">;
  /** Every kind in every version that is served. */
  readonly served: { readonly all: readonly KindDefinition[] };
}

export interface Target {
  readonly kind: KindDefinition;
  readonly object: KubeObject;
  readonly replicas: number;
  /** As its scale says it; empty where it says none. */
  readonly selector: string;
}

/** A text says why there is none, as upstream does. */
export async function targetOf(
  { cluster, served }: ScaleTargetDeps,
  { kind: wanted, name, apiVersion = "" }: HorizontalPodAutoscaler["spec"]["scaleTargetRef"],
  namespace: string | undefined,
): Promise<Target | string> {
  const parts = apiVersion.split("/");
  if (parts.length > 2) return `unexpected GroupVersion string: ${apiVersion}`;
  const [group = ""] = parts.length === 2 ? parts : [];
  // In any version: which one is read does not matter, as long as it has a scale.
  const named = served.all.filter((one) => one.kind === wanted && one.group === group);
  if (named.length === 0) return `no matches for kind "${wanted}" in group "${group}"`;
  const kind = named.find(({ namespaced, subresources }) => namespaced && subresources?.scale !== undefined);
  if (kind === undefined) return "the server could not find the requested resource";
  const object = await readOf(cluster, kind, name, namespace);
  if (typeof object === "string") return object;
  const { spec, status } = scaleOf(kind, object) as KubeObject & Scale;
  return { kind, object, replicas: spec.replicas, selector: status.selector ?? "" };
}

interface Scale {
  readonly spec: { readonly replicas: number };
  readonly status: { readonly selector?: string };
}

async function readOf(
  cluster: Cluster,
  kind: KindDefinition,
  name: string,
  namespace: string | undefined,
): Promise<KubeObject | string> {
  const { group, plural } = kind;
  const isCached = cluster.kinds.some((one) => one.group === group && one.plural === plural);
  const missing = `${plural}${kind.custom ? "" : "/scale"}${group && `.${group}`} "${name}" not found`;
  if (isCached) return cluster.cache(kind).get(name, namespace) ?? missing;
  try {
    return await cluster.objects.get(kind, name, namespace);
  } catch (error) {
    if (isReason(error, "NotFound")) return missing;
    // Another object's fault, or a passing one: it is the autoscaler that says so.
    if (error instanceof ApiError) return error.message;
    throw error;
  }
}

/** A text says why it could not be done. */
export async function rescale(
  { cluster }: ScaleTargetDeps,
  { kind, object }: Target,
  replicas: number,
): Promise<string | undefined> {
  const { name, namespace, uid } = object.metadata;
  try {
    const changed = await cluster.change(
      kind,
      name,
      namespace,
      (draft) => {
        if (draft.metadata.uid !== uid) return false;
        const { resourceVersion } = draft.metadata;
        const metadata = { name, ...(resourceVersion !== undefined && { resourceVersion }) };
        const scale = { apiVersion: "autoscaling/v1", kind: "Scale", metadata, spec: { replicas } };
        Object.assign(draft, withScale(kind, draft, scale));
        return true;
      },
      { subresource: "scale" },
    );
    return changed === undefined ? `${kind.plural} "${name}" not found` : undefined;
  } catch (error) {
    if (error instanceof ApiError) return error.message;
    throw error;
  }
}

/** How a target's selector is read. */
export type SelectorReading =
  | { readonly requirements: readonly Requirement[] }
  /** The reason of the event, and what it and the condition say. */
  | { readonly event: string; readonly says: string; readonly fault: string };

export function selectorOf(text: string): SelectorReading {
  if (text === "") {
    const says = "the HPA target's scale is missing a selector";
    return { event: "SelectorRequired", fault: "selector is required", says };
  }
  try {
    return { requirements: parseLabelSelector(text) };
  } catch (error) {
    if (!(error instanceof SelectorError)) throw error;
    const fault = `couldn't convert selector into a corresponding internal selector object: ${error.message}`;
    return { event: "InvalidSelector", fault, says: fault };
  }
}

export function podsOf(
  caches: Pick<Caches, "pods">,
  namespace: string | undefined,
  requirements: readonly Requirement[],
): Pod[] {
  return caches.pods
    .by("namespace", namespace ?? "")
    .filter(({ metadata }) => matchesLabels(requirements, metadata.labels));
}
