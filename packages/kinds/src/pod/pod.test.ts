import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { admit } from "../../test/admit.ts";
import type { Container } from "./container-types.ts";
import { podKind } from "./pod.ts";
import type { Pod, PodSpec } from "./pod-types.ts";

const container: Container = { name: "web", image: "nginx:1.27" };

/** A Pod with one container that has more to say. */
function withContainer(more: object): unknown {
  return { containers: [{ ...container, ...more }] };
}

function withSpec(more: object): unknown {
  return { containers: [container], ...more };
}

describe("a Pod's defaults", () => {
  it("are upstream's", () => {
    const { object, errors } = admit(podKind, {
      spec: {
        containers: [
          {
            ...{ name: "web", image: "nginx" },
            ports: [{ containerPort: 80 }],
            env: [{ name: "NODE", valueFrom: { fieldRef: { fieldPath: "spec.nodeName" } } }],
            resources: { limits: { cpu: "1000m", memory: "1024Mi" }, requests: { cpu: 0.5 } },
            readinessProbe: { httpGet: { port: 80 } },
          },
        ],
        volumes: [{ name: "scratch" }, { name: "settings", configMap: { name: "settings" } }],
      },
    });
    assert.deepEqual(errors, []);
    assert.deepEqual(object["spec"], {
      containers: [
        {
          ...{ name: "web", image: "nginx", imagePullPolicy: "Always" },
          ...{ terminationMessagePath: "/dev/termination-log", terminationMessagePolicy: "File" },
          ports: [{ containerPort: 80, protocol: "TCP" }],
          env: [{ name: "NODE", valueFrom: { fieldRef: { apiVersion: "v1", fieldPath: "spec.nodeName" } } }],
          resources: { limits: { cpu: "1", memory: "1Gi" }, requests: { cpu: "500m", memory: "1Gi" } },
          readinessProbe: {
            httpGet: { path: "/", port: 80, scheme: "HTTP" },
            ...{ timeoutSeconds: 1, periodSeconds: 10, successThreshold: 1, failureThreshold: 3 },
          },
        },
      ],
      volumes: [
        { name: "scratch", emptyDir: {} },
        { name: "settings", configMap: { name: "settings", defaultMode: 420 } },
      ],
      ...{ restartPolicy: "Always", terminationGracePeriodSeconds: 30, dnsPolicy: "ClusterFirst" },
      ...{ securityContext: {}, schedulerName: "default-scheduler", enableServiceLinks: true },
    });
    assert.deepEqual(object["status"], { phase: "Pending", qosClass: "Burstable" });
  });

  for (const [image, policy] of [
    ["nginx", "Always"],
    ["nginx:latest", "Always"],
    ["nginx:1", "IfNotPresent"],
    [`nginx@sha256:${"a".repeat(64)}`, "IfNotPresent"],
    ["selvedge.internal:5000/nginx", "Always"],
  ] as const) {
    it(`pull ${image} ${policy}`, () => {
      const { object } = admit(podKind, { spec: withContainer({ image }) });
      assert.equal((object as Pod).spec.containers[0]?.imagePullPolicy, policy);
    });
  }

  for (const [what, resources, qosClass] of [
    ["nothing", {}, "BestEffort"],
    ["limits of both", { limits: { cpu: "1", memory: "64Mi" } }, "Guaranteed"],
    ["a limit of one", { limits: { cpu: "1" } }, "Burstable"],
    ["less requested", { limits: { cpu: "1", memory: "64Mi" }, requests: { cpu: "1m" } }, "Burstable"],
    ["requests alone", { requests: { memory: "64Mi" } }, "Burstable"],
  ] as const) {
    it(`give a Pod with ${what} class ${qosClass}`, () => {
      const { object } = admit(podKind, { spec: withContainer({ resources }) });
      assert.equal((object as Pod).status?.qosClass, qosClass);
    });
  }
});

describe("a Pod that exists", () => {
  const before = admit(podKind, { spec: { ...(withSpec({}) as PodSpec), activeDeadlineSeconds: 60 } })
    .object as Pod;
  const change = (edit: (pod: Pod) => void): readonly string[] => {
    const after = structuredClone(before);
    edit(after);
    return admit(podKind, after, before).errors;
  };

  const allowed: readonly (readonly [what: string, edit: (pod: Pod) => void])[] = [
    ["its image", ({ spec }) => void Object.assign(spec.containers[0] ?? {}, { image: "nginx:2" })],
    ["its labels", ({ metadata }) => void Object.assign(metadata, { labels: { a: "b" } })],
    ["more tolerations", ({ spec }) => void Object.assign(spec, { tolerations: [{ operator: "Exists" }] })],
    ["a shorter deadline", ({ spec }) => void Object.assign(spec, { activeDeadlineSeconds: 30 })],
    ["its status", (pod) => void Object.assign(pod, { status: { phase: "Running" } })],
  ];
  for (const [what, edit] of allowed) it(`may change ${what}`, () => assert.deepEqual(change(edit), []));

  it("may be given the least grace instead of less than none", () => {
    const hasty = structuredClone(before);
    hasty.spec.terminationGracePeriodSeconds = -3;
    assert.deepEqual(admit(podKind, hasty).errors, []);
    const [least, more] = [1, 2].map((terminationGracePeriodSeconds) => {
      const after = { ...hasty, spec: { ...hasty.spec, terminationGracePeriodSeconds } };
      return admit(podKind, after, hasty).errors.join();
    });
    assert.equal(least, "");
    assert.match(more ?? "", /changed: spec.terminationGracePeriodSeconds$/);
  });

  it("is placed by a binding, and by nothing else", () => {
    const placed = structuredClone(before);
    placed.spec.nodeName = "node-1";
    assert.deepEqual(admit(podKind, placed, before, "binding").errors, []);
    assert.match(admit(podKind, placed, before).errors.join(), /changed: spec.nodeName$/);
  });

  it("may change nothing else", () => {
    const [error = "", ...others] = change(({ spec }) => {
      spec.restartPolicy = "Never";
      Object.assign(spec.containers[0] ?? {}, { command: ["sh"] });
    });
    assert.deepEqual(others, []);
    assert.match(
      error,
      /^spec: Forbidden: pod updates may not change fields other than `spec.containers\[\*\].image`/,
    );
    assert.match(error, /changed: spec.containers, spec.restartPolicy$/);
  });

  for (const list of ["containers", "initContainers"] as const)
    it(`is given no more ${list}`, () => {
      const one = { name: "more", image: "more:1" };
      const more = change(({ spec }) => void Object.assign(spec, { [list]: [...(spec[list] ?? []), one] }));
      assert.deepEqual(more, [`spec.${list}: Forbidden: pod updates may not add or remove containers`]);
    });

  it("is given no gate once it is there", () => {
    const detail = "only deletion is allowed, but found new scheduling gate 'a'";
    assert.deepEqual(
      change(({ spec }) => void Object.assign(spec, { schedulingGates: [{ name: "a" }] })),
      [`spec.schedulingGates[0].name: Forbidden: ${detail}`],
    );
  });

  it("may not be given a longer deadline", () => {
    assert.deepEqual(
      change(({ spec }) => void Object.assign(spec, { activeDeadlineSeconds: 90 })),
      ["spec.activeDeadlineSeconds: Invalid value: 90: must be less than or equal to previous value"],
    );
  });

  it("is given its grace when it runs somewhere", () => {
    const grace = (edit: (pod: Pod) => void): number | undefined => {
      const pod = structuredClone(before);
      edit(pod);
      return podKind.gracePeriodSeconds?.(pod);
    };
    assert.equal(
      grace(() => {}),
      undefined,
    );
    assert.equal(
      grace(({ spec }) => void Object.assign(spec, { nodeName: "n" })),
      30,
    );
    assert.equal(
      grace((pod) => void Object.assign(pod.spec, { nodeName: "n", terminationGracePeriodSeconds: 5 })),
      5,
    );
    assert.equal(
      grace((pod) => void Object.assign(pod, { status: { phase: "Failed" } })),
      undefined,
    );
  });
});
