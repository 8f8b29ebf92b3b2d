import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { restoreFault } from "./go-words.ts";

describe("a strategic merge patch in Go's words", () => {
  const rows: readonly (readonly [said: string, value: string, restored: string])[] = [
    ["string", "ObjectMeta.metadata.labels of type map[string]string", "cannot restore map from string"],
    [
      "array",
      "Container.spec.containers.resources.limits of type v1.ResourceList",
      "cannot restore map from slice",
    ],
    ["object", "PodSpec.spec.containers of type []v1.Container", "cannot restore slice from map"],
    ["string", "Pod.spec of type v1.PodSpec", "cannot restore struct from: string"],
    ["number", "PodSpec.spec.hostname of type string", "cannot convert int64 to string"],
  ];
  for (const [said, value, restored] of rows) {
    it(restored, () => {
      assert.equal(restoreFault(`json: cannot unmarshal ${said} into Go struct field ${value}`), restored);
    });
  }

  it("leaves what is no decoder's", () => {
    const other = 'strict decoding error: unknown field "a"';
    assert.equal(restoreFault(other), other);
  });
});
