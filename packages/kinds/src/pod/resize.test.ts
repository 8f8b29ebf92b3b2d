import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { admit } from "../../test/admit.ts";
import type { Container, ResourceRequirements } from "./container-types.ts";
import { podKind } from "./pod.ts";
import type { Pod } from "./pod-types.ts";

const small: ResourceRequirements = {
  requests: { cpu: "100m", memory: "64Mi" },
  limits: { cpu: "200m", memory: "128Mi" },
};
const large: ResourceRequirements = {
  requests: { cpu: "200m", memory: "128Mi" },
  limits: { cpu: "400m", memory: "256Mi" },
};
const web: Container = { name: "web", image: "web:1", resources: small };

function pod(more: { spec?: object; metadata?: object; status?: object } = {}): Pod {
  const { spec, metadata, status } = more;
  const wanted = {
    metadata: { name: "a", namespace: "b", ...metadata },
    spec: { containers: [web], ...spec },
    status: { qosClass: "Burstable", ...status },
  };
  return admit(podKind, wanted).object as Pod;
}

function withWeb(resources: object, more: object = {}): Pod {
  return pod({ spec: { containers: [{ ...web, resources, ...more }] } });
}

const running = { image: "web:1", imageID: "", state: { running: { startedAt: null } } };

describe("a resize of a Pod", () => {
  const tooMuch = "must be less than or equal to";
  const init = { name: "first", image: "web:1", resources: small };
  const sidecar = { ...init, restartPolicy: "Always" };
  const initOf = (one: object): Pod => pod({ spec: { initContainers: [one] } });
  const rows: readonly (readonly [what: string, old: Pod, now: Pod, ...errors: string[]])[] = [
    ["may grow", pod(), withWeb(large)],
    ["may shrink", withWeb(large), pod()],
    ["may add what was not said", withWeb({ requests: { cpu: "100m" } }), pod()],
    ["may grow a sidecar", initOf(sidecar), initOf({ ...sidecar, resources: large })],
    [
      "may not grow an init container",
      initOf(init),
      initOf({ ...init, resources: large }),
      "spec: Forbidden: resources for non-sidecar init containers are immutable",
    ],
    [
      "keeps the class",
      pod(),
      withWeb({ requests: small.limits, limits: small.limits }),
      'spec: Invalid value: "Burstable": Pod QOS Class may not change as a result of resizing',
    ],
    [
      "takes nothing away",
      pod(),
      withWeb({ requests: { cpu: "100m" }, limits: { cpu: "200m" } }),
      "spec.containers[0].resources.requests: Forbidden: resource requests cannot be removed",
      "spec.containers[0].resources.limits: Forbidden: resource limits cannot be removed",
    ],
    [
      "is of processors and memory alone",
      pod(),
      withWeb({ ...small, requests: { ...small.requests, "ephemeral-storage": "1Gi" } }),
      "spec: Forbidden: only cpu and memory resources are mutable",
    ],
    [
      "keeps its policy",
      pod(),
      withWeb(large, { resizePolicy: [{ resourceName: "cpu", restartPolicy: "RestartContainer" }] }),
      "spec: Forbidden: only cpu and memory resources are mutable",
    ],
    [
      "adds no container",
      pod(),
      pod({ spec: { containers: [web, { ...web, name: "more" }] } }),
      "spec.containers: Forbidden: containers may not be added or removed on resize",
    ],
    [
      "renames none",
      pod(),
      pod({ spec: { containers: [{ ...web, name: "other" }] } }),
      "spec.containers[0].name: Forbidden: containers may not be renamed or reordered on resize",
    ],
    [
      "asks for no more than there may be",
      pod(),
      withWeb({ ...large, requests: { cpu: "1", memory: "1Gi" } }),
      'spec.containers[0].resources.requests: Invalid value: "1": must be less than or equal to cpu limit of 400m',
      `spec.containers[0].resources.requests: Invalid value: "1Gi": ${tooMuch} memory limit of 256Mi`,
    ],
    [
      "needs a node that says how large it is",
      pod({ status: { containerStatuses: [{ name: "web", ...running }] } }),
      withWeb(large),
      "spec: Forbidden: Pod running on node without support for resize",
    ],
    [
      "goes where the node says so",
      pod({ status: { containerStatuses: [{ name: "web", ...running, resources: small }] } }),
      withWeb(large),
    ],
    [
      "is not of a static Pod",
      pod({ metadata: { annotations: { "kubernetes.io/config.mirror": "x" } } }),
      withWeb(large),
      ": Forbidden: static pods cannot be resized",
    ],
    [
      "is not of a Pod with a size of its own",
      pod({ spec: { resources: { limits: { cpu: "1" } } } }),
      withWeb(large),
      ": Forbidden: pods with pod-level resources cannot be resized",
    ],
  ];
  for (const [what, old, now, ...errors] of rows)
    it(what, () => {
      const wanted = { ...now, metadata: old.metadata, status: old.status };
      assert.deepEqual(admit(podKind, wanted, old, "resize").errors, errors);
    });

  it("is what changes it: not a write to the Pod itself", () => {
    const [error = ""] = admit(podKind, withWeb(large), pod()).errors;
    assert.match(error, /^spec: Forbidden: pod updates may not change fields other than /);
  });
});

describe("the policy of a resize", () => {
  const cpu = { resourceName: "cpu", restartPolicy: "RestartContainer" };
  const rows: readonly (readonly [what: string, policy: readonly object[], ...errors: string[]])[] = [
    ["is left out where it is not said", []],
    ["restarts", [cpu, { resourceName: "memory", restartPolicy: "NotRequired" }]],
    ["is said once", [cpu, cpu], '[1]: Duplicate value: "cpu"'],
    [
      "is about what can change",
      [{ ...cpu, resourceName: "disk" }],
      ': Unsupported value: "disk": supported values: "cpu", "memory"',
    ],
    [
      "is one of two",
      [{ ...cpu, restartPolicy: "Never" }],
      ': Unsupported value: "Never": supported values: "NotRequired", "RestartContainer"',
    ],
  ];
  for (const [what, resizePolicy, ...errors] of rows)
    it(what, () => {
      const { object, errors: found } = admit(podKind, withPolicy(resizePolicy));
      assert.deepEqual(
        found,
        errors.map((text) => `spec.containers[0].resizePolicy${text}`),
      );
      assert.deepEqual((object as Pod).spec.containers[0]?.resizePolicy, resizePolicy);
    });

  it("starts nothing again where nothing is", () => {
    const text = "must be 'NotRequired' when `restartPolicy` is 'Never'";
    assert.deepEqual(admit(podKind, withPolicy([cpu], { restartPolicy: "Never" })).errors, [
      `spec.containers[0].resizePolicy: Invalid value: "RestartContainer": ${text}`,
    ]);
  });

  function withPolicy(resizePolicy: readonly object[], more: object = {}): unknown {
    return { spec: { containers: [{ ...web, resizePolicy }], ...more } };
  }
});
