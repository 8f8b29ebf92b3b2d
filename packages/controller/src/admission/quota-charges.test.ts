import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AdmissionRequest } from "@selvedge/apiserver";
import { cloneJson } from "@selvedge/base";
import { ApiError, type ListOptions, type Objects } from "@selvedge/client";
import { podKind, type ResourceQuota } from "@selvedge/kinds";
import { usedOf } from "../quota/quota-usage.ts";
import { QuotaCharges } from "./quota-charges.ts";

const quota: ResourceQuota = {
  ...{ apiVersion: "v1", kind: "ResourceQuota", metadata: { name: "q", namespace: "default" } },
  ...{ spec: { hard: { pods: "30" } }, status: { hard: { pods: "30" }, used: { pods: "0" } } },
};
const one = { pods: 1_000_000_000n };

function request(name: string, dryRun = false): AdmissionRequest {
  return { kind: podKind, name, namespace: "default", dryRun } as unknown as AdmissionRequest;
}

/** One quota, whose first write another one comes before. */
class Kept {
  now = quota;
  writes = 0;
  conflicts = 0;

  async get(): Promise<ResourceQuota> {
    await new Promise(setImmediate);
    return cloneJson(this.now);
  }

  async updateStatus(_kind: unknown, object: ResourceQuota): Promise<ResourceQuota> {
    await new Promise(setImmediate);
    if (this.conflicts++ === 0) throw new ApiError("changed", "Conflict", 409);
    this.writes++;
    this.now = object;
    return object;
  }
}

describe("what quotas let in", () => {
  it("is counted in one write for all that come meanwhile, each in its turn", async () => {
    const kept = new Kept();
    const charges = new QuotaCharges(kept as unknown as Objects, () => []);
    const names = Array.from({ length: 40 }, (_, index) => `pod-${index}`);
    const asked = [charges.take(request("asked", true), quota, one)];
    const outcomes = await Promise.allSettled([
      ...asked,
      ...names.map((name) => charges.take(request(name), quota, one)),
    ]);
    const refused = outcomes.flatMap((outcome) =>
      outcome.status === "rejected" ? [outcome.reason.message] : [],
    );
    assert.equal(refused.length, 10);
    assert.match(
      refused[0],
      /^pods "pod-30" is forbidden: exceeded quota: q, .* used: pods=30, limited: pods=30$/,
    );
    assert.deepEqual([kept.now.status?.used, kept.writes], [{ pods: "30" }, 1]);
    await assert.rejects(charges.take(request("late"), quota, one), { reason: "Forbidden" });
    assert.equal(kept.writes, 1);
  });

  it("is looked at some at a time when all is counted", async () => {
    const limits: (number | undefined)[] = [];
    const items = Array.from({ length: 600 }, (_, at) => ({
      metadata: { name: `${at}` },
      spec: { containers: [] },
    }));
    const objects = {
      list: async (_kind: unknown, { limit = 0, continue: from = "0" }: ListOptions) => {
        limits.push(limit);
        const end = Number(from) + limit;
        const more = end < items.length ? { continue: `${end}` } : {};
        return { items: items.slice(Number(from), end), metadata: { resourceVersion: "1", ...more } };
      },
    } as unknown as Objects;
    assert.deepEqual(await usedOf(quota, objects, [podKind]), { pods: "600" });
    assert.deepEqual(limits, [250, 250, 250]);
  });
});
