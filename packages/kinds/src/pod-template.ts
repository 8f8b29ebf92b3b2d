import type { KindDefinition, KubeObject } from "@selvedge/apimachinery";
import { column, labelsText, nameColumn } from "./columns.ts";
import { Faults } from "./faults.ts";
import { kindMessage, type Message, object } from "./fields.ts";
import { builtIn } from "./kind.ts";
import { podTemplateSpec } from "./pod/pod-fields.ts";
import type { PodTemplateSpec } from "./pod/pod-types.ts";
import { checkTemplate } from "./pod/validate-pod.ts";
import { defaultTemplate } from "./workload-rules.ts";

export interface PodTemplate extends KubeObject {
  apiVersion: "v1";
  kind: "PodTemplate";
  template?: PodTemplateSpec;
}

const podTemplate: Message = kindMessage("What Pods are made from, kept for whoever makes them.", {
  template: object(2, podTemplateSpec, "What Pods are made from."),
});

export const podTemplateKind: KindDefinition = builtIn(podTemplate, {
  group: "",
  version: "v1",
  kind: "PodTemplate",
  plural: "podtemplates",
  returnsDeleted: true,
  singular: "podtemplate",
  namespaced: true,
  hasGeneration: true,
  applyDefaults: (object) => defaultTemplate(object as PodTemplate),
  validate: (object) => {
    const faults = new Faults();
    const { template } = object as PodTemplate;
    if (template !== undefined) checkTemplate(faults, "template", template, ["Always", "OnFailure", "Never"]);
    return faults.errors;
  },
  columns: [
    nameColumn,
    column<PodTemplate>("Containers", "Names of its containers.", (one) => partsOf(one, "name")),
    column<PodTemplate>("Images", "Images of its containers.", (one) => partsOf(one, "image")),
    column<PodTemplate>("Pod Labels", "Labels of the Pods.", ({ template }) =>
      labelsText(template?.metadata?.labels),
    ),
  ],
});

function partsOf({ template }: PodTemplate, part: "name" | "image"): string {
  return (template?.spec.containers ?? []).map((container) => container[part] ?? "").join(",");
}
