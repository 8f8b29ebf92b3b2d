import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { KindDefinition } from "@selvedge/apimachinery";
import { admit } from "../test/admit.ts";
import {
  allKinds,
  configMapKind,
  controllerRevisionKind,
  daemonSetKind,
  deploymentKind,
  eventKind,
  leaseKind,
  namespaceKind,
  nodeKind,
  replicaSetKind,
  secretKind,
  serviceKind,
} from "./index.ts";

const template = {
  metadata: { labels: { app: "web" } },
  spec: { containers: [{ name: "web", image: "nginx:1" }] },
};
const workload = { selector: { matchLabels: { app: "web" } }, template };

type Row = readonly [what: string, kind: KindDefinition, object: object, ...errors: string[]];

const named = (name: string): object => ({ metadata: { name, namespace: "default" } });

const rows: readonly Row[] = [
  ["a Deployment", deploymentKind, { spec: workload }],
  [
    "a Deployment of nothing",
    deploymentKind,
    {},
    "spec.selector: Invalid value: {}: empty selector is invalid for deployment",
    "spec.template.spec.containers: Required value",
  ],
  [
    "a Deployment that does not know its Pods",
    deploymentKind,
    { spec: { ...workload, selector: { matchLabels: { app: "db" } } } },
    'spec.template.metadata.labels: Invalid value: {"app":"web"}: `selector` does not match template `labels`',
  ],
  [
    "a Deployment whose Pods end",
    deploymentKind,
    { spec: { ...workload, template: { ...template, spec: { ...template.spec, restartPolicy: "Never" } } } },
    'spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"',
  ],
  [
    "a Deployment that cannot move",
    deploymentKind,
    { spec: { ...workload, strategy: { rollingUpdate: { maxSurge: 0, maxUnavailable: "0%" } } } },
    'spec.strategy.rollingUpdate.maxUnavailable: Invalid value: "0%": may not be 0 when `maxSurge` is 0',
  ],
  [
    "a Deployment with a share that is none",
    deploymentKind,
    { spec: { ...workload, strategy: { rollingUpdate: { maxUnavailable: "half" } } } },
    'spec.strategy.rollingUpdate.maxUnavailable: Invalid value: "half": a valid percent string must be a numeric ' +
      "string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')",
  ],
  [
    "a Deployment that rolls and recreates",
    deploymentKind,
    { spec: { ...workload, strategy: { type: "Recreate", rollingUpdate: {} } } },
    "spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'",
  ],
  [
    "a Deployment of fewer than none",
    deploymentKind,
    { spec: { ...workload, replicas: -1, minReadySeconds: 600 } },
    "spec.replicas: Invalid value: -1: must be greater than or equal to 0",
    "spec.progressDeadlineSeconds: Invalid value: 600: must be greater than minReadySeconds",
  ],
  ["a DaemonSet", daemonSetKind, { spec: workload }],
  [
    "a DaemonSet that surges and is unavailable",
    daemonSetKind,
    { spec: { ...workload, updateStrategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 1 } } } },
    "spec.updateStrategy.rollingUpdate.maxSurge: Invalid value: 1: may not be set when maxUnavailable is non-zero",
  ],
  [
    "a DaemonSet with a strategy nobody has",
    daemonSetKind,
    { spec: { ...workload, updateStrategy: { type: "Never" } } },
    'spec.updateStrategy: Unsupported value: {"type":"Never"}: supported values: "RollingUpdate", "OnDelete"',
  ],
  ["a ReplicaSet", replicaSetKind, { spec: workload }],
  ["a ConfigMap", configMapKind, { data: { "a.conf": "x" }, binaryData: { b: "AAE=" } }],
  [
    "a ConfigMap with keys that are no file names",
    configMapKind,
    { data: { "a/b": "x", "..": "y" } },
    "data[a/b]: Invalid value: \"a/b\": a valid config key must consist of alphanumeric characters, '-', '_' or '.' " +
      "(e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')",
    "data[..]: Invalid value: \"..\": must not be '..'",
  ],
  [
    "a ConfigMap with a key twice",
    configMapKind,
    { data: { a: "x" }, binaryData: { a: "AAE=" } },
    'data[a]: Invalid value: "a": duplicate of key present in binaryData',
  ],
  [
    "a ConfigMap that is too large",
    configMapKind,
    { data: { a: "x".repeat(1024 * 1024 + 1) } },
    "[]: Too long: may not be more than 1048576 bytes",
  ],
  [
    "a ConfigMap that is too large by its bytes, not by its characters",
    configMapKind,
    { data: { a: "ä".repeat(300_000), b: "€".repeat(200_000) } },
    "[]: Too long: may not be more than 1048576 bytes",
  ],
  ["a Secret", secretKind, { stringData: { password: "secret" } }],
  [
    "a Secret that is not base64",
    secretKind,
    { data: { password: "secret" } },
    'data[password]: Invalid value: "<secret contents redacted>": must be base64',
  ],
  [
    "a Secret for a registry without credentials",
    secretKind,
    { type: "kubernetes.io/dockerconfigjson" },
    "data[.dockerconfigjson]: Required value",
  ],
  [
    "a Secret for nobody's token",
    secretKind,
    { type: "kubernetes.io/service-account-token" },
    "metadata.annotations[kubernetes.io/service-account.name]: Required value",
  ],
  [
    "a Secret for TLS without a key",
    secretKind,
    { type: "kubernetes.io/tls", stringData: { "tls.crt": "x" } },
    "data[tls.key]: Required value",
  ],
  ["a Service", serviceKind, { spec: { selector: { app: "web" }, ports: [{ port: 80 }] } }],
  ["a Service of nothing", serviceKind, {}, "spec.ports: Required value"],
  [
    "a Service with ports that are none",
    serviceKind,
    { spec: { type: "NodePort", selector: { app: "web" }, ports: [{ port: 0 }, { port: 1, nodePort: 80 }] } },
    "spec.ports[0].name: Required value",
    "spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive",
    "spec.ports[0].targetPort: Invalid value: 0: must be between 1 and 65535, inclusive",
    "spec.ports[1].name: Required value",
    "spec.ports[1].nodePort: Invalid value: 80: provided port is not in the valid range. The range of valid ports is " +
      "30000-32767",
  ],
  [
    "a Service with a port twice",
    serviceKind,
    {
      spec: {
        selector: { app: "web" },
        ports: [
          { name: "a", port: 80 },
          { name: "b", port: 80 },
        ],
      },
    },
    'spec.ports[1]: Duplicate value: {"Name":"","Protocol":"TCP","AppProtocol":null,"Port":80,"TargetPort":0,' +
      '"NodePort":0}',
  ],
  [
    "a Service of another host",
    serviceKind,
    { spec: { type: "ExternalName" } },
    "spec.externalName: Required value",
  ],
  ["a Service with a load balancer", serviceKind, { spec: { type: "LoadBalancer", ports: [{ port: 80 }] } }],
  [
    "a Service of the other kind of addresses",
    serviceKind,
    { spec: { ipFamilyPolicy: "RequireDualStack", ipFamilies: ["IPv4", "IPv6"], ports: [{ port: 80 }] } },
    'spec.ipFamilies[1]: Invalid value: "IPv6": not configured on this cluster',
    'spec.ipFamilyPolicy: Invalid value: "RequireDualStack": this cluster is not configured for dual-stack services',
  ],
  [
    "a Service of all addresses, that has none",
    serviceKind,
    { spec: { clusterIP: "None", ipFamilyPolicy: "RequireDualStack", ipFamilies: ["IPv6", "IPv4"] } },
  ],
  [
    "a Service of no kind of addresses",
    serviceKind,
    {
      spec: {
        ipFamilies: ["IPX"],
        ipFamilyPolicy: "Any",
        trafficDistribution: "Near",
        ports: [{ port: 80 }],
      },
    },
    'spec.ipFamilies[0]: Unsupported value: "IPX": supported values: "IPv4", "IPv6"',
    'spec.ipFamilyPolicy: Unsupported value: "Any": supported values: "PreferDualStack", ' +
      '"RequireDualStack", "SingleStack"',
    'spec.trafficDistribution: Unsupported value: "Near": supported values: "PreferClose", ' +
      '"PreferSameZone", "PreferSameNode"',
  ],
  [
    "a Service that only a load balancer could be",
    serviceKind,
    {
      spec: { loadBalancerSourceRanges: ["10.0.0.0/8"], healthCheckNodePort: 30_000, ports: [{ port: 80 }] },
    },
    "spec.LoadBalancerSourceRanges: Forbidden: may only be used when `type` is 'LoadBalancer'",
    "spec.healthCheckNodePort: Invalid value: 30000: may only be set when `type` is 'LoadBalancer' and " +
      "`externalTrafficPolicy` is 'Local'",
  ],
  [
    "a Service for a range that is none",
    serviceKind,
    { spec: { type: "LoadBalancer", loadBalancerSourceRanges: ["ten"], ports: [{ port: 80 }] } },
    'spec.LoadBalancerSourceRanges[0]: Invalid value: "ten": must be a valid CIDR value, ' +
      "(e.g. 10.9.8.0/24 or 2001:db8::/64)",
  ],
  [
    "a Service with an address",
    serviceKind,
    { spec: { clusterIP: "10.96.3.1", selector: { app: "web" }, ports: [{ port: 80 }] } },
  ],
  [
    "a Service with an address that is none",
    serviceKind,
    { spec: { clusterIP: "10.0.0", selector: { app: "web" }, ports: [{ port: 80 }] } },
    'spec.clusterIPs[0]: Invalid value: "10.0.0": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
  ],
  ["a Namespace", namespaceKind, { metadata: { name: "shop" } }],
  ["a Node", nodeKind, { spec: { taints: [{ key: "a", effect: "NoSchedule" }] } }],
  [
    "a Node with a taint twice",
    nodeKind,
    {
      spec: {
        taints: [
          { key: "a", effect: "NoSchedule" },
          { key: "a", value: "b", effect: "NoSchedule" },
          { key: "b", effect: "Never" },
        ],
      },
    },
    'spec.taints[1]: Duplicate value: {"key":"a","value":"b","effect":"NoSchedule"}: taints must be unique by key ' +
      "and effect pair",
    'spec.taints[2].effect: Unsupported value: "Never": supported values: "NoSchedule", "PreferNoSchedule", ' +
      '"NoExecute"',
  ],
  [
    "an Event",
    eventKind,
    { ...named("e"), involvedObject: { kind: "Pod", namespace: "default", name: "a" } },
  ],
  [
    "an Event of another namespace",
    eventKind,
    { ...named("e"), involvedObject: { kind: "Pod", namespace: "shop", name: "a" } },
    'involvedObject.namespace: Invalid value: "shop": does not match event.namespace',
  ],
  ["a Lease", leaseKind, { spec: { holderIdentity: "a", leaseDurationSeconds: 15 } }],
  [
    "a Lease of no length",
    leaseKind,
    { spec: { leaseDurationSeconds: 0 } },
    "spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0",
  ],
  ["a ControllerRevision", controllerRevisionKind, { revision: 1, data: { spec: {} } }],
  [
    "a ControllerRevision of nothing",
    controllerRevisionKind,
    { revision: 1 },
    "data: Required value: data is mandatory",
  ],
];

describe("objects are admitted or refused", () => {
  for (const [what, kind, object, ...errors] of rows) {
    it(what, () => assert.deepEqual(admit(kind, object).errors, errors));
  }
});

describe("what may not change", () => {
  const changes: readonly (readonly [
    what: string,
    kind: KindDefinition,
    before: object,
    after: object,
    error: string,
  ])[] = [
    [
      "a selector",
      deploymentKind,
      { spec: workload },
      { spec: { ...workload, selector: { matchExpressions: [{ key: "app", operator: "Exists" }] } } },
      'spec.selector: Invalid value: {"matchExpressions":[{"key":"app","operator":"Exists"}]}: field is immutable',
    ],
    ["a Secret's type", secretKind, {}, { type: "a/b" }, 'type: Invalid value: "a/b": field is immutable'],
    [
      "an immutable Secret",
      secretKind,
      { immutable: true, stringData: { a: "b" } },
      { immutable: true, stringData: { a: "c" } },
      "data: Forbidden: field is immutable when `immutable` is set",
    ],
    ...[configMapKind, secretKind].map(
      (kind) =>
        [
          `that a ${kind.kind} is immutable`,
          kind,
          { immutable: true },
          {},
          "immutable: Forbidden: field is immutable when `immutable` is set",
        ] as const,
    ),
    [
      "a revision's data",
      controllerRevisionKind,
      { revision: 1, data: { a: 1 } },
      { revision: 1, data: { a: 2 } },
      'data: Invalid value: {"a":2}: field is immutable',
    ],
  ];
  for (const [what, kind, before, after, error] of changes) {
    it(what, () => {
      const old = admit(kind, before).object;
      assert.deepEqual(admit(kind, before, old).errors, []);
      assert.deepEqual(admit(kind, after, old).errors, [error]);
    });
  }
});

describe("defaults", () => {
  const spec = (kind: KindDefinition, object: object): Record<string, unknown> =>
    admit(kind, object).object["spec"] as Record<string, unknown>;

  it("of a Deployment", () => {
    const { template: _made, selector: _same, ...others } = spec(deploymentKind, { spec: workload });
    const rollingUpdate = { maxUnavailable: "25%", maxSurge: "25%" };
    assert.deepEqual(others, {
      replicas: 1,
      strategy: { type: "RollingUpdate", rollingUpdate },
      revisionHistoryLimit: 10,
      progressDeadlineSeconds: 600,
    });
  });

  it("of a DaemonSet", () => {
    const { template: _made, selector: _same, ...others } = spec(daemonSetKind, { spec: workload });
    const rollingUpdate = { maxUnavailable: 1, maxSurge: 0 };
    assert.deepEqual(others, {
      updateStrategy: { type: "RollingUpdate", rollingUpdate },
      revisionHistoryLimit: 10,
    });
  });

  it("of a Service", () => {
    const made = spec(serviceKind, {
      spec: { type: "NodePort", selector: { a: "b" }, ports: [{ port: 80 }] },
    });
    const { nodePort, ...port } = (made["ports"] as { nodePort: number }[])[0] ?? { nodePort: 0 };
    assert.deepEqual(port, { port: 80, targetPort: 80, protocol: "TCP" });
    assert.ok(nodePort >= 30000 && nodePort <= 32767);
    const again = spec(serviceKind, {
      spec: { type: "NodePort", selector: { a: "b" }, ports: [{ port: 80 }] },
    });
    assert.deepEqual(again, made, "the same port each time");
    const { ports: _ports, selector: _selector, ...others } = made;
    const policies = { internalTrafficPolicy: "Cluster", externalTrafficPolicy: "Cluster" };
    assert.deepEqual(others, { type: "NodePort", sessionAffinity: "None", ...policies });
  });

  it("of a Secret", () => {
    const { object } = admit(secretKind, {
      stringData: { word: "grüße" },
      data: { word: "eA==", other: "eA==" },
    });
    assert.deepEqual([object["type"], object["stringData"]], ["Opaque", undefined]);
    assert.deepEqual(object["data"], { word: "Z3LDvMOfZQ==", other: "eA==" });
  });
});

it("a short name means one kind", () => {
  const short = allKinds.flatMap(({ plural, shortNames = [] }) =>
    shortNames.map((name) => ({ name, plural })),
  );
  for (const [name, kinds] of Map.groupBy(short, ({ name }) => name)) {
    // Events are in two groups.
    assert.equal(new Set(kinds.map(({ plural }) => plural)).size, 1, `${name}: ${JSON.stringify(kinds)}`);
  }
});
