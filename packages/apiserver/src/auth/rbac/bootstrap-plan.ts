/** What a start makes of roles and bindings: what is missing is added, nothing is taken away. Pure. */
import type { KubeObject } from "@selvedge/apimachinery";
import { jsonEqual } from "@selvedge/base";
import { rulesIn } from "./rbac-authorizer.ts";
import type { Subject } from "./rbac-index.ts";
import { notCovered } from "./rules.ts";

export type BootstrapStep =
  | { readonly type: "create" }
  | { readonly type: "update"; readonly object: KubeObject }
  /** What a binding gives cannot be changed: it is made anew. */
  | { readonly type: "replace"; readonly object: KubeObject }
  | { readonly type: "nothing" };

const updateAnnotation = "rbac.authorization.kubernetes.io/autoupdate";
const nothing: BootstrapStep = { type: "nothing" };

export function planBootstrap(wanted: KubeObject, stored: KubeObject | undefined): BootstrapStep {
  if (stored === undefined) return { type: "create" };
  // Somebody has taken it over.
  if (stored.metadata.annotations?.[updateAnnotation] === "false") return nothing;
  const object = structuredClone(stored);
  object.metadata.labels = { ...stored.metadata.labels, ...wanted.metadata.labels };
  object.metadata.annotations = { ...stored.metadata.annotations, ...wanted.metadata.annotations };
  if (wanted.kind === "ClusterRole") mergeRole(object, wanted);
  else {
    mergeSubjects(object, wanted);
    if (!jsonEqual(stored["roleRef"], wanted["roleRef"])) {
      object["roleRef"] = wanted["roleRef"];
      return { type: "replace", object };
    }
  }
  return jsonEqual(object, stored) ? nothing : { type: "update", object };
}

/** The rules of a role that takes its rules from others are not its own. */
function mergeRole(object: KubeObject, wanted: KubeObject): void {
  if (wanted["aggregationRule"] !== undefined) {
    object["aggregationRule"] ??= wanted["aggregationRule"];
    return;
  }
  const missing = rulesIn(wanted).filter((rule) => notCovered(rulesIn(object), [rule]).length > 0);
  if (missing.length > 0) object["rules"] = [...rulesIn(object), ...missing];
}

function mergeSubjects(object: KubeObject, wanted: KubeObject): void {
  const has = (object["subjects"] ?? []) as Subject[];
  const missing = ((wanted["subjects"] ?? []) as Subject[]).filter(
    (one) =>
      !has.some(
        (other) => other.kind === one.kind && other.name === one.name && other.namespace === one.namespace,
      ),
  );
  if (missing.length > 0) object["subjects"] = [...has, ...missing];
}
