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
