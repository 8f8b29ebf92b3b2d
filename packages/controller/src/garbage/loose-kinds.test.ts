import assert from "node:assert/strict";
import { test } from "node:test";
import type { KubeObject } from "@selvedge/apimachinery";
import { Log, SeededRandom } from "@selvedge/base";
import type { Objects } from "@selvedge/client";
import { configMapKind } from "@selvedge/kinds";
import { ManualClock } from "../../test/manual-clock.ts";
import { LooseKinds } from "./loose-kinds.ts";

test("of objects that nobody else keeps only what says who owns whom is kept", async () => {
  const ownerReferences = [{ apiVersion: "v1", kind: "ConfigMap", name: "owner", uid: "o" }];
  const kept = {
    ...{ name: "a", namespace: "default", uid: "u", resourceVersion: "7" },
    ...{ finalizers: ["f"], ownerReferences },
  };
  const large = {
    labels: { a: "b" },
    annotations: { c: "x".repeat(1000) },
    managedFields: [{ manager: "m" }],
  };
  const object = { apiVersion: "v1", kind: "ConfigMap", metadata: { ...kept, ...large }, data: { a: "b" } };
  const objects = {
    list: async () => ({ items: [object], metadata: { resourceVersion: "7" } }),
    async *watch(_kind: unknown, { signal }: { signal: AbortSignal }) {
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
    },
  } as unknown as Objects;
  const clock = new ManualClock();
  const log = new Log("test", clock, () => undefined);
  const served = { kept: [configMapKind], all: [configMapKind], onChange: () => () => undefined };
  const loose = new LooseKinds({ objects, clock, random: new SeededRandom(1), log, served, cached: [] });
  const told = Promise.withResolvers<KubeObject | undefined>();
  const stop = loose.follow((_kind, _before, after) => told.resolve(after));
  assert.deepEqual(await told.promise, { apiVersion: "v1", kind: "ConfigMap", metadata: kept });
  stop();
});
