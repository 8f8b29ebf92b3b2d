import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { KindDefinition, KubeObject } from "@selvedge/apimachinery";
import { aggregatedDiscovery, discovery } from "./discovery.ts";
import { apiVersionOf } from "./kind-names.ts";
import { openapiRoot, openapiV2, openapiV3 } from "./openapi.ts";
import { groupsOf, resourcesOf } from "./resources.ts";

function kind(
  group: string,
  version: string,
  name: string,
  more: Partial<KindDefinition> = {},
): KindDefinition {
  const plural = `${name.toLowerCase()}s`;
  return {
    ...{ group, version, kind: name, plural, singular: name.toLowerCase(), namespaced: true, columns: [] },
    schema: { type: "object", properties: { spec: { type: "object" } } },
    ...more,
  };
}

const kinds = [
  kind("zoo.example", "v1beta1", "Cage"),
  kind("zoo.example", "v2alpha1", "Cage"),
  kind("zoo.example", "v1", "Cage"),
  kind("batch", "v1", "Job", { subresources: { status: true } }),
  kind("", "v1", "Pod", {
    subresources: {
      others: [{ name: "eviction", kind: "Eviction", group: "policy", version: "v1", verbs: ["create"] }],
    },
  }),
  kind("apps", "v1", "Deployment", {
    subresources: { scale: { specReplicas: "spec.n", statusReplicas: "status.n" } },
  }),
];

describe("what is served", () => {
  const resources = resourcesOf(kinds, [kind("review.example", "v1", "Review")]);

  it("is in the order tools should prefer", () => {
    assert.deepEqual(
      groupsOf(resources).map(({ name, versions }) => [name, ...versions.map(({ version }) => version)]),
      [
        ["", "v1"],
        ["apps", "v1"],
        ["batch", "v1"],
        ["review.example", "v1"],
        ["zoo.example", "v1", "v1beta1", "v2alpha1"],
      ],
    );
  });

  it("is told in old documents with the kinds of subresources", () => {
    const documents = discovery(resources);
    const list = (path: string): [string, string, string][] =>
      (documents.get(path) as { resources: { name: string; kind: string; verbs: string[] }[] }).resources.map(
        ({ name, kind: of, verbs }) => [name, of, verbs.join()],
      );
    assert.deepEqual(list("/api/v1")[1], ["pods/eviction", "Eviction", "create"]);
    assert.deepEqual(list("/apis/apps/v1")[1], ["deployments/scale", "Scale", "get,patch,update"]);
    assert.deepEqual(list("/apis/review.example/v1"), [["reviews", "Review", "create"]]);
    assert.equal(
      (documents.get("/apis/zoo.example") as { preferredVersion: { version: string } }).preferredVersion
        .version,
      "v1",
    );
  });

  it("is told by the version that is kept, whichever shows it, and by the names of kinds", () => {
    const of = { group: "zoo.example", plural: "keepers" };
    const same = { read: (one: KubeObject) => one, write: (one: KubeObject) => one };
    const own = kind("zoo.example", "v2", "Keeper");
    const views = [{ keptAs: "zoo.example/v2", siblings: () => [] }, { siblings: () => [own] }];
    const shown = views.map((view, at) =>
      kind("zoo.example", `v1beta${at}`, "Keeper", { view: { of, ...same, ...view } }),
    );
    const documents = discovery(resourcesOf([kind("zoo.example", "v2", "Zebra"), own, ...shown], []));
    const told = (version: string) =>
      (documents.get(`/apis/zoo.example/${version}`) as { resources: Record<string, string>[] }).resources;
    const [keeper, zebra] = told("v2");
    assert.deepEqual([keeper?.["name"], zebra?.["name"]], ["keepers", "zebras"]);
    for (const version of ["v1beta0", "v1beta1"])
      assert.equal(told(version)[0]?.["storageVersionHash"], keeper?.["storageVersionHash"]);
    assert.notEqual(zebra?.["storageVersionHash"], keeper?.["storageVersionHash"]);
  });

  it("is told in one document without the other root's groups", () => {
    for (const root of ["/api", "/apis"] as const) {
      const { items } = aggregatedDiscovery(resources, root, "v2") as {
        items: { metadata: { name?: string } }[];
      };
      assert.equal(
        items.some(({ metadata }) => metadata.name === undefined),
        root === "/api",
      );
    }
  });

  it("has documents that are made kind by kind, while others have their turn", () => {
    const resources = resourcesOf(kinds, []);
    const groups = new Set(kinds.map(apiVersionOf));
    assert.ok(taken(openapiV3(resources, "v1")).steps >= groups.size);
    const { made, steps } = taken(openapiV2(resources, "v1"));
    const { definitions, paths } = JSON.parse(made.json);
    assert.ok(steps >= resources.length + Object.keys(definitions).length + Object.keys(paths).length);
  });

  it("has documents in which a kind of many fields is made field by field", () => {
    const fields = Array.from({ length: 300 }, (_, at) => [`f${at}`, { type: "string" }] as const);
    const spec = { type: "object", properties: Object.fromEntries(fields) } as const;
    const wide = kind("zoo.example", "v1", "Cage", { schema: { type: "object", properties: { spec } } });
    const more = (all: typeof openapiV2 | typeof openapiV3): number =>
      taken<unknown>(all(resourcesOf([wide], []), "v1")).steps -
      taken<unknown>(all(resourcesOf([kind("zoo.example", "v1", "Cage")], []), "v1")).steps;
    assert.equal(more(openapiV3), fields.length);
    assert.equal(more(openapiV2), 2 * fields.length);
  });

  it("has documents whose address changes when they do", () => {
    const url = (of: readonly KindDefinition[]): string => {
      const { made } = taken(openapiV3(resourcesOf(of, []), "v1"));
      return JSON.parse(openapiRoot(made).json).paths["apis/batch/v1"].serverRelativeURL;
    };
    const changed = kind("batch", "v1", "Job", { schema: { type: "object" } });
    assert.equal(url(kinds), url([...kinds]));
    assert.notEqual(url(kinds), url([...kinds.filter(({ group }) => group !== "batch"), changed]));
  });
});

/** What steps come to, and how many there were. */
function taken<T>(all: Iterator<undefined, T>): { readonly made: T; readonly steps: number } {
  for (let steps = 0; ; steps++) {
    const step = all.next();
    if (step.done === true) return { made: step.value, steps };
  }
}
