/** CustomResourceDefinition: a kind that a user brings. */
import type { Condition, KubeObject, Schema } from "@selvedge/apimachinery";
import type { HookTarget } from "../admission/webhook/hook-client.ts";

export interface CustomResourceDefinition extends KubeObject {
  spec: DefinitionSpec;
  status?: DefinitionStatus;
}

export interface DefinitionSpec {
  group: string;
  names: DefinitionNames;
  scope: "Cluster" | "Namespaced";
  versions: DefinitionVersion[];
  conversion?: DefinitionConversion;
  preserveUnknownFields?: boolean;
}

export interface DefinitionNames {
  plural: string;
  singular?: string;
  shortNames?: string[];
  kind: string;
  listKind?: string;
  categories?: string[];
}

export interface DefinitionVersion {
  name: string;
  served: boolean;
  storage: boolean;
  deprecated?: boolean;
  deprecationWarning?: string;
  schema?: { openAPIV3Schema?: Schema };
  subresources?: {
    status?: object;
    scale?: { specReplicasPath: string; statusReplicasPath: string; labelSelectorPath?: string };
  };
  additionalPrinterColumns?: PrinterColumn[];
  selectableFields?: { jsonPath: string }[];
}

export interface PrinterColumn {
  name: string;
  type: string;
  format?: string;
  description?: string;
  priority?: number;
  jsonPath: string;
}

export interface DefinitionConversion {
  strategy: string;
  webhook?: { clientConfig?: HookTarget; conversionReviewVersions?: string[] };
}

export interface DefinitionStatus {
  conditions?: Condition[];
  acceptedNames?: DefinitionNames;
  storedVersions?: string[];
}

export type DefinitionConditionType = "NamesAccepted" | "Established" | "Terminating" | "NonStructuralSchema";

/** Holds a definition until all objects of its kind are gone. */
export const cleanupFinalizer = "customresourcecleanup.apiextensions.k8s.io";

export function conditionOf(
  { status }: CustomResourceDefinition,
  type: DefinitionConditionType,
): Condition | undefined {
  return status?.conditions?.find((condition) => condition.type === type);
}

export function hasCondition(definition: CustomResourceDefinition, type: DefinitionConditionType): boolean {
  return conditionOf(definition, type)?.status === "True";
}

/** Puts a condition in its place; the time stays when the status does. */
export function setCondition(definition: CustomResourceDefinition, condition: Condition, time: string): void {
  const conditions = [...(definition.status?.conditions ?? [])];
  const at = conditions.findIndex(({ type }) => type === condition.type);
  const before = conditions[at];
  const since = before?.status === condition.status ? before.lastTransitionTime : time;
  const { type, status: state, reason = "", message = "" } = condition;
  const next: Condition = { lastTransitionTime: since ?? time, message, reason, status: state, type };
  if (at < 0) conditions.push(next);
  else conditions[at] = next;
  definition.status = { ...definition.status, conditions };
}
