import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { matchesLabels, requirementsOf } from "@selvedge/apimachinery";
import {
  deploymentKind,
  type Node,
  type Pod,
  type PodAffinityTerm,
  type PodSpec,
  podKind,
} from "@selvedge/kinds";
import { ObjectWorld } from "../../test/object-world.ts";
import { isWary, neighboursOf, type PlacedPods } from "./neighbours.ts";
import { type Placement, placePod } from "./scheduling-plan.ts";

const zone = "topology.kubernetes.io/zone";
const hostname = "kubernetes.io/hostname";

function node(name: string, labels: Record<string, string> = {}): Node {
  return {
    ...{ apiVersion: "v1", kind: "Node", spec: {} },
    metadata: { name, labels: { [hostname]: name, ...labels } },
    status: { allocatable: { cpu: "2", memory: "1Gi", pods: "10" } },
  };
}

/** Two shops with two boxes each, and a box that is in none. */
const nodes = [
  node("a1", { [zone]: "a" }),
  node("a2", { [zone]: "a" }),
  node("b1", { [zone]: "b" }),
  node("b2", { [zone]: "b" }),
  node("z"),
];

function pod(app: string, spec: Partial<PodSpec> = {}, namespace = "d"): Pod {
  return {
    ...{ apiVersion: "v1", kind: "Pod", metadata: { name: "p", namespace, labels: { app } } },
    spec: { containers: [{ name: "c", image: "i" }], ...spec },
  };
}

const on = (nodeName: string, app: string, spec: Partial<PodSpec> = {}, namespace = "d"): Pod =>
  pod(app, { ...spec, nodeName }, namespace);
const term = (app: string, topologyKey: string, more: Partial<PodAffinityTerm> = {}): PodAffinityTerm => ({
  ...{ topologyKey, labelSelector: { matchLabels: { app } } },
  ...more,
});
const near = (...terms: PodAffinityTerm[]): Partial<PodSpec> => ({
  affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: terms } },
});
const away = (...terms: PodAffinityTerm[]): Partial<PodSpec> => ({
  affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: terms } },
});
const rather = (
  member: "podAffinity" | "podAntiAffinity",
  podAffinityTerm: PodAffinityTerm,
): Partial<PodSpec> => ({
  affinity: {
    [member]: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 10, podAffinityTerm }] },
  },
});
const spread = (topologyKey: string, more: object = {}): Partial<PodSpec> => ({
  topologySpreadConstraints: [
    {
      ...{ maxSkew: 1, topologyKey, whenUnsatisfiable: "DoNotSchedule" as const },
      labelSelector: { matchLabels: { app: "web" } },
      ...more,
    },
  ],
});
const notSpread = "node(s) didn't match pod topology spread constraints";
const cordonedZone = { nodeSelector: { [zone]: "a" } };

const rows: readonly (readonly [what: string, Pod, there: readonly Pod[], expected: string])[] = [
  ["near one that is there", pod("web", near(term("db", hostname))), [on("b2", "db")], "b2"],
  ["in the shop of one that is there", pod("web", near(term("db", zone))), [on("b2", "db")], "b1"],
  [
    "nowhere, because those it is to be near are nowhere",
    pod("web", near(term("db", zone))),
    [],
    "5 node(s) didn't match pod affinity rules",
  ],
  [
    "anywhere in a shop, as the first of those that are to be together",
    pod("web", near(term("web", zone))),
    [],
    "a1",
  ],
  ["with the first", pod("web", near(term("web", zone))), [on("b1", "web")], "b1"],
  [
    "near nobody of another namespace, unless it is named",
    pod("web", near(term("db", hostname))),
    [on("b2", "db", {}, "e")],
    "5 node(s) didn't match pod affinity rules",
  ],
  [
    "near one of a namespace that is named",
    pod("web", near(term("db", hostname, { namespaces: ["e"] }))),
    [on("b2", "db", {}, "e")],
    "b2",
  ],
  [
    "near one of a namespace that is selected",
    pod("web", near(term("db", hostname, { namespaceSelector: { matchLabels: { of: "e" } } }))),
    [on("b2", "db", {}, "e")],
    "b2",
  ],
  ["away from one on a box", pod("web", away(term("web", hostname))), [on("a1", "web")], "a2"],
  ["away from all of a shop", pod("web", away(term("web", zone))), [on("a2", "web")], "b1"],
  [
    "nowhere, because they are everywhere",
    pod("web", away(term("web", hostname))),
    nodes.map(({ metadata }) => on(metadata.name, "web")),
    "5 node(s) didn't match pod anti-affinity rules",
  ],
  [
    "away from one that wants it away",
    pod("web", { nodeSelector: { [hostname]: "a1" } }),
    [on("a1", "db", away(term("web", hostname)))],
    "1 node(s) didn't satisfy existing pods anti-affinity rules, 4 node(s) didn't match Pod's node affinity/selector",
  ],
  ["rather near", pod("web", rather("podAffinity", term("db", hostname))), [on("b2", "db")], "b2"],
  ["rather away", pod("web", rather("podAntiAffinity", term("db", hostname))), [on("a1", "db")], "a2"],
  [
    "where there are the fewest",
    pod("web", spread(zone)),
    [on("a1", "web"), on("a2", "web"), on("b1", "web")],
    "b1",
  ],
  [
    "not where there would be too many more than elsewhere",
    pod("web", {
      ...spread(zone),
      ...cordonedZone,
      topologySpreadConstraints: [
        { ...spread(zone).topologySpreadConstraints?.[0], nodeAffinityPolicy: "Ignore" } as never,
      ],
    }),
    [on("a1", "web")],
    "2 node(s) didn't match pod topology spread constraints, 3 node(s) didn't match Pod's node affinity/selector",
  ],
  [
    "among the nodes that it may be on at all",
    pod("web", { ...spread(zone), ...cordonedZone }),
    [on("a1", "web")],
    "a1",
  ],
  [
    "where there are groups enough",
    pod("web", spread(zone, { minDomains: 3 })),
    [on("a1", "web"), on("b1", "web")],
    `1 ${notSpread} (missing required label), 4 ${notSpread}`,
  ],
  [
    "rather where there are fewer",
    pod("web", spread(hostname, { whenUnsatisfiable: "ScheduleAnyway" })),
    [on("a1", "web")],
    "a2",
  ],
];

function placedPods(there: readonly Pod[]): PlacedPods {
  return {
    inNamespace: (namespace) => there.filter(({ metadata }) => metadata.namespace === namespace),
    wary: () => there.filter(isWary),
    namespaces: (selector) =>
      ["d", "e"].filter((name) => matchesLabels(requirementsOf(selector) ?? [], { of: name })),
    node: (name) => nodes.find(({ metadata }) => metadata.name === name),
  };
}

it("a Deployment has a Pod a box, and what is left over waits until there is another", async () => {
  await using world = await ObjectWorld.start();
  for (const name of ["a", "b"]) await world.addNode(name);
  const labels = { app: "web" };
  const template = { metadata: { labels }, spec: { ...pod("web", away(term("web", hostname))).spec } };
  await world.create(deploymentKind, {
    ...{ apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "web", namespace: "default" } },
    spec: { replicas: 3, selector: { matchLabels: labels }, template },
  });
  await world.converge();
  const placed = async (): Promise<string[]> =>
    (await world.objects.list<Pod>(podKind)).items.map(({ spec }) => spec.nodeName ?? "").sort();
  assert.deepEqual(await placed(), ["", "a", "b"]);
  await world.addNode("c");
  await world.converge();
  assert.deepEqual(await placed(), ["a", "b", "c"]);
});

describe("a Pod is placed with regard to others", () => {
  const nothing = { of: () => ({ cpu: 0, memory: 0, storage: 0, pods: 0, part: () => 0 }) };
  for (const [what, one, there, expected] of rows) {
    it(what, () => {
      const neighbours = neighboursOf(one, nodes, placedPods(there));
      const placement = placePod(one, nodes, nothing, undefined, {}, neighbours);
      const wanted: Placement = nodes.some(({ metadata }) => metadata.name === expected)
        ? { type: "place", nodeName: expected }
        : { type: "unschedulable", message: `0/5 nodes are available: ${expected}.` };
      assert.deepEqual(placement, wanted);
    });
  }
});
