import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create } from "@bufbuild/protobuf";
import { instant, millis } from "@selvedge/base";
import { metrics } from "@selvedge/eve-api";
import {
  type Deployment,
  deploymentKind,
  type HorizontalPodAutoscaler,
  horizontalPodAutoscalerKind,
  type Pod,
  podKind,
  usualRules,
} from "@selvedge/kinds";
import { ObjectWorld } from "../../test/object-world.ts";
import { planLoad, type Sample } from "./load-plan.ts";
import { noHistory, type PaceHistory, planPace } from "./pace-plan.ts";

const now = instant(Date.parse("2026-11-01T12:00:00Z"));
const minutesAgo = (minutes: number): string => new Date(now - minutes * 60_000).toISOString();

/** `r80`: ready and using 80; `u80`: not ready; `p`: pending; `m`: running, not measured; `f`: failed. */
function podsOf(text: string): { pods: Pod[]; samples: Map<string, Sample>; requests: Map<string, number> } {
  const samples = new Map<string, Sample>();
  const pods = text.split(" ").map((word, index): Pod => {
    const [letter = "", amount] = [word[0], word.slice(1)];
    const name = `${letter}${index}`;
    if (amount !== "") samples.set(name, { at: now, window: millis(60_000), amount: Number(amount) });
    const phase = { p: "Pending", f: "Failed" }[letter] ?? "Running";
    const ready = { type: "Ready", status: letter === "u" ? "False" : "True" } as const;
    const conditions = [{ ...ready, lastTransitionTime: minutesAgo(60) }];
    return {
      ...{ apiVersion: "v1", kind: "Pod", metadata: { name, namespace: "default" } },
      spec: { containers: [{ name: "c", image: "i" }] },
      status: { phase, startTime: minutesAgo(60), conditions } as NonNullable<Pod["status"]>,
    };
  });
  return { pods, samples, requests: new Map(pods.map(({ metadata }) => [metadata.name, 100])) };
}

describe("what Pods use", () => {
  // Upstream's own cases among them: what is not measured is taken for what changes least.
  for (const [text, percent, current, replicas] of [
    ["r50 r50", 50, 2, 2],
    ["r54 r54", 50, 2, 2],
    ["r80 r80", 50, 2, 4],
    ["r90 r90 r90", 30, 3, 9],
    ["r10 r10 r10 r10", 50, 4, 1],
    ["r80 r80 p", 50, 3, 3],
    ["r60 p", 50, 2, 2],
    ["r80 m", 50, 2, 2],
    ["r10 r10 m m", 50, 4, 4],
    ["r10 r10 m", 100, 3, 2],
    ["r80 u0", 50, 2, 2],
    ["r80 f", 50, 1, 2],
  ] as const) {
    it(`${text} at ${percent}% of ${current} asks for ${replicas}`, () => {
      const { pods, samples, requests } = podsOf(text);
      const load = planLoad({
        ...{ pods, samples, isCpu: true, current, now, target: { percent, requests } },
        tolerance: { up: 0.1, down: 0.1 },
      });
      assert.equal(load?.replicas, replicas);
    });
  }

  it("says nothing when nobody is measured", () => {
    const { pods, samples, requests } = podsOf("p m");
    assert.equal(
      planLoad({
        ...{ pods, samples, isCpu: true, current: 2, now, target: { percent: 50, requests } },
        tolerance: { up: 0.1, down: 0.1 },
      }),
      undefined,
    );
  });
});

describe("a pace", () => {
  const paceOf = (
    current: number,
    recommended: number,
    history: Partial<PaceHistory> = {},
    behavior?: HorizontalPodAutoscaler["spec"]["behavior"],
  ): readonly [number, string | undefined, string | undefined] => {
    const spec = {
      scaleTargetRef: { kind: "Deployment", name: "d" },
      ...{ minReplicas: 2, maxReplicas: 20, ...(behavior && { behavior }) },
    };
    const pace = planPace({
      ...{ spec, usual: usualRules, history: { ...noHistory, ...history }, current, recommended, now },
    });
    return [pace.replicas, pace.able.reason, pace.limited.reason];
  };
  const at = (seconds: number, count: number): { at: typeof now; count: number } => ({
    ...{ at: instant(now - seconds * 1000), count },
  });

  it("is twice as many or four more, no more than there may be", () => {
    assert.deepEqual(paceOf(2, 19), [6, "ReadyForNewScale", "ScaleUpLimit"]);
    assert.deepEqual(paceOf(8, 19), [16, "ReadyForNewScale", "ScaleUpLimit"]);
    assert.deepEqual(paceOf(16, 40), [20, "ReadyForNewScale", "TooManyReplicas"]);
    // What was added within the policy's seconds counts.
    assert.deepEqual(paceOf(6, 19, { added: [at(5, 4)] }), [6, "ReadyForNewScale", "ScaleUpLimit"]);
  });

  it("goes down by the highest of the last five minutes", () => {
    assert.deepEqual(paceOf(8, 1), [2, "ReadyForNewScale", "TooFewReplicas"]);
    assert.deepEqual(paceOf(8, 3, { recommended: [at(100, 6), at(400, 9)] }), [
      ...[6, "ScaleDownStabilized", "DesiredWithinRange"],
    ] as [number, string, string]);
  });

  it("follows the policies that are given", () => {
    const slow = { policies: [{ type: "Pods", value: 1, periodSeconds: 60 }], stabilizationWindowSeconds: 0 };
    assert.deepEqual(paceOf(8, 3, {}, { scaleDown: slow })[0], 7);
    assert.deepEqual(paceOf(8, 3, { removed: [at(30, 1)] }, { scaleDown: slow })[0], 8);
    const none = { ...slow, selectPolicy: "Disabled" };
    assert.deepEqual(paceOf(8, 3, {}, { scaleDown: none })[0], 8);
  });
});

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
});
