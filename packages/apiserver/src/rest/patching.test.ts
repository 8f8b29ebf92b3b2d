import assert from "node:assert/strict";
import { it } from "node:test";
import { namespaceKind } from "@selvedge/kinds";
import { applyPatch } from "./patching.ts";

const stored = { apiVersion: "v1", kind: "Namespace", metadata: { name: "lab" } };
const patch = { apiVersion: "apps/v1", kind: "Deployment", metadata: { labels: { a: "b" } } };

it("a strategic merge patch may say another kind, and a merge patch may not", () => {
  const patched = applyPatch(namespaceKind, stored, "strategic", patch);
  assert.deepEqual(patched, { ...stored, metadata: { name: "lab", labels: { a: "b" } } });
  assert.throws(
    () => applyPatch(namespaceKind, stored, "merge", patch),
    /no kind \\?"Deployment\\?" is registered/,
  );
});
