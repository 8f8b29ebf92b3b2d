import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { isLong, ObjectRegistry, SqliteStore } from "@selvedge/apiserver";
import { type Clock, instant, millis, SeededRandom, SystemClock, Turns } from "@selvedge/base";
import {
  type DaemonSet,
  type Deployment,
  deploymentKind,
  type Node,
  type Pod,
  type PodTemplateSpec,
  type ReplicaSet,
} from "@selvedge/kinds";
import { planDaemonSet } from "./daemon-set-plan.ts";
import { currentRevision } from "./deployment-plan.ts";
import { type DeploymentView, newReplicaSet, viewOf } from "./deployment-sets.ts";
import { replacementDelay } from "./failed-pods.ts";
import { planHistory, revisionHashLabel } from "./history.ts";
import { amountOf } from "./int-or-percent.ts";
import { Pace } from "./pace.ts";
import { planReplicaSet } from "./replica-set-plan.ts";
import { sameTemplate, templateHash } from "./template.ts";

const now = instant(Date.parse("2026-01-01T01:00:00Z"));
const template = { metadata: { labels: { app: "a" } }, spec: { containers: [{ name: "c", image: "i:1" }] } };

function daemonSet(strategy: DaemonSet["spec"]["updateStrategy"]): DaemonSet {
  return {
    ...{ apiVersion: "apps/v1", kind: "DaemonSet", metadata: { name: "d", namespace: "n", uid: "d" } },
    spec: {
      selector: { matchLabels: { app: "a" } },
      template,
      ...(strategy && { updateStrategy: strategy }),
    },
  };
}

/** `old` and `new` are templates; `-` before means not ready, `x` being deleted, `f` failed. */
function podOf(text: string, nodeName: string): Pod {
  const [, mark = "", kind = ""] = /^([-xf]?)(old|new)$/.exec(text) ?? [];
  const ready = mark === "" ? "True" : "False";
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name: `${text}-${nodeName}`,
      labels: { [revisionHashLabel]: kind },
      creationTimestamp: "2026-01-01T00:00:00Z",
      ...(mark === "x" && { deletionTimestamp: "2026-01-01T00:30:00Z" }),
    },
    spec: { nodeName, containers: [] },
    status: { phase: mark === "f" ? "Failed" : "Running", conditions: [{ type: "Ready", status: ready }] },
  };
}

describe("a DaemonSet's rollout", () => {
  const rows: readonly (readonly [
    string,
    DaemonSet["spec"]["updateStrategy"],
    readonly string[],
    readonly string[],
    number,
  ])[] = [
    ["makes what is missing", undefined, ["", "new"], [], 1],
    ["replaces one at a time", undefined, ["old", "old", "old"], ["old-a"], 0],
    ["waits for the one before", undefined, ["xold", "old", "old"], [], 0],
    ["waits until the new one serves", undefined, ["-new", "old"], [], 0],
    ["replaces what does not serve at once", undefined, ["-old", "-old", "old"], ["-old-a", "-old-b"], 0],
    [
      "replaces a share",
      { rollingUpdate: { maxUnavailable: "50%" } },
      ["old", "old", "old", "old"],
      ["old-a", "old-b"],
      0,
    ],
    ["leaves all to the user", { type: "OnDelete" }, ["old", "old"], [], 0],
    [
      "surges: the new one first",
      { rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
      ["old", "old"],
      [],
      1,
    ],
    [
      "surges: then the old one goes",
      { rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
      ["old new", "old"],
      ["old-a"],
      1,
    ],
    [
      "surges: and waits for the new one",
      { rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
      ["old -new", "old"],
      [],
      0,
    ],
    ["removes a second of a kind", undefined, ["new new"], ["new-a"], 0],
    ["removes a failed one", undefined, ["fnew"], ["fnew-a"], 0],
  ];
  for (const [name, strategy, places, removed, created] of rows) {
    it(name, async () => {
      const names = ["a", "b", "c", "d"].slice(0, places.length);
      const nodes = names.map(
        (one): Node => ({ apiVersion: "v1", kind: "Node", metadata: { name: one }, spec: {} }),
      );
      const pods = places.flatMap((text, at) =>
        text.split(" ").flatMap((one) => (one === "" ? [] : [podOf(one, names[at] ?? "")])),
      );
      const inputs = { set: daemonSet(strategy), hash: "new", nodes, pods, now };
      const plan = await new Turns(new SystemClock()).take(planDaemonSet(inputs));
      assert.deepEqual(
        [plan.remove.map(({ pod }) => pod.metadata.name), plan.create.length],
        [removed, created],
      );
    });
  }

  it("counts what kubectl shows", async () => {
    const nodes = ["a", "b", "c"].map(
      (name): Node => ({ apiVersion: "v1", kind: "Node", metadata: { name }, spec: {} }),
    );
    const pods = [podOf("new", "a"), podOf("-new", "b"), podOf("old", "gone")];
    const inputs = { set: daemonSet({ type: "OnDelete" }), hash: "new", nodes, pods, now };
    const { status } = await new Turns(new SystemClock()).take(planDaemonSet(inputs));
    assert.deepEqual(
      [status.desiredNumberScheduled, status.currentNumberScheduled, status.numberReady],
      [3, 2, 1],
    );
    assert.deepEqual(
      [status.updatedNumberScheduled, status.numberAvailable, status.numberUnavailable],
      [2, 1, 2],
    );
  });
});

describe("a Deployment's number", () => {
  it("comes after the greatest there was, however great", () => {
    const set = (revision: string): ReplicaSet => ({
      ...{
        apiVersion: "apps/v1",
        kind: "ReplicaSet",
        spec: { selector: {}, template: { spec: { containers: [] } } },
      },
      metadata: { name: revision, annotations: { "deployment.kubernetes.io/revision": revision } },
    });
    const old = [set("3546343826724305832"), set("7"), set("none")];
    const view = (fresh?: ReplicaSet): Pick<DeploymentView, "sets"> => ({ sets: { fresh, old, all: old } });
    assert.equal(currentRevision(view()), 3546343826724305833n);
    assert.equal(currentRevision(view(set("3546343826724305840"))), 3546343826724305840n);
  });
});

describe("a DaemonSet's history", () => {
  it("has a revision for each template, the newest for the current one, and a bound", () => {
    const set = daemonSet(undefined);
    const first = planHistory(set, [], () => false);
    assert.equal(first.create?.revision, 1);
    assert.match(JSON.stringify(first.create?.data), /^{"spec":{"template":{"\$patch":"replace","metadata":/);
    const made = first.create;
    assert.ok(made);
    assert.deepEqual(
      planHistory(set, [made], () => false),
      {
        ...{ hash: first.hash, name: first.name, create: undefined, renumber: undefined, remove: [] },
      },
    );
    const other = { ...made, metadata: { ...made.metadata, name: "other" }, data: {}, revision: 2 };
    assert.equal(planHistory(set, [made, other], () => false).renumber?.number, 3);
    const limited = { ...set, spec: { ...set.spec, revisionHistoryLimit: 0 } };
    assert.deepEqual(
      planHistory(limited, [made, other], () => false).remove.map(({ metadata }) => metadata.name),
      ["other"],
    );
  });
});

describe("a ReplicaSet", () => {
  const set = (replicas: number): ReplicaSet => ({
    ...{ apiVersion: "apps/v1", kind: "ReplicaSet", metadata: { name: "r", namespace: "n", uid: "r" } },
    spec: { replicas, selector: { matchLabels: { app: "a" } }, template },
  });

  it("removes first what serves least", () => {
    const waiting: Pod = { ...podOf("new", "x"), spec: { containers: [] } };
    waiting.metadata.name = "waiting";
    const pods = [podOf("new", "a"), podOf("-new", "b"), waiting];
    assert.deepEqual(
      planReplicaSet(set(1), pods, now).remove.map(({ metadata }) => metadata.name),
      ["waiting", "-new-b"],
    );
  });

  it("replaces failed Pods, more slowly each time", () => {
    const failed = (minutes: number): Pod => {
      const pod = podOf("fnew", "a");
      pod.metadata.creationTimestamp = new Date(now - minutes * 60_000).toISOString();
      return pod;
    };
    assert.equal(replacementDelay([failed(1)], now), 0);
    assert.equal(replacementDelay([failed(0)], now), 10_000);
    assert.equal(replacementDelay([failed(9), failed(8), failed(0)], now), 40_000);
    assert.equal(
      replacementDelay(
        Array.from({ length: 20 }, () => failed(0)),
        now,
      ),
      300_000,
    );
    const plan = planReplicaSet(set(1), [failed(0)], now);
    assert.deepEqual([plan.create.length, plan.again], [0, 10_000]);
  });
});

describe("amounts and templates", () => {
  for (const [value, total, round, expected] of [
    [3, 10, "up", 3],
    ["25%", 10, "up", 3],
    ["25%", 10, "down", 2],
    ["100%", 7, "down", 7],
    ["0%", 7, "up", 0],
  ] as const) {
    it(`${value} of ${total}, rounded ${round}, is ${expected}`, () => {
      assert.equal(amountOf(value, total, round), expected);
    });
  }

  it("tell templates apart by what they make", () => {
    const labelled = { ...template, metadata: { labels: { app: "a", "pod-template-hash": "x" } } };
    assert.equal(sameTemplate(template, labelled), true);
    assert.equal(sameTemplate(template, { ...template, spec: { containers: [] } }), false);
    assert.match(templateHash(template), /^[bcdfghjklmnpqrstvwxz2456789]{10}$/);
    assert.notEqual(templateHash(template, 1), templateHash(template));
  });
});

describe("a long template", () => {
  const registry = new ObjectRegistry(
    [deploymentKind],
    new SqliteStore(":memory:"),
    new SystemClock(),
    new SeededRandom(1),
  );
  /** As it comes of the store: what nobody has read is text. */
  async function deploymentOf(name: string, value: string, turned = false): Promise<Deployment> {
    const env = Array.from({ length: 2000 }, (_, at) => {
      const one = { name: `NAME_${at}`, value: at === 1999 ? value : "some value of some length" };
      return turned && at === 0 ? { value: one.value, name: one.name } : one;
    });
    const spec = { containers: [{ name: "c", image: "i:1", env }] };
    const made = {
      ...{ apiVersion: "apps/v1", kind: "Deployment", metadata: { name, namespace: "n", uid: name } },
      spec: { selector: { matchLabels: { app: "a" } }, template: { ...template, spec } },
    };
    await registry.create(deploymentKind, made as unknown as Deployment);
    return await registry.get<Deployment>(deploymentKind, name, "n");
  }

  it("is told apart by its text, which stays text in all that is made of it", async () => {
    const [one, same, other, turned] = [
      await deploymentOf("one", "v12"),
      await deploymentOf("same", "v12"),
      await deploymentOf("other", "v13"),
      await deploymentOf("turned", "v12", true),
    ];
    const templates = [one, same, other].map(({ spec }) => spec.template) as PodTemplateSpec[];
    const [first, second, third] = templates as [PodTemplateSpec, PodTemplateSpec, PodTemplateSpec];
    assert.deepEqual([sameTemplate(first, second), sameTemplate(first, third)], [true, false]);
    assert.equal(templateHash(first), templateHash(second));
    assert.notEqual(templateHash(first), templateHash(third));
    const set = newReplicaSet(viewOf(one, [], []), 1, 1n);
    assert.ok(sameTemplate(set.spec.template, first) && isLong(set));
    const pods = planReplicaSet({ ...set, metadata: { ...set.metadata, uid: "s" } }, [], now).create;
    assert.ok(pods.length === 1 && isLong(pods[0]));
    const revision = planHistory(one as never, [], () => true).create;
    assert.ok(revision !== undefined && isLong(revision));
    assert.equal(planHistory(same as never, [revision], () => true).create, undefined);
    assert.ok(planHistory(other as never, [revision], () => true).create !== undefined);
    for (const read of templates) assert.ok(isLong(read.spec), "nobody has read it");
    assert.ok(sameTemplate(first, turned.spec.template), "members have no order");
  });
});

describe("the pace of passes", () => {
  it("is held for large sets only", () => {
    let mono = 0;
    const clock = { monotonic: () => millis(mono) } as Clock;
    const pace = new Pace(clock);
    pace.passed("small", 10);
    pace.passed("large", 1000);
    assert.deepEqual([pace.wait("small"), pace.wait("large")], [0, 500]);
    mono = 600;
    assert.equal(pace.wait("large"), 0);
  });
});
