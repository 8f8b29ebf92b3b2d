import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { KindDefinition, KubeObject } from "@selvedge/apimachinery";
import { SeededRandom, SystemClock } from "@selvedge/base";
import type { Attributes } from "../../auth/authorization.ts";
import { ObjectRegistry } from "../../rest/object-registry.ts";
import { SqliteStore } from "../../store/sqlite-store.ts";
import { paramAccess } from "./param-access.ts";

const open = { type: "object", "x-kubernetes-preserve-unknown-fields": true } as const;
const group = "admissionregistration.k8s.io";
const policyKind: KindDefinition = {
  ...{ group, version: "v1", kind: "Policy", plural: "policies", singular: "policy", namespaced: false },
  ...{ columns: [], schema: open, unconditionalUpdate: true },
};
const bindingKind: KindDefinition = { ...policyKind, kind: "Binding", plural: "bindings" };
const limitKind: KindDefinition = { ...policyKind, group: "lab.example", kind: "Limit", plural: "limits" };

const ann = { name: "ann", uid: "7", groups: ["dev", "all"] };
const paramKind = { apiVersion: "lab.example/v1", kind: "Limit" };
const shown = "user &{ann 7 [dev all] map[]}";

describe("who names params", () => {
  const asked: Attributes[] = [];
  let isAllowed = false;
  const authorize = (attributes: Attributes): { allowed: boolean; reason: string } => {
    asked.push(attributes);
    return { allowed: isAllowed, reason: "" };
  };
  const made = (kind: KindDefinition, spec: object): KubeObject => ({
    ...{ apiVersion: `${group}/v1`, kind: kind.kind, metadata: { name: "one" }, spec },
  });

  it("must be allowed to read them, unless they were named before", async () => {
    const store = new SqliteStore(":memory:");
    const kinds = [policyKind, bindingKind, limitKind];
    const objects = new ObjectRegistry(kinds, store, new SystemClock(), new SeededRandom(1));
    objects.admission.add(
      paramAccess(objects, { policy: policyKind, binding: bindingKind }, () => ({ authorize })),
    );
    const create = (kind: KindDefinition, spec: object): Promise<KubeObject> =>
      objects.create(kind, made(kind, spec), { user: ann });
    const refusal = (kind: string, field: string, why: string): object => ({
      ...{ code: 422, message: `${kind}.${group} "one" is invalid: spec.${field}: Forbidden: ${why}` },
    });
    const forPolicy = `${shown} must have "get" permission on all objects of the referenced paramKind`;
    await assert.rejects(
      create(policyKind, { paramKind }),
      refusal("Policy", "paramKind", `${forPolicy} (kind=Limit, apiVersion=lab.example/v1)`),
    );
    const lost = "unable to get policy none to determine minimum required permissions and";
    await assert.rejects(
      create(bindingKind, { policyName: "none", paramRef: { selector: {} } }),
      refusal(
        "Binding",
        "paramRef",
        `${lost} ${shown} does not have "list" permission for all groups, versions and resources`,
      ),
    );
    await create(policyKind, {});
    isAllowed = true;
    await objects.update(policyKind, made(policyKind, { paramKind }), { user: ann });
    isAllowed = false;
    await objects.update(policyKind, made(policyKind, { paramKind, more: 1 }), { user: ann });
    const named = { policyName: "one", paramRef: { name: "few", namespace: "shop" } };
    await assert.rejects(
      create(bindingKind, named),
      refusal(
        "Binding",
        "paramRef",
        `${shown} does not have "get" permission on the object referenced by paramRef`,
      ),
    );
    await objects.create(bindingKind, made(bindingKind, named));
    const limits = { type: "resource", user: ann, verb: "get", group: "lab.example", version: "v1" };
    const all = { ...limits, resource: "limits", name: "*", namespace: "*" };
    const everything = { ...limits, verb: "list", group: "*", version: "*", resource: "*" };
    assert.deepEqual(asked, [all, everything, all, { ...all, name: "few", namespace: "shop" }]);
    store.close();
  });
});
