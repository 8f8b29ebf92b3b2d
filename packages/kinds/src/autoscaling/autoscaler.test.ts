import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { KubeObject } from "@selvedge/apimachinery";
import { horizontalPodAutoscalerKind } from "./autoscaler.ts";
import type { HorizontalPodAutoscaler } from "./autoscaler-types.ts";
import { horizontalPodAutoscalerV1Kind } from "./autoscaler-v1.ts";

const cpu = {
  type: "Resource",
  resource: { name: "cpu", target: { type: "Utilization", averageUtilization: 50 } },
};
const of = (spec: object): HorizontalPodAutoscaler => ({
  ...{ apiVersion: "autoscaling/v2", kind: "HorizontalPodAutoscaler" },
  metadata: { name: "web", namespace: "default" },
  spec: {
    scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "web" },
    maxReplicas: 3,
    ...spec,
  },
});
const made = (spec: object): HorizontalPodAutoscaler => {
  const one = of(spec);
  horizontalPodAutoscalerKind.applyDefaults?.(one);
  return one;
};

describe("an autoscaler's rules", () => {
  const target = { type: "Utilization" };
  const policy = { type: "Pods", value: 1, periodSeconds: 60 };
  for (const [what, spec, ...faults] of [
    ["nothing wrong", {}],
    ["fewer than one", { minReplicas: 0 }, "spec.minReplicas"],
    ["more least than most", { minReplicas: 4 }, "spec.maxReplicas"],
    ["no most", { maxReplicas: 0 }, "spec.maxReplicas", "spec.maxReplicas"],
    [
      "a name with a slash",
      { scaleTargetRef: { apiVersion: "apps/v1", kind: "D", name: "a/b" } },
      "spec.scaleTargetRef.name",
    ],
    ...[undefined, "v1", "/v1", "a/b/c"].map((apiVersion) => {
      const scaleTargetRef = { ...(apiVersion && { apiVersion }), kind: "D", name: "d" };
      return [`something of ${apiVersion}`, { scaleTargetRef }, "spec.scaleTargetRef.apiVersion"] as const;
    }),
    ...["", "v1"].map((apiVersion) => {
      const scaleTargetRef = { apiVersion, kind: "ReplicationController", name: "d" };
      return [`no fault in a ReplicationController of "${apiVersion}"`, { scaleTargetRef }] as const;
    }),
    ["a figure of no kind", { metrics: [{ type: "Of" }] }, "spec.metrics[0].type"],
    ["a figure that is not said", { metrics: [{ type: "Resource" }] }, "spec.metrics[0].resource"],
    [
      "two figures in one",
      {
        metrics: [
          { ...cpu, pods: { metric: { name: "q" }, target: { type: "AverageValue", averageValue: "1" } } },
        ],
      },
      "spec.metrics[0].pods",
    ],
    [
      "a target that says nothing",
      { metrics: [{ type: "Resource", resource: { name: "cpu", target } }] },
      "spec.metrics[0].resource.target.averageUtilization",
    ],
    [
      "a policy too long",
      { behavior: { scaleUp: { policies: [{ ...policy, periodSeconds: 1801 }] } } },
      "spec.behavior.scaleUp.policies[0].periodSeconds",
    ],
    ["no policy", { behavior: { scaleDown: { policies: [] } } }, "spec.behavior.scaleDown.policies"],
  ] as const) {
    it(`find ${what}`, () => {
      const found = horizontalPodAutoscalerKind.validate?.(made(spec), undefined) ?? [];
      assert.deepEqual(
        found.map(({ field }) => field),
        faults,
      );
    });
  }

  it("leave a target that was taken before as it is", () => {
    const scaleTargetRef = { kind: "D", name: "d" };
    const faults = horizontalPodAutoscalerKind.validate?.(
      made({ scaleTargetRef, maxReplicas: 4 }),
      made({ scaleTargetRef }),
    );
    assert.deepEqual(faults, []);
  });

  it("leave what has no spec to the schema", () => {
    const bare = { apiVersion: "autoscaling/v2", kind: "HorizontalPodAutoscaler", metadata: { name: "web" } };
    for (const kind of [horizontalPodAutoscalerKind, horizontalPodAutoscalerV1Kind]) {
      const one: KubeObject = structuredClone(bare);
      kind.applyDefaults?.(one);
      assert.deepEqual(kind.validate?.(one, undefined), []);
    }
  });
});

describe("an autoscaler in the words of version 1", () => {
  const view = horizontalPodAutoscalerV1Kind.view;
  const memory = {
    type: "Resource",
    resource: { name: "memory", target: { type: "AverageValue", averageValue: "1Gi" } },
  };

  it("is the same one when it comes back", () => {
    const status: HorizontalPodAutoscaler["status"] = {
      ...{ observedGeneration: 1, currentReplicas: 2, desiredReplicas: 3 },
      currentMetrics: [{ type: "Resource", resource: { name: "cpu", current: { averageUtilization: 70 } } }],
      conditions: [{ type: "AbleToScale", status: "True", lastTransitionTime: "2026-11-01T00:00:00Z" }],
    };
    const whole = { ...made({ metrics: [memory, cpu], behavior: { scaleUp: {} } }), status };
    const shown = view?.read(structuredClone(whole)) as KubeObject & { spec: object; status: object };
    assert.deepEqual(
      [shown.apiVersion, shown.spec, shown.status],
      [
        "autoscaling/v1",
        {
          ...{ scaleTargetRef: whole.spec.scaleTargetRef, minReplicas: 1, maxReplicas: 3 },
          targetCPUUtilizationPercentage: 50,
        },
        {
          ...{ observedGeneration: 1, currentReplicas: 2, desiredReplicas: 3 },
          currentCPUUtilizationPercentage: 70,
        },
      ],
    );
    assert.deepEqual(view?.write(shown), whole);
  });

  it("that says no figure is about CPU, and annotations that cannot be read say nothing", () => {
    const { spec, metadata } = of({});
    const annotations = { "autoscaling.alpha.kubernetes.io/metrics": "{", keep: "me" };
    const written = view?.write({
      ...{ apiVersion: "autoscaling/v1", kind: "HorizontalPodAutoscaler", spec },
      metadata: { ...metadata, annotations },
    } as KubeObject) as HorizontalPodAutoscaler;
    assert.deepEqual(written.spec.metrics?.[0]?.resource?.target.averageUtilization, 80);
    assert.deepEqual(written.metadata.annotations, { keep: "me" });
  });
});
