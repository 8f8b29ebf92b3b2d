import type { KindDefinition } from "@selvedge/apimachinery";
import {
  type CustomResourceDefinition,
  cleanupFinalizer,
  type DefinitionSpec,
  setCondition,
} from "./definition.ts";
import { definitionErrors } from "./definition-rules.ts";
import { definitionMessage, definitionSchema } from "./definition-schema.ts";

const counted = new Set([
  ...["minimum", "maximum", "multipleOf", "minLength", "maxLength", "minItems", "maxItems"],
  // Of an operation of a patch, which may be any of these.
  ...["minProperties", "maxProperties", "value"],
]);

/** Served wherever there are CustomResources to follow it. */
export const definitionKind: KindDefinition = {
  group: "apiextensions.k8s.io",
  version: "v1",
  kind: "CustomResourceDefinition",
  plural: "customresourcedefinitions",
  singular: "customresourcedefinition",
  shortNames: ["crd", "crds"],
  categories: ["api-extensions"],
  namespaced: false,
  // Defaults and allowed values are of the user's kind; a bound is a double, as upstream has it.
  keepsIntegers: (member) => !counted.has(member),
  schema: definitionSchema,
  protobuf: definitionMessage,
  subresources: { status: true },
  unconditionalUpdate: false,
  columns: [
    { name: "Name", type: "string", format: "name", value: ({ metadata }) => metadata.name },
    {
      name: "Created At",
      type: "date",
      absolute: true,
      value: ({ metadata }) => metadata.creationTimestamp ?? null,
    },
  ],
  applyDefaults: (object) => complete(object as Partial<CustomResourceDefinition>),
  validate: (object, old) =>
    definitionErrors(object as CustomResourceDefinition, old as CustomResourceDefinition | undefined),
  beginDeletion: (object, time) => holdBack(object as CustomResourceDefinition, time),
};

function complete(definition: Partial<CustomResourceDefinition>): void {
  const spec = definition.spec as Partial<DefinitionSpec> | undefined;
  if (spec === undefined) return;
  const { names } = spec;
  if (names?.kind) {
    names.singular ||= names.kind.toLowerCase();
    names.listKind ||= `${names.kind}List`;
  }
  spec.conversion ??= { strategy: "None" };
  const { service } = spec.conversion.webhook?.clientConfig ?? {};
  if (service !== undefined) Object.assign(service, { port: service.port ?? 443 });
  const storage = spec.versions?.find((version) => version.storage)?.name;
  if (storage === undefined) return;
  const stored = definition.status?.storedVersions ?? [];
  if (stored.includes(storage)) return;
  definition.status = { ...definition.status, storedVersions: [...stored, storage] };
}

/** It stays until the objects of its kind are gone, and says so. */
function holdBack(definition: CustomResourceDefinition, time: string): void {
  const { finalizers = [] } = definition.metadata;
  if (!finalizers.includes(cleanupFinalizer)) {
    definition.metadata.finalizers = [...finalizers, cleanupFinalizer];
  }
  const message = "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon";
  const condition = {
    type: "Terminating",
    status: "True",
    reason: "InstanceDeletionPending",
    message,
  } as const;
  setCondition(definition, condition, time);
}
