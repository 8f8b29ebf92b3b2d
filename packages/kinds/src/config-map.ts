import type { FieldError, KindDefinition, KubeObject } from "@selvedge/apimachinery";
import { ageColumn, column, nameColumn } from "./columns.ts";
import { base64Length, byteLength, checkUnchanged, dataBytesMax } from "./data-rules.ts";
import { dataKeyFaults, Faults } from "./faults.ts";
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
  validate: (object, old) => validate(object as ConfigMap, old as ConfigMap | undefined),
  columns: [
    nameColumn,
    column<ConfigMap>(
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

function validate(configMap: ConfigMap, old: ConfigMap | undefined): FieldError[] {
  const faults = new Faults();
  const { data = {}, binaryData = {} } = configMap;
  let total = 0;
  for (const [key, value] of Object.entries(data)) {
    faults.all(`data[${key}]`, key, dataKeyFaults(key));
    if (Object.hasOwn(binaryData, key)) {
      faults.invalid(`data[${key}]`, key, "duplicate of key present in binaryData");
    }
    total += value.length;
  }
  for (const [key, value] of Object.entries(binaryData)) {
    faults.all(`binaryData[${key}]`, key, dataKeyFaults(key));
    const length = base64Length(value);
    if (length === undefined) faults.invalid(`binaryData[${key}]`, key, "must be base64");
    total += length ?? 0;
  }
  // A character takes three bytes at most: only what is long need be measured.
  if (total * 3 > dataBytesMax)
    for (const value of Object.values(data)) total += byteLength(value) - value.length;
  // As upstream names what has no name.
  if (total > dataBytesMax) faults.tooLong("[]", dataBytesMax);
  if (old?.immutable) checkUnchanged(faults, configMap, old, ["data", "binaryData"]);
  return faults.errors;
}
