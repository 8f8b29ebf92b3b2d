/** Kinds whose parts are those of others: what upstream says of parts that cannot be. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { KindDefinition } from "@selvedge/apimachinery";
import { admit } from "../test/admit.ts";
import {
  endpointSliceKind,
  limitRangeKind,
  networkPolicyKind,
  persistentVolumeKind,
  resourceQuotaKind,
  runtimeClassKind,
  storageClassKind,
} from "./index.ts";

const port = (one: object): object => ({ spec: { podSelector: {}, ingress: [{ ports: [one] }] } });
const slice = (one: object, ports: object[] = []): object => ({
  addressType: "IPv4",
  endpoints: [{ addresses: ["192.0.2.1"], ...one }],
  ports,
});
const ranges = (...limits: object[]): object => ({ spec: { limits } });
const topologies = (...terms: object[]): object => ({ provisioner: "a", allowedTopologies: terms });
const term = (key: string, ...values: string[]): object => ({ matchLabelExpressions: [{ key, values }] });

const volume = (more: object): object => ({
  spec: { accessModes: ["ReadWriteOnce"], capacity: { storage: "1Gi" }, hostPath: { path: "/a" }, ...more },
});
const scoped = (...matchExpressions: object[]): object => ({ spec: { scopeSelector: { matchExpressions } } });
const expressions = "spec.scopeSelector.matchExpressions";

const rows: readonly (readonly [kind: KindDefinition, object: object, ...errors: string[]])[] = [
  [persistentVolumeKind, volume({})],
  [
    persistentVolumeKind,
    volume({ accessModes: ["ReadWriteOncePod", "Foo"] }),
    'spec.accessModes: Unsupported value: "Foo": supported values: "ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce"',
    "spec.accessModes: Forbidden: may not use ReadWriteOncePod with other access modes",
  ],
  [
    persistentVolumeKind,
    volume({ capacity: {} }),
    "spec.capacity: Required value",
    'spec.capacity: Unsupported value: null: supported values: "storage"',
  ],
  [
    persistentVolumeKind,
    volume({ capacity: { storage: "0", cpu: "1" } }),
    'spec.capacity: Unsupported value: {"storage":"0","cpu":"1"}: supported values: "storage"',
    'spec.capacity[storage]: Invalid value: "0": must be greater than zero',
  ],
  [
    persistentVolumeKind,
    volume({ hostPath: { path: "/" }, persistentVolumeReclaimPolicy: "Recycle", volumeMode: "Foo" }),
    "spec.persistentVolumeReclaimPolicy: Forbidden: may not be 'recycle' for a hostPath mount of '/'",
    'spec.volumeMode: Unsupported value: "Foo": supported values: "Block", "Filesystem"',
  ],
  [persistentVolumeKind, volume({ hostPath: { path: "/a/../b" } }), "spec.hostPath.path: Invalid value"],
  [
    persistentVolumeKind,
    volume({ hostPath: { path: "/a", type: "Foo" } }),
    'spec.hostPath.type: Unsupported value: "Foo"',
  ],
  [
    persistentVolumeKind,
    volume({ hostPath: undefined, nfs: { server: "a", path: "b" } }),
    'spec.nfs.path: Invalid value: "b": must be an absolute path',
  ],
  [
    persistentVolumeKind,
    volume({ hostPath: undefined, csi: { driver: "a_b", volumeHandle: "h" } }),
    'spec.csi.driver: Invalid value: "a_b"',
  ],
  [
    persistentVolumeKind,
    volume({ hostPath: undefined, local: { path: "/a/../b" } }),
    "spec.local.path: Invalid value: \"/a/../b\": must not contain '..'",
    "spec.nodeAffinity: Required value: Local volume requires node affinity",
  ],
  [
    persistentVolumeKind,
    volume({ nodeAffinity: {} }),
    "spec.nodeAffinity.required: Required value: must specify",
  ],
  [
    persistentVolumeKind,
    volume({
      nodeAffinity: {
        required: { nodeSelectorTerms: [{ matchExpressions: [{ key: "a", operator: "X" }] }] },
      },
    }),
    'spec.nodeAffinity.required.nodeSelectorTerms[0].matchExpressions[0].operator: Invalid value: "X": not a valid',
  ],
  [
    persistentVolumeKind,
    volume({ volumeAttributesClassName: "" }),
    "spec.volumeAttributesClassName: Required value: an empty string is disallowed",
    "spec.csi: Required value: has to be specified when using volumeAttributesClassName",
  ],
  [resourceQuotaKind, { spec: { hard: { "requests.hugepages-2Mi": "4Mi", "hugepages-2Mi": "4Mi" } } }],
  [
    resourceQuotaKind,
    scoped({ scopeName: "Terminating", operator: "In", values: ["a"] }),
    `${expressions}.operator: Invalid value: "In": must be 'Exists' when scope is any of ` +
      "ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, " +
      "ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity",
  ],
  [
    resourceQuotaKind,
    scoped({ scopeName: "PriorityClass", operator: "In" }),
    `${expressions}.values: Required`,
  ],
  [networkPolicyKind, port({ port: 80, endPort: 90 })],
  [networkPolicyKind, port({ endPort: 5 }), "5: may not be specified when `port` is not specified"],
  [networkPolicyKind, port({ port: "a", endPort: 5 }), "5: may not be specified when `port` is non-numeric"],
  [networkPolicyKind, port({ port: 80, endPort: 70 }), "80: must be greater than or equal to `port`"],
  [networkPolicyKind, port({ protocol: "x" }), 'supported values: "TCP", "UDP", "SCTP"'],
  [runtimeClassKind, { handler: "h", overhead: { podFixed: { cpu: "1", "a.b/c": "1" } } }],
  [
    runtimeClassKind,
    { handler: "h", overhead: { podFixed: { foo: "1", cpu: "-1" } } },
    'overhead.limits[foo]: Invalid value: "foo": must be a standard resource type or fully qualified',
    'overhead.limits[foo]: Invalid value: "foo": must be a standard resource for containers',
    'overhead.limits[cpu]: Invalid value: "-1": must be greater than or equal to 0',
  ],
  [
    runtimeClassKind,
    { handler: "h", scheduling: { tolerations: [{ operator: "Exists" }, { operator: "Exists" }] } },
    "scheduling.tolerations[1]: Duplicate value: " +
      '{"Key":"","Operator":"Exists","Value":"","Effect":"","TolerationSeconds":null}',
  ],
  [
    runtimeClassKind,
    { handler: "h", scheduling: { nodeSelector: { a: "-" }, tolerations: [{ key: "a", operator: "X" }] } },
    "scheduling.nodeSelector",
    "scheduling.tolerations.tolerations[0].operator",
  ],
  [storageClassKind, topologies(term("a", "b"), term("a", "c"))],
  [storageClassKind, topologies({}), 'allowedTopologies[0].matchLabelExpressions: Duplicate value: ""'],
  [storageClassKind, topologies(term("a")), "allowedTopologies[0].matchLabelExpressions[0].values: Required"],
  [
    storageClassKind,
    topologies(term("a", "b", "c"), term("a", "c", "b")),
    'allowedTopologies[1].matchLabelExpressions: Duplicate value: ""',
  ],
  [endpointSliceKind, slice({ hostname: "h", nodeName: "n.o" }, [{ appProtocol: "kubernetes.io/h2c" }])],
  [endpointSliceKind, slice({ hostname: "" }), 'endpoints[0].hostname: Invalid value: ""'],
  [endpointSliceKind, slice({ nodeName: "A_" }), "endpoints[0].nodeName"],
  [endpointSliceKind, slice({}, [{ appProtocol: "a b" }]), "ports[0].appProtocol"],
  [
    endpointSliceKind,
    slice({ hints: { forZones: [{ name: "z" }, { name: "z" }] } }),
    'endpoints[0].hints.forZones[1].name: Duplicate value: "z"',
  ],
  [
    endpointSliceKind,
    slice({ hints: { forNodes: Array.from({ length: 9 }, (_, index) => ({ name: `n${index}` })) } }),
    "endpoints[0].hints.forNodes: Too many: 9: must have at most 8 items",
  ],
  [
    limitRangeKind,
    ranges({ type: "Container", max: { cpu: "2" }, min: { cpu: "1" }, maxLimitRequestRatio: { cpu: "5" } }),
    'spec.limits[0].maxLimitRequestRatio[cpu]: Invalid value: "5": ratio 5 is greater than max/min = 2.000000',
  ],
  [
    limitRangeKind,
    ranges({ type: "Pod", max: { foo: "1", "a.b/c": "1" } }),
    'spec.limits[0].max[foo]: Invalid value: "foo": must be a standard resource type or fully qualified',
    'spec.limits[0].max[foo]: Invalid value: "foo": must be a standard resource for containers',
  ],
];

describe("a part that is another kind's too", () => {
  for (const [kind, object, ...expected] of rows)
    it(`of a ${kind.kind} is as upstream has it: ${JSON.stringify(object).slice(0, 90)}`, () => {
      const { errors } = admit(kind, object);
      assert.equal(errors.length, expected.length, errors.join("\n"));
      for (const [index, text] of expected.entries())
        assert.ok(errors[index]?.includes(text), `${errors[index]}`);
    });
});
