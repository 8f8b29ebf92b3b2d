import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { KubeObject } from "@selvedge/apimachinery";
import { type Pod, podKind, runtimeClassKind } from "@selvedge/kinds";
import { ObjectWorld } from "../../test/object-world.ts";

const classOf = (name: string, more: object): KubeObject =>
  ({
    apiVersion: "node.k8s.io/v1",
    kind: "RuntimeClass",
    metadata: { name },
    handler: name,
    ...more,
  }) as KubeObject;
const podOf = (name: string, spec: object): Pod =>
  ({
    ...{ apiVersion: "v1", kind: "Pod", metadata: { name, namespace: "default" } },
    spec: { containers: [{ name: "main", image: "app:1" }], ...spec },
  }) as unknown as Pod;

describe("a RuntimeClass", () => {
  it("says what its Pods cost and where they run, and one that is not there has none", async () => {
    await using world = await ObjectWorld.start();
    await world.create(runtimeClassKind, classOf("plain", {}));
    const podFixed = { cpu: "10m", memory: "1Mi" };
    const toleration = { key: "big", operator: "Exists" as const };
    const scheduling = { nodeSelector: { size: "big" }, tolerations: [toleration] };
    await world.create(runtimeClassKind, classOf("heavy", { overhead: { podFixed }, scheduling }));
    await world.settle();
    const make = async (name: string, spec: object): Promise<Pod["spec"]> =>
      (await world.objects.create<Pod>(podKind, podOf(name, spec))).spec;
    assert.equal((await make("a", { runtimeClassName: "plain" })).overhead, undefined);
    const heavy = await make("b", { runtimeClassName: "heavy", tolerations: [toleration] });
    assert.deepEqual(heavy.overhead, podFixed);
    assert.deepEqual([heavy.nodeSelector, heavy.tolerations?.length], [{ size: "big" }, 1]);
    const rows: [spec: object, why: string][] = [
      [{ runtimeClassName: "none" }, 'RuntimeClass "none" not found'],
      [{ overhead: podFixed }, "Pod Overhead set without corresponding RuntimeClass defined Overhead"],
      [
        { runtimeClassName: "heavy", overhead: { cpu: "1" } },
        "Pod's Overhead doesn't match RuntimeClass's defined Overhead",
      ],
      [
        { runtimeClassName: "heavy", nodeSelector: { size: "small" } },
        "conflict: runtimeClass.scheduling.nodeSelector[size] = big; pod.spec.nodeSelector[size] = small",
      ],
    ];
    const isRejected = async (spec: object, why: string): Promise<void> =>
      await assert.rejects(make("c", spec), { message: `pods "c" is forbidden: pod rejected: ${why}` });
    for (const [spec, why] of rows) await isRejected(spec, why);
    await world.objects.delete(runtimeClassKind, "plain");
    await world.settle();
    await isRejected({ runtimeClassName: "plain" }, 'RuntimeClass "plain" not found');
  });
});
