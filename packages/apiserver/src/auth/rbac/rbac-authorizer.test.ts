import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { KindDefinition, KubeObject } from "@selvedge/apimachinery";
import { Log, SeededRandom, SystemClock } from "@selvedge/base";
import type { KindName } from "../../rest/kind-names.ts";
import { ObjectRegistry } from "../../rest/object-registry.ts";
import { SqliteStore } from "../../store/sqlite-store.ts";
import type { Attributes } from "../authorization.ts";
import { bootstrapRbac } from "./bootstrap.ts";
import { planBootstrap } from "./bootstrap-plan.ts";
import { bootstrapObjects, clusterRole, groupBinding } from "./bootstrap-roles.ts";
import {
  clusterRoleBindingName,
  clusterRoleName,
  RbacAuthorizer,
  rbacGroup,
  roleBindingName,
  roleName,
} from "./rbac-authorizer.ts";

const names: readonly KindName[] = [roleName, roleBindingName, clusterRoleName, clusterRoleBindingName];

function served(name: KindName): KindDefinition {
  const open = { type: "object", "x-kubernetes-preserve-unknown-fields": true } as const;
  const rest = { columns: [], schema: open, unconditionalUpdate: true, nameFaults: () => [] };
  return { ...name, singular: name.kind.toLowerCase(), ...rest };
}

const clock = new SystemClock();
const log = new Log("test", clock, () => undefined);
const reads = [{ verbs: ["get"], apiGroups: [""], resources: ["pods"] }];

describe("roles and bindings", () => {
  const store = new SqliteStore(":memory:");
  const objects = new ObjectRegistry(names.map(served), store, clock, new SeededRandom(1));
  const rbac = new RbacAuthorizer({ objects, clock, log });
  before(() => bootstrapRbac(objects, bootstrapObjects()));
  after(() => {
    rbac[Symbol.dispose]();
    store.close();
  });

  const make = (
    of: KindName,
    name: string,
    namespace: string | undefined,
    fields: object,
  ): Promise<KubeObject> =>
    objects.create(of, {
      ...{
        apiVersion: `${rbacGroup}/v1`,
        kind: of.kind,
        metadata: { name, ...(namespace && { namespace }) },
      },
      ...fields,
    });
  const bind = (name: string, namespace: string, role: string, subject: object): Promise<KubeObject> =>
    make(roleBindingName, name, namespace, { roleRef: { kind: "Role", name: role }, subjects: [subject] });
  const ask = (user: string, namespace: string | undefined, groups: string[] = []): Attributes => ({
    ...{ type: "resource", user: { name: user, groups }, verb: "get", group: "", resource: "pods" },
    ...(namespace && { namespace }),
  });
  const reason = async (...of: Parameters<typeof ask>): Promise<string> =>
    (await rbac.authorize(ask(...of))).reason;
  /** What was written is heard of a moment later. */
  const until = async (isSo: () => Promise<boolean>): Promise<void> => {
    for (let turn = 0; turn < 100; turn++) {
      if (await isSo()) return;
      await new Promise((resolve) => setImmediate(resolve));
    }
    throw new Error("it has not come to be so");
  };

  it("give what they say, say by whose word, and take it back", async () => {
    await make(roleName, "reader", "shop", { rules: reads });
    await bind("ann", "shop", "reader", { kind: "User", name: "ann" });
    await until(async () => (await rbac.authorize(ask("ann", "shop"))).allowed);
    assert.equal(
      await reason("ann", "shop"),
      'RBAC: allowed by RoleBinding "ann/shop" of Role "reader" to User "ann"',
    );
    assert.deepEqual(await rbac.authorize(ask("ann", "other")), { allowed: false, reason: "" });
    assert.deepEqual(await rbac.authorize(ask("ann", undefined)), { allowed: false, reason: "" });
    await objects.delete(roleBindingName, "ann", "shop");
    await until(async () => !(await rbac.authorize(ask("ann", "shop"))).allowed);
  });

  it("know ServiceAccounts and groups", async () => {
    await bind("robot", "shop", "reader", { kind: "ServiceAccount", name: "robot" });
    await bind("devs", "shop", "reader", { kind: "Group", name: "devs" });
    await until(async () => (await rbac.authorize(ask("x", "shop", ["devs"]))).allowed);
    assert.match(await reason("x", "shop", ["devs"]), /to Group "devs"$/);
    assert.match(
      await reason("system:serviceaccount:shop:robot", "shop"),
      /to ServiceAccount "robot\/shop"$/,
    );
    assert.equal(await reason("system:serviceaccount:other:robot", "shop"), "");
  });

  it("say that a role is not there", async () => {
    await bind("lost", "shop", "nowhere", { kind: "User", name: "lou" });
    await bind("lost-too", "shop", "either", { kind: "User", name: "lou" });
    const wanted =
      'RBAC: [role.rbac.authorization.k8s.io "nowhere" not found, role.rbac.authorization.k8s.io "either" not found]';
    await until(async () => (await reason("lou", "shop")) === wanted);
    assert.deepEqual(rbac.rulesFor({ name: "lou", groups: [] }, "shop").rules, []);
    assert.equal(rbac.rulesFor({ name: "lou", groups: [] }, "shop").faults.length, 1);
  });

  it("of upstream's names are there, and a second start changes nothing", async () => {
    const { metadata } = await objects.list(clusterRoleName);
    await bootstrapRbac(objects, bootstrapObjects());
    assert.equal((await objects.list(clusterRoleName)).metadata.resourceVersion, metadata.resourceVersion);
    const all = (await objects.list(clusterRoleName)).items.map((role) => role.metadata.name);
    for (const name of ["cluster-admin", "admin", "edit", "view", "system:discovery", "system:basic-user"]) {
      assert.ok(all.includes(name), name);
    }
  });
});

describe("a start", () => {
  const wanted = clusterRole("a", reads);
  const more = [...reads, { verbs: ["*"], apiGroups: ["x"], resources: ["y"] }];

  it("makes what is missing, and leaves what is right", () => {
    assert.deepEqual(planBootstrap(wanted, undefined), { type: "create" });
    assert.deepEqual(planBootstrap(wanted, structuredClone(wanted)), { type: "nothing" });
  });

  it("adds rules that are missing, and takes none away", () => {
    const stored = { ...structuredClone(wanted), rules: more.slice(1) };
    const step = planBootstrap(wanted, stored);
    assert.deepEqual(step.type === "update" && step.object["rules"], [more[1], reads[0]]);
    assert.deepEqual(planBootstrap(wanted, { ...structuredClone(wanted), rules: more }), { type: "nothing" });
  });

  it("leaves alone what somebody has taken over", () => {
    const stored = { ...structuredClone(wanted), rules: [] };
    stored.metadata.annotations = { "rbac.authorization.kubernetes.io/autoupdate": "false" };
    assert.deepEqual(planBootstrap(wanted, stored), { type: "nothing" });
  });

  it("adds subjects, and makes a binding anew that gives another role", () => {
    const binding = groupBinding("a", "a", ["g", "h"]);
    const fewer = groupBinding("a", "a", ["x", "g"]);
    const step = planBootstrap(binding, fewer);
    const subjects = step.type === "update" ? (step.object["subjects"] as { name: string }[]) : [];
    assert.deepEqual(
      subjects.map(({ name }) => name),
      ["x", "g", "h"],
    );
    assert.equal(planBootstrap(binding, groupBinding("a", "other", ["g", "h"])).type, "replace");
  });
});
