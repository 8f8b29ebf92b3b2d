import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { KindDefinition, KubeObject } from "@selvedge/apimachinery";
import type { Operation } from "@selvedge/apiserver";
import {
  csiDriverKind,
  type FlowSchema,
  flowSchemaKind,
  type PriorityLevelConfiguration,
  priorityLevelKind,
  type ServiceCidr,
  serviceCidrKind,
} from "@selvedge/kinds";
import { ObjectWorld } from "../../test/object-world.ts";
import { defaultServiceRange } from "../endpoints/service-range.ts";
import { ensureCondition } from "../first-condition.ts";
import { ensureStandardObjects, ownServiceCidr } from "../standard-objects.ts";
import { keptAdmission } from "./kept-admission.ts";

const admission = keptAdmission(defaultServiceRange);

const user = { name: "ann", groups: [] };

function said(operation: Operation, kind: KindDefinition, object: KubeObject): string[] {
  const told: string[] = [];
  const subject = { operation, kind, subresource: undefined };
  assert.ok(admission.handles(subject));
  admission.validate?.({
    ...{ ...subject, namespace: undefined, name: object.metadata.name, user, dryRun: false },
    ...{ object: operation === "DELETE" ? undefined : object, old: undefined },
    warn: (text) => told.push(text),
  });
  return told;
}

describe("what is kept and does not act", () => {
  const driver = {
    ...{ apiVersion: "storage.k8s.io/v1", kind: "CSIDriver", metadata: { name: "disks.example" }, spec: {} },
  };

  it("is said to whoever writes it, and to nobody who takes it away", () => {
    const [text, ...more] = said("CREATE", csiDriverKind, driver);
    assert.match(text ?? "", /^CSIDriver is kept, but volumes are disks of nodes/);
    assert.deepEqual([more, said("DELETE", csiDriverKind, driver)], [[], []]);
  });
});

describe("the server's own levels and ranges, as objects", () => {
  it("are said to stand well by replicas that start at once", async () => {
    await using world = await ObjectWorld.start();
    const { objects } = world;
    await ensureStandardObjects(objects);
    const [name] = (await objects.list<FlowSchema>(flowSchemaKind)).items.map(
      ({ metadata }) => metadata.name,
    );
    const kept = await objects.get<FlowSchema>(flowSchemaKind, name ?? "");
    await objects.updateStatus(flowSchemaKind, { ...kept, status: {} });
    const both = Promise.withResolvers<void>();
    let looking = 0;
    const parts: Parameters<typeof ensureCondition>[0] = {
      async get(...which) {
        const found = await objects.get(...which);
        looking++;
        if (looking === 2) both.resolve();
        await both.promise;
        return found as never;
      },
      updateStatus: (...what) => objects.updateStatus(...what),
    };
    const found = { type: "Dangling", status: "False", reason: "Found", message: "" } as const;
    await Promise.all([1, 2].map(() => ensureCondition(parts, flowSchemaKind, name ?? "", found)));
    const { status } = await objects.get<FlowSchema>(flowSchemaKind, name ?? "");
    assert.deepEqual(
      status?.conditions?.map(({ reason }) => reason),
      ["Found"],
    );
  });

  it("are there, say what it does, and are made to say it again", async () => {
    await using world = await ObjectWorld.start();
    await ensureStandardObjects(world.objects);
    const levels = (await world.objects.list<PriorityLevelConfiguration>(priorityLevelKind)).items;
    assert.deepEqual(
      levels.map(({ metadata, spec }) => [metadata.name, spec.limited?.nominalConcurrencyShares]),
      [
        ["administrators", 20],
        ["catch-all", 5],
        ["system", 30],
        ["workload", 45],
      ],
    );
    const read = (): Promise<FlowSchema> => world.objects.get<FlowSchema>(flowSchemaKind, "system");
    const { spec, status } = await read();
    assert.deepEqual(
      spec.rules?.[0]?.subjects?.map(({ kind, group, serviceAccount }) => [kind, group, serviceAccount]),
      [
        ["Group", { name: "system:nodes" }, undefined],
        ["ServiceAccount", undefined, { namespace: "kube-system", name: "*" }],
      ],
    );
    assert.deepEqual([status?.conditions?.[0]?.type, status?.conditions?.[0]?.status], ["Dangling", "False"]);
    const range = await world.objects.get<ServiceCidr>(serviceCidrKind, "kubernetes");
    assert.deepEqual([range.spec.cidrs, range.status?.conditions?.[0]?.status], [["10.96.0.0/12"], "True"]);
    // As a version that knows other levels would have left it.
    await world.objects.patch(flowSchemaKind, "system", undefined, "merge", {
      spec: { matchingPrecedence: 7 },
    });
    await ensureStandardObjects(world.objects);
    assert.deepEqual((await read()).spec, spec);
  });

  it("are nobody's to change or take away", async () => {
    await using world = await ObjectWorld.start();
    await ensureStandardObjects(world.objects);
    const level = await world.objects.get<FlowSchema>(flowSchemaKind, "workload");
    const labelled = { ...level, metadata: { ...level.metadata, labels: { a: "b" } } };
    assert.deepEqual(said("UPDATE", flowSchemaKind, labelled), []);
    const other = { ...level, spec: { ...level.spec, matchingPrecedence: 7 } };
    assert.throws(
      () => said("UPDATE", flowSchemaKind, other),
      /spec of 'workload' must equal the fixed value/,
    );
    assert.throws(() => said("DELETE", flowSchemaKind, level), /forbidden: it says what the server does/);
    assert.throws(() => said("DELETE", serviceCidrKind, ownServiceCidr(defaultServiceRange)), /forbidden/);
  });
});
