import type { KindDefinition, KubeObject } from "@selvedge/apimachinery";
import { open } from "./open.ts";

export interface Secret extends KubeObject {
  apiVersion: "v1";
  kind: "Secret";
  type?: string;
  /** Values in base64. */
  data?: Record<string, string>;
  /** Plain text, for writing: it is moved into `data` and never read back. */
  stringData?: Record<string, string>;
  immutable?: boolean;
}

export const secretKind: KindDefinition = open({
  group: "",
  version: "v1",
  kind: "Secret",
  plural: "secrets",
  singular: "secret",
  namespaced: true,
  selectableFields: ["type"],
});
