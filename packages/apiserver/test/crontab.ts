/** A custom kind with everything a definition can say, as tests apply it. */
import type { CustomResourceDefinition } from "../src/custom/definition.ts";

export function cronTabs(): CustomResourceDefinition {
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: "crontabs.stable.example.com" },
    spec: {
      group: "stable.example.com",
      scope: "Namespaced",
      names: { plural: "crontabs", kind: "CronTab", shortNames: ["ct"], categories: ["all"] },
      versions: [
        {
          ...{ name: "v1", served: true, storage: true },
          schema: {
            openAPIV3Schema: {
              type: "object",
              description: "Something that runs now and then.",
              properties: {
                apiVersion: { type: "string" },
                kind: { type: "string" },
                metadata: { type: "object" },
                spec: {
                  type: "object",
                  description: "What is wanted.",
                  required: ["cronSpec"],
                  "x-kubernetes-validations": [
                    {
                      rule: "!has(self.replicas) || self.image != 'one' || self.replicas == 1",
                      messageExpression:
                        "'%s runs once, not %s times'.format([self.image, string(self.replicas)])",
                      fieldPath: ".replicas",
                    },
                    { rule: "self.cronSpec == oldSelf.cronSpec", message: "cronSpec is immutable" },
                  ],
                  properties: {
                    cronSpec: { type: "string", pattern: "^\\S+( \\S+){4}$", description: "When it runs." },
                    image: { type: "string", default: "busybox" },
                    replicas: { type: "integer", minimum: 1, maximum: 10 },
                    port: { "x-kubernetes-int-or-string": true },
                    parts: {
                      type: "array",
                      "x-kubernetes-list-type": "map",
                      "x-kubernetes-list-map-keys": ["name"],
                      items: {
                        type: "object",
                        required: ["name"],
                        properties: { name: { type: "string" }, size: { type: "integer" } },
                      },
                    },
                  },
                },
                status: {
                  type: "object",
                  properties: { replicas: { type: "integer" }, labelSelector: { type: "string" } },
                },
              },
            },
          },
          subresources: {
            status: {},
            scale: {
              specReplicasPath: ".spec.replicas",
              statusReplicasPath: ".status.replicas",
              labelSelectorPath: ".status.labelSelector",
            },
          },
          selectableFields: [{ jsonPath: ".spec.image" }],
          additionalPrinterColumns: [
            { name: "Spec", type: "string", jsonPath: ".spec.cronSpec" },
            { name: "Replicas", type: "integer", jsonPath: ".spec.replicas" },
            { name: "Part", type: "string", jsonPath: '.spec.parts[?(@.name=="a")].size', priority: 1 },
            { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp" },
          ],
        },
        {
          ...{ name: "v1beta1", served: true, storage: false, deprecated: true },
          schema: {
            openAPIV3Schema: {
              type: "object",
              properties: { spec: { type: "object", properties: { cronSpec: { type: "string" } } } },
            },
          },
        },
      ],
    },
  };
}
