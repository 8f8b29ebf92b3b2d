import assert from "node:assert/strict";
import { test } from "node:test";
import type { KindDefinition, KubeObject } from "@selvedge/apimachinery";
import { SeededRandom, SystemClock } from "@selvedge/base";
import { type AdmissionMember, refusedBy } from "./admission.ts";
import { ObjectRegistry } from "./rest/object-registry.ts";
import { SqliteStore } from "./store/sqlite-store.ts";

const gadget: KindDefinition = {
  ...{ group: "lab.example", version: "v1", kind: "Gadget", plural: "gadgets", singular: "gadget" },
  ...{ namespaced: true, columns: [] },
  schema: {
    type: "object",
    properties: {
      spec: {
        type: "object",
        properties: { size: { type: "integer", default: 3, maximum: 9 }, color: { type: "string" } },
      },
    },
  },
};
const namespace: KindDefinition = {
  ...{ group: "", version: "v1", kind: "Namespace", plural: "namespaces", singular: "namespace" },
  ...{ namespaced: false, columns: [], schema: { type: "object" }, unconditionalUpdate: true },
};

function registry(...members: AdmissionMember[]): ObjectRegistry {
  const store = new SqliteStore(":memory:");
  const objects = new ObjectRegistry([gadget, namespace], store, new SystemClock(), new SeededRandom(1));
  objects.admission.add(...members);
  return objects;
}

function object(name: string, spec: object, where = "shop"): KubeObject {
  return { apiVersion: "lab.example/v1", kind: "Gadget", metadata: { name, namespace: where }, spec };
}

async function withShop(objects: ObjectRegistry): Promise<ObjectRegistry> {
  await objects.create(namespace, { apiVersion: "v1", kind: "Namespace", metadata: { name: "shop" } });
  return objects;
}

test("members see an object with its defaults, complete it, and judge what will be stored", async () => {
  const seen: unknown[] = [];
  const painter: AdmissionMember = {
    name: "Painter",
    handles: ({ kind, operation }) => kind === gadget && operation !== "DELETE",
    mutate: ({ object }) => {
      const spec = object?.["spec"] as { size: number; color?: string };
      seen.push(spec.size);
      spec.color ??= "grey";
    },
    validate: (request) => {
      const { color } = (request.object?.["spec"] ?? {}) as { color?: string };
      if (color === "pink") throw refusedBy(request, `${request.user?.name} likes no pink`);
    },
  };
  const objects = await withShop(registry(painter));
  const user = { name: "ann", groups: [] };
  const made = await objects.create(gadget, object("one", {}), { user });
  assert.deepEqual([seen, made["spec"]], [[3], { size: 3, color: "grey" }]);

  const pink = { spec: { color: "pink" } };
  const message = 'gadgets.lab.example "one" is forbidden: ann likes no pink';
  for (const dryRun of [true, false]) {
    const rules = { user, dryRun, fieldManager: "a" };
    await assert.rejects(objects.patch(gadget, "one", "shop", "merge", pink, rules), { code: 403, message });
    const applied = { ...object("one", { color: "pink" }) };
    const options = { ...rules, force: true };
    await assert.rejects(objects.apply(gadget, "one", "shop", applied, options), { code: 403, message });
  }
  assert.deepEqual((await objects.get(gadget, "one", "shop"))["spec"], { size: 3, color: "grey" });
});

test("what a member makes of an object is held to the kind's rules", async () => {
  const inflate: AdmissionMember = {
    name: "Inflate",
    handles: ({ kind }) => kind === gadget,
    mutate: ({ object }) => {
      (object?.["spec"] as { size: number }).size = 10;
    },
  };
  const objects = await withShop(registry(inflate));
  await assert.rejects(objects.create(gadget, object("one", {})), { code: 422 });
});

test("a member can keep an object from going", async () => {
  const keep: AdmissionMember = {
    name: "Keep",
    handles: ({ kind, operation }) => kind === gadget && operation === "DELETE",
    validate: (request) => {
      if (request.old?.metadata.labels?.["keep"] === "yes") throw refusedBy(request, "it is to be kept");
    },
  };
  const objects = await withShop(registry(keep));
  const made = object("one", {});
  made.metadata.labels = { keep: "yes" };
  await objects.create(gadget, made);
  await objects.create(gadget, object("two", {}));
  await assert.rejects(objects.delete(gadget, "one", "shop"), {
    message: 'gadgets.lab.example "one" is forbidden: it is to be kept',
  });
  await objects.delete(gadget, "two", "shop");
});

test("nothing is made where there is no namespace, and that is said before what else is wrong", async () => {
  const objects = await withShop(registry());
  await assert.rejects(objects.create(gadget, object("one", { size: 10 }, "moon")), {
    message: 'namespaces "moon" not found',
    code: 404,
  });
});

test("some namespaces never go", async () => {
  const objects = registry();
  for (const name of ["default", "kube-system", "kube-public", "mine"]) {
    await objects.create(namespace, { apiVersion: "v1", kind: "Namespace", metadata: { name } });
  }
  await assert.rejects(objects.delete(namespace, "default"), {
    message: 'namespaces "default" is forbidden: this namespace may not be deleted',
    code: 403,
  });
  await objects.delete(namespace, "mine");
});

test("members are asked by rank, once more when one says so, and anew when they handle others", async () => {
  const asked: string[] = [];
  let handles = true;
  const member = (name: string, rank: number, says?: "again"): AdmissionMember => ({
    ...{ name, rank, handles: ({ kind }) => handles && kind === gadget },
    mutate: () => {
      asked.push(name);
      return asked.filter((one) => one === name).length === 1 ? says : undefined;
    },
  });
  const objects = await withShop(
    registry(member("last", 2), member("outside", 1, "again"), member("first", 0)),
  );
  await objects.create(gadget, object("one", {}));
  assert.deepEqual(asked, ["first", "outside", "last", "first", "outside", "last"]);
  [handles, asked.length] = [false, 0];
  objects.admission.changed();
  await objects.create(gadget, object("two", {}));
  assert.deepEqual(asked, []);
});
