import type { KindDefinition, KubeObject } from "@selvedge/apimachinery";
import { open } from "./open.ts";

/** A template that a DaemonSet had: what `kubectl rollout history` and `undo` read. */
export interface ControllerRevision extends KubeObject {
  apiVersion: "apps/v1";
  kind: "ControllerRevision";
  /** A strategic merge patch that brings the owner's template back. */
  data?: Record<string, unknown>;
  revision: number;
}

export const controllerRevisionKind: KindDefinition = open({
  group: "apps",
  version: "v1",
  kind: "ControllerRevision",
  plural: "controllerrevisions",
  singular: "controllerrevision",
  namespaced: true,
});
