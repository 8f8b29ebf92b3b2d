import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { instant } from "@selvedge/base";
import {
  type DaemonSet,
  daemonSetKind,
  type Node,
  nodeKind,
  type Pod,
  podKind,
  type Taint,
  type Toleration,
} from "@selvedge/kinds";
import { ObjectWorld } from "../../test/object-world.ts";
import { leaveAt } from "./taint-reconciler.ts";

const taint: Taint = { key: "for", value: "tills", effect: "NoExecute" };

function podOf(name: string, tolerations: Toleration[] = []): Pod {
  return {
    ...{ apiVersion: "v1", kind: "Pod", metadata: { name, namespace: "default" } },
    spec: { terminationGracePeriodSeconds: 1, containers: [{ name: "main", image: "i:1" }], tolerations },
  };
}

describe("a taint that ends Pods", () => {
  const rows: readonly (readonly [string, Toleration[], Taint[], number | undefined])[] = [
    ["ends one that does not tolerate it", [], [taint], 0],
    ["leaves one that does", [{ key: "for", operator: "Exists" }], [taint], undefined],
    [
      "leaves one for as long as it may",
      [{ key: "for", operator: "Exists", tolerationSeconds: 60 }],
      [taint],
      61_000,
    ],
    [
      "counts from when it was set",
      [{ operator: "Exists", tolerationSeconds: 60 }],
      [{ ...taint, timeAdded: "1970-01-01T00:01:00Z" }],
      120_000,
    ],
    [
      "goes by the shortest",
      [
        { operator: "Exists", tolerationSeconds: 60 },
        { key: "for", operator: "Exists", tolerationSeconds: 5 },
      ],
      [taint],
      6000,
    ],
    ["is another than one that only keeps Pods away", [], [{ ...taint, effect: "NoSchedule" }], undefined],
  ];
  for (const [what, tolerations, taints, expected] of rows) {
    it(what, () =>
      assert.equal(
        leaveAt(podOf("p", tolerations), taints, () => instant(1000)),
        expected,
      ),
    );
  }

  it("takes Pods and DaemonSets' Pods away, those that may stay for a while later", async () => {
    await using world = await ObjectWorld.start();
    for (const name of ["a", "b"]) await world.addNode(name);
    await world.create(podKind, podOf("plain"));
    await world.create(
      podKind,
      podOf("patient", [{ key: "for", operator: "Exists", effect: "NoExecute", tolerationSeconds: 100 }]),
    );
    await world.create(daemonSetKind, {
      ...{ apiVersion: "apps/v1", kind: "DaemonSet", metadata: { name: "d", namespace: "default" } },
      spec: {
        selector: { matchLabels: { app: "d" } },
        template: {
          metadata: { labels: { app: "d" } },
          spec: { containers: [{ name: "main", image: "i:1" }] },
        },
      },
    } as DaemonSet);
    await world.converge();
    for (const name of ["a", "b"]) {
      await world.objects.patch<Node>(nodeKind, name, undefined, "merge", { spec: { taints: [taint] } });
    }
    await world.converge();
    const names = async (): Promise<string[]> =>
      (await world.objects.list<Pod>(podKind)).items.map(({ metadata }) => metadata.name);
    assert.deepEqual(await names(), ["patient"]);
    await world.pass(130);
    assert.deepEqual(await names(), []);
  });
});
