/** What is kept of what was sent of a kind of Kubernetes' own, recorded of upstream's server. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { KindDefinition, KubeObject } from "@selvedge/apimachinery";
import { cronJobKind, deploymentKind, podKind, replicationControllerKind } from "@selvedge/kinds";
import { applyConfiguration, applyPatch } from "./patching.ts";
import { planCreate, planUpdate, type WriteContext } from "./write-plan.ts";

const time = "2026-01-01T00:00:00Z";
const container = { name: "c", image: "img:1" };
const zeroContainer = {
  ...container,
  tty: false,
  stdin: false,
  args: [],
  workingDir: "",
  livenessProbe: null,
};
const zeroPod = { hostNetwork: false, nodeName: "", hostname: "", volumes: [], nodeSelector: {} };

function contextOf(kind: KindDefinition, manager: string): WriteContext {
  return { kind, rules: {}, manager, subresource: undefined, time };
}

function made(kind: KindDefinition, content: object): KubeObject {
  const apiVersion = kind.group === "" ? kind.version : `${kind.group}/${kind.version}`;
  const object = { apiVersion, kind: kind.kind, metadata: { name: "a", namespace: "b" }, ...content };
  return structuredClone(object) as KubeObject;
}

function created(kind: KindDefinition, content: object): KubeObject {
  return planCreate(made(kind, content), "u", contextOf(kind, "one"));
}

const template = { metadata: { labels: { a: "b" } }, spec: { containers: [container] } };
const zeroTemplate = {
  metadata: { ...template.metadata, creationTimestamp: null, name: "", annotations: {} },
  spec: { ...zeroPod, containers: [zeroContainer] },
};
const selector = { matchLabels: { a: "b" } };
const rows: readonly (readonly [kind: KindDefinition, plain: object, zeros: object])[] = [
  [
    podKind,
    { spec: { containers: [container] } },
    { spec: { ...zeroPod, hostPID: false, containers: [zeroContainer] } },
  ],
  [
    deploymentKind,
    { spec: { replicas: 0, selector, template } },
    { spec: { replicas: 0, paused: false, minReadySeconds: 0, selector, template: zeroTemplate } },
  ],
  [
    replicationControllerKind,
    { spec: { replicas: 0, template } },
    { spec: { replicas: 0, minReadySeconds: 0, template: zeroTemplate } },
  ],
  [
    cronJobKind,
    { spec: { schedule: "@daily", jobTemplate: { spec: { template: spun(template) } } } },
    {
      spec: {
        ...{ schedule: "@daily", concurrencyPolicy: "", timeZone: null },
        jobTemplate: { metadata: { labels: {} }, spec: { template: spun(zeroTemplate) } },
      },
    },
  ],
];

function spun<Spec extends object>({ spec }: { readonly spec: Spec }): object {
  return { spec: { ...spec, restartPolicy: "Never" } };
}

for (const [kind, plain, zeros] of rows) {
  describe(`zeros that were sent of a ${kind.kind}`, () => {
    it("are not kept", () => {
      const { metadata, ...content } = created(kind, zeros);
      const { metadata: others, ...expected } = created(kind, plain);
      assert.deepEqual(content, expected);
      assert.deepEqual(metadata.managedFields, others.managedFields);
    });

    for (const what of ["update", "merge", "strategic"] as const) {
      it(`are no change: ${what}`, () => {
        const stored = created(kind, plain);
        const sent = made(kind, zeros);
        const wanted = what === "update" ? sent : applyPatch(kind, stored, what, sent);
        if (what === "update") wanted.metadata = structuredClone(stored.metadata);
        assert.equal(planUpdate(stored, wanted, contextOf(kind, "two")), stored);
      });
    }

    it("are no change where an older version of us has kept them", () => {
      const stored = created(kind, plain);
      Object.assign(stored, structuredClone(zeros));
      const wanted = { ...made(kind, plain), metadata: structuredClone(stored.metadata) };
      assert.equal(planUpdate(stored, wanted, contextOf(kind, "two")), stored);
    });
  });
}

describe("zeros that were applied", () => {
  it("are their applier's, and not kept", () => {
    const patch = made(podKind, { spec: { hostNetwork: false, containers: [container] } });
    const apply = { kind: podKind, stored: undefined, patch, manager: "one", force: false };
    const wanted = applyConfiguration({ ...apply, subresource: undefined, time });
    const object = planCreate(wanted, "u", { ...contextOf(podKind, "one"), managed: true });
    assert.ok(!("hostNetwork" in (object["spec"] as object)));
    const [entry] = object.metadata.managedFields ?? [];
    const fields = entry?.fieldsV1 as Record<string, object> | undefined;
    assert.ok("f:hostNetwork" in (fields?.["f:spec"] ?? {}));
  });
});
