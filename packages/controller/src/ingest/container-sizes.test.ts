import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create } from "@bufbuild/protobuf";
import { instant } from "@selvedge/base";
import { ext } from "@selvedge/eve-api";
import type { Pod, ResourceRequirements } from "@selvedge/kinds";
import { amountsOf } from "../scheduling/resources.ts";
import { podStatusOf } from "./pod-status.ts";

const mib = 2 ** 20;
const small: ResourceRequirements = {
  requests: { cpu: "0.1", memory: "64Mi", "ephemeral-storage": "1Gi" },
  limits: { cpu: "200m", memory: "134217728" },
};
const has = create(ext.ResourcesSchema, {
  ...{ cpuRequestMillis: 100n, cpuLimitMillis: 200n },
  ...{ memoryRequestBytes: BigInt(64 * mib), memoryLimitBytes: BigInt(128 * mib) },
});

function podOf(resources: ResourceRequirements, before?: Pod["status"]): Pod {
  return {
    ...{ metadata: { name: "a" }, spec: { containers: [{ name: "main", image: "i", resources }] } },
    ...(before && { status: before }),
  } as unknown as Pod;
}

function told(pod: Pod, resources: ext.Resources | undefined, conditions: object[] = []): Pod {
  const report = create(ext.AppReportSchema, {
    ...{ phase: "Running", conditions },
    containers: [
      {
        name: "main",
        state: { state: { case: "running" as const, value: {} } },
        ...(resources && { resources }),
      },
    ],
  });
  return { ...pod, status: podStatusOf(pod, report, false, instant(0)) };
}

describe("what a container has", () => {
  const rows: readonly (readonly [string, ResourceRequirements, ext.Resources | undefined, unknown])[] = [
    ["is not known of a node that does not say", small, undefined, undefined],
    ["is told as it was asked for", small, has, small],
    [
      "is what it was while another size waits",
      {
        requests: { cpu: "1", memory: "1Gi", "ephemeral-storage": "1Gi" },
        limits: { cpu: "2", memory: "2Gi" },
      },
      has,
      {
        requests: { cpu: "100m", memory: "64Mi", "ephemeral-storage": "1Gi" },
        limits: { cpu: "200m", memory: "128Mi" },
      },
    ],
    [
      "is less than what is asked for since",
      { requests: { cpu: "1" }, limits: { cpu: "1" } },
      create(ext.ResourcesSchema, {}),
      {},
    ],
  ];
  for (const [what, asked, reported, shown] of rows)
    it(what, () => {
      const [status] = told(podOf(asked), reported).status?.containerStatuses ?? [];
      assert.deepEqual(status?.resources, shown);
      assert.deepEqual(status?.allocatedResources, (shown as ResourceRequirements | undefined)?.requests);
    });
});

describe("another size of a Pod that waits", () => {
  const large = { requests: { cpu: "1", memory: "1Gi" }, limits: { cpu: "1", memory: "1Gi" } };
  const pending = (reason: string): object[] => [
    { type: "PodResizePending", status: "True", reason, message: "m" },
  ];

  it("is said as long as the node says so", () => {
    const waits = told(podOf(large), has, pending("Deferred"));
    const condition = ({ status }: Pod): unknown =>
      status?.conditions?.find(({ type }) => type === "PodResizePending")?.reason;
    assert.equal(condition(waits), "Deferred");
    assert.equal(condition(told(waits, has)), undefined);
  });

  it("counts on its node as what is more, and not where it never comes", () => {
    const beside = 96;
    const taken = (pod: Pod): unknown => [amountsOf(pod).cpu, amountsOf(pod).memory / mib - beside];
    assert.deepEqual(taken(told(podOf(large), has, pending("Deferred"))), [1000, 1024]);
    assert.deepEqual(
      taken(told(podOf({ limits: { memory: "64Mi" } }), has, pending("Deferred"))),
      [100, 128],
    );
    assert.deepEqual(taken(told(podOf(large), has, pending("Infeasible"))), [100, 128]);
  });
});
