import type { FieldError, KindDefinition, KubeObject } from "@selvedge/apimachinery";
import { jsonEqual } from "@selvedge/base";
import { ageColumn, counts, nameColumn } from "../columns.ts";
import { Faults, immutable } from "../faults.ts";
import {
  atomic,
  byKeys,
  int32,
  kindMessage,
  type Message,
  message,
  needed,
  object,
  objects,
  pointer,
  text,
  texts,
} from "../fields.ts";
import { builtIn } from "../kind.ts";

/** Makers of volumes that a node has. */
export interface CsiNode extends KubeObject {
  apiVersion: "storage.k8s.io/v1";
  kind: "CSINode";
  spec?: { drivers?: NodeDriver[] };
}

interface NodeDriver {
  name: string;
  nodeID: string;
  topologyKeys?: string[];
  allocatable?: { count?: number };
}

const allocatable: Message = message("How many volumes.", { count: int32(1, "So many.", pointer) });

const nodeDriver: Message = message("A maker of volumes.", {
  name: text(1, "Its name.", needed),
  nodeID: text(2, "What it calls the node.", needed),
  topologyKeys: texts(3, "Labels of nodes that it goes by.", atomic),
  allocatable: object(4, allocatable, "How many of its volumes the node can have.", pointer),
});

const nodeSpec: Message = message("Which.", {
  // Upstream takes none for none.
  drivers: objects(1, nodeDriver, "Makers of volumes.", byKeys("name")),
});

const csiNode: Message = kindMessage("Makers of volumes that a node has. Kept: nodes here have none.", {
  spec: object(2, nodeSpec, "Which.", needed),
});

export const csiNodeKind: KindDefinition = builtIn(csiNode, {
  group: "storage.k8s.io",
  version: "v1",
  kind: "CSINode",
  plural: "csinodes",
  returnsDeleted: true,
  singular: "csinode",
  namespaced: false,
  hasGeneration: false,
  unconditionalUpdate: false,
  validate: (object, old) => validate(object as CsiNode, old as CsiNode | undefined),
  columns: [
    nameColumn,
    counts<CsiNode>("Drivers", "How many makers of volumes it has.", ({ spec }) => spec?.drivers?.length),
    ageColumn,
  ],
});

const idMax = 256;

function validate({ spec: { drivers = [] } = {} }: CsiNode, old: CsiNode | undefined): FieldError[] {
  const faults = new Faults();
  const names = new Set<string>();
  for (const [index, driver] of drivers.entries()) {
    const at = `spec.drivers[${index}]`;
    const { name = "", nodeID = "", topologyKeys = [], allocatable: volumes } = driver;
    faults.subdomain(`${at}.name`, name.toLowerCase());
    if (names.has(name)) faults.duplicate(`${at}.name`, name);
    names.add(name);
    if (!nodeID) faults.required(`${at}.nodeID`);
    if (nodeID.length > idMax) faults.invalid(`${at}.nodeID`, nodeID, `must be ${idMax} characters or less`);
    faults.atLeastZero(`${at}.allocatable.count`, volumes?.count);
    const keys = new Set<string>();
    for (const key of topologyKeys) {
      if (keys.has(key)) faults.duplicate(at, key);
      keys.add(key);
      faults.key(at, key);
    }
    const before = old?.spec?.drivers?.find((one) => one.name === name);
    if (before === undefined) continue;
    const { allocatable: _was, ...fixed } = before;
    const { allocatable: _is, ...now } = driver;
    if (!jsonEqual(fixed, now)) faults.invalid("spec.drivers", driver, immutable);
  }
  return faults.errors;
}
