/**
 * Whatever a manifest leaves out or leaves empty, it is admitted or refused with words: nothing is thrown.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type KindDefinition, type KubeObject, validateSchema } from "@selvedge/apimachinery";
import { below, type Random, SeededRandom } from "@selvedge/base";
import { admit } from "../test/admit.ts";
import { examples } from "../test/examples.ts";
import { allKinds, edgeNodeKind, eventKind, nodeKind, replicaSetKind } from "./index.ts";

const rounds = 300;

function kindOf(object: KubeObject): KindDefinition {
  const found = allKinds.find(({ kind }) => kind === object.kind);
  assert.ok(found !== undefined);
  return found;
}

/** Right manifests, with as many members as there are. */
function seeds(): (readonly [KindDefinition, KubeObject])[] {
  const all = examples().flatMap(({ objects }) => objects);
  const deployment = all.find(({ kind }) => kind === "Deployment");
  const metadata = { name: "a" };
  const more: (readonly [KindDefinition, object])[] = [
    [replicaSetKind, { spec: deployment?.["spec"] }],
    [
      nodeKind,
      {
        spec: { taints: [{ key: "a", value: "b", effect: "NoSchedule" }] },
        status: { capacity: { cpu: "1" } },
      },
    ],
    [
      edgeNodeKind,
      { spec: { serial: "1", labels: { a: "b" }, settings: { "timer.config.interval": "60" } } },
    ],
    [eventKind, { involvedObject: { kind: "Pod", namespace: "a", name: "b" }, source: { component: "c" } }],
  ];
  return [
    ...all.map((object) => [kindOf(object), object] as const),
    ...more.map(
      ([kind, object]) => [kind, { apiVersion: "", kind: kind.kind, metadata, ...object }] as const,
    ),
  ];
}

/** Takes something out, or empties it. */
function mutate(value: unknown, random: Random): void {
  let at = value as Record<string, unknown>;
  for (;;) {
    const keys = Object.keys(at).filter(
      (key) => !["apiVersion", "kind", "metadata"].includes(key) || at !== value,
    );
    const key = keys[below(random, keys.length)];
    if (key === undefined) return;
    const inner = at[key];
    const goesIn = typeof inner === "object" && inner !== null && random.next() < 0.8;
    if (goesIn) {
      at = inner as Record<string, unknown>;
      continue;
    }
    if (random.next() < 0.5 && !Array.isArray(at)) delete at[key];
    else at[key] = emptyOf(inner);
    return;
  }
}

function emptyOf(value: unknown): unknown {
  if (Array.isArray(value)) return [];
  if (typeof value === "object") return {};
  if (typeof value === "number") return 0;
  return typeof value === "string" ? "" : value;
}

describe("a manifest with something missing", () => {
  for (const [kind, right] of seeds()) {
    it(`of ${kind.kind} ${right.metadata.name} is admitted or refused`, () => {
      const random = new SeededRandom(7);
      for (let round = 0; round < rounds; round++) {
        const object = structuredClone(right);
        object.metadata.namespace ??= "default";
        for (let change = below(random, 4); change >= 0; change--) mutate(object, random);
        const wrongType = validateSchema(kind.schema, object).some(
          ({ type }) => type === "FieldValueTypeInvalid",
        );
        if (wrongType) continue;
        const admitted = admit(kind, object);
        const again = admit(kind, admitted.object, admitted.object);
        assert.deepEqual(again.object, admitted.object, "defaults change nothing the second time");
      }
    });
  }
});
