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

it("a patch need not leave what a built-in kind is called", () => {
  const patched = applyPatch(namespaceKind, stored, "merge", { apiVersion: null, kind: null });
  assert.deepEqual(patched, stored);
});

it("more operations than are read are too much, not wrong", () => {
  const operations = Array.from({ length: 10_001 }, () => ({
    op: "test",
    path: "/kind",
    value: "Namespace",
  }));
  const message =
    "Request entity too large: The allowed maximum operations in a JSON patch is 10000, got 10001";
  assert.throws(() => applyPatch(namespaceKind, stored, "json", operations), {
    code: 413,
    message,
    details: undefined,
  });
});
