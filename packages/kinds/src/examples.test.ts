/** The examples are what a newcomer applies first: each must be admitted as it is. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { KubeObject } from "@selvedge/apimachinery";
import { admit } from "../test/admit.ts";
import { examples } from "../test/examples.ts";
import { allKinds } from "./index.ts";

for (const { file, objects } of examples()) {
  describe(`examples/${file}`, () => {
    for (const object of objects) {
      it(`${object.kind} ${object.metadata.name} is right`, () => {
        const kind = allKinds.find(
          (one) => one.kind === object.kind && `${one.group}/${one.version}`.endsWith(object.apiVersion),
        );
        assert.ok(kind !== undefined, `${object.apiVersion} ${object.kind} is not served`);
        object.metadata.namespace ??= "default";
        const admitted = admit(kind, object);
        assert.deepEqual(admitted.errors, []);
        // The server shares the rest with what is stored when a write changes only a status or metadata:
        // defaults
        // that depend on those would change what is stored.
        const { metadata, status: _status, ...content } = structuredClone(admitted.object);
        const labels = { ...metadata.labels, added: "later" };
        const changed = { ...structuredClone(content), metadata: { ...metadata, labels } };
        kind.applyDefaults?.(changed as KubeObject);
        const { metadata: _metadata, status: _made, ...after } = changed as KubeObject;
        assert.deepEqual(after, content);
      });
    }
  });
}
