import type { FieldError, KindDefinition, KubeObject, LabelSelector } from "@selvedge/apimachinery";
import { jsonEqual } from "@selvedge/base";
import { createdColumn, nameColumn } from "../columns.ts";
import { Faults, immutable } from "../faults.ts";
import { kindMessage, type Message, needed, object, pointer, quantity, text } from "../fields.ts";
import { builtIn } from "../kind.ts";
import { labelSelector } from "../meta-fields.ts";

/** How much a maker of volumes has left for some nodes. */
export interface CsiStorageCapacity extends KubeObject {
  apiVersion: "storage.k8s.io/v1";
  kind: "CSIStorageCapacity";
  nodeTopology?: LabelSelector;
  storageClassName: string;
  capacity?: string;
  maximumVolumeSize?: string;
}

const storageCapacity: Message = kindMessage(
  "How much a maker of volumes has left for some nodes. Kept: no Pod is placed by it.",
  {
    nodeTopology: object(2, labelSelector, "For which nodes.", pointer),
    storageClassName: text(3, "For volumes of which class.", needed),
    capacity: quantity(4, "How much.", pointer),
    maximumVolumeSize: quantity(5, "How much in one volume.", pointer),
  },
);

export const csiStorageCapacityKind: KindDefinition = builtIn(storageCapacity, {
  group: "storage.k8s.io",
  version: "v1",
  kind: "CSIStorageCapacity",
  plural: "csistoragecapacities",
  singular: "csistoragecapacity",
  namespaced: true,
  hasGeneration: false,
  unconditionalUpdate: false,
  validate: (object, old) => validate(object as CsiStorageCapacity, old as CsiStorageCapacity | undefined),
  columns: [nameColumn, createdColumn],
});

function validate(made: CsiStorageCapacity, old: CsiStorageCapacity | undefined): FieldError[] {
  const faults = new Faults();
  faults.selector("nodeTopology", made.nodeTopology);
  faults.subdomain("storageClassName", made.storageClassName);
  if (made.capacity?.startsWith("-")) {
    faults.invalid("capacity", made.capacity, "must be greater than or equal to 0");
  }
  if (old === undefined) return faults.errors;
  if (!jsonEqual(made.nodeTopology, old.nodeTopology)) {
    faults.invalid("nodeTopology", made.nodeTopology ?? null, immutable);
  }
  if (made.storageClassName !== old.storageClassName) {
    faults.invalid("storageClassName", made.storageClassName, immutable);
  }
  return faults.errors;
}
