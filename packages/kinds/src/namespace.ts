import type { Condition, KindDefinition, KubeObject } from "@selvedge/apimachinery";
import { open } from "./open.ts";

export interface Namespace extends KubeObject {
  apiVersion: "v1";
  kind: "Namespace";
  spec?: { finalizers?: string[] };
  status?: { phase?: "Active" | "Terminating"; conditions?: Condition[] };
}

export const namespaceKind: KindDefinition = open({
  group: "",
  version: "v1",
  kind: "Namespace",
  plural: "namespaces",
  singular: "namespace",
  shortNames: ["ns"],
  namespaced: false,
  subresources: { status: true },
  selectableFields: ["status.phase"],
});
