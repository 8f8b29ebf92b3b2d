/** Kinds that are kept for whoever asks for them: what upstream says of those that cannot be, and fills in. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { KindDefinition, KubeObject } from "@selvedge/apimachinery";
import { admit } from "../test/admit.ts";
import {
  csiDriverKind,
  csiNodeKind,
  csiStorageCapacityKind,
  flowSchemaKind,
  ipAddressKind,
  priorityLevelKind,
  serviceCidrKind,
  volumeAttachmentKind,
  volumeAttributesClassKind,
} from "./index.ts";

type Row = readonly [what: string, kind: KindDefinition, object: object, ...errors: string[]];

const level = { priorityLevelConfiguration: { name: "l" } };
const anybody = { kind: "User", user: { name: "ann" } };
const anything = { verbs: ["*"], nonResourceURLs: ["*"] };
const queue = (queuing: object): object => ({
  spec: { type: "Limited", limited: { limitResponse: { type: "Queue", queuing } } },
});
const driver = { name: "disks.example", nodeID: "n" };
const source = { persistentVolumeName: "v" };
const attachment = { attacher: "disks.example", nodeName: "n", source };

const rows: readonly Row[] = [
  [
    "a FlowSchema",
    flowSchemaKind,
    { spec: { ...level, rules: [{ subjects: [anybody], nonResourceRules: [anything] }] } },
  ],
  [
    "a FlowSchema of nobody and nothing",
    flowSchemaKind,
    {
      spec: {
        priorityLevelConfiguration: { name: "" },
        matchingPrecedence: 10_001,
        rules: [{ subjects: [] }],
      },
    },
    "spec.matchingPrecedence: Invalid value: 10001: must not be greater than 10000",
    "spec.priorityLevelConfiguration.name: Required value: must reference a priority level",
    "spec.rules[0].subjects: Required value: subjects must contain at least one value",
    "spec.rules[0]: Required value: at least one of resourceRules and nonResourceRules has to be non-empty",
  ],
  [
    "a FlowSchema that takes the place of the exempt one",
    flowSchemaKind,
    { spec: { ...level, matchingPrecedence: 1 } },
    "spec.matchingPrecedence: Invalid value: 1: only the schema named 'exempt' may have matchingPrecedence 1",
  ],
  [
    "a FlowSchema whose rules are odd",
    flowSchemaKind,
    {
      spec: {
        ...level,
        rules: [
          {
            subjects: [
              { kind: "ServiceAccount", serviceAccount: { namespace: "", name: "*" } },
              { kind: "Group", user: { name: "ann" } },
            ],
            resourceRules: [{ verbs: ["get", "*"], apiGroups: ["*", ""], resources: [] }],
            nonResourceRules: [{ verbs: ["*"], nonResourceURLs: ["healthz", "/a*", "/b/*"] }],
          },
        ],
      },
    },
    "spec.rules[0].subjects[0].serviceAccount.namespace: Required value: must specify namespace for service account",
    "spec.rules[0].subjects[1].group: Required value: group is required when subject kind is 'Group'",
    "spec.rules[0].subjects[1].user: Forbidden: user is forbidden when subject kind is not 'User'",
    `spec.rules[0].resourceRules[0].verbs: Invalid value: ["get","*"]: if '*' is present, must not specify other verbs`,
    `spec.rules[0].resourceRules[0].apiGroups: Invalid value: ["*",""]: ` +
      "if '*' is present, must not specify other api groups",
    "spec.rules[0].resourceRules[0].resources: Required value: resource rules must supply at least one resource",
    "spec.rules[0].resourceRules[0].namespaces: Required value: " +
      "resource rules that are not cluster scoped must supply at least one namespace",
    'spec.rules[0].nonResourceRules[0].nonResourceURLs[0]: Invalid value: "healthz": must start with slash',
    'spec.rules[0].nonResourceRules[0].nonResourceURLs[1]: Invalid value: "/a*": wildcard can only do suffix matching',
  ],
  ["a level", priorityLevelKind, queue({})],
  [
    "a level without a limit and another name",
    priorityLevelKind,
    { spec: { type: "Exempt", limited: { limitResponse: { type: "Reject" } } } },
    "spec.type: Invalid value: \"Exempt\": must be 'Exempt' if and only if `name` is 'exempt'",
    "spec.limited: Forbidden: must be nil if the type is not Limited",
  ],
  [
    "a level with a limit that is not said",
    priorityLevelKind,
    { spec: { type: "Limited" } },
    "spec.limited: Required value: must not be empty when type is Limited",
  ],
  [
    "a level whose queues cannot be chosen from",
    priorityLevelKind,
    queue({ queues: 1_000, handSize: 9, queueLengthLimit: -1 }),
    "spec.limited.limitResponse.queuing.queueLengthLimit: Invalid value: -1: must be positive",
    "spec.limited.limitResponse.queuing.handSize: Invalid value: 9: " +
      "required entropy bits of deckSize 1000 and handSize 9 should not be greater than 60",
  ],
  ["a CSIDriver", csiDriverKind, { spec: {} }],
  [
    "a CSIDriver that asks for too much",
    csiDriverKind,
    {
      spec: {
        ...{ fsGroupPolicy: "All", volumeLifecycleModes: ["Forever"] },
        ...{ tokenRequests: [{ audience: "a", expirationSeconds: 5 }, { audience: "a" }] },
        nodeAllocatableUpdatePeriodSeconds: 1,
      },
    },
    'spec.fsGroupPolicy: Unsupported value: "All": supported values: "File", "None", "ReadWriteOnceWithFSType"',
    'spec.volumeLifecycleModes: Unsupported value: "Forever": supported values: "Persistent", "Ephemeral"',
    "spec.tokenRequests[0].expirationSeconds: Invalid value: 5: may not specify a duration less than 10 minutes",
    'spec.tokenRequests[1].audience: Duplicate value: "a"',
    "spec.nodeAllocatableUpdatePeriodSeconds: Invalid value: 1: must be greater than or equal to 10 seconds",
  ],
  ["a CSINode", csiNodeKind, { spec: { drivers: [driver] } }],
  [
    "a CSINode whose driver is there twice",
    csiNodeKind,
    {
      spec: {
        drivers: [driver, { ...driver, nodeID: "", allocatable: { count: -1 }, topologyKeys: ["a", "a"] }],
      },
    },
    'spec.drivers[1].name: Duplicate value: "disks.example"',
    "spec.drivers[1].nodeID: Required value",
    "spec.drivers[1].allocatable.count: Invalid value: -1: must be greater than or equal to 0",
    'spec.drivers[1]: Duplicate value: "a"',
  ],
  ["a CSIStorageCapacity", csiStorageCapacityKind, { storageClassName: "c", capacity: "1Gi" }],
  [
    "a CSIStorageCapacity of less than nothing",
    csiStorageCapacityKind,
    { storageClassName: "", capacity: "-1" },
    "storageClassName: Required value",
    'capacity: Invalid value: "-1": must be greater than or equal to 0',
  ],
  ["a VolumeAttachment", volumeAttachmentKind, { spec: attachment }],
  [
    "a VolumeAttachment of nothing",
    volumeAttachmentKind,
    { spec: { ...attachment, source: {} }, status: { attachError: { errorCode: -1 } } },
    "spec.source: Required value: must specify exactly one of inlineVolumeSpec and persistentVolumeName",
    "status.attachError.errorCode: Invalid value: -1: must be between 0 and 2147483647, inclusive",
  ],
  [
    "a VolumeAttributesClass of nothing",
    volumeAttributesClassKind,
    { driverName: "" },
    "driverName: Required value",
    "parameters: Required value: must contain at least one key/value pair",
  ],
  [
    "an IPAddress",
    ipAddressKind,
    {
      metadata: { name: "10.9.8.7" },
      spec: { parentRef: { resource: "services", name: "a", namespace: "b" } },
    },
  ],
  ["an IPAddress of nobody", ipAddressKind, { spec: {} }, "spec.parentRef: Required value"],
  [
    "an IPAddress of nothing",
    ipAddressKind,
    { spec: { parentRef: { group: "A", namespace: "a/b" } } },
    'spec.parentRef.group: Invalid value: "A": a lowercase RFC 1123 subdomain must consist of lower case ' +
      "alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character " +
      "(e.g. 'example.com', regex used for validation is " +
      "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
    "spec.parentRef.resource: Required value",
    "spec.parentRef.name: Required value",
    "spec.parentRef.namespace: Invalid value: \"a/b\": may not contain '/'",
  ],
  ["a ServiceCIDR", serviceCidrKind, { spec: { cidrs: ["192.168.0.0/24", "2001:db8::/64"] } }],
  [
    "a ServiceCIDR of nothing",
    serviceCidrKind,
    { spec: {} },
    "spec.cidrs: Required value: at least one CIDR required",
  ],
  [
    "a ServiceCIDR of two of a kind",
    serviceCidrKind,
    { spec: { cidrs: ["192.168.0.0/24", "192.168.1.0/24"] } },
    'spec.cidrs: Invalid value: ["192.168.0.0/24","192.168.1.0/24"]: ' +
      "may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64",
  ],
];

describe("kept objects are admitted or refused", () => {
  for (const [what, kind, object, ...errors] of rows) {
    it(what, () => assert.deepEqual(admit(kind, object).errors, errors));
  }

  it("an IPAddress by its name", () => {
    assert.deepEqual(ipAddressKind.nameFaults?.("fe80::1"), []);
    assert.equal(ipAddressKind.nameFaults?.("web").length, 1);
  });
});

describe("an object of which nothing is said", () => {
  const kinds = [...new Set(rows.map(([, kind]) => kind))];
  for (const kind of kinds) {
    it(`is refused for what is missing, or taken: ${kind.kind}`, () => {
      for (const bare of [
        {},
        { spec: {} },
        { spec: { drivers: [{}], rules: [{ subjects: [{}] }], source: {} } },
      ]) {
        for (const error of admit(kind, bare).errors) assert.match(error, /^[a-z]/);
      }
    });
  }

  it("but a CSINode of no drivers is one", () => {
    assert.deepEqual(admit(csiNodeKind, { spec: {} }).errors, []);
  });
});

describe("what stays as it was made", () => {
  const changes: readonly Row[] = [
    [
      "whether a CSIDriver attaches",
      csiDriverKind,
      { spec: { attachRequired: false } },
      "spec.attachedRequired: Invalid value: false: field is immutable",
    ],
    [
      "a driver of a CSINode, but for how much it takes",
      csiNodeKind,
      { spec: { drivers: [{ ...driver, allocatable: { count: 3 } }] } },
    ],
    [
      "what a driver of a CSINode calls it",
      csiNodeKind,
      { spec: { drivers: [{ ...driver, nodeID: "m" }] } },
      'spec.drivers: Invalid value: {"name":"disks.example","nodeID":"m"}: field is immutable',
    ],
    [
      "the class of a CSIStorageCapacity",
      csiStorageCapacityKind,
      { storageClassName: "d" },
      'storageClassName: Invalid value: "d": field is immutable',
    ],
    [
      "what is in a VolumeAttributesClass",
      volumeAttributesClassKind,
      { driverName: "b.example", parameters: { a: "2" } },
      "driverName: Forbidden: updates to driverName are forbidden.",
      "parameters: Forbidden: updates to parameters are forbidden.",
    ],
    [
      "a range of a ServiceCIDR, which may get one of the other kind",
      serviceCidrKind,
      { spec: { cidrs: ["192.168.0.0/24", "2001:db8::/64"] } },
    ],
    [
      "the first range of a ServiceCIDR",
      serviceCidrKind,
      { spec: { cidrs: ["192.168.1.0/24"] } },
      'spec.cidrs[0]: Invalid value: "192.168.1.0/24": field is immutable',
    ],
  ];
  const before = new Map<KindDefinition, object>([
    [csiDriverKind, { spec: {} }],
    [csiNodeKind, { spec: { drivers: [driver] } }],
    [csiStorageCapacityKind, { storageClassName: "c" }],
    [volumeAttributesClassKind, { driverName: "a.example", parameters: { a: "1" } }],
    [serviceCidrKind, { spec: { cidrs: ["192.168.0.0/24"] } }],
  ]);
  for (const [what, kind, object, ...errors] of changes) {
    it(what, () => {
      const old = admit(kind, before.get(kind)).object as KubeObject;
      assert.deepEqual(admit(kind, object, old).errors, errors);
    });
  }
});
