import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Attributes, anyOf, defaultAuthorizer, requireAllowed } from "./authorization.ts";
import type { User } from "./user.ts";

const known = "system:authenticated";
const master: User = { name: "ann", groups: ["system:masters", known] };
const bob: User = { name: "bob", groups: ["dev", known] };

function ask(user: User, verb: string, resource: string, more: object = {}): Attributes {
  return { type: "resource", user, verb, group: "", resource, ...more };
}

function path(user: User, at: string, verb = "get"): Attributes {
  return { type: "path", user, verb, path: at };
}

describe("without roles", () => {
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

describe("several authorizers", () => {
  const says = (allowed: boolean, reason: string): typeof defaultAuthorizer => ({
    authorize: () => ({ allowed, reason }),
  });

  it("one that allows is enough, and all that refuse say why", async () => {
    const { authorize } = anyOf(says(false, "no key"), says(true, "it is Monday"), says(false, "never"));
    assert.deepEqual(await authorize(ask(bob, "get", "pods")), { allowed: true, reason: "it is Monday" });
    const refusing = anyOf(says(false, "no key"), says(false, ""), says(false, "never"));
    assert.equal((await refusing.authorize(ask(bob, "get", "pods"))).reason, "no key\nnever");
  });
});
