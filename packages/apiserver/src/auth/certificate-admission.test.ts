import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { KindDefinition, KubeObject } from "@selvedge/apimachinery";
import { SystemClock } from "@selvedge/base";
import type { AdmissionRequest } from "../admission.ts";
import { defaultAuthorizer } from "./authorization.ts";
import { certificateAdmission } from "./certificate-admission.ts";

const kind: KindDefinition = {
  ...{ group: "certificates.k8s.io", version: "v1", kind: "CertificateSigningRequest", namespaced: false },
  ...{ plural: "certificatesigningrequests", singular: "certificatesigningrequest", columns: [], schema: {} },
};
const approved = { type: "Approved", status: "True" };
const failed = { type: "Failed", status: "True" };
const noted = { type: "Noted", status: "True" };

/** What was decided, who writes through which part, and what is decided then. */
const rows: readonly (readonly [
  what: string,
  before: object[],
  part: string,
  said: object[],
  kept: string[],
])[] = [
  ["a decision, where decisions are made", [], "approval", [approved], ["Approved"]],
  ["no decision through the status", [], "status", [approved], []],
  ["what the signer says, through the status", [approved], "status", [failed], ["Approved", "Failed"]],
  ["nothing of the signer's where decisions are made", [], "approval", [failed], []],
  ["what else is said where decisions are made", [], "approval", [noted, approved], ["Noted", "Approved"]],
  ["a decision that the status leaves out", [approved], "status", [], ["Approved"]],
];

describe("a request for a certificate keeps", () => {
  const [, member] = certificateAdmission(defaultAuthorizer, new SystemClock());
  const request = (conditions: object[]): KubeObject => ({
    ...{ apiVersion: "certificates.k8s.io/v1", kind: kind.kind, metadata: { name: "till" } },
    status: { conditions },
  });
  for (const [what, before, subresource, said, kept] of rows) {
    it(what, async () => {
      const object = request(structuredClone(said));
      const terms = { operation: "UPDATE", kind, subresource, namespace: undefined, name: "till" } as const;
      const more = { old: request(before), user: undefined, dryRun: false, warn: () => undefined };
      await member?.mutate?.({ ...terms, ...more, object } satisfies AdmissionRequest);
      const { conditions = [] } = object["status"] as { conditions?: { type: string }[] };
      assert.deepEqual(
        conditions.map(({ type }) => type),
        kept,
      );
    });
  }

  it("no decision that somebody makes through the status, and says so", () => {
    const user = { name: "ann", groups: [] };
    const terms = { operation: "UPDATE", kind, subresource: "status", namespace: undefined } as const;
    const more = { name: "till", old: request([]), user, dryRun: false, warn: () => undefined };
    assert.throws(() => member?.mutate?.({ ...terms, ...more, object: request([approved]) }), {
      code: 422,
      message:
        /"till" is invalid: status.conditions: Forbidden: updates may not add a condition of type "Approved"$/,
    });
  });
});
