import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { KindDefinition, KubeObject, WatchEvent } from "@selvedge/apimachinery";
import { Log, SeededRandom, SystemClock, silentSink } from "@selvedge/base";
import { defaultAuthorizer } from "../../auth/authorization.ts";
import { ObjectRegistry } from "../../rest/object-registry.ts";
import { SqliteStore } from "../../store/sqlite-store.ts";
import { PolicyAdmission } from "./policy-admission.ts";

const open = { type: "object", "x-kubernetes-preserve-unknown-fields": true } as const;
const group = "admissionregistration.k8s.io";
const policyKind: KindDefinition = {
  ...{ group, version: "v1", kind: "Policy", plural: "validatingadmissionpolicies", singular: "policy" },
  ...{ namespaced: false, columns: [], schema: open, unconditionalUpdate: true },
  subresources: { status: true },
};
const bindingKind: KindDefinition = {
  ...{ ...policyKind, kind: "Binding", plural: "validatingadmissionpolicybindings" },
};
const gadgetKind: KindDefinition = { ...policyKind, group: "lab.example", kind: "Gadget", plural: "gadgets" };
const gizmoKind: KindDefinition = { ...gadgetKind, kind: "Gizmo", plural: "gizmos" };
const kinds = { policy: policyKind, binding: bindingKind };
const clock = new SystemClock();
const user = { name: "ann", groups: [] };

function made(kind: KindDefinition, name: string, spec: object = {}): KubeObject {
  return { apiVersion: `${kind.group}/v1`, kind: kind.kind, metadata: { name }, spec };
}

/** Hears of what was written a while later, as when there is much to do. */
class LateRegistry extends ObjectRegistry {
  override async *watch<T extends KubeObject>(
    ...query: Parameters<ObjectRegistry["watch"]>
  ): AsyncGenerator<WatchEvent<T>> {
    for await (const event of super.watch<T>(...query)) {
      for (let turn = 0; turn < 200; turn++) await new Promise(setImmediate);
      yield event;
    }
  }
}

/** One of several programs on one store. */
class Replica implements Disposable {
  readonly objects: ObjectRegistry;
  readonly policies: PolicyAdmission;
  /** Writes that policies were asked about. */
  asked = 0;

  constructor(store: SqliteStore, seed: number) {
    const all = [policyKind, bindingKind, gadgetKind, gizmoKind];
    this.objects = new LateRegistry(all, store, clock, new SeededRandom(seed));
    const authorizer = (): typeof defaultAuthorizer => {
      this.asked++;
      return defaultAuthorizer;
    };
    const log = new Log("test", clock, silentSink);
    this.policies = new PolicyAdmission({ objects: this.objects, kinds, clock, log, authorizer });
  }

  make(kind: KindDefinition, name: string, spec?: object): Promise<KubeObject> {
    return this.objects.create(kind, made(kind, name, spec), { user });
  }

  [Symbol.dispose](): void {
    this.policies[Symbol.dispose]();
  }
}

const rule = { operations: ["CREATE"], apiGroups: ["*"], apiVersions: ["*"], resources: ["gadgets"] };
const spec = {
  matchConstraints: { resourceRules: [rule] },
  validations: [{ expression: "object.metadata.name != 'bad'" }],
};

describe("policies", () => {
  it("hold for the next write once they are written, and not once they are gone", async () => {
    const store = new SqliteStore(":memory:");
    using replica = new Replica(store, 1);
    await replica.policies.start();
    for (let round = 0; round < 4; round++) {
      await replica.make(policyKind, "p", spec);
      await replica.make(bindingKind, "b", { policyName: "p", validationActions: ["Deny"] });
      await assert.rejects(replica.make(gadgetKind, "bad"), { code: 422 });
      await replica.objects.delete(round % 2 === 0 ? bindingKind : policyKind, round % 2 === 0 ? "b" : "p");
      await replica.make(gadgetKind, "bad");
      await replica.objects.delete(gadgetKind, "bad");
      await replica.objects.delete(round % 2 === 0 ? policyKind : bindingKind, round % 2 === 0 ? "p" : "b");
    }
    store.close();
  });

  it("hold on other replicas, and are asked of nothing that they are not about", async () => {
    const store = new SqliteStore(":memory:");
    using one = new Replica(store, 1);
    using other = new Replica(store, 2);
    await Promise.all([one.policies.start(), other.policies.start()]);
    await other.make(gadgetKind, "first");
    await one.make(policyKind, "p", spec);
    await other.make(gadgetKind, "second");
    assert.equal(other.asked, 0, "a policy without a binding is asked of nothing");
    await one.make(bindingKind, "b", { policyName: "p", validationActions: ["Deny"] });
    for (let name = 0; other.asked === 0; name++) await other.make(gadgetKind, `try-${name}`);
    await assert.rejects(other.make(gadgetKind, "bad"), { code: 422 });
    const { asked } = other;
    await other.make(gizmoKind, "bad");
    assert.equal(other.asked, asked);
    store.close();
  });

  it("that nobody can ask do not keep others from being asked", async () => {
    const store = new SqliteStore(":memory:");
    using replica = new Replica(store, 1);
    await replica.policies.start();
    const odd = { namespaceSelector: { matchExpressions: [{ key: "a", operator: "Near" }] } };
    await replica.make(policyKind, "odd", { ...spec, matchConstraints: { ...odd, resourceRules: [rule] } });
    await replica.make(policyKind, "p", spec);
    await replica.make(bindingKind, "b", { policyName: "p", validationActions: ["Deny"] });
    await assert.rejects(replica.make(gadgetKind, "bad"), { code: 422 });
    store.close();
  });
});
