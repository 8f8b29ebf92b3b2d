import type { KindDefinition, KubeObject } from "@selvedge/apimachinery";
import { ageColumn, counts, nameColumn } from "./columns.ts";
import { bytesMap, flag, kindMessage, type Message, pointer, textMap } from "./fields.ts";
import { builtIn } from "./kind.ts";

export interface ConfigMap extends KubeObject {
  apiVersion: "v1";
  kind: "ConfigMap";
  data?: Record<string, string>;
  /** Values in base64. */
  binaryData?: Record<string, string>;
  immutable?: boolean;
}

const configMap: Message = kindMessage("Settings for Pods: as variables or as files. At most 1 MiB.", {
  immutable: flag(4, "Never to be changed again but by deleting it.", pointer),
  data: textMap(2, "Texts by key."),
  binaryData: bytesMap(3, "Bytes by key, in base64. No key may be in both."),
});

export const configMapKind: KindDefinition = builtIn(configMap, {
  group: "",
  version: "v1",
  kind: "ConfigMap",
  plural: "configmaps",
  singular: "configmap",
  shortNames: ["cm"],
  namespaced: true,
  columns: [
    nameColumn,
    counts<ConfigMap>(
      "Data",
      "How many keys it has.",
      ({ data, binaryData }) => size(data) + size(binaryData),
    ),
    ageColumn,
  ],
});

function size(map: Record<string, string> | undefined): number {
  return Object.keys(map ?? {}).length;
}
