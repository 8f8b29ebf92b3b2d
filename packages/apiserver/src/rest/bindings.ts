/** `bindings`: what `pods/binding` takes, posted by schedulers that know no parts of Pods. */
import type { KindDefinition } from "@selvedge/apimachinery";
import type { VirtualKind } from "../auth/review-kinds.ts";
import type { ObjectRegistry } from "./object-registry.ts";
import { bindingMessage } from "./pod-part-messages.ts";
import { bindPod } from "./pod-parts.ts";
import { badRequest } from "./refusals.ts";

const text = { type: "string" } as const;

const bindingDefinition: KindDefinition = {
  ...{ group: "", version: "v1", kind: "Binding", plural: "bindings", singular: "binding" },
  ...{ namespaced: true, columns: [], protobuf: bindingMessage },
  schema: {
    type: "object",
    description: "Gives a Pod its node.",
    required: ["target"],
    properties: {
      target: {
        type: "object",
        description: "The node.",
        properties: {
          ...{ apiVersion: text, fieldPath: text, kind: text, name: text, namespace: text },
          ...{ resourceVersion: text, uid: text },
        },
      },
    },
  },
};

/** Nothing where there are no Pods. */
export function bindings(objects: ObjectRegistry): VirtualKind[] {
  const pods = objects.table.own.find(({ group, plural }) => group === "" && plural === "pods");
  if (pods === undefined) return [];
  return [
    {
      ...{ kind: bindingDefinition, isDone: true },
      answer: async (binding, _asker, options) => {
        if (!binding.metadata.name) throw badRequest("Name parameter required.");
        await bindPod(objects, pods, binding, options);
        return {};
      },
    },
  ];
}
