import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create, toBinary } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { info, metrics, patchInfo } from "@selvedge/eve-api";
import {
  type ConfigMap,
  configMapKind,
  type PatchEnvelope,
  type Pod,
  patchEnvelopeKind,
  podKind,
} from "@selvedge/kinds";
import { ObjectWorld, type PlayedNode } from "../../test/object-world.ts";

const settings = (value: string): ConfigMap => ({
  ...{ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "prices", namespace: "default" } },
  data: { "prices.csv": value },
});

const envelope = {
  ...{ apiVersion: "selvedge.dev/v1alpha1", kind: "PatchEnvelope" },
  metadata: { name: "prices", namespace: "default" },
  spec: {
    selector: { matchLabels: { app: "till" } },
    files: [{ name: "prices.csv", configMapKeyRef: { name: "prices", key: "prices.csv" } }],
  },
} as unknown as PatchEnvelope;

const till = (name: string, nodeName: string): Pod => ({
  ...{ apiVersion: "v1", kind: "Pod", metadata: { name, namespace: "default", labels: { app: "till" } } },
  spec: { nodeName, containers: [{ name: "main", image: "till:1" }] },
});

async function statusOf(world: ObjectWorld): Promise<NonNullable<PatchEnvelope["status"]>> {
  return (await world.objects.get<PatchEnvelope>(patchEnvelopeKind, "prices", "default")).status ?? {};
}

/** As a node tells how an envelope stands. */
async function say(world: ObjectWorld, node: PlayedNode, more: object = {}): Promise<void> {
  const [sent] = node.config?.patchEnvelopes ?? [];
  const value = create(patchInfo.ZInfoPatchEnvelopeSchema, {
    ...{ id: sent?.uuid ?? "", name: sent?.displayName ?? "", version: sent?.version ?? "" },
    ...{ state: patchInfo.EVE_PATCH_ENVELOPE_STATE.PATCH_ACTIVE, ...more },
  });
  const message = create(info.ZInfoMsgSchema, {
    ...{ ztype: info.ZInfoTypes.ZiPatchEnvelope, devId: node.id },
    ...{ InfoContent: { case: "patchInfo", value }, atTimeStamp: timestampFromMs(world.clock.now()) },
  });
  await world.running.reports.info(node.id, message);
  await world.settle();
}

async function fetched(world: ObjectWorld, node: PlayedNode): Promise<void> {
  const [sent] = node.config?.patchEnvelopes ?? [];
  const [app = ""] = sent?.appInstIdsAllowed ?? [];
  const { uuid = "", version = "" } = sent ?? {};
  const patchEnvelope = [{ uuid, version, patchApiCallCount: 2n, downloadCount: 1n }];
  const said = create(metrics.ZMetricMsgSchema, { devID: node.id, am: [{ AppID: app, patchEnvelope }] });
  await world.running.reports.metrics(node.id, said, toBinary(metrics.ZMetricMsgSchema, said));
  await world.settle();
}

const numbersOf = ({ nodes, ready, apps, fetched: got }: NonNullable<PatchEnvelope["status"]>): unknown[] => [
  ...[nodes, ready, apps, got],
];

describe("a patch envelope", () => {
  it("says why it is not sent, then who has it and who has fetched it, of the version it has", async () => {
    await using world = await ObjectWorld.start();
    const [a, b] = [await world.addNode("a"), await world.addNode("b")];
    await world.create(podKind, till("one", "a"));
    await world.create(podKind, till("two", "b"));
    await world.create(patchEnvelopeKind, envelope);
    await world.converge();
    const [unsent] = (await statusOf(world)).conditions ?? [];
    assert.deepEqual(
      [unsent?.status, unsent?.reason, unsent?.message],
      ["False", "NotSent", 'spec.files[0]: configmap "prices" not found; nodes keep what they have'],
    );
    await world.create(configMapKind, settings("apple,1"));
    await world.converge();
    assert.equal(a.config?.patchEnvelopes.length, 1);
    const sent = await statusOf(world);
    assert.deepEqual([sent.conditions?.[0]?.reason, numbersOf(sent)], ["Delivering", [2, 0, 2, 0]]);
    assert.equal(sent.version, a.config?.patchEnvelopes[0]?.version);
    await say(world, a);
    await say(world, b, { state: patchInfo.EVE_PATCH_ENVELOPE_STATE.PATCH_ERROR, errors: ["no room"] });
    const half = await statusOf(world);
    assert.deepEqual(
      [half.conditions?.[0]?.reason, half.conditions?.[0]?.message, numbersOf(half)],
      ["NodesFailed", "b: no room", [2, 1, 2, 0]],
    );
    await say(world, b);
    await fetched(world, a);
    const whole = await statusOf(world);
    assert.deepEqual([whole.conditions?.[0]?.reason, numbersOf(whole)], ["Delivered", [2, 2, 2, 1]]);
    await world.objects.patch(configMapKind, "prices", "default", "merge", {
      data: { "prices.csv": "apple,2" },
    });
    await world.converge();
    const anew = await statusOf(world);
    assert.deepEqual([anew.conditions?.[0]?.reason, numbersOf(anew)], ["Delivering", [2, 0, 2, 0]]);
    assert.notEqual(anew.version, whole.version);
    await world.objects.delete(patchEnvelopeKind, "prices", "default");
    await world.converge();
    assert.equal(a.config?.patchEnvelopes.length, 0);
  });
});
