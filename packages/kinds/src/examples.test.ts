/** The examples are what a newcomer applies first: each must be admitted as it is. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
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
        assert.deepEqual(admit(kind, object).errors, []);
      });
    }
  });
}
