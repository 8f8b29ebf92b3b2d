import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Container, Pod } from "@selvedge/kinds";
import { environmentOf } from "./environment.ts";

describe("a path below a volume", () => {
  const pod = { metadata: { name: "a", namespace: "b" }, spec: { containers: [] } } as unknown as Pod;
  const field = (path: string): object => ({ valueFrom: { fieldRef: { fieldPath: path } } });
  const container = {
    name: "c",
    env: [
      { name: "NAME", value: "foo" },
      { name: "ROOT", value: "/tmp" },
      { name: "UP", value: ".." },
      { name: "NONE", ...field("metadata.annotations['none']") },
      { name: "IP", ...field("status.podIP") },
    ],
  } as unknown as Container;
  const sources = { configMap: () => undefined, secret: () => undefined, node: undefined, services: [] };
  const { resolvePath } = environmentOf(pod, container, sources);

  it("has variables in it", () => {
    assert.equal(resolvePath("a/$(NAME)"), "a/foo");
    assert.equal(resolvePath("$$(NAME)"), "$(NAME)");
  });
  const rows: [text: string, fault: string][] = [
    ["$(WHO)", 'missing value for "WHO"'],
    ["$(NONE)/$(NAME)", 'missing value for "NONE"'],
    ["$(ROOT)", "error SubPath `/tmp` must not be an absolute path"],
    ["a/$(UP)", "unable to provision SubPath `a/..`: it contains '..'"],
    ["$(IP)", '"$(IP)" refers to a variable that only the node knows'],
  ];
  for (const [text, message] of rows)
    it(`is none: ${text}`, () => {
      assert.throws(() => resolvePath(text), { reason: "CreateContainerConfigError", message });
    });
});
