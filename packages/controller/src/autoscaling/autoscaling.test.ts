import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create } from "@bufbuild/protobuf";
import type { KindDefinition, KubeObject } from "@selvedge/apimachinery";
import { metrics } from "@selvedge/eve-api";
import {
  type Deployment,
  deploymentKind,
  type Event,
  eventKind,
  type HorizontalPodAutoscaler,
  horizontalPodAutoscalerKind,
  type MetricSpec,
  type Pod,
  podKind,
} from "@selvedge/kinds";
import { ObjectWorld } from "../../test/object-world.ts";

/** A kind that users bring, whose scale is where they like it. */
const gadget: KindDefinition = {
  ...{ group: "lab.example", version: "v1", kind: "Gadget", plural: "gadgets", singular: "gadget" },
  ...{ namespaced: true, custom: true, columns: [] },
  schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } as KindDefinition["schema"],
  subresources: {
    scale: { specReplicas: "spec.many.of", statusReplicas: "status.of", selector: "spec.selector" },
  },
  validate: ({ spec }, old) =>
    old !== undefined && (old["spec"] as GadgetSpec).many.of === 9 && (spec as GadgetSpec).many.of < 5
      ? [{ type: "FieldValueInvalid", field: "spec.many.of", value: 0, detail: "less than 5 is no gadget" }]
      : [],
};
interface GadgetSpec {
  readonly many: { readonly of: number };
}
const gadgetRef = { apiVersion: "lab.example/v1", kind: "Gadget", name: "g" };

function gadgetOf(selector: string, of: number): KubeObject {
  const { apiVersion, kind, name } = gadgetRef;
  return { apiVersion, kind, metadata: { name, namespace: "default" }, spec: { many: { of }, selector } };
}

const noCustom =
  "unable to fetch metrics from custom metrics API: no custom metrics API (custom.metrics.k8s.io) registered";
const noExternal =
  "unable to fetch metrics from external metrics API: no external metrics API (external.metrics.k8s.io) registered";
const ingress = { apiVersion: "networking.k8s.io/v1", kind: "Ingress", name: "main" };
const [qps, value] = [{ name: "qps" }, { type: "Value", value: "2k" }];
const average = { type: "AverageValue", averageValue: "1k" };
const queue = { name: "queue", selector: { matchLabels: { b: "2", a: "1" } } };
const foreignRows: readonly (readonly [MetricSpec, reason: string, message: string])[] = [
  [
    { type: "Object", object: { describedObject: ingress, metric: qps, target: value } },
    ...(["FailedGetObjectMetric", `unable to get metric qps: ${noCustom} on Ingress default/main`] as const),
  ],
  [
    { type: "Pods", pods: { metric: qps, target: average } },
    ...(["FailedGetPodsMetric", `unable to get metric qps: ${noCustom}`] as const),
  ],
  [
    { type: "External", external: { metric: qps, target: average } },
    ...(["FailedGetExternalMetric", `unable to get external metric default/qps/nil: ${noExternal}`] as const),
  ],
  [
    { type: "External", external: { metric: queue, target: value } },
    "FailedGetExternalMetric",
    "unable to get external metric default/queue/&LabelSelector{MatchLabels:map[string]string{a: 1,b: 2,}," +
      `MatchExpressions:[]LabelSelectorRequirement{},}: ${noExternal}`,
  ],
];

describe("an autoscaler", () => {
  const deployment: Deployment = {
    ...{ apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "web", namespace: "default" } },
    spec: {
      ...{ replicas: 1, selector: { matchLabels: { app: "web" } } },
      template: {
        metadata: { labels: { app: "web" } },
        spec: {
          containers: [
            { name: "main", image: "i:1", resources: { requests: { cpu: "100m", memory: "64Mi" } } },
          ],
        },
      },
    },
  };
  const autoscaler: HorizontalPodAutoscaler = {
    ...{ apiVersion: "autoscaling/v2", kind: "HorizontalPodAutoscaler" },
    metadata: { name: "web", namespace: "default" },
    spec: {
      ...{ scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "web" }, maxReplicas: 3 },
      metrics: [
        {
          type: "Resource",
          resource: { name: "memory", target: { type: "Utilization", averageUtilization: 50 } },
        },
      ],
    },
  };
  const of = (
    scaleTargetRef: HorizontalPodAutoscaler["spec"]["scaleTargetRef"],
  ): HorizontalPodAutoscaler => ({
    ...autoscaler,
    spec: { ...autoscaler.spec, scaleTargetRef },
  });
  const podOf = (name: string): Pod => ({
    ...{ apiVersion: "v1", kind: "Pod", metadata: { name, namespace: "default", labels: { app: "web" } } },
    spec: deployment.spec.template.spec,
  });
  const read = (world: ObjectWorld): Promise<HorizontalPodAutoscaler> =>
    world.objects.get<HorizontalPodAutoscaler>(horizontalPodAutoscalerKind, "web", "default");
  const reasonOf = (one: HorizontalPodAutoscaler, type: string): string | undefined =>
    one.status?.conditions?.find((condition) => condition.type === type)?.reason;

  /** What each Pod uses, as its node reports it. */
  const uses = async (world: ObjectWorld, node: string, usedMB: number): Promise<void> => {
    const { items } = await world.objects.list<Pod>(podKind, { namespace: "default" });
    const am = items.map(({ metadata }) =>
      create(metrics.appMetricSchema, {
        AppID: metadata.uid ?? "",
        cpu: { totalNs: 1_000_000_000n, upTime: { seconds: 60n } },
        appMemory: { usedMB },
      }),
    );
    const dm = create(metrics.deviceMetricSchema, {});
    const message = create(metrics.ZMetricMsgSchema, { am, MetricContent: { case: "dm", value: dm } });
    world.running.usages.take(node, message, false, world.clock.now());
  };

  it("has as many Pods as what they use asks for, of those there may be", async () => {
    await using world = await ObjectWorld.start();
    const node = await world.addNode("a");
    await world.create(horizontalPodAutoscalerKind, autoscaler);
    await world.converge();
    assert.equal(reasonOf(await read(world), "AbleToScale"), "FailedGetScale");
    await world.create(deploymentKind, deployment);
    await world.converge();
    await world.pass(15);
    assert.equal(reasonOf(await read(world), "ScalingActive"), "FailedGetResourceMetric");
    await uses(world, node.id, 300);
    await world.pass(15);
    const scaled = await world.objects.get<Deployment>(deploymentKind, "web", "default");
    const said = await read(world);
    assert.deepEqual(
      [scaled.spec.replicas, said.status?.currentReplicas, said.status?.desiredReplicas],
      [3, 1, 3],
    );
    assert.deepEqual(
      ["AbleToScale", "ScalingActive", "ScalingLimited"].map((type) => reasonOf(said, type)),
      ["SucceededRescale", "ValidMetricFound", "TooManyReplicas"],
    );
    assert.deepEqual(said.status?.currentMetrics?.[0]?.resource?.current.averageUtilization, 468);
  });

  it("does nothing while it is no further off than it is told to bear", async () => {
    await using world = await ObjectWorld.start();
    const node = await world.addNode("a");
    const behavior = { scaleUp: { tolerance: "9" } };
    await world.create(horizontalPodAutoscalerKind, {
      ...autoscaler,
      spec: { ...autoscaler.spec, behavior },
    });
    await world.create(deploymentKind, deployment);
    await world.converge();
    await uses(world, node.id, 300);
    await world.pass(15);
    const scaled = await world.objects.get<Deployment>(deploymentKind, "web", "default");
    assert.equal(scaled.spec.replicas, 1);
    assert.equal(reasonOf(await read(world), "ScalingActive"), "ValidMetricFound");
  });

  it("has as many of what users bring, by its scale, and only that is changed", async () => {
    await using world = await ObjectWorld.start();
    const node = await world.addNode("a");
    world.registry.table.serve([gadget]);
    await world.create(gadget, gadgetOf("app=web", 1));
    await world.create(podKind, podOf("by-hand"));
    await world.create(horizontalPodAutoscalerKind, of(gadgetRef));
    await world.converge();
    await uses(world, node.id, 300);
    await world.pass(15);
    const scaled = await world.objects.get(gadget, "g", "default");
    assert.deepEqual(scaled["spec"], { many: { of: 3 }, selector: "app=web" });
    const managers = scaled.metadata.managedFields?.map(({ subresource }) => subresource ?? "");
    assert.deepEqual(managers?.sort(), ["", "scale"]);
    assert.equal((await read(world)).status?.currentMetrics?.[0]?.resource?.current.averageValue, "300Mi");
  });

  for (const [what, made, type, reason, message] of [
    ["nothing of the name", undefined, "AbleToScale", "FailedGetScale", 'gadgets.lab.example "g" not found'],
    ["no selector", gadgetOf("", 1), "ScalingActive", "InvalidSelector", "scale is missing a selector"],
    [
      "a selector of no sense",
      gadgetOf("a in", 1),
      "ScalingActive",
      "InvalidSelector",
      "couldn't convert selector",
    ],
    ["none at all", gadgetOf("app=web", 0), "ScalingActive", "ScalingDisabled", "target is zero"],
    [
      "nobody it means",
      gadgetOf("app=web", 1),
      "ScalingActive",
      "FailedGetResourceMetric",
      "no metrics returned",
    ],
    [
      "more than it takes",
      gadgetOf("app=web", 9),
      "AbleToScale",
      "FailedUpdateScale",
      "less than 5 is no gadget",
    ],
  ] as const) {
    it(`says what is wrong with what it scales: ${what}`, async () => {
      await using world = await ObjectWorld.start();
      world.registry.table.serve([gadget]);
      if (made !== undefined) await world.create(gadget, made);
      await world.create(horizontalPodAutoscalerKind, of(gadgetRef));
      await world.settle();
      const said = (await read(world)).status?.conditions?.find((one) => one.type === type);
      assert.deepEqual([said?.status, said?.reason], ["False", reason]);
      assert.match(said?.message ?? "", new RegExp(RegExp.escape(message)));
      const { items } = await world.objects.list<Event>(eventKind, { namespace: "default" });
      const told = items.filter((one) => one.involvedObject.kind === "HorizontalPodAutoscaler");
      assert.equal(told.length > 0, what !== "none at all");
    });
  }

  for (const [ref, message] of [
    [{ ...gadgetRef, kind: "Widget" }, 'no matches for kind "Widget" in group "lab.example"'],
    [
      { apiVersion: "apps/v1", kind: "DaemonSet", name: "c" },
      "the server could not find the requested resource",
    ],
    [{ apiVersion: "apps/v1", kind: "Deployment", name: "d" }, 'deployments/scale.apps "d" not found'],
  ] as const) {
    it(`says what it cannot scale: ${ref.kind}`, async () => {
      await using world = await ObjectWorld.start();
      await world.create(horizontalPodAutoscalerKind, of(ref));
      await world.settle();
      const [said] = (await read(world)).status?.conditions ?? [];
      assert.equal(
        said?.message,
        `the HPA controller was unable to get the target's current scale: ${message}`,
      );
    });
  }

  it("does nothing where another has the same Pods, until that one is gone", async () => {
    await using world = await ObjectWorld.start();
    const node = await world.addNode("a");
    await world.create(deploymentKind, deployment);
    await world.create(horizontalPodAutoscalerKind, autoscaler);
    await world.converge();
    world.registry.table.serve([gadget]);
    await world.create(gadget, gadgetOf("app in (web)", 1));
    const other = { ...of(gadgetRef), metadata: { name: "other", namespace: "default" } };
    await world.create(horizontalPodAutoscalerKind, other);
    await world.settle();
    await uses(world, node.id, 300);
    await world.pass(15);
    const said = (await read(world)).status?.conditions?.find(({ type }) => type === "ScalingActive");
    assert.equal(said?.reason, "AmbiguousSelector");
    assert.equal(
      said?.message,
      "pods by selector app=web are controlled by multiple HPAs: [{other default} {web default}]",
    );
    const before = await world.objects.get<Deployment>(deploymentKind, "web", "default");
    assert.equal(before.spec.replicas, 1);
    await world.objects.delete(horizontalPodAutoscalerKind, "other", "default");
    await world.settle();
    await uses(world, node.id, 300);
    await world.pass(15);
    const after = await world.objects.get<Deployment>(deploymentKind, "web", "default");
    assert.equal(after.spec.replicas, 3);
  });

  it("keeps up with a Deployment's bounds, and with its own", async () => {
    await using world = await ObjectWorld.start();
    await world.addNode("a");
    await world.create(deploymentKind, { ...deployment, spec: { ...deployment.spec, replicas: 5 } });
    await world.create(horizontalPodAutoscalerKind, autoscaler);
    await world.converge();
    const replicas = async (): Promise<number | undefined> =>
      (await world.objects.get<Deployment>(deploymentKind, "web", "default")).spec.replicas;
    assert.equal(await replicas(), 3);
    await world.objects.patch(horizontalPodAutoscalerKind, "web", "default", "merge", {
      spec: { maxReplicas: 2 },
    });
    await world.converge();
    assert.equal(await replicas(), 2);
    const spec = { maxReplicas: 9, minReplicas: 4 };
    await world.objects.patch(horizontalPodAutoscalerKind, "web", "default", "merge", { spec });
    await world.converge();
    assert.equal(await replicas(), 4);
    assert.equal((await read(world)).status?.desiredReplicas, 4);
  });

  for (const [metric, reason, message] of foreignRows) {
    it(`says that nobody serves figures of ${metric.type}`, async () => {
      await using world = await ObjectWorld.start();
      await world.create(deploymentKind, deployment);
      const spec = { ...autoscaler.spec, metrics: [metric] };
      await world.create(horizontalPodAutoscalerKind, { ...autoscaler, spec });
      await world.settle();
      const said = (await read(world)).status?.conditions?.find(({ type }) => type === "ScalingActive");
      const whole = `the HPA was unable to compute the replica count: ${message}`;
      assert.deepEqual([said?.status, said?.reason, said?.message], ["False", reason, whole]);
      const { items } = await world.objects.list<Event>(eventKind, { namespace: "default" });
      const told = items.filter(({ involvedObject }) => involvedObject.kind === "HorizontalPodAutoscaler");
      assert.deepEqual(told.map((one) => one.reason).sort(), ["FailedComputeMetricsReplicas", reason].sort());
    });
  }
});
