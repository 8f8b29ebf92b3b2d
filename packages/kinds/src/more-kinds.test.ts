/** What upstream says of Jobs, sets, budgets, quotas, volumes and network objects that cannot be. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { KindDefinition, KubeObject } from "@selvedge/apimachinery";
import { admit } from "../test/admit.ts";
import {
  certificateSigningRequestKind,
  configMapKind,
  cronJobKind,
  endpointSliceKind,
  eventV1Kind,
  ingressClassKind,
  ingressKind,
  type Job,
  jobKind,
  limitRangeKind,
  networkPolicyKind,
  persistentVolumeClaimKind,
  persistentVolumeKind,
  podDisruptionBudgetKind,
  priorityClassKind,
  resourceQuotaKind,
  secretKind,
  statefulSetKind,
} from "./index.ts";

const containers = [{ name: "main", image: "i:1" }];
const once = { spec: { restartPolicy: "Never", containers } };
const selector = { matchLabels: { app: "a" } };
const template = { metadata: { labels: { app: "a" } }, spec: { containers } };
const meta = { metadata: { name: "a", namespace: "default", uid: "u" } };

const notWild =
  "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of " +
  "lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character (e.g. '*.example.com', " +
  "regex used for validation is " +
  "'\\*\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";

type Row = readonly [what: string, kind: KindDefinition, object: object, ...errors: string[]];

const web = { service: { name: "web", port: { number: 80 } } };
const rule = (path: object): object => ({ ...meta, spec: { rules: [{ http: { paths: [path] } }] } });

const onNode = (name: string): object => ({
  required: {
    nodeSelectorTerms: [
      { matchExpressions: [{ key: "kubernetes.io/hostname", operator: "In", values: [name] }] },
    ],
  },
});
const volume = {
  metadata: { name: "disk" },
  spec: {
    ...{ capacity: { storage: "1Gi" }, accessModes: ["ReadWriteOnce"], volumeMode: "Filesystem" },
    ...{ local: { path: "/a" }, nodeAffinity: onNode("a") },
  },
};

const rows: readonly Row[] = [
  [
    "a volume that is two things, nowhere",
    persistentVolumeKind,
    {
      ...volume,
      spec: {
        ...{
          ...volume.spec,
          hostPath: { path: "/a" },
          nodeAffinity: { required: { nodeSelectorTerms: [] } },
        },
      },
    },
    "spec.nodeAffinity.required.nodeSelectorTerms: Required value: must have at least one node selector term",
    "spec.local: Forbidden: may not specify more than 1 volume type",
  ],
  [
    "a range for nothing",
    limitRangeKind,
    { ...meta, spec: { limits: [{ type: "Box" }] } },
    'spec.limits[0].type: Invalid value: "Box": must be a standard limit type or fully qualified',
  ],
  ["an Ingress", ingressKind, rule({ path: "/", pathType: "Prefix", backend: web })],
  [
    "an Ingress of nothing",
    ingressKind,
    { ...meta, spec: {} },
    "spec: Invalid value: null: either `defaultBackend` or `rules` must be specified",
  ],
  [
    "an Ingress whose hosts are none",
    ingressKind,
    { ...meta, spec: { rules: [{ host: "10.0.0.1" }, { host: "*.A" }], tls: [{ hosts: ["*"] }] } },
    'spec.rules[0].host: Invalid value: "10.0.0.1": must be a DNS name, not an IP address',
    `spec.rules[1].host: Invalid value: "*.A": ${notWild}`,
    `spec.tls[0].hosts[0]: Invalid value: "*": ${notWild}`,
  ],
  [
    "an Ingress with odd paths",
    ingressKind,
    rule({ path: "a/../b//c/.", pathType: "Exact", backend: {} }),
    'spec.rules[0].http.paths[0].path: Invalid value: "a/../b//c/.": must be an absolute path',
    "spec.rules[0].http.paths[0].path: Invalid value: \"a/../b//c/.\": must not contain '//'",
    "spec.rules[0].http.paths[0].path: Invalid value: \"a/../b//c/.\": must not contain '/../'",
    "spec.rules[0].http.paths[0].path: Invalid value: \"a/../b//c/.\": cannot end with '/.'",
    'spec.rules[0].http.paths[0].backend: Invalid value: "": resource or service backend is required',
  ],
  [
    "an Ingress whose Service has no port",
    ingressKind,
    { ...meta, spec: { defaultBackend: { service: { name: "web" } } } },
    "spec.defaultBackend: Required value: port name or number is required",
  ],
  ["an IngressClass", ingressClassKind, { metadata: { name: "a" }, spec: { controller: "a.example/b" } }],
  [
    "an IngressClass with parameters nowhere",
    ingressClassKind,
    {
      metadata: { name: "a" },
      spec: { controller: "b", parameters: { kind: "A", name: "b", scope: "Namespace" } },
    },
    'spec.controller: Invalid value: "b": must be a domain-prefixed path (such as "acme.io/foo")',
    "spec.parameters.namespace: Required value: `parameters.scope` is set to 'Namespace'",
  ],
  ["a Job", jobKind, { ...meta, spec: { template: once } }],
  [
    "a Job that never ends",
    jobKind,
    { ...meta, spec: { template: { spec: { containers } } } },
    'spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"',
  ],
  [
    "an Indexed Job without a number",
    jobKind,
    { ...meta, spec: { completionMode: "Indexed", parallelism: 1, template: once } },
    "spec.completions: Required value: when completion mode is Indexed",
  ],
  [
    "a Job whose failures are judged by nothing",
    jobKind,
    { ...meta, spec: { template: once, podFailurePolicy: { rules: [{ action: "FailJob" }] } } },
    "spec.podFailurePolicy.rules[0]: Invalid value: specifying one of OnExitCodes and OnPodConditions is required",
  ],
  [
    "an Indexed Job with too long a name",
    jobKind,
    {
      metadata: { ...meta.metadata, name: "a".repeat(62) },
      spec: { completionMode: "Indexed", completions: 2, template: once },
    },
    `metadata.name: Invalid value: "${"a".repeat(62)}": will not able to create pod with invalid DNS label: ` +
      `${"a".repeat(62)}-1`,
  ],
  [
    "a Job that wants more successes than it lists",
    jobKind,
    {
      ...meta,
      spec: {
        ...{ completionMode: "Indexed", completions: 3, template: once },
        successPolicy: { rules: [{ succeededIndexes: "0", succeededCount: 2 }] },
      },
    },
    "spec.successPolicy.rules[0].succeededCount: Invalid value: 2: must be less than or equal to 1 " +
      "(the number of indexes in the specified succeededIndexes field)",
  ],
  [
    "a CronJob",
    cronJobKind,
    {
      spec: { schedule: "*/5 * * * *", timeZone: "Europe/Berlin", jobTemplate: { spec: { template: once } } },
    },
  ],
  [
    "a CronJob in no place",
    cronJobKind,
    { spec: { schedule: "@hourly", timeZone: "Nowhere/Land", jobTemplate: { spec: { template: once } } } },
    'spec.timeZone: Invalid value: "Nowhere/Land": unknown time zone Nowhere/Land',
  ],
  [
    "a StatefulSet that deletes and rolls",
    statefulSetKind,
    { spec: { selector, template, updateStrategy: { type: "OnDelete", rollingUpdate: { partition: 1 } } } },
    'spec.updateStrategy.rollingUpdate: Invalid value: {"partition":1}: ' +
      "only allowed for updateStrategy 'RollingUpdate'",
  ],
  [
    "a claim for nothing",
    persistentVolumeClaimKind,
    { spec: {} },
    "spec.accessModes: Required value: at least 1 access mode is required",
    "spec.resources[storage]: Required value",
  ],
  [
    "a budget that says both",
    podDisruptionBudgetKind,
    { spec: { minAvailable: 1, maxUnavailable: "200%" } },
    'spec: Invalid value: {"MinAvailable":1,"Selector":null,"MaxUnavailable":"200%",' +
      '"UnhealthyPodEvictionPolicy":null}: ' +
      "minAvailable and maxUnavailable cannot be both set",
    'spec.maxUnavailable: Invalid value: "200%": must not be greater than 100%',
  ],
  [
    "a quota of half a Pod",
    resourceQuotaKind,
    { spec: { hard: { pods: "500m", weather: "1" } } },
    'spec.hard[pods]: Invalid value: "500m": must be an integer',
    'spec.hard[weather]: Invalid value: "weather": must be a standard resource type or fully qualified',
    'spec.hard[weather]: Invalid value: "weather": must be a standard resource for quota',
  ],
  [
    "a quota of what Pods of a scope do not ask for",
    resourceQuotaKind,
    { spec: { hard: { pods: "1", "requests.cpu": "1", secrets: "1" }, scopes: ["BestEffort"] } },
    'spec.scopes: Invalid value: ["BestEffort"]: unsupported scope applied to resource',
  ],
  [
    "a quota of scopes that nothing is in",
    resourceQuotaKind,
    { spec: { hard: { pods: "1" }, scopes: ["Terminating", "NotTerminating"] } },
    'spec.scopes: Invalid value: ["Terminating","NotTerminating"]: conflicting scopes',
  ],
  [
    "a Job that nobody by name looks after",
    jobKind,
    { ...meta, spec: { template: once, managedBy: "till" } },
    'spec.managedBy: Invalid value: "till": must be a domain-prefixed path (such as "acme.io/foo")',
  ],
  [
    "a ConfigMap that is too large",
    configMapKind,
    { data: { a: "a".repeat(1024 * 1024 + 1) } },
    "[]: Too long: may not be more than 1048576 bytes",
  ],
  [
    "a LimitRange that is upside down",
    limitRangeKind,
    { spec: { limits: [{ type: "Pod", min: { cpu: "2" }, max: { cpu: "1" } }] } },
    'spec.limits[0].min[cpu]: Invalid value: "2": min value 2 is greater than max value 1',
  ],
  [
    "a PriorityClass above the system's",
    priorityClassKind,
    { metadata: { name: "top" }, value: 2_000_000_000 },
    "value: Forbidden: maximum allowed value of a user defined priority is 1000000000",
  ],
  [
    "a NetworkPolicy for nobody",
    networkPolicyKind,
    {
      spec: {
        podSelector: {},
        ingress: [{ from: [{}, { ipBlock: { cidr: "10.0.0.0/8", except: ["11.0.0.0/16"] } }] }],
      },
    },
    "spec.ingress[0].from[0]: Required value: must specify a peer",
    'spec.ingress[0].from[1].ipBlock.except[0]: Invalid value: "11.0.0.0/16": must be a strict subset of `cidr`',
  ],
  [
    "an EndpointSlice of another kind of address",
    endpointSliceKind,
    { addressType: "IPv6", endpoints: [{ addresses: ["10.0.0.1"] }] },
    'endpoints[0].addresses: Invalid value: "10.0.0.1": must be an IPv6 address',
  ],
  [
    "a Secret with a key that is no file name",
    secretKind,
    { data: { "": "YQ==" } },
    "data[]: Invalid value: \"\": a valid config key must consist of alphanumeric characters, '-', '_' or '.' " +
      "(e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')",
  ],
];

describe("objects are admitted or refused", () => {
  for (const [what, kind, object, ...errors] of rows) {
    it(what, () => assert.deepEqual(admit(kind, object).errors, errors));
  }
});

const event = {
  ...{ eventTime: "2026-01-01T00:00:00.000000Z", type: "Normal", reason: "Began", action: "Begin" },
  ...{ reportingController: "shop.example/till", reportingInstance: "till-1", note: "It began." },
  regarding: { kind: "Pod", name: "till", namespace: "default" },
};
const observed = "2026-01-01T00:01:00.000000Z";

const certificate = (pem: string): object => ({ status: { certificate: btoa(pem) } });
const asked = {
  spec: {
    request: btoa("-----BEGIN CERTIFICATE REQUEST-----\nYQ==\n-----END CERTIFICATE REQUEST-----\n"),
    ...{ signerName: "shop.example/till", usages: ["client auth"] },
  },
};
const pem = "-----BEGIN CERTIFICATE-----\nYQ==\n-----END CERTIFICATE-----\n";

/** What is there, what is laid over it, and what is said of that. */
const changes: readonly (readonly [
  ...row: [string, KindDefinition, object],
  change: object,
  errors: string[],
])[] = [
  [
    "an Event that is told again",
    eventV1Kind,
    event,
    { series: { count: 2, lastObservedTime: observed } },
    [],
  ],
  [
    "an Event that says something else",
    eventV1Kind,
    event,
    { reason: "Ended", note: "It ended.", series: { count: 1 } },
    [
      'reason: Invalid value: "Ended": field is immutable',
      'message: Invalid value: "It ended.": field is immutable',
      'series.count: Invalid value: "": should be at least 2',
      "series.lastObservedTime: Required value",
    ],
  ],
  [
    "a volume somewhere else",
    persistentVolumeKind,
    volume,
    { spec: { ...volume.spec, volumeMode: "Block", local: { path: "/b" }, nodeAffinity: onNode("b") } },
    [
      "spec.persistentvolumesource: Forbidden: spec.persistentvolumesource is immutable after creation",
      'volumeMode: Invalid value: "Block": field is immutable',
      `nodeAffinity: Invalid value: ${JSON.stringify(onNode("b"))}: field is immutable, except for updating from ` +
        "beta label to GA",
    ],
  ],
  [
    "a volume that is somebody's, and larger",
    persistentVolumeKind,
    volume,
    { spec: { ...volume.spec, capacity: { storage: "2Gi" }, claimRef: { name: "a", namespace: "b" } } },
    [],
  ],
  [
    "a request that is signed",
    certificateSigningRequestKind,
    asked,
    certificate(`For a till\n${pem}${pem}`),
    [],
  ],
  [
    "a request that is given no certificate",
    certificateSigningRequestKind,
    asked,
    certificate("a certificate"),
    [
      'status.certificate: Invalid value: "<certificate data>": must contain at least one CERTIFICATE PEM block',
    ],
  ],
];

describe("changes are admitted or refused", () => {
  for (const [what, kind, object, change, errors] of changes) {
    it(what, () => {
      const old = admit(kind, object).object;
      assert.deepEqual(admit(kind, { ...old, ...change }, old).errors, errors);
    });
  }
});

describe("what the server fills in", () => {
  it("keeps a Job's Pods apart from all others", () => {
    const { spec } = admit(jobKind, { ...meta, spec: { template: once } }).object as Job;
    const { template: made, selector: own, ...numbers } = spec;
    assert.deepEqual(own, { matchLabels: { "batch.kubernetes.io/controller-uid": "u" } });
    assert.deepEqual(made.metadata?.labels, {
      ...{ "controller-uid": "u", "job-name": "a" },
      ...{ "batch.kubernetes.io/controller-uid": "u", "batch.kubernetes.io/job-name": "a" },
    });
    assert.deepEqual(numbers, {
      ...{ completions: 1, parallelism: 1, backoffLimit: 6, completionMode: "NonIndexed", suspend: false },
      ...{ podReplacementPolicy: "TerminatingOrFailed", manualSelector: false },
    });
  });

  it("lets a Job's template be changed only before it begins", () => {
    const old = admit(jobKind, { ...meta, spec: { template: once, suspend: true } }).object;
    const moved = structuredClone(old) as Job & KubeObject;
    moved.spec.template.spec.nodeSelector = { a: "b" };
    assert.deepEqual(admit(jobKind, moved, old).errors, []);
    moved.spec.template.spec.containers = [{ name: "main", image: "i:2" }];
    assert.match(
      admit(jobKind, moved, old).errors.join(),
      /spec\.template: Invalid value: .*: field is immutable/,
    );
  });
});
