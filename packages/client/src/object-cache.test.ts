import assert from "node:assert/strict";
import { test } from "node:test";
import type { KubeObject } from "@selvedge/apimachinery";
import { ObjectCache } from "./object-cache.ts";
import type { ObjectKey } from "./object-key.ts";

test("a list is taken over an object a step, over what was there as over nothing", () => {
  let looks = 0;
  const object = (name: string, resourceVersion: string): KubeObject => ({
    ...{ apiVersion: "v1", kind: "ConfigMap" },
    get metadata() {
      looks++;
      return { name, resourceVersion };
    },
  });
  const listed = Array.from({ length: 100 }, (_, n) => object(`n${n}`, `${n + 10}`));
  const cache = new ObjectCache<KubeObject>({});
  for (const [held, gone] of [
    [[], []],
    [[object("old", "3"), object("n7", "4"), object("later", "200")], ["old"]],
  ] as const) {
    for (const one of held) cache.put(one);
    let most = 0;
    looks = 0;
    for (const _change of cache.replace(listed, "150", false)) {
      most = Math.max(most, looks);
      looks = 0;
    }
    assert.ok(most <= 10, `${most} looks in one step`);
    for (const name of gone) assert.equal(cache.get(name as ObjectKey), undefined);
    assert.equal(cache.size, held.length === 0 ? 100 : 101);
  }
});
