import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ProtobufMessage, Schema } from "@selvedge/apimachinery";
import { allKinds } from "./index.ts";

describe("every kind", () => {
  it("has a table of its own numbers, but for custom ones", () => {
    for (const kind of allKinds) {
      assert.equal(kind.protobuf === undefined, kind.custom === true, kind.kind);
      if (kind.protobuf) agree(kind.kind, kind.schema, withoutMetadata(kind.protobuf));
    }
  });

  it("describes every member", () => {
    for (const { kind, schema } of allKinds) {
      for (const [path, member] of members(schema, kind)) assert.ok(member.description, path);
    }
  });

  it("has no member whose name YAML 1.1 reads as no text, as kubectl does", () => {
    for (const { kind, schema } of allKinds) {
      for (const [path] of members(schema, kind)) assert.doesNotMatch(path, noText);
    }
  });

  it("keeps list keys that its items have", () => {
    for (const { kind, schema } of allKinds) {
      for (const [path, member] of members(schema, kind)) {
        for (const key of member["x-kubernetes-list-map-keys"] ?? []) {
          assert.ok(member.items?.properties?.[key], `${path}: ${key}`);
        }
      }
    }
  });
});

const noText = /\.(y|n|yes|no|on|off|true|false|null)$/i;

function withoutMetadata({ 1: _metadata, ...others }: ProtobufMessage): ProtobufMessage {
  return others;
}

/** A member is in the schema when it is in the table, and the other way round. */
function agree(path: string, schema: Schema, table: ProtobufMessage): void {
  const names: string[] = [];
  const visit = (fields: ProtobufMessage): void => {
    for (const field of Object.values(fields)) {
      const inner = typeof field.message === "function" ? field.message() : field.message;
      if (field.embedded && inner !== undefined) {
        visit(inner);
        continue;
      }
      names.push(field.name);
      const of = schema.properties?.[field.name];
      const items = of?.items ?? of;
      if (inner !== undefined && items?.properties !== undefined)
        agree(`${path}.${field.name}`, items, inner);
    }
  };
  visit(table);
  // A whole object within another says its kind in JSON only.
  const whole = schema.properties?.["metadata"] !== undefined;
  const inJson = Object.keys(schema.properties ?? {}).filter(
    (name) => !whole || (name !== "apiVersion" && name !== "kind"),
  );
  assert.deepEqual(names.sort(), inJson.sort(), path);
}

function* members(schema: Schema, path: string): Generator<[path: string, schema: Schema]> {
  for (const [name, member] of Object.entries(schema.properties ?? {})) {
    yield [`${path}.${name}`, member];
    yield* members(member.items ?? member, `${path}.${name}`);
  }
}
