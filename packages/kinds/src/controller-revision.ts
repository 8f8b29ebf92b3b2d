import type { KindDefinition, KubeObject, ObjectMeta } from "@selvedge/apimachinery";
import { jsonEqual } from "@selvedge/base";
import { ageColumn, column, nameColumn } from "./columns.ts";
import { Faults, immutable } from "./faults.ts";
import { int64, kindMessage, type Message, needed, raw } from "./fields.ts";
import { builtIn } from "./kind.ts";

/** A template that a DaemonSet had: what `kubectl rollout history` and `undo` read. */
export interface ControllerRevision extends KubeObject {
  apiVersion: "apps/v1";
  kind: "ControllerRevision";
  /** A strategic merge patch that brings the owner's template back. */
  data?: Record<string, unknown>;
  revision: number;
}

const controllerRevision: Message = kindMessage(
  "A template that a DaemonSet had: what kubectl rollout history and undo read.",
  {
    data: raw(2, "A strategic merge patch that brings the template back."),
    revision: int64(3, "Its number; the highest is the newest.", { ...needed, default: 0 }),
  },
);

export const controllerRevisionKind: KindDefinition = builtIn(controllerRevision, {
  group: "apps",
  version: "v1",
  kind: "ControllerRevision",
  plural: "controllerrevisions",
  singular: "controllerrevision",
  namespaced: true,
  hasGeneration: false,
  validate: (object, old) => {
    const { revision, data } = object as ControllerRevision;
    const faults = new Faults();
    faults.atLeastZero("revision", revision);
    if (data === undefined) faults.required("data", "data is mandatory");
    else if (old !== undefined && !jsonEqual(data, old["data"])) faults.invalid("data", data, immutable);
    return faults.errors;
  },
  columns: [
    nameColumn,
    column<ControllerRevision>("Controller", "Whose template it was.", ({ metadata }) => ownerText(metadata)),
    column<ControllerRevision>("Revision", "Its number.", ({ revision }) => revision ?? 0),
    ageColumn,
  ],
});

/** `daemonset.apps/web` */
function ownerText({ ownerReferences = [] }: ObjectMeta): string {
  const owner = ownerReferences.find(({ controller }) => controller);
  if (owner === undefined) return "<none>";
  const [group, version] = owner.apiVersion.split("/");
  return `${owner.kind.toLowerCase()}${version === undefined ? "" : `.${group}`}/${owner.name}`;
}
