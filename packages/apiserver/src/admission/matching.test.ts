import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { KindDefinition, KubeObject, Labels } from "@selvedge/apimachinery";
import { isExempt, type MatchCriteria, type Matched, Matcher, type ResourceRule } from "./matching.ts";

const rest = { columns: [], schema: { type: "object" }, singular: "" } as const;
const pods: KindDefinition = {
  ...{ ...rest, group: "", version: "v1", kind: "Pod", plural: "pods", namespaced: true },
};
const nodes: KindDefinition = { ...pods, kind: "Node", plural: "nodes", namespaced: false };
const namespaces: KindDefinition = { ...nodes, kind: "Namespace", plural: "namespaces" };
const versions: KindDefinition[] = ["v1", "v2"].map((version) => ({
  ...{ ...rest, group: "lab.example", version, kind: "Gadget", plural: "gadgets", namespaced: true },
  view: {
    of: { group: "lab.example", plural: "gadgets" },
    ...{ read: (object) => object, write: (object) => object, siblings: () => versions },
  },
}));
const [gadgets = pods, gadgets2 = pods] = versions;

const labels: Readonly<Record<string, Labels>> = { shop: { team: "a" }, bare: {} };

function object(kind: KindDefinition, metadata: object): KubeObject {
  return { apiVersion: kind.version, kind: kind.kind, metadata: { name: "one", ...metadata } };
}

function request(kind: KindDefinition, more: Partial<Matched> = {}): Matched {
  const namespace = kind.namespaced ? "shop" : undefined;
  return {
    ...{ operation: "CREATE", kind, subresource: undefined, namespace, name: "one", old: undefined },
    ...{ object: object(kind, { labels: { app: "web" } }), ...more },
  };
}

const all: ResourceRule = { operations: ["*"], apiGroups: ["*"], apiVersions: ["*"], resources: ["*"] };
const onPods: ResourceRule = { ...all, apiGroups: [""], apiVersions: ["v1"], resources: ["pods"] };
const onGadgets: ResourceRule = { ...all, apiGroups: ["lab.example"], apiVersions: ["v2"] };
const rule = (more: ResourceRule): MatchCriteria => ({ resourceRules: [{ ...onPods, ...more }] });
const update = { operation: "UPDATE", subresource: "status" } as const;
const labelled = (value: string): MatchCriteria => ({ objectSelector: { matchLabels: { app: value } } });
const teams = (value: string): MatchCriteria => ({ namespaceSelector: { matchLabels: { team: value } } });
const gone: Partial<Matched> = {
  ...{ operation: "DELETE", object: undefined, old: object(pods, { labels: { app: "web" } }) },
};

const rows: readonly (readonly [
  what: string,
  criteria: MatchCriteria,
  request: Matched,
  kind: KindDefinition | undefined,
])[] = [
  ["no rules fit everything", {}, request(pods), pods],
  ["a rule for it", rule({}), request(pods), pods],
  ["another group", rule({ apiGroups: ["apps"] }), request(pods), undefined],
  ["another version", rule({ apiVersions: ["v2"] }), request(pods), undefined],
  ["another resource", rule({ resources: ["nodes"] }), request(pods), undefined],
  ["its operation", rule({ operations: ["UPDATE", "CREATE"] }), request(pods), pods],
  ["another operation", rule({ operations: ["UPDATE"] }), request(pods), undefined],
  ["a resource does not have its parts", rule({}), request(pods, update), undefined],
  ["nor has the wildcard", rule({ resources: ["*"] }), request(pods, update), undefined],
  ["a part by name", rule({ resources: ["pods/status"] }), request(pods, update), pods],
  ["all parts", rule({ resources: ["pods/*"] }), request(pods, update), pods],
  ["all parts are the whole too", rule({ resources: ["pods/*"] }), request(pods), pods],
  ["a part of everything", rule({ resources: ["*/status"] }), request(pods, update), pods],
  ["everything and its parts", rule({ resources: ["*/*"] }), request(pods, update), pods],
  ["its scope", rule({ scope: "Namespaced" }), request(pods), pods],
  ["another scope", rule({ scope: "Cluster" }), request(pods), undefined],
  ["a node has no namespace", { resourceRules: [{ ...all, scope: "Cluster" }] }, request(nodes), nodes],
  [
    "nor is a namespace in one",
    { resourceRules: [{ ...all, scope: "Cluster" }] },
    request(namespaces),
    namespaces,
  ],
  ["its name", rule({ resourceNames: ["two", "one"] }), request(pods), pods],
  ["another name", rule({ resourceNames: ["two"] }), request(pods), undefined],
  ["excluded", { ...rule({}), excludeResourceRules: [onPods] }, request(pods), undefined],
  [
    "excluded under another name",
    { ...rule({}), excludeResourceRules: [{ ...onPods, resourceNames: ["two"] }] },
    request(pods),
    pods,
  ],
  [
    "another version, exactly",
    { resourceRules: [onGadgets], matchPolicy: "Exact" },
    request(gadgets),
    undefined,
  ],
  [
    "another version of the same objects",
    { resourceRules: [onGadgets], matchPolicy: "Equivalent" },
    request(gadgets),
    gadgets2,
  ],
  [
    "excluded by another version",
    { resourceRules: [all], excludeResourceRules: [onGadgets], matchPolicy: "Equivalent" },
    request(gadgets),
    undefined,
  ],
  ["its labels", labelled("web"), request(pods), pods],
  ["other labels", labelled("db"), request(pods), undefined],
  ["labels of what goes", labelled("web"), request(pods, gone), pods],
  [
    "labels it had before",
    labelled("old"),
    request(pods, { old: object(pods, { labels: { app: "old" } }) }),
    pods,
  ],
  ["its namespace's labels", teams("a"), request(pods), pods],
  ["other labels of its namespace", teams("b"), request(pods), undefined],
  ["a namespace without labels", teams("a"), request(pods, { namespace: "bare" }), undefined],
  ["what has no namespace", teams("b"), request(nodes), nodes],
  [
    "labels that a namespace is given",
    teams("a"),
    request(namespaces, { name: "new", object: object(namespaces, { labels: { team: "a" } }) }),
    namespaces,
  ],
  [
    "labels that a namespace had when it goes",
    teams("a"),
    request(namespaces, { ...gone, name: "shop" }),
    namespaces,
  ],
];

describe("what a write is asked about", () => {
  const labelsOf = async (name: string): Promise<Labels> => {
    const found = labels[name];
    assert.ok(found, name);
    return found;
  };
  for (const [what, criteria, one, kind] of rows) {
    it(what, async () => assert.equal(await new Matcher(criteria).match(one, labelsOf), kind));
  }

  it("is not what says who has a say", () => {
    const group = "admissionregistration.k8s.io";
    assert.ok(isExempt({ group, plural: "validatingadmissionpolicies" }));
    assert.ok(!isExempt({ group: "lab.example", plural: "validatingadmissionpolicies" }));
    assert.ok(!isExempt(pods));
  });
});
