import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { jsonEqual } from "@selvedge/base";
import type { Pod, PodSpec, Taint } from "@selvedge/kinds";
import {
  type App,
  app,
  box,
  budget,
  decide,
  gpu,
  on,
  type World,
  zone,
} from "../../test/preemption-world.ts";

const since = (hour: number): App => ({ status: { startTime: `2026-01-01T0${hour}:00:00Z` } });
const full = (...nodes: string[]): Pod[] => nodes.map((name) => on(name, `old-${name}`, 0, { cpu: 3 }));
const none = (...reasons: string[]): string => `0/2 nodes are available: ${reasons.join(", ")}.`;
const away = (other: string, key: string): Partial<PodSpec> => ({
  affinity: {
    podAntiAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: [
        { topologyKey: key, labelSelector: { matchLabels: { app: other } } },
      ],
    },
  },
});
const spreadOver = (key: string): Partial<PodSpec> => ({
  topologySpreadConstraints: [
    {
      maxSkew: 1,
      topologyKey: key,
      whenUnsatisfiable: "DoNotSchedule",
      labelSelector: { matchLabels: { of: "web" } },
    },
  ],
});
const silent: Taint = { key: "node.kubernetes.io/unreachable", effect: "NoSchedule" };
const toleratesAll: Partial<PodSpec> = { tolerations: [{ operator: "Exists" }] };

const rows: readonly (readonly [what: string, World, expected: string])[] = [
  [
    "a less important one goes",
    { there: [on("a", "x", 50, { cpu: 3 }), on("b", "y", 100, { cpu: 3 })] },
    "a: x",
  ],
  [
    "nobody goes for an equal, or for one that is more important",
    { there: [on("a", "x", 100, { cpu: 3 }), on("b", "y", 101, { cpu: 3 })] },
    none("2 No preemption victims found for incoming pod"),
  ],
  [
    "nobody goes for one that does not want it",
    { pod: app("p", 100, { cpu: 2, spec: { preemptionPolicy: "Never" } }), there: full("a", "b") },
    "not eligible due to preemptionPolicy=Never.",
  ],
  [
    "nobody goes for one that would not fit anyway",
    { pod: app("p", 100, { cpu: 4 }), there: full("a", "b") },
    none("2 Insufficient cpu"),
  ],
  [
    "nobody goes where more important ones take the room",
    { there: [on("a", "x", 200, { cpu: 2 }), on("a", "y", 0), on("b", "z", 100, { cpu: 3 })] },
    none("1 Insufficient cpu", "1 No preemption victims found for incoming pod"),
  ],
  [
    "no more go than must, and the least important of them",
    { nodes: [box("a")], there: [on("a", "x", 3), on("a", "y", 1), on("a", "z", 2)] },
    "a: z y",
  ],
  [
    "of equals the one goes that came last",
    {
      nodes: [box("a")],
      pod: app("p", 100),
      there: [on("a", "x", 0, since(3)), on("a", "y", 0, since(5)), on("a", "z", 0, since(4))],
    },
    "a: y",
  ],
  [
    "of equals one that has not begun goes before all that have",
    {
      nodes: [box("a")],
      pod: app("p", 100),
      there: [on("a", "x", 0), on("a", "y", 0, since(5)), on("a", "z", 0, since(4))],
    },
    "a: x",
  ],
  [
    "a small one stays where a large one goes anyway",
    { nodes: [box("a")], there: [on("a", "large", 1, { cpu: 2 }), on("a", "small", 0)] },
    "a: large",
  ],
  // Which node: upstream's criteria, one after another.
  [
    "no budget is broken where that can be helped, even if a more important one goes",
    {
      there: [on("a", "x", 0, { cpu: 3 }), on("b", "y", 50, { cpu: 3 })],
      budgets: [budget("x", 0), budget("y", 1)],
    },
    "b: y",
  ],
  [
    "a budget is broken where it cannot be helped",
    { nodes: [box("a")], there: [on("a", "x", 0, { cpu: 3 })], budgets: [budget("x", 0)] },
    "a: x",
  ],
  [
    "on a node one goes that no budget keeps, even if it is more important",
    {
      nodes: [box("a")],
      pod: app("p", 100),
      there: [on("a", "x", 0), on("a", "y", 0), on("a", "z", 50)],
      budgets: [budget("x", 0), budget("y", 0)],
    },
    "a: z",
  ],
  [
    "a budget lets so many go and no more",
    {
      there: [
        ...["x1", "x2"].map((name) => on("a", name, 0, { labels: { app: "x" } })),
        on("a", "more", 200),
        ...["y1", "y2"].map((name) => on("b", name, 0, { labels: { app: "y" } })),
        on("b", "other", 200),
      ],
      budgets: [budget("x", 1), budget("y", 2)],
    },
    "b: y1 y2",
  ],
  [
    "one that was evicted already is not counted again",
    {
      nodes: [box("a"), box("b")],
      there: [on("a", "x", 0, { cpu: 3 }), on("b", "y", 0, { cpu: 3 })],
      budgets: [budget("x", 0), budget("y", 0, ["y"])],
    },
    "b: y",
  ],
  [
    "where the most important that goes is least important",
    { there: [on("a", "x", 50, { cpu: 3 }), on("b", "y", 0), on("b", "z", 10, { cpu: 2 })] },
    "b: z",
  ],
  [
    "where they count least together",
    {
      pod: app("p", 100, { cpu: 3 }),
      there: [on("a", "x", 50), on("a", "y", 40, { cpu: 2 }), on("b", "v", 50), on("b", "w", 10, { cpu: 2 })],
    },
    "b: v w",
  ],
  [
    "where fewer go, also of those below nought",
    {
      pod: app("p", 100, { cpu: 3 }),
      there: [on("a", "x", -5), on("a", "y", -5, { cpu: 2 }), on("b", "z", -5, { cpu: 3 })],
    },
    "b: z",
  ],
  [
    "where the longest of them has been there least long",
    { there: [on("a", "x", 0, { cpu: 3, ...since(1) }), on("b", "y", 0, { cpu: 3, ...since(2) })] },
    "b: y",
  ],
  // What is counted.
  [
    "for a port of the node",
    {
      pod: app("p", 100, { port: 80 }),
      nodes: [box("a")],
      there: [on("a", "x", 0, { port: 80 }), on("a", "y", 0)],
    },
    "a: x",
  ],
  [
    "for a group of devices",
    {
      pod: app("p", 100, { limits: { [gpu]: "1" } }),
      nodes: [box("a")],
      there: [on("a", "x", 0), on("a", "y", 50, { limits: { [gpu]: "1" } })],
    },
    "a: y",
  ],
  [
    "for what somebody counts on nodes",
    {
      pod: app("p", 100, { limits: { "example.com/dongle": "2" } }),
      nodes: [box("a")],
      there: [
        on("a", "x", 50, { limits: { "example.com/dongle": "2" } }),
        on("a", "y", 0, { limits: { "example.com/dongle": "1" } }),
      ],
    },
    "a: x",
  ],
  [
    "for one that wants it away",
    {
      pod: app("p", 100, { spec: away("x", "host") }),
      nodes: [box("a")],
      there: [on("a", "x", 50), on("a", "y", 0)],
    },
    "a: x",
  ],
  [
    "that wants the important one away",
    {
      pod: app("p", 100),
      nodes: [box("a")],
      there: [on("a", "x", 50, { spec: away("p", "host") }), on("a", "y", 0)],
    },
    "a: x",
  ],
  [
    "nobody goes where others of the place are in the way as well",
    {
      pod: app("p", 100, { spec: away("x", zone) }),
      nodes: [box("a", { labels: { [zone]: "n" } }), box("b", { labels: { [zone]: "n" } })],
      there: ["a", "b"].map((name) => on(name, `x-${name}`, 0, { labels: { app: "x" } })),
    },
    none("2 node(s) didn't match pod anti-affinity rules"),
  ],
  [
    "so that it is spread as it wants to be",
    {
      pod: app("p", 100, { labels: { of: "web" }, spec: spreadOver("host") }),
      there: [
        on("a", "big", 100, { cpu: 3, labels: { of: "web" } }),
        ...["x", "y", "z"].map((name) => on("b", name, 0, { labels: { of: "web" } })),
      ],
    },
    "b: y z",
  ],
  [
    "nobody goes whom it must be near",
    {
      nodes: [box("a")],
      pod: app("p", 100, {
        cpu: 2,
        spec: {
          affinity: {
            podAffinity: {
              requiredDuringSchedulingIgnoredDuringExecution: [
                { topologyKey: "host", labelSelector: { matchLabels: { app: "x" } } },
              ],
            },
          },
        },
      }),
      there: [on("a", "x", 0, { cpu: 3 })],
    },
    "0/1 nodes are available: 1 node(s) didn't match pod affinity rules.",
  ],
  // Where nobody goes.
  [
    "not on a node that is silent, whatever it tolerates",
    {
      pod: app("p", 100, { cpu: 2, spec: toleratesAll }),
      nodes: [box("a", { taints: [silent] }), box("b")],
      there: full("a"),
    },
    none("1 No preemption victims found for incoming pod", "1 Preemption is not helpful for scheduling"),
  ],
  [
    "not on a node that nobody knows to be well",
    {
      nodes: [box("a", { ready: "Unknown" }), box("b", { ready: "False" })],
      there: full("a", "b"),
    },
    none("2 Preemption is not helpful for scheduling"),
  ],
  [
    "not on a cordoned node, whatever it tolerates",
    {
      pod: app("p", 100, { cpu: 2, spec: toleratesAll }),
      nodes: [box("a", { cordoned: true }), box("b")],
      there: full("a"),
    },
    none("1 No preemption victims found for incoming pod", "1 Preemption is not helpful for scheduling"),
  ],
  [
    "not on a node in maintenance, which would not start it",
    { maintained: ["a"], there: [on("a", "x", 0, { cpu: 3 }), on("b", "y", 50, { cpu: 3 })] },
    "b: y",
  ],
  [
    "not on a node that it does not want, or that does not want it",
    {
      pod: app("p", 100, { cpu: 2, spec: { nodeSelector: { for: "tills" } } }),
      nodes: [box("a"), box("b", { labels: { for: "tills" }, taints: [{ key: "k", effect: "NoSchedule" }] })],
      there: full("a", "b"),
    },
    none("2 Preemption is not helpful for scheduling"),
  ],
  [
    "not on a node that does not have its volume",
    { nodesOfVolumes: ["b"], there: [on("a", "x", 0, { cpu: 3 }), on("b", "y", 50, { cpu: 3 })] },
    "b: y",
  ],
  // Time passes.
  [
    "nobody else goes while one is ending whose room will do",
    { there: [on("a", "x", 0, { cpu: 3 }), on("b", "y", 50, { cpu: 3, going: true })] },
    "b:",
  ],
  [
    "one that is ending is not enough",
    { nodes: [box("a")], there: [on("a", "x", 0, { cpu: 2 }), on("a", "y", 50, { going: true })] },
    "a: x",
  ],
  [
    "it waits where room was made for it",
    {
      pod: app("p", 100, { cpu: 2, status: { nominatedNodeName: "b" } }),
      there: ["a", "b"].map((name) => on(name, `x-${name}`, 0, { cpu: 3, going: true })),
    },
    "b:",
  ],
  [
    "it goes elsewhere when the node where room was made is silent",
    {
      pod: app("p", 100, { cpu: 2, status: { nominatedNodeName: "b" } }),
      nodes: [box("a"), box("b", { taints: [silent] })],
      there: [on("a", "x", 0, { cpu: 3 }), on("b", "y", 0, { cpu: 3, going: true })],
    },
    "a: x",
  ],
  [
    "room that was made for an equal is taken",
    {
      there: [on("a", "x", 0, { cpu: 3, going: true }), on("b", "y", 50, { cpu: 3 })],
      nominated: [app("q", 100, { cpu: 3, status: { nominatedNodeName: "a" } })],
    },
    "b: y",
  ],
];

describe("for a more important Pod", () => {
  for (const [what, world, expected] of rows) {
    it(what, () => assert.equal(decide(world), expected));
  }

  it("looks at a hundred nodes, and on until no budget is broken", () => {
    const nodes = Array.from({ length: 150 }, (_, index) => box(`n${index}`));
    const there = nodes.map(({ metadata }, index) =>
      on(metadata.name, `x${index}`, index === 140 ? 0 : 10, { cpu: 3, labels: { app: "x" } }),
    );
    assert.equal(decide({ nodes, there }), "n0: x0");
    const kept = there.map((one, index) =>
      index === 120 ? { ...one, metadata: { ...one.metadata, labels: {} } } : one,
    );
    assert.equal(decide({ nodes, there: kept, budgets: [budget("x", 0)] }), "n120: x120");
  });

  it("looks for one that breaks no budget on a thousand nodes", () => {
    const nodes = Array.from({ length: 1100 }, (_, index) => box(`n${index}`));
    const chosen = (best: number): string => {
      const there = nodes.map(({ metadata }, index) =>
        on(metadata.name, `x${index}`, index === best ? 0 : 10, { cpu: 3, labels: { app: "x" } }),
      );
      return decide({ nodes, there, budgets: [budget("x", 0)] });
    };
    assert.deepEqual([999, 1000].map(chosen), ["n999: x999", "n0: x0"]);
  });

  it("begins with another node for each, so that the same boxes do not always lose apps", () => {
    const nodes = Array.from({ length: 16 }, (_, index) => box(`n${index}`));
    const there = full(...nodes.map(({ metadata }) => metadata.name));
    const withUid = (uid: string): Pod => {
      const pod = app("p", 100, { cpu: 2 });
      return { ...pod, metadata: { ...pod.metadata, uid } };
    };
    const chosen = ["00000003-0", "0000000a-0"].map((uid) => decide({ pod: withUid(uid), nodes, there }));
    assert.ok(jsonEqual(chosen, ["n3: old-n3", "n10: old-n10"]), chosen.join());
  });
});
