/**
 * Definitions that others publish: none is refused, and what a rule of theirs can cost is what upstream's own compiler
 * says, for by that a definition is taken or refused.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { fieldErrorText, type Schema } from "@selvedge/apimachinery";
import { parseAllDocuments } from "yaml";
import { compileRules } from "../../packages/apimachinery/src/cel/rules.ts";
import type { CustomResourceDefinition } from "../../packages/apiserver/src/custom/definition.ts";
import { definitionKind } from "../../packages/apiserver/src/custom/definition-kind.ts";
import { definitionErrors } from "../../packages/apiserver/src/custom/definition-rules.ts";
import { buildLargeGo, fetchGoModule } from "./go-program.ts";

const bundles: readonly (readonly [module: string, folder: string])[] = [
  ["github.com/cert-manager/cert-manager@v1.21.2", "deploy/crds"],
  ["github.com/cilium/cilium@v1.20.2", "pkg/k8s/apis/cilium.io/client/crds"],
  ["github.com/external-secrets/external-secrets@v1.3.2", "config/crds/bases"],
  ["github.com/prometheus-operator/prometheus-operator@v0.85.0", "example/prometheus-operator-crd"],
  ["istio.io/api@v1.32.0", "kubernetes"],
  ["sigs.k8s.io/gateway-api@v1.4.0", "config/crd"],
];

const program = buildLargeGo("rules");
/** Upstream's numbers are of 64 bits; what is beyond this is refused in any case. */
const dear = 2 ** 53;

/** Where a rule is, which of those there, what it costs, what its message costs, whether it is refused. */
type Row = readonly [path: string, index: number, cost: number, messageCost: number, refused: boolean];

describe("definitions of others", { skip: typeof program === "string" ? program : false }, () => {
  for (const [name, folder] of bundles) {
    const module = typeof program === "string" ? program : fetchGoModule(name);
    it(name, { skip: typeof module === "string" ? module : false }, () => {
      assert.ok(typeof program === "function" && typeof module === "object");
      const definitions = definitionsBelow(join(module.folder, folder));
      assert.ok(definitions.length > 5);
      const theirs = program(definitions.map((definition) => JSON.stringify(definition)));
      for (const [index, definition] of definitions.entries()) {
        const { name: named } = definition.metadata;
        definitionKind.applyDefaults?.(definition);
        assert.deepEqual(definitionErrors(definition, undefined).map(fieldErrorText), [], named);
        const ours = definition.spec.versions.flatMap(({ name: version, schema }) =>
          rowsOf(schema?.openAPIV3Schema, version, true),
        );
        const wanted = JSON.parse(theirs[index] ?? "[]") as readonly Row[];
        assert.deepEqual(sorted(ours), sorted(wanted), named);
      }
    });
  }
});

function definitionsBelow(folder: string): CustomResourceDefinition[] {
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((file) =>
    file.endsWith(".yaml"),
  );
  const documents = files.flatMap((file) => parseAllDocuments(readFileSync(join(folder, file), "utf8")));
  return documents
    .map((document) => document.toJS() as CustomResourceDefinition | null)
    .filter((object) => object !== null)
    .filter(({ kind }) => kind === "CustomResourceDefinition");
}

function rowsOf(schema: Schema | undefined, path: string, isRoot: boolean): Row[] {
  if (schema === undefined) return [];
  const isResource = isRoot || schema["x-kubernetes-embedded-resource"] === true;
  const { properties = {}, additionalProperties: others, items } = schema;
  return [
    ...compileRules(schema, isResource).map(
      ({ cost, messageCost, fault }, index): Row => [path, index, cost, messageCost, fault !== undefined],
    ),
    ...Object.entries(properties).flatMap(([name, inner]) => rowsOf(inner, `${path}.${name}`, false)),
    ...rowsOf(typeof others === "object" ? others : undefined, `${path}[*]`, false),
    ...rowsOf(items, `${path}[]`, false),
  ];
}

function sorted(rows: readonly Row[]): string[] {
  return rows
    .map(([path, index, cost, messageCost, refused]) =>
      JSON.stringify([path, index, Math.min(cost, dear), Math.min(messageCost, dear), refused]),
    )
    .sort();
}
