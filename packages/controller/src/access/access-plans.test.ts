import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { hours, type Instant, instant } from "@selvedge/base";
import type { CertificateSigningRequest, ClusterRole } from "@selvedge/kinds";
import { aggregatedRules, gives } from "./aggregation-plan.ts";
import { planCertificate, subjectFault } from "./certificate-plan.ts";

const made = "2026-05-01T00:00:00Z";
const at = (span: number): Instant => instant(Date.parse(made) + span);
const client = "kubernetes.io/kube-apiserver-client";
const approved = { type: "Approved", status: "True", lastUpdateTime: made };
const denied = { ...approved, type: "Denied" };

function request(spec: object = {}, status: object = {}): CertificateSigningRequest {
  const metadata = { name: "a", creationTimestamp: made };
  const asked = { request: "x", signerName: client, usages: ["client auth"], ...spec };
  return {
    apiVersion: "certificates.k8s.io/v1",
    kind: "CertificateSigningRequest",
    metadata,
    spec: asked,
    status,
  };
}

describe("a request for a certificate", () => {
  const year = 365 * 24 * 3600;
  const rows: readonly [what: string, CertificateSigningRequest, now: Instant, step: object][] = [
    ["waits to be approved", request(), at(0), { type: "wait", for: hours(24) }],
    [
      "is forgotten when nobody does",
      request(),
      at(hours(24)),
      { type: "delete", why: "nobody needs it any more" },
    ],
    [
      "is signed",
      request({}, { conditions: [approved] }),
      at(1),
      { type: "sign", signer: client, seconds: year },
    ],
    [
      "is signed for as long as it asks",
      request({ expirationSeconds: 600 }, { conditions: [approved] }),
      ...([at(1), { type: "sign", signer: client, seconds: 600 }] as const),
    ],
    [
      "is not signed for ever",
      request({ expirationSeconds: year * 10 }, { conditions: [approved] }),
      ...([at(1), { type: "sign", signer: client, seconds: year }] as const),
    ],
    [
      "is not signed when denied",
      request({}, { conditions: [denied] }),
      at(0),
      { type: "wait", for: hours(1) },
    ],
    [
      "is not signed again",
      request({}, { conditions: [approved], certificate: "x" }),
      ...([at(0), { type: "wait", for: hours(1) }] as const),
    ],
    [
      "is forgotten when it has been signed",
      request({}, { conditions: [approved], certificate: "x" }),
      ...([at(hours(1)), { type: "delete", why: "nobody needs it any more" }] as const),
    ],
    [
      "is somebody else's to sign",
      request({ signerName: "example.com/a" }, { conditions: [approved] }),
      ...([at(0), { type: "wait", for: hours(24) }] as const),
    ],
    [
      "fails when it is for a server",
      request({ usages: ["client auth", "server auth"] }, { conditions: [approved] }),
      ...([at(0), { type: "fail", message: "invalid usage for client certificate: server auth" }] as const),
    ],
    [
      "fails when it is for no client",
      request({ usages: ["digital signature"] }, { conditions: [approved] }),
      ...([at(0), { type: "fail", message: 'usages must include "client auth"' }] as const),
    ],
  ];
  for (const [what, asked, now, step] of rows) {
    it(what, () => assert.deepEqual(planCertificate(asked, now), step));
  }

  const node = "kubernetes.io/kube-apiserver-client-kubelet";
  const subject = { commonName: "system:node:a", organizations: ["system:nodes"], hasOthers: false };
  const subjects: readonly [typeof client | typeof node, object, fault: RegExp | undefined][] = [
    [client, { commonName: "ann", organizations: [] }, undefined],
    [client, { commonName: "" }, /no common name/],
    [node, {}, undefined],
    [node, { commonName: "ann" }, /must begin with system:node:/],
    [node, { organizations: ["system:nodes", "system:masters"] }, /must be system:nodes/],
    [node, { hasOthers: true }, /alternative names are not allowed/],
  ];
  for (const [signer, change, fault] of subjects) {
    it(`to ${signer} by ${JSON.stringify(change)} ${fault === undefined ? "is right" : "is wrong"}`, () => {
      const found = subjectFault(signer, { ...subject, ...change });
      if (fault === undefined) assert.equal(found, undefined);
      else assert.match(found ?? "", fault);
    });
  }
});

describe("a role that is summed", () => {
  const role = (
    name: string,
    labels: Record<string, string>,
    verbs: string[],
    sums?: string,
  ): ClusterRole => ({
    ...{ apiVersion: "rbac.authorization.k8s.io/v1", kind: "ClusterRole", metadata: { name, labels } },
    rules: verbs.map((verb) => ({ verbs: [verb], apiGroups: [""], resources: ["pods"] })),
    ...(sums && { aggregationRule: { clusterRoleSelectors: [{ matchLabels: { [sums]: "yes" } }] } }),
  });
  const sum = role("sum", { a: "yes" }, ["old"], "a");
  const all = [
    role("z", { a: "yes" }, ["get"]),
    role("b", { a: "yes" }, ["list", "get"]),
    role("c", {}, ["no"]),
    sum,
  ];

  it("has the rules of those it selects, by their names, each once, and none of its own", () => {
    const verbs = aggregatedRules(sum, all).map((rule) => rule.verbs?.[0]);
    assert.deepEqual(verbs, ["list", "get"]);
  });

  it("does not take from itself", () => assert.equal(gives(sum, sum), false));
});
