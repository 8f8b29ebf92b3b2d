import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Attributes, defaultAuthorizer, requireAllowed } from "./authorization.ts";
import type { User } from "./user.ts";

const known = "system:authenticated";
const master: User = { name: "ann", groups: ["system:masters", known] };
const bob: User = { name: "bob", groups: ["dev", known] };
const node: User = { name: "system:node:box", groups: ["system:nodes", known] };
const impostor: User = { name: "box", groups: ["system:nodes", known] };

function ask(user: User, verb: string, resource: string, more: object = {}): Attributes {
  return { type: "resource", user, verb, group: "", resource, ...more };
}

function path(user: User, at: string, verb = "get"): Attributes {
  return { type: "path", user, verb, path: at };
}

describe("by default", () => {
  const own = { fieldSelector: "spec.nodeName=box" };
  const rows: readonly [may: boolean, attributes: Attributes][] = [
    [true, ask(master, "delete", "nodes")],
    [true, path(master, "/metrics")],
    [false, ask(bob, "list", "pods")],
    [true, path(bob, "/apis/apps")],
    [true, path(bob, "/openapi/v3")],
    [false, path(bob, "/apis/apps", "post")],
    [false, path(bob, "/metrics")],
    [false, path({ name: "x", groups: [] }, "/api")],
    [true, ask(bob, "create", "selfsubjectaccessreviews", { group: "authorization.k8s.io" })],
    [false, ask(bob, "create", "subjectaccessreviews", { group: "authorization.k8s.io" })],
    [true, ask(node, "get", "nodes", { name: "box" })],
    [false, ask(node, "get", "nodes", { name: "other" })],
    [false, ask(impostor, "get", "nodes", { name: "box" })],
    [true, ask(node, "watch", "pods", own)],
    [false, ask(node, "list", "pods")],
    [false, ask(node, "list", "pods", { fieldSelector: "spec.nodeName=boxes" })],
    [false, ask(node, "get", "pods", { name: "x", subresource: "log" })],
    [false, ask(node, "list", "secrets", own)],
  ];
  for (const [may, attributes] of rows) {
    const what = attributes.type === "path" ? attributes.path : attributes.resource;
    it(`${attributes.user.name} ${may ? "may" : "may not"} ${attributes.verb} ${what}`, async () => {
      assert.equal((await defaultAuthorizer.authorize(attributes)).allowed, may);
    });
  }

  it("a refusal says who cannot do what, where", async () => {
    const rows: readonly [attributes: Attributes, message: string][] = [
      [
        ask(bob, "list", "pods", { namespace: "shop" }),
        'pods is forbidden: User "bob" cannot list resource "pods" in API group "" in the namespace "shop"',
      ],
      [
        ask(bob, "get", "deployments", { group: "apps", name: "web", subresource: "scale", namespace: "a" }),
        'deployments.apps "web" is forbidden: User "bob" cannot get resource "deployments/scale" in API ' +
          'group "apps" in the namespace "a"',
      ],
      [
        ask(bob, "list", "nodes"),
        'nodes is forbidden: User "bob" cannot list resource "nodes" in API group "" at the cluster scope',
      ],
      [path(bob, "/metrics"), 'forbidden: User "bob" cannot get path "/metrics"'],
    ];
    for (const [attributes, message] of rows) {
      await assert.rejects(requireAllowed(defaultAuthorizer, attributes), { code: 403, message });
    }
  });
});
