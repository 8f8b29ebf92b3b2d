/** The examples are what a newcomer applies first: each must be admitted as it is. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import type { KubeObject } from "@selvedge/apimachinery";
import { parseAllDocuments } from "yaml";
import { allKinds } from "./index.ts";
import { admit } from "./test/admit.ts";

const folder = join(import.meta.dirname, "../../../examples");

for (const file of readdirSync(folder).filter((name) => name.endsWith(".yaml"))) {
  describe(`examples/${file}`, () => {
    const documents = parseAllDocuments(readFileSync(join(folder, file), "utf8"), { version: "1.1" });
    for (const document of documents) {
      const object = document.toJS() as KubeObject;
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
