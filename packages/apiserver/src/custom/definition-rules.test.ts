import assert from "node:assert/strict";
import { it } from "node:test";
import { fieldErrorText } from "@selvedge/apimachinery";
import type { CustomResourceDefinition } from "./definition.ts";
import { definitionErrors } from "./definition-rules.ts";

it("a definition without a spec is told of each field that it lacks", () => {
  const bare = {
    ...{ apiVersion: "apiextensions.k8s.io/v1", kind: "CustomResourceDefinition" },
    metadata: { name: "tabs.lab.example.com" },
  } as CustomResourceDefinition;
  const errors = definitionErrors(bare, undefined).map(fieldErrorText);
  for (const field of ["spec.group", "spec.scope", "spec.names.plural", "spec.names.kind"])
    assert.ok(errors.includes(`${field}: Required value`), errors.join("\n"));
});

it("a definition has no short name, category or version that is none", () => {
  const versions = [{ name: "1.0", served: true, storage: true }];
  const spec = { group: "lab.example.com", names: { shortNames: [""], categories: [""] }, versions };
  const faulty = { metadata: { name: "tabs.lab.example.com" }, spec } as unknown as CustomResourceDefinition;
  const fields = definitionErrors(faulty, undefined).map(({ field }) => field);
  for (const field of [
    "spec.names.shortNames[0]",
    "spec.names.categories[0]",
    "spec.versions[0].name",
    "spec.version",
  ])
    assert.ok(fields.includes(field), fields.join("\n"));
});
