import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { instant } from "@selvedge/base";
import type { Pod, PodStatus } from "@selvedge/kinds";
import { setReadiness } from "./pod-status.ts";

const pod = (spec: object): Pod =>
  ({
    metadata: { name: "a" },
    spec: {
      containers: [{ name: "main" }],
      initContainers: [{ name: "proxy", restartPolicy: "Always" }, { name: "setup" }],
      ...spec,
    },
  }) as unknown as Pod;
const one = (name: string, started: boolean, ready: boolean, state: object = { waiting: {} }): object => ({
  ...{ name, started, ready, state },
});
const done = { terminated: { exitCode: 0 } };

function conditions(of: Pod, inits: object[], main: object, more: object[] = []): Record<string, string> {
  const status = {
    ...{ phase: "Running", initContainerStatuses: inits, containerStatuses: [main], conditions: more },
  } as unknown as PodStatus;
  setReadiness(of, status, instant(0));
  return Object.fromEntries(
    (status.conditions ?? []).map(({ type, status: is, message = "" }) => [type, `${is} ${message}`.trim()]),
  );
}

describe("what a Pod waits for", () => {
  it("is its init containers, and a sidecar until it has started", () => {
    const waits = [one("proxy", false, false), one("setup", false, false)];
    const text = "False containers with incomplete status: [proxy setup]";
    assert.equal(conditions(pod({}), waits, one("main", false, false))["Initialized"], text);
    const over = [one("proxy", true, true), one("setup", false, true, done)];
    assert.equal(conditions(pod({}), over, one("main", false, false))["Initialized"], "True");
  });

  it("is a sidecar that is not ready", () => {
    const inits = [one("proxy", true, false), one("setup", false, true, done)];
    const { Ready } = conditions(pod({}), inits, one("main", true, true, { running: {} }));
    assert.equal(Ready, "False containers with unready status: [proxy]");
  });

  it("is what others say of its gates", () => {
    const gated = pod({ initContainers: [], readinessGates: [{ conditionType: "a.b/c" }] });
    const main = one("main", true, true, { running: {} });
    const text = 'corresponding condition of pod readiness gate "a.b/c"';
    assert.equal(conditions(gated, [], main)["Ready"], `False ${text} does not exist.`);
    const shut = conditions(gated, [], main, [{ type: "a.b/c", status: "False" }]);
    assert.equal(shut["Ready"], `False ${text} status is not "True".`);
    assert.equal(shut["ContainersReady"], "True");
    assert.equal(conditions(gated, [], main, [{ type: "a.b/c", status: "True" }])["Ready"], "True");
  });
});
