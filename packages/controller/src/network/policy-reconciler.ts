import type { Clock } from "@selvedge/base";
import { jsonEqual } from "@selvedge/base";
import { keyOf, splitKey } from "@selvedge/client";
import {
  type Namespace,
  type NetworkPolicy,
  namespaceKind,
  networkPolicyKind,
  type Pod,
  podKind,
} from "@selvedge/kinds";
import { lookAgain, type Outcome, type Reconciler, settled } from "@selvedge/reconcile";
import type { EventRecorder } from "../events/event-recorder.ts";
import type { Caches } from "../objects/caches.ts";
import { type Wake, wakeOn } from "../objects/wiring.ts";
import { Pace } from "../workloads/pace.ts";
import { distantFindings, meansOthers } from "./policy-findings.ts";

export interface PolicyDeps {
  readonly caches: Caches;
  readonly events: EventRecorder;
  readonly clock: Clock;
}

/** Says of a NetworkPolicy what nodes cannot keep of it. Its key is `namespace/name`; render keeps the rest. */
export class PolicyReconciler implements Reconciler {
  readonly name = "network-policy";
  readonly reads: readonly string[] = ["NetworkPolicy", "Pod", "Namespace"];
  readonly writes: readonly string[] = ["Event (of a NetworkPolicy)"];
  readonly #deps: PolicyDeps;
  readonly #pace: Pace;
  /** What was said last of each policy that is there: it is said again when it is something else. */
  readonly #said = new Map<string, string>();

  constructor(deps: PolicyDeps) {
    this.#deps = deps;
    this.#pace = new Pace(deps.clock);
  }

  async reconcile(key: string): Promise<Outcome> {
    const { caches, events } = this.#deps;
    const { namespace, name } = splitKey(key);
    const policy = caches.networkPolicies.get(name, namespace);
    if (policy === undefined) {
      this.#said.delete(key);
      this.#pace.forget(key);
      return settled;
    }
    const pause = this.#pace.wait(key);
    if (pause > 0) return lookAgain("many Pods are moving", pause);
    const pods = meansOthers(policy)
      ? caches.pods.list()
      : caches.pods.by("namespace", policy.metadata.namespace ?? "");
    const findings = distantFindings(policy, { pods, namespace: (of) => caches.namespaces.get(of) });
    this.#pace.passed(key, pods.length);
    const text = findings.join("\n");
    if (this.#said.get(key) === text) return settled;
    this.#said.set(key, text);
    for (const message of findings) {
      const happening = { type: "Warning", reason: "PeersOnOtherNodes", component: "controller" } as const;
      await events.record(policy, { ...happening, message });
    }
    return settled;
  }
}

export function policyWakes(caches: Caches): Wake[] {
  return [
    wakeOn<NetworkPolicy>(networkPolicyKind, (before, after) => {
      const policy = after ?? before;
      return policy === undefined ? [] : [keyOf(policy)];
    }),
    wakeOn<Namespace>(namespaceKind, (before, after) =>
      jsonEqual(before?.metadata.labels ?? {}, after?.metadata.labels ?? {})
        ? []
        : caches.networkPolicies.by("abroad", "").map(keyOf),
    ),
    wakeOn<Pod>(podKind, (before, after) => {
      const seen = (pod: Pod | undefined): unknown => pod && [pod.spec.nodeName, pod.metadata.labels];
      if (jsonEqual(seen(before), seen(after))) return [];
      const home = (after ?? before)?.metadata.namespace ?? "";
      const own = caches.networkPolicies.by("namespace", home);
      return [...own, ...caches.networkPolicies.by("abroad", "")].map(keyOf);
    }),
  ];
}
