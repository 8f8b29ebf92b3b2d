import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { KubeObject } from "@selvedge/apimachinery";
import { deploymentKind, type Event, eventKind, type Pod, podKind } from "@selvedge/kinds";
import { ObjectWorld } from "../../test/object-world.ts";
import { gapAdmission } from "./gap-admission.ts";

const labels = { app: "web" };
const template = {
  metadata: { labels },
  spec: { hostNetwork: true, containers: [{ name: "main", image: "web:1" }] },
};
const deployment = {
  ...{ apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "web", namespace: "default" } },
  spec: { selector: { matchLabels: labels }, template },
};
const reason = "not supported by Selvedge: an app is never in the box's network; use hostPort";

function said(object: KubeObject, old?: KubeObject): string[] {
  const told: string[] = [];
  const terms = {
    operation: "UPDATE",
    kind: deploymentKind,
    subresource: undefined,
    namespace: "default",
  } as const;
  const request = { ...terms, name: "web", object, old, user: { name: "me", groups: [] }, dryRun: false };
  assert.ok(gapAdmission.handles(request));
  gapAdmission.validate?.({ ...request, warn: (text) => told.push(text) });
  return told;
}

describe("what no node does", () => {
  it("is said to whoever writes it, once", () => {
    const scaled = { ...deployment, metadata: { ...deployment.metadata, labels } };
    assert.deepEqual(said(deployment), [`spec.template.spec.hostNetwork: ${reason}`]);
    assert.deepEqual(said(scaled, deployment), []);
  });

  it("holds the Pod back, which says why", async () => {
    await using world = await ObjectWorld.start();
    const node = await world.addNode("box");
    await world.create(deploymentKind, deployment);
    await world.converge();
    const [pod] = (await world.objects.list<Pod>(podKind)).items;
    const message = `spec.hostNetwork: ${reason}`;
    assert.deepEqual(
      [pod?.spec.nodeName, pod?.status?.phase, pod?.status?.containerStatuses?.[0]?.state?.waiting],
      ["box", "Pending", { reason: "NotSupported", message }],
    );
    assert.deepEqual(node.config?.apps, []);
    const events = (await world.objects.list<Event>(eventKind)).items;
    assert.ok(events.some((event) => event.reason === "Failed" && event.message === `Error: ${message}`));
  });
});
