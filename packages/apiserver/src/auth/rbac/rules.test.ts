import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { allowsPath, allowsResource, compact, describeRule, notCovered, type PolicyRule } from "./rules.ts";

const reads: PolicyRule = { verbs: ["get", "list"], apiGroups: [""], resources: ["pods"] };
const logs: PolicyRule = { verbs: ["get"], apiGroups: [""], resources: ["pods/log"] };
const anyStatus: PolicyRule = { verbs: ["*"], apiGroups: ["*"], resources: ["*/status"] };
const everything: PolicyRule = { verbs: ["*"], apiGroups: ["*"], resources: ["*"] };
const one: PolicyRule = { ...reads, resourceNames: ["web"] };
const paths: PolicyRule = { verbs: ["get"], nonResourceURLs: ["/healthz/*", "/version"] };

describe("a rule and a request", () => {
  const rows: readonly [
    PolicyRule,
    may: boolean,
    verb: string,
    resource: string,
    name?: string,
    group?: string,
  ][] = [
    [reads, true, "get", "pods"],
    [reads, false, "watch", "pods"],
    [reads, false, "get", "pods/log"],
    [reads, false, "get", "pods", "", "apps"],
    [logs, true, "get", "pods/log", "web"],
    [logs, false, "get", "pods", "web"],
    [anyStatus, true, "update", "deployments/status", "web", "apps"],
    [anyStatus, false, "update", "deployments", "web", "apps"],
    [anyStatus, false, "update", "status", "web", "apps"],
    [everything, true, "escalate", "clusterroles/any", "x", "rbac.authorization.k8s.io"],
    [one, true, "get", "pods", "web"],
    [one, false, "get", "pods", "other"],
    [one, false, "list", "pods"],
    [paths, false, "get", "pods"],
  ];
  for (const [rule, may, verb, whole, name = "", group = ""] of rows) {
    const [resource = "", subresource = ""] = whole.split("/");
    it(`${describeRule(rule)} ${may ? "allows" : "does not allow"} ${verb} ${whole} ${name}`, () => {
      assert.equal(allowsResource(rule, { verb, group, resource, subresource, name }), may);
    });
  }

  const urls: readonly [PolicyRule, may: boolean, verb: string, path: string][] = [
    [paths, true, "get", "/healthz/etcd"],
    [paths, false, "get", "/healthz"],
    [paths, true, "get", "/version"],
    [paths, false, "get", "/version/"],
    [paths, false, "post", "/version"],
    [{ verbs: ["*"], nonResourceURLs: ["*"] }, true, "put", "/anything"],
    [everything, false, "get", "/version"],
  ];
  for (const [rule, may, verb, path] of urls) {
    it(`${describeRule(rule)} ${may ? "allows" : "does not allow"} ${verb} ${path}`, () => {
      assert.equal(allowsPath(rule, verb, path), may);
    });
  }
});

describe("what some rules allow and others do not", () => {
  const many: PolicyRule = {
    verbs: ["get", "list"],
    apiGroups: ["", "apps"],
    resources: ["pods", "*/status"],
  };
  const rows: readonly [owned: PolicyRule[], wanted: PolicyRule[], missing: string[]][] = [
    [[everything], [many, logs, anyStatus, everything], []],
    [[reads], [reads], []],
    [[reads], [one], []],
    [[one], [reads], ['{APIGroups:[""], Resources:["pods"], Verbs:["get" "list"]}']],
    [[reads], [logs], ['{APIGroups:[""], Resources:["pods/log"], Verbs:["get"]}']],
    [[anyStatus], [{ verbs: ["get"], apiGroups: ["a"], resources: ["pods/status"] }], []],
    [[reads, logs], [{ verbs: ["get"], apiGroups: [""], resources: ["pods", "pods/log"] }], []],
    [[paths], [{ verbs: ["get"], nonResourceURLs: ["/healthz/*", "/healthz/a"] }], []],
    [[paths], [{ verbs: ["get"], nonResourceURLs: ["/*"] }], ['{NonResourceURLs:["/*"], Verbs:["get"]}']],
    [
      [{ verbs: ["get"], apiGroups: [""], resources: ["pods"], resourceNames: ["a"] }],
      [{ verbs: ["get"], apiGroups: [""], resources: ["pods"], resourceNames: ["a", "b"] }],
      ['{APIGroups:[""], Resources:["pods"], ResourceNames:["b"], Verbs:["get"]}'],
    ],
    [[reads], [everything], ['{APIGroups:["*"], Resources:["*"], Verbs:["*"]}']],
  ];
  for (const [owned, wanted, missing] of rows) {
    it(`${owned.map(describeRule)} lacks ${missing} of ${wanted.map(describeRule)}`, () => {
      assert.deepEqual(compact(notCovered(owned, wanted)).map(describeRule), missing);
    });
  }
});
