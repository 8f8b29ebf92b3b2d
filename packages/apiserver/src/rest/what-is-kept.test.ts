/** What is kept of what was sent of a kind of Kubernetes' own, recorded of upstream's server. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { KindDefinition, KubeObject } from "@selvedge/apimachinery";
import {
  cronJobKind,
  deploymentKind,
  horizontalPodAutoscalerKind,
  namespaceKind,
  podKind,
  replicationControllerKind,
  serviceKind,
} from "@selvedge/kinds";
import { applyConfiguration, applyPatch } from "./patching.ts";
import { sentObject } from "./sent-object.ts";
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

describe("what its maker manages of a new one", () => {
  const sent = (kind: KindDefinition, content: object): Record<string, object> => {
    const { object, said } = sentObject(
      kind,
      made(kind, content),
      undefined,
      {},
      { prunes: false, isNew: true },
    );
    const { metadata } = planCreate(object, "u", { ...contextOf(kind, "one"), said });
    return structuredClone(metadata.managedFields?.[0]?.fieldsV1 ?? {}) as Record<string, object>;
  };

  it("is nothing that is empty in its metadata", () => {
    const metadata = { name: "a", namespace: "b", labels: {}, annotations: {}, finalizers: [] };
    assert.deepEqual(Object.keys(sent(podKind, { metadata, spec: template.spec })), ["f:spec"]);
  });

  it("is not the finalizer of a Namespace", () => {
    assert.equal(namespaceKind.completesNew, true);
    assert.deepEqual(Object.keys(sent(namespaceKind, {})), ["f:metadata"]);
  });

  it("is the type that a hostPath has by default", () => {
    const fields = sent(podKind, {
      spec: { ...template.spec, volumes: [{ name: "v", hostPath: { path: "/" } }] },
    });
    assert.ok(JSON.stringify(fields).includes('"f:hostPath":{".":{},"f:path":{},"f:type":{}}'));
  });
});

it("an autoscaler has no generation", () => {
  const spec = { maxReplicas: 2, scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "d" } };
  assert.equal(created(horizontalPodAutoscalerKind, { spec }).metadata.generation, undefined);
});

describe("what a Service is given", () => {
  const [ports, nodePort] = [[{ port: 80 }], 30_481];
  const key = 'k:{"port":80,"protocol":"TCP"}';
  const rows: readonly (readonly [what: string, first: object, then: object | undefined, owners: object])[] =
    [
      [
        "is nobody's when it is made",
        { type: "NodePort", ports },
        undefined,
        { nodePort: "", clusterIP: "" },
      ],
      [
        "is its maker's where that says it",
        { type: "NodePort", clusterIP: "10.96.0.9", ports: [{ port: 80, nodePort }] },
        undefined,
        { nodePort: "one", clusterIP: "one" },
      ],
      [
        "is nobody's any more where it is not said again",
        { type: "NodePort", clusterIP: "10.96.0.9", ports: [{ port: 80, nodePort }] },
        { type: "NodePort", ports },
        { nodePort: "", clusterIP: "" },
      ],
      [
        "is nobody's when another type brings it",
        { clusterIP: "10.96.0.9", ports },
        { type: "NodePort", clusterIP: "10.96.0.9", ports },
        { nodePort: "", clusterIP: "one" },
      ],
      [
        "is another's who says another",
        { type: "NodePort", ports: [{ port: 80, nodePort: 30_482 }] },
        { type: "NodePort", ports: [{ port: 80, nodePort }] },
        { nodePort: "two", clusterIP: "" },
      ],
    ];
  for (const [what, first, then, owners] of rows) {
    it(what, () => {
      const isNew = { prunes: false, isNew: true };
      const sent = sentObject(serviceKind, made(serviceKind, { spec: first }), undefined, {}, isNew);
      let object = planCreate(sent.object, "u", { ...contextOf(serviceKind, "one"), said: sent.said });
      if (then !== undefined) {
        const wanted = { ...made(serviceKind, { spec: then }), metadata: structuredClone(object.metadata) };
        const again = sentObject(serviceKind, wanted, object, {}, { prunes: false, isNew: false });
        object = planUpdate(object, again.object, { ...contextOf(serviceKind, "two"), said: again.said });
      }
      const ownerOf = (has: (spec: Record<string, Record<string, object>>) => boolean): string => {
        const entries = object.metadata.managedFields ?? [];
        const owning = entries.filter(({ fieldsV1 }) =>
          has(JSON.parse(JSON.stringify(fieldsV1))["f:spec"] ?? {}),
        );
        return owning.map(({ manager }) => manager).join();
      };
      const found = {
        nodePort: ownerOf((spec) => "f:nodePort" in (spec["f:ports"]?.[key] ?? {})),
        ports: ownerOf((spec) => "." in (spec["f:ports"] ?? {})),
        clusterIP: ownerOf((spec) => "f:clusterIP" in spec),
      };
      assert.deepEqual(found, { ...owners, ports: "one" });
    });
  }
});
