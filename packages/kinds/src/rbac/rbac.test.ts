import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { decodeProtobuf, type KindDefinition, type KubeObject } from "@selvedge/apimachinery";
import { admit } from "../../test/admit.ts";
import { certificateSigningRequestKind } from "../certificates/certificate-signing-request.ts";
import { clusterRoleKind } from "./cluster-role.ts";
import { clusterRoleBindingKind } from "./cluster-role-binding.ts";
import { roleKind } from "./role.ts";
import { roleBindingKind } from "./role-binding.ts";

const group = "rbac.authorization.k8s.io";
const rule = { verbs: ["get"], apiGroups: [""], resources: ["pods"] };
const roleRef = { apiGroup: group, kind: "Role", name: "r" };
const ann = { kind: "User", name: "ann", apiGroup: group };
const robot = { kind: "ServiceAccount", name: "robot", namespace: "shop" };
const pem = "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n";
const request = {
  request: Buffer.from(pem).toString("base64"),
  signerName: "kubernetes.io/kube-apiserver-client",
  usages: ["client auth"],
};

const rows: readonly [what: string, KindDefinition, object: object, ...errors: string[]][] = [
  ["a Role", roleKind, { rules: [rule] }],
  ["a Role without rules", roleKind, {}],
  [
    "a rule without verbs",
    roleKind,
    { rules: [{ ...rule, verbs: [] }] },
    "rules[0].verbs: Required value: verbs must contain at least one value",
  ],
  [
    "a rule of nothing",
    roleKind,
    { rules: [{ verbs: ["get"] }] },
    "rules[0].apiGroups: Required value: resource rules must supply at least one api group",
    "rules[0].resources: Required value: resource rules must supply at least one resource",
  ],
  [
    "a Role of paths",
    roleKind,
    { rules: [{ verbs: ["get"], nonResourceURLs: ["/x"] }] },
    'rules[0].nonResourceURLs: Invalid value: ["/x"]: namespaced rules cannot apply to non-resource URLs',
  ],
  ["a ClusterRole of paths", clusterRoleKind, { rules: [{ verbs: ["get"], nonResourceURLs: ["/x"] }] }],
  [
    "a rule of both",
    clusterRoleKind,
    { rules: [{ ...rule, nonResourceURLs: ["/x"] }] },
    'rules[0].nonResourceURLs: Invalid value: ["/x"]: rules cannot apply to both regular resources and ' +
      "non-resource URLs",
  ],
  ["a sum", clusterRoleKind, { aggregationRule: { clusterRoleSelectors: [{ matchLabels: { a: "b" } }] } }],
  [
    "a sum of nothing",
    clusterRoleKind,
    { aggregationRule: {} },
    "aggregationRule.clusterRoleSelectors: Required value: at least one clusterRoleSelector required if " +
      "aggregationRule is non-nil",
  ],
  ["a binding", roleBindingKind, { roleRef, subjects: [ann, robot] }],
  ["a binding of nobody", roleBindingKind, { roleRef }],
  [
    "a binding whose groups are not said",
    roleBindingKind,
    { roleRef: { kind: "ClusterRole", name: "r" }, subjects: [{ kind: "Group", name: "g" }] },
  ],
  ["a binding to nothing", roleBindingKind, {}, "roleRef: Required value"],
  [
    "a binding to a thing",
    roleBindingKind,
    { roleRef: { ...roleRef, kind: "Thing", apiGroup: "x" } },
    `roleRef.apiGroup: Unsupported value: "x": supported values: "${group}"`,
    'roleRef.kind: Unsupported value: "Thing": supported values: "Role", "ClusterRole"',
  ],
  ["a name with a colon", roleKind, { metadata: { name: "system:a:b", namespace: "a" } }],
  [
    "a cluster's binding to a Role",
    clusterRoleBindingKind,
    { roleRef, subjects: [{ kind: "ServiceAccount", name: "robot" }] },
    'roleRef.kind: Unsupported value: "Role": supported values: "ClusterRole"',
    "subjects[0].namespace: Required value",
  ],
  [
    "subjects of other kinds",
    roleBindingKind,
    {
      roleRef,
      subjects: [
        { kind: "Dog", name: "rex" },
        { ...ann, apiGroup: "x" },
        { ...robot, apiGroup: group },
      ],
    },
    'subjects[0].kind: Unsupported value: "Dog": supported values: "ServiceAccount", "User", "Group"',
    `subjects[1].apiGroup: Unsupported value: "x": supported values: "${group}"`,
    `subjects[2].apiGroup: Unsupported value: "${group}": supported values: ""`,
  ],
  ["a request for a certificate", certificateSigningRequestKind, { spec: request }],
  [
    "a request that is none",
    certificateSigningRequestKind,
    { spec: { ...request, request: "AAAA", usages: [] } },
    'spec.request: Invalid value: "AAAA": PEM block type must be CERTIFICATE REQUEST',
    "spec.usages: Required value",
  ],
  [
    "a request to nobody, for a moment, to do anything",
    certificateSigningRequestKind,
    { spec: { ...request, signerName: "me", expirationSeconds: 599, usages: ["all"] } },
    'spec.signerName: Invalid value: "me": must be a fully qualified domain and path of the form ' +
      "'example.com/signer-name'",
    'spec.usages[0]: Unsupported value: "all": supported values: ',
    "spec.expirationSeconds: Invalid value: 599: may not specify a duration less than 600 seconds (10 minutes)",
  ],
  [
    "a request that was decided twice",
    certificateSigningRequestKind,
    {
      spec: request,
      status: {
        conditions: [
          { type: "Approved", status: "True" },
          { type: "Denied", status: "False" },
        ],
      },
    },
    'status.conditions[1].status: Unsupported value: "False": supported values: "True"',
    'status.conditions: Invalid value: "Denied": Approved and Denied conditions are mutually exclusive',
  ],
];

describe("kinds about who may do what", () => {
  for (const [what, kind, object, ...expected] of rows) {
    it(`${expected.length === 0 ? "take" : "refuse"} ${what}`, () => {
      const { errors } = admit(kind, object);
      assert.equal(errors.length, expected.length, errors.join("\n"));
      for (const [index, error] of expected.entries()) {
        assert.ok(errors[index]?.startsWith(error), errors[index] ?? error);
      }
    });
  }

  it("give subjects and roles their group", () => {
    const { object } = admit(roleBindingKind, {
      roleRef: { kind: "Role", name: "r" },
      subjects: [{ kind: "User", name: "ann" }, robot],
    });
    assert.deepEqual(object["roleRef"], roleRef);
    assert.deepEqual(object["subjects"], [ann, robot]);
  });

  it("do not let a binding give another role, or a request ask for something else", () => {
    const binding = { roleRef, metadata: { name: "a", namespace: "b" } } as unknown as KubeObject;
    const { errors } = admit(
      roleBindingKind,
      { ...binding, roleRef: { ...roleRef, name: "other" } },
      binding,
    );
    assert.match(errors.join(), /^roleRef: Invalid value: .*: cannot change roleRef$/);
    const asked = { spec: request, metadata: { name: "a" } } as unknown as KubeObject;
    const other = { ...asked, spec: { ...request, usages: ["server auth"] } };
    const { object, errors: others } = admit(certificateSigningRequestKind, other, asked);
    assert.deepEqual([object["spec"], others], [request, []]);
  });

  it("keep decisions and certificates", () => {
    const conditions = [{ type: "Approved", status: "True" }];
    const metadata = { name: "a" };
    const pem = (body: string): string =>
      btoa(`-----BEGIN CERTIFICATE-----\n${body}\n-----END CERTIFICATE-----\n`);
    const done = {
      metadata,
      spec: request,
      status: { conditions, certificate: pem("QQ==") },
    } as unknown as KubeObject;
    const undone = { metadata, spec: request, status: { conditions: [], certificate: pem("Qg==") } };
    assert.deepEqual(admit(certificateSigningRequestKind, undone, done).errors, [
      'status.conditions: Forbidden: updates may not remove a condition of type "Approved"',
      "status.certificate: Forbidden: updates may not modify existing certificate content",
    ]);
    const said = (...all: object[]): readonly string[] =>
      admit(certificateSigningRequestKind, { metadata, spec: request, status: { conditions: all } }).errors;
    assert.deepEqual(said({ type: "Approved" }), ["status.conditions[0].status: Required value"]);
    assert.deepEqual(said({ type: "Denied", status: "True" }, ...conditions), [
      'status.conditions: Invalid value: "Approved": Approved and Denied conditions are mutually exclusive',
    ]);
    const signed = (certificate: string): readonly string[] =>
      admit(certificateSigningRequestKind, { metadata, spec: request, status: { certificate } }).errors;
    const wrong = 'status.certificate: Invalid value: "<certificate data>": ';
    assert.deepEqual(signed(btoa("none")), [`${wrong}must contain at least one CERTIFICATE PEM block`]);
    const [key] = signed(btoa(atob(pem("QQ==")).replaceAll("CERTIFICATE", "KEY")));
    assert.equal(key, `${wrong}only CERTIFICATE PEM blocks are allowed, found "KEY"`);
  });

  it("read lists of a map off the wire", () => {
    const text = (number: number, value: string): number[] => [
      number * 8 + 2,
      value.length,
      ...Buffer.from(value),
    ];
    const nested = (number: number, bytes: number[]): number[] => [number * 8 + 2, bytes.length, ...bytes];
    const entry = [...text(1, "k"), ...nested(2, [...text(1, "a"), ...text(1, "b")])];
    const spec = [...text(2, "ann"), ...nested(6, entry), ...nested(6, text(1, "none"))];
    const body = Uint8Array.from(nested(2, spec));
    assert.deepEqual(decodeProtobuf(certificateSigningRequestKind.protobuf ?? {}, body), {
      spec: { username: "ann", extra: { k: ["a", "b"], none: [] } },
    });
  });
});
