import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { admit } from "../test/admit.ts";
import { patchEnvelopeKind } from "./index.ts";

const file = { name: "a", configMapKeyRef: { name: "m", key: "k" } };
const of = (...files: object[]): object => ({ spec: { selector: {}, files } });

const noName = `"A B" is not a repository name: lower-case letters, digits, '.', '_', '-', '/'`;

const rows: readonly (readonly [what: string, object: object, ...errors: string[]])[] = [
  [
    "from each place",
    of(file, { name: "b", secretKeyRef: { name: "s", key: "k" } }, { name: "c", image: "m/x:1" }),
  ],
  ["for nobody it names", { spec: { files: [file] } }, "spec.selector: Required value"],
  ["of no file", of(), "spec.files: Invalid value: 0: spec.files in body should have at least 1 items"],
  [
    "from nowhere",
    of({ name: "a" }),
    "spec.files[0]: Required value: a file comes from one of configMapKeyRef, secretKeyRef and image",
  ],
  [
    "from two places",
    of({ ...file, image: "m/x:1" }),
    "spec.files[0].image: Forbidden: a file comes from one place: leave configMapKeyRef or this out",
  ],
  [
    "with a path for a name",
    of({ ...file, name: "../a" }),
    'spec.files[0].name: Invalid value: "../a": is part of an address: it must be a file name without slashes',
  ],
  ["with two of a name", of(file, file), 'spec.files[1]: Duplicate value: {"name":"a"}'],
  [
    "from an image that is none",
    of({ name: "a", image: "A B" }),
    `spec.files[0].image: Invalid value: "A B": ${noName}`,
  ],
  [
    "with an odd selector",
    { spec: { selector: { matchExpressions: [{ key: "a", operator: "Near" }] }, files: [file] } },
    'spec.selector.matchExpressions[0].operator: Invalid value: "Near": not a valid selector operator',
  ],
];

describe("a patch envelope", () => {
  for (const [what, object, ...errors] of rows) {
    it(what, () => {
      const { errors: found } = admit(patchEnvelopeKind, {
        ...{ metadata: { name: "x", namespace: "default" } },
        ...object,
      });
      assert.deepEqual(found, errors);
    });
  }
});
