import type { FieldError, KindDefinition, KubeObject } from "@selvedge/apimachinery";
import { jsonEqual } from "@selvedge/base";
import { ageColumn, column, nameColumn } from "../columns.ts";
import { Faults } from "../faults.ts";
import { kindMessage, type Message, needed, text, textMap } from "../fields.ts";
import { builtIn } from "../kind.ts";

/** What volumes are like that name it, and may become. */
export interface VolumeAttributesClass extends KubeObject {
  apiVersion: "storage.k8s.io/v1";
  kind: "VolumeAttributesClass";
  driverName: string;
  parameters?: Record<string, string>;
}

const attributesClass: Message = kindMessage(
  "What volumes are like that name it. Kept: a node's volumes are all alike.",
  {
    driverName: text(2, "Whose volumes.", needed),
    parameters: textMap(3, "What they are like, in its maker's words."),
  },
);

export const volumeAttributesClassKind: KindDefinition = builtIn(attributesClass, {
  group: "storage.k8s.io",
  version: "v1",
  kind: "VolumeAttributesClass",
  plural: "volumeattributesclasses",
  returnsDeleted: true,
  singular: "volumeattributesclass",
  shortNames: ["vac"],
  namespaced: false,
  hasGeneration: false,
  validate: (object, old) =>
    validate(object as VolumeAttributesClass, old as VolumeAttributesClass | undefined),
  columns: [
    nameColumn,
    column<VolumeAttributesClass>("DriverName", "Whose volumes.", ({ driverName }) => driverName),
    ageColumn,
  ],
});

const parametersMax = 512;
const bytesMax = 256 * 1024;

function validate(made: VolumeAttributesClass, old: VolumeAttributesClass | undefined): FieldError[] {
  const faults = new Faults();
  const { driverName, parameters = {} } = made;
  if (!driverName) faults.required("driverName");
  else faults.key("driverName", driverName.toLowerCase());
  const pairs = Object.entries(parameters);
  if (pairs.length === 0) faults.required("parameters", "must contain at least one key/value pair");
  if (pairs.length > parametersMax) faults.tooLong("parameters", parametersMax);
  if (pairs.some(([key]) => key === "")) faults.invalid("parameters", "", "field can not be empty.");
  if (pairs.reduce((sum, [key, value]) => sum + key.length + value.length, 0) > bytesMax) {
    faults.tooLong("parameters", bytesMax);
  }
  if (old === undefined) return faults.errors;
  if (driverName !== old.driverName) {
    faults.forbidden("driverName", "updates to driverName are forbidden.");
  }
  if (!jsonEqual(parameters, old.parameters ?? {})) {
    faults.forbidden("parameters", "updates to parameters are forbidden.");
  }
  return faults.errors;
}
