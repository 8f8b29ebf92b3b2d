import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Worker } from "node:worker_threads";
import type { KindDefinition, KubeObject, WatchEvent } from "@selvedge/apimachinery";
import { Log, SeededRandom, SystemClock, silentSink } from "@selvedge/base";
import { defaultAuthorizer } from "../../auth/authorization.ts";
import { EvaluationThreads } from "../../evaluation/evaluation-threads.ts";
import { Evaluations } from "../../evaluation/evaluations.ts";
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
  /** Once there is a thread. */
  readonly began = Promise.withResolvers<void>();
  override readonly evaluations: Evaluations = new Evaluations({
    clock,
    threads: new EvaluationThreads({
      clock,
      begin: () => {
        this.began.resolve();
        return new Worker(new URL("../../evaluation/evaluation-worker.ts", import.meta.url));
      },
    }),
  });

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
  readonly objects: LateRegistry;
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

  it("that take long to ask hold up nobody else", async () => {
    const store = new SqliteStore(":memory:");
    using replica = new Replica(store, 1);
    await replica.policies.start();
    const digits = "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]";
    const loop = [..."abcde"].reduce((inner, name) => `${digits}.all(${name}, ${inner})`, "true");
    const long = Array.from({ length: 10 }, () => ({ expression: loop }));
    await replica.make(policyKind, "p", { ...spec, validations: [...long, ...spec.validations] });
    await replica.make(bindingKind, "b", { policyName: "p", validationActions: ["Deny"] });
    const answered: string[] = [];
    const slow = assert.rejects(replica.make(gadgetKind, "bad"), { code: 422 });
    const told = slow.then(() => answered.push("gadget"));
    await Promise.race([replica.objects.began.promise, told]);
    await replica.make(gizmoKind, "x");
    answered.push("gizmo");
    await told;
    assert.deepEqual(answered, ["gizmo", "gadget"]);
    await replica.objects.evaluations[Symbol.asyncDispose]();
    store.close();
  });

  for (const failurePolicy of ["Fail", "Ignore"]) {
    it(`of which nobody can tell count as they say: ${failurePolicy}`, async () => {
      const store = new SqliteStore(":memory:");
      const objects = new LosingRegistry(
        [policyKind, bindingKind, gadgetKind],
        store,
        clock,
        new SeededRandom(1),
      );
      const log = new Log("test", clock, silentSink);
      using policies = new PolicyAdmission({
        ...{ objects, kinds, clock, log },
        authorizer: () => defaultAuthorizer,
      });
      await policies.start();
      await objects.create(policyKind, made(policyKind, "p", { ...spec, failurePolicy }), { user });
      const binding = { policyName: "p", validationActions: ["Deny"] };
      await objects.create(bindingKind, made(bindingKind, "b", binding), { user });
      const write = objects.create(gadgetKind, made(gadgetKind, "bad"), { user });
      if (failurePolicy === "Ignore") await write;
      else await assert.rejects(write, { code: 500, reason: "InternalError", message: /its thread died/ });
      await objects.evaluations[Symbol.asyncDispose]();
      store.close();
    });
  }
});

/** Whose expressions are all evaluated by threads that die. */
class LosingRegistry extends ObjectRegistry {
  override readonly evaluations: Evaluations = new Evaluations({
    ...{ clock, cost: 0 },
    threads: new EvaluationThreads({ clock, begin: () => new Worker("process.exit(3)", { eval: true }) }),
  });
}
