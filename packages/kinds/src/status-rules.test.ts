/** What upstream refuses in a status, as it says it. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { KindDefinition } from "@selvedge/apimachinery";
import { admit } from "../test/admit.ts";
import { withSpec } from "../test/pod-specs.ts";
import * as kinds from "./index.ts";

const template = { metadata: { labels: { a: "b" } }, spec: withSpec({}) };
const workload = { selector: { matchLabels: { a: "b" } }, template };
const job = { template: { spec: { restartPolicy: "Never", containers: [{ name: "c", image: "i" }] } } };
const indexed = { ...job, completionMode: "Indexed", completions: 5, backoffLimitPerIndex: 1 };
const [begun, ended] = ["2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z"];
const when = (...types: string[]): object[] => types.map((type) => ({ type, status: "True" }));
const complete = {
  ...{ startTime: begun, completionTime: ended, succeeded: 2 },
  conditions: when("SuccessCriteriaMet", "Complete"),
};
const less = "must be greater than or equal to 0";
const condition = "status.conditions: Invalid value: cannot";

/** Of a kind with a spec: what its status says, after what it said before, and all that is wrong with it. */
type Row = readonly [
  kind: KindDefinition,
  spec: unknown,
  status: object,
  before: object,
  ...errors: string[],
];

const counts: readonly Row[] = [
  [
    kinds.deploymentKind,
    workload,
    { collisionCount: -1 },
    {},
    `status.collisionCount: Invalid value: -1: ${less}`,
  ],
  [
    kinds.deploymentKind,
    workload,
    { replicas: 1, availableReplicas: 2 },
    {},
    "status.availableReplicas: Invalid value: 2: cannot be greater than status.replicas",
    "status.availableReplicas: Invalid value: 2: cannot be greater than readyReplicas",
  ],
  [
    kinds.deploymentKind,
    workload,
    {},
    { collisionCount: 3 },
    "status.collisionCount: Invalid value: 0: cannot be decremented",
  ],
  [
    kinds.replicaSetKind,
    workload,
    { replicas: 1, fullyLabeledReplicas: 2 },
    {},
    "status.fullyLabeledReplicas: Invalid value: 2: cannot be greater than status.replicas",
  ],
  [
    kinds.statefulSetKind,
    workload,
    { replicas: 2, readyReplicas: 1, availableReplicas: 2 },
    {},
    "status.availableReplicas: Invalid value: 2: cannot be greater than status.readyReplicas",
  ],
  [kinds.daemonSetKind, workload, { numberReady: -1 }, {}, `status.numberReady: Invalid value: -1: ${less}`],
  [
    kinds.podDisruptionBudgetKind,
    { minAvailable: 1 },
    { expectedPods: -1 },
    {},
    `status.expectedPods: Invalid value: -1: ${less}`,
  ],
];

const jobs: readonly Row[] = [
  [kinds.jobKind, job, complete, {}],
  [
    kinds.jobKind,
    job,
    { active: 1, ready: 2 },
    {},
    "status.ready: Invalid value: 2: cannot set more ready pods than active",
  ],
  [
    kinds.jobKind,
    job,
    { uncountedTerminatedPods: { succeeded: ["a", ""], failed: ["a"] } },
    {},
    'status.uncountedTerminatedPods.succeeded[1]: Invalid value: "": must not be empty',
    'status.uncountedTerminatedPods.failed[0]: Duplicate value: "a"',
  ],
  [
    kinds.jobKind,
    job,
    { conditions: when("Failed") },
    {},
    `${condition} set Failed=True condition without the FailureTarget=true condition`,
    "status.startTime: Required value: startTime is required for finished job",
  ],
  [
    kinds.jobKind,
    job,
    { ...complete, active: 1, completionTime: "2025-01-01T00:00:00Z" },
    {},
    'status.completionTime: Invalid value: "2025-01-01T00:00:00Z": must be equal to or after `startTime`',
    "status.active: Invalid value: 1: active>0 is invalid for finished job",
  ],
  [
    kinds.jobKind,
    job,
    { ...complete, succeeded: 1, conditions: when("SuccessCriteriaMet") },
    complete,
    `status.completionTime: Invalid value: "${ended}": cannot set completionTime when there is no ` +
      "Complete=True condition",
    `${condition} disable the terminal Complete=True condition`,
    "status.succeeded: Invalid value: 1: cannot decrease the succeeded counter",
  ],
  [
    kinds.jobKind,
    job,
    {},
    { startTime: begun },
    "status.startTime: Required value: startTime cannot be removed for unsuspended job",
  ],
  [kinds.jobKind, { ...job, suspend: true }, {}, { startTime: begun }],
  [kinds.jobKind, job, { startTime: ended }, { startTime: begun, conditions: when("Suspended") }],
  [kinds.jobKind, indexed, { completedIndexes: "0,2-4", failedIndexes: "1" }, {}],
  ...(
    [
      ["0-9", 'too large index: "9"'],
      ["7-9", 'too large index: "7"'],
      ["1,", 'cannot convert string to integer for index: ""'],
      ["3,1", "non-increasing order, previous: 3, current: 1"],
    ] as const
  ).map(
    ([completedIndexes, why]): Row => [
      ...([kinds.jobKind, indexed, { completedIndexes }, {}] as const),
      `status.completedIndexes: Invalid value: "${completedIndexes}": error parsing completedIndexes: ${why}`,
    ],
  ),
  [
    kinds.jobKind,
    indexed,
    { completedIndexes: "0,2-3", failedIndexes: "1,3" },
    {},
    'status.failedIndexes: Invalid value: "1,3": failedIndexes and completedIndexes overlap at index: 3',
  ],
];

const others: readonly Row[] = [
  [
    kinds.podKind,
    withSpec({}),
    { podIPs: [{ ip: "1.2.3.4" }, { ip: "x" }, { ip: "1.2.3.5" }], hostIPs: [{ ip: "1.2.3.4" }] },
    {},
    'status.podIPs[1]: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
    'status.podIPs: Invalid value: [{"IP":"1.2.3.4"},{"IP":"x"},{"IP":"1.2.3.5"}]: may specify no more than one ' +
      "IP for each IP family",
    'status.hostIPs[0].ip: Invalid value: "1.2.3.4": must be equal to `hostIP`',
  ],
  [
    kinds.namespaceKind,
    {},
    { phase: "Foo" },
    {},
    "status.Phase: Invalid value: \"Foo\": may only be 'Active' if `deletionTimestamp` is empty",
  ],
  [
    kinds.resourceQuotaKind,
    {},
    { used: { pods: "-1" } },
    {},
    `status.used[pods]: Invalid value: "-1": ${less}`,
  ],
  [
    kinds.serviceKind,
    { type: "ClusterIP", ports: [{ port: 80 }] },
    { loadBalancer: { ingress: [{ hostname: "1.2.3.4", ipMode: "VIP" }] } },
    {},
    "status.loadBalancer.ingress: Forbidden: may only be used when `spec.type` is 'LoadBalancer'",
    'status.loadBalancer.ingress[0].hostname: Invalid value: "1.2.3.4": must be a DNS name, not an IP address',
    "status.loadBalancer.ingress[0].ipMode: Forbidden: may not be specified when `ip` is not set",
  ],
];

describe("a status", () => {
  for (const [kind, spec, status, before, ...errors] of [...counts, ...jobs, ...others]) {
    it(`of a ${kind.kind}: ${JSON.stringify(status)} after ${JSON.stringify(before)}`, () => {
      const old = admit(kind, { spec, status: before }).object;
      const said = admit(kind, { ...structuredClone(old), status }, old, "status").errors;
      assert.deepEqual(
        said.filter((error) => error.startsWith("status.")),
        errors,
      );
    });
  }
});
