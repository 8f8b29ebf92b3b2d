import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Authorizer, ResourceAttributes } from "./authorization.ts";
import { impersonated } from "./impersonation.ts";

const ian = { name: "ian", groups: ["system:authenticated"] };

/** Allows what it is told, and remembers what it was asked. */
function authorizer(...allowed: string[]): Authorizer & { readonly asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    authorize: (attributes) => {
      const { group, resource, subresource, namespace, name } = attributes as ResourceAttributes;
      const what = [group, resource, subresource, namespace, name].filter(Boolean).join("/");
      asked.push(what);
      return { allowed: allowed.length === 0 || allowed.includes(what), reason: "" };
    },
  };
}

const rows: readonly [what: string, headers: string[], as: object | undefined, asked: string[]][] = [
  ["nobody", ["Accept", "x"], undefined, []],
  ["a user", ["Impersonate-User", "bob"], { name: "bob", groups: ["system:authenticated"] }, ["users/bob"]],
  [
    "a user with groups that hold commas",
    ["impersonate-user", "bob", "Impersonate-Group", "a,b", "Impersonate-Group", "c"],
    { name: "bob", groups: ["a,b", "c", "system:authenticated"] },
    ["users/bob", "groups/a,b", "groups/c"],
  ],
  [
    "a ServiceAccount",
    ["Impersonate-User", "system:serviceaccount:shop:robot"],
    {
      name: "system:serviceaccount:shop:robot",
      groups: ["system:serviceaccounts", "system:serviceaccounts:shop", "system:authenticated"],
    },
    ["serviceaccounts/shop/robot"],
  ],
  [
    "all there is of a user",
    ["Impersonate-User", "bob", "Impersonate-Uid", "7", "Impersonate-Extra-Acme%2FTeam", "red"],
    { name: "bob", groups: ["system:authenticated"], uid: "7", extra: { "acme/team": ["red"] } },
    ["users/bob", "authentication.k8s.io/userextras/acme/team/red", "authentication.k8s.io/uids/7"],
  ],
  [
    "a stranger",
    ["Impersonate-User", "system:anonymous"],
    { name: "system:anonymous", groups: ["system:unauthenticated"] },
    ["users/system:anonymous"],
  ],
];

describe("acting as", () => {
  for (const [what, headers, as, asked] of rows) {
    it(`${what} asks for ${asked.join(", ") || "nothing"}`, async () => {
      const open = authorizer();
      assert.deepEqual(await impersonated(ian, headers, open), as);
      assert.deepEqual(open.asked, asked);
    });
  }

  it("somebody needs every part of it", async () => {
    const headers = ["Impersonate-User", "bob", "Impersonate-Group", "system:masters"];
    await assert.rejects(impersonated(ian, headers, authorizer("users/bob")), {
      message:
        'groups "system:masters" is forbidden: User "ian" cannot impersonate resource "groups" in API ' +
        'group "" at the cluster scope',
      code: 403,
    });
  });

  it("a group without a user makes no sense", async () => {
    for (const header of ["Impersonate-Group", "Impersonate-Uid", "Impersonate-Extra-a"]) {
      await assert.rejects(impersonated(ian, [header, "x"], authorizer()), { code: 400 }, header);
    }
  });
});
