/** What upstream says of an object that is there already, and is to be another. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { KindDefinition, KubeObject } from "@selvedge/apimachinery";
import { admit } from "../test/admit.ts";
import { withSpec } from "../test/pod-specs.ts";
import {
  allKinds,
  certificateSigningRequestKind,
  eventV1Kind,
  jobKind,
  namespaceKind,
  podKind,
  serviceKind,
} from "./index.ts";

const metadata = { name: "a", namespace: "default", uid: "u" };
const schedulingGates = [{ name: "a.b/c" }];
const terms = "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms";
const requirement = (key: string): object => ({ key, operator: "In", values: ["b"] });
const gated = (more: object): object => withSpec({ schedulingGates, ...more }) as object;
const near = (...nodeSelectorTerms: object[]): object =>
  gated({
    affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } } },
  });
const term = (...keys: string[]): object => ({ matchExpressions: keys.map(requirement) });
const tolerant = (tolerationSeconds: number | undefined): object =>
  withSpec({
    tolerations: [{ key: "a", operator: "Exists", effect: "NoExecute", tolerationSeconds }],
  }) as object;
const job = (more: object): object => ({
  completionMode: "Indexed",
  ...more,
  template: { spec: { restartPolicy: "Never", containers: [{ name: "c", image: "i" }] } },
});
const ports = [{ name: "p", port: 80 }];
const balanced = (more: object): object => ({
  type: "LoadBalancer",
  externalTrafficPolicy: "Local",
  ports,
  ...more,
});
const addresses = (...clusterIPs: string[]): object => ({ clusterIP: clusterIPs[0], clusterIPs, ports });

const onlyAdded = "only additions are allowed (no mutations or deletions)";
const rows: readonly (readonly [kind: KindDefinition, before: object, after: object, ...errors: string[]])[] =
  [
    [podKind, gated({ nodeSelector: { a: "b" } }), gated({ nodeSelector: { a: "b", c: "d" } })],
    [podKind, gated({}), gated({ nodeSelector: { a: "b" } })],
    [
      podKind,
      withSpec({}) as object,
      withSpec({ nodeSelector: { a: "b" } }) as object,
      "changed: spec.nodeSelector",
    ],
    [
      podKind,
      gated({ nodeSelector: { a: "b" } }),
      gated({ nodeSelector: { a: "c" } }),
      'spec.nodeSelector: Invalid value: {"a":"c"}: only additions to spec.nodeSelector are allowed (no mutations or ' +
        "deletions)",
    ],
    [podKind, gated({}), near(term("a"))],
    [podKind, near(term("a")), near(term("a", "c"))],
    [podKind, near(term("a")), near(term("c", "a")), onlyAdded],
    [podKind, near({}), near(term("a")), onlyAdded],
    [
      podKind,
      near(term("a")),
      near(term("a"), term("c")),
      "no additions/deletions to non-empty NodeSelectorTerms list are allowed",
    ],
    [podKind, near(term("a")), gated({}), `${terms}: Invalid value: null: no additions/deletions`],
    [podKind, gated({}), gated({ affinity: { podAffinity: {} } }), "changed: spec.affinity"],
    [podKind, tolerant(5), tolerant(undefined)],
    [jobKind, job({ completions: 3, parallelism: 2 }), job({ completions: 2, parallelism: 2 })],
    [
      jobKind,
      job({ completions: 3, parallelism: 2 }),
      job({ completions: 4, parallelism: 2 }),
      "spec.completions: Invalid value: 4: can only be modified in tandem with spec.parallelism",
    ],
    [
      jobKind,
      job({ completionMode: "NonIndexed", completions: 3, parallelism: 3 }),
      job({ completionMode: "NonIndexed", completions: 4, parallelism: 4 }),
      "spec.completions: Invalid value: 4: field is immutable",
    ],
    [
      jobKind,
      job({ completions: 1 }),
      { ...job({ completions: 1 }), selector: undefined },
      "spec.selector: Required value",
    ],
    [
      jobKind,
      job({ completions: 1, podFailurePolicy: { rules: [] } }),
      job({ completions: 1 }),
      "spec.podFailurePolicy: Invalid value: null: field is immutable",
    ],
    [namespaceKind, { finalizers: ["kubernetes"] }, { finalizers: ["kubernetes", "a.b/c"] }],
    [
      namespaceKind,
      { finalizers: ["kubernetes"] },
      { finalizers: ["kubernetes", "a", ""] },
      'spec.finalizers[1]: Invalid value: "a": name is neither a standard finalizer name nor is it fully qualified',
      'spec.finalizers[2]: Invalid value: "": name part must be non-empty',
    ],
    [serviceKind, balanced({ loadBalancerClass: "a.b/c" }), balanced({ loadBalancerClass: "a.b/c" })],
    [
      serviceKind,
      balanced({ loadBalancerClass: "a.b/c" }),
      balanced({}),
      "spec.loadBalancerClass: Invalid value: null: may not change once set",
    ],
    [
      serviceKind,
      balanced({ healthCheckNodePort: 31_000 }),
      balanced({ healthCheckNodePort: 31_001 }),
      "spec.healthCheckNodePort: Forbidden: field is immutable",
    ],
    [
      serviceKind,
      addresses("10.96.0.9"),
      addresses("10.96.0.9", "10.96.0.10"),
      'spec.clusterIPs: Invalid value: ["10.96.0.9","10.96.0.10"]: may specify no more than one IP for each IP family',
    ],
    [serviceKind, addresses("None"), addresses("None", "x"), "'None' must be the first and only value"],
  ];

describe("an object that is to be another", () => {
  for (const [kind, before, after, ...errors] of rows) {
    it(`${kind.kind}: ${JSON.stringify(after)} is ${errors.length === 0 ? "taken" : "refused"}`, () => {
      const made = admit(kind, { metadata, spec: before });
      assert.deepEqual(made.errors, []);
      const own = (made.object as unknown as { spec: { selector?: object; template?: object } }).spec;
      const kept = kind === jobKind ? { selector: own.selector, template: own.template } : {};
      const spec = { ...kept, ...after, ...("template" in kept ? { template: own.template } : {}) };
      const found = admit(kind, { ...made.object, spec }, made.object).errors.join("\n");
      if (errors.length === 0) assert.equal(found, "");
      for (const error of errors) assert.ok(found.includes(error), found);
    });
  }

  it("is told of by the revision that was seen, where upstream wants it", () => {
    const wanting = allKinds.filter((kind) => !kind.unconditionalUpdate && kind.group !== "selvedge.dev");
    assert.deepEqual(wanting.map(({ plural }) => plural).sort(), [
      ...["csidrivers", "csinodes", "csistoragecapacities", "leases", "mutatingwebhookconfigurations"],
      ...["poddisruptionbudgets", "runtimeclasses", "validatingadmissionpolicies"],
      ...["validatingadmissionpolicybindings", "validatingwebhookconfigurations", "volumeattachments"],
    ]);
  });

  it("is made where it is not there, of those that upstream makes so", () => {
    const made = allKinds.filter((kind) => kind.createsOnUpdate);
    assert.deepEqual(made.map(({ plural }) => plural).sort(), [
      ...["clusterrolebindings", "clusterroles", "endpoints", "events", "events", "leases", "limitranges"],
      ...["rolebindings", "roles", "runtimeclasses", "services"],
    ]);
  });

  it("stays the request for a certificate that it was, unless it cannot be read", () => {
    const request = Buffer.from("-----BEGIN CERTIFICATE REQUEST-----\n").toString("base64");
    const asked = { metadata, spec: { signerName: "a.b/c", usages: ["client auth"], request } };
    const found = ["AAAA", "AA\nAA", "$$$"].map((other) => {
      const changed = { metadata, spec: { signerName: "d.e/f", request: other } };
      return admit(certificateSigningRequestKind, changed, asked as unknown as KubeObject).object["spec"];
    });
    assert.deepEqual(found, [asked.spec, asked.spec, { signerName: "d.e/f", request: "$$$" }]);
  });

  it("is an Event whose source is none, however that is said", () => {
    const event = {
      ...{ eventTime: "2026-01-01T00:00:00.000000Z", type: "Normal", reason: "a", action: "b" },
      ...{ reportingController: "a.b/c", reportingInstance: "d", regarding: { namespace: "default" } },
    };
    const { object, errors } = admit(eventV1Kind, { metadata, ...event });
    assert.deepEqual(
      [errors, admit(eventV1Kind, { ...object, deprecatedSource: {} }, object).errors],
      [[], []],
    );
  });
});
