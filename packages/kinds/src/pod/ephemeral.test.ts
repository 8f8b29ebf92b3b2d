import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fieldErrorText } from "@selvedge/apimachinery";
import { defaultPod } from "./pod-defaults.ts";
import type { Pod } from "./pod-types.ts";
import { validatePod } from "./validate-pod.ts";

function pod(ephemeralContainers?: readonly unknown[]): Pod {
  const made = {
    ...{ apiVersion: "v1", kind: "Pod", metadata: { name: "a", namespace: "b" } },
    spec: {
      containers: [{ name: "web", image: "web:1" }],
      initContainers: [{ name: "first", image: "web:1" }],
      volumes: [{ name: "v", emptyDir: {} }],
      ...(ephemeralContainers && { ephemeralContainers: structuredClone(ephemeralContainers) }),
    },
  } as unknown as Pod;
  defaultPod(made);
  return made;
}

const one = { name: "look", image: "busybox:1", targetContainerName: "web", stdin: true, tty: true };
const path = "spec.ephemeralContainers";
const cannot = "Forbidden: cannot be set for an Ephemeral Container";

describe("containers for debugging", () => {
  const added: readonly (readonly [string, readonly unknown[], ...string[]])[] = [
    ["may be added", [one]],
    [
      "may trace, and change the machine's network",
      [{ ...one, securityContext: add("SYS_PTRACE", "NET_ADMIN") }],
    ],
    ["may mount", [{ ...one, volumeMounts: [{ name: "v", mountPath: "/v" }] }]],
    [
      "may not mount a part",
      [{ ...one, volumeMounts: [{ name: "v", mountPath: "/v", subPath: "s" }] }],
      `${path}[0].volumeMounts[0].subPath: ${cannot}`,
    ],
    ["need an image", [{ name: "look" }], `${path}[0].image: Required value`],
    [
      "look at what is there",
      [{ ...one, targetContainerName: "no" }],
      `${path}[0].targetContainerName: Not found: "no"`,
    ],
    ["have names of their own", [{ ...one, name: "first" }], `${path}[0].name: Duplicate value: "first"`],
    ["have one name each", [one, one], `${path}[1].name: Duplicate value: "look"`],
    [
      "promise nothing",
      [
        {
          ...one,
          ports: [{ containerPort: 1, protocol: "TCP" }],
          readinessProbe: { exec: { command: ["a"] } },
          lifecycle: { x: {} },
        },
      ],
      ...["ports", "lifecycle", "readinessProbe"].map((name) => `${path}[0].${name}: ${cannot}`),
    ],
    ["ask for nothing", [{ ...one, resources: { limits: { cpu: "1" } } }], `${path}[0].resources: ${cannot}`],
  ];
  for (const [what, containers, ...errors] of added)
    it(what, () => assert.deepEqual(errorsOf(pod(containers), pod(), "ephemeralcontainers"), errors));

  const stay: readonly (readonly [string, readonly unknown[], ...string[]])[] = [
    ["stay in another order", [{ ...one, name: "more" }, one]],
    ["are not removed", [], `${path}: Forbidden: existing ephemeral containers "look" may not be removed\n`],
    [
      "are not changed",
      [{ ...one, image: "busybox:2" }],
      `${path}: Forbidden: existing ephemeral containers "look" may not be changed\n`,
    ],
  ];
  for (const [what, containers, ...errors] of stay)
    it(what, () => assert.deepEqual(errorsOf(pod(containers), pod([one]), "ephemeralcontainers"), errors));

  it("come by their own way only", () => {
    assert.deepEqual(errorsOf(pod([one])), [`${path}: Forbidden: cannot be set on create`]);
    const [error = ""] = errorsOf(pod([one]), pod());
    assert.match(error, /^spec: Forbidden: pod updates may not change fields other than /);
    assert.deepEqual(errorsOf(pod([one]), pod([one])), []);
  });
});

function add(...names: string[]): unknown {
  return { capabilities: { add: names } };
}

function errorsOf(object: Pod, old?: Pod, subresource?: string): string[] {
  return validatePod(object, old, undefined, subresource).map(fieldErrorText);
}
