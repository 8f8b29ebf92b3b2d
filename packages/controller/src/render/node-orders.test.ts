import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create } from "@bufbuild/protobuf";
import { config } from "@selvedge/eve-api";
import type { EdgeNode } from "@selvedge/kinds";
import { render } from "../../test/render-one.ts";
import { renderCommands } from "./node-orders.ts";

const edgeNode = (spec: EdgeNode["spec"]): EdgeNode => ({
  ...{ apiVersion: "selvedge.dev/v1alpha1", kind: "EdgeNode", metadata: { name: "box" }, spec },
});

describe("commands of a box", () => {
  type Counters = readonly [reboot: number, shutdown: number];
  const rows: readonly (readonly [string, EdgeNode["spec"], before: Counters | undefined, now: Counters])[] =
    [
      ["are there from the first, which a device only takes note of", {}, undefined, [0, 0]],
      ["are what the object says", { commands: { reboot: 2, shutdown: 1 } }, [1, 1], [2, 1]],
      ["do not fall when the object forgets them", {}, [2, 1], [2, 1]],
      ["are of one kind each", { commands: { shutdown: 1 } }, [0, 0], [0, 1]],
    ];
  for (const [what, spec, before, now] of rows) {
    it(what, () => {
      const previous =
        before &&
        create(config.EdgeDevConfigSchema, {
          reboot: { counter: before[0] },
          shutdown: { counter: before[1] },
        });
      const { reboot, shutdown } = renderCommands(edgeNode(spec), previous, false);
      assert.deepEqual([reboot?.counter, shutdown?.counter], now);
    });
  }
});

describe("commands of a box of a restored controller", () => {
  it("are kept back until the box has forgotten those it knew", () => {
    const restored = create(config.EdgeDevConfigSchema, {});
    const wanted = edgeNode({ commands: { reboot: 1 } });
    assert.deepEqual(renderCommands(wanted, restored, false), {});
    assert.equal(renderCommands(wanted, restored, true).reboot?.counter, 1);
  });
});

describe("the system of a box", () => {
  const system = { version: "13.4.0", image: "lfedge/eve:13.4.0-kvm-amd64" };

  it("comes with its content and where that is", () => {
    const { config: made } = render([], { edgeNode: edgeNode({ system: { ...system, retry: 2 } }) });
    const [content] = made.contentInfo;
    const [store] = made.datastores;
    assert.equal(content?.URL, "lfedge/eve:13.4.0-kvm-amd64");
    assert.deepEqual(content?.dsIdsList, [store?.id]);
    assert.equal(store?.fqdn, "docker://docker.io");
    const { contentTreeUuid, baseOsVersion, activate, retryUpdate } = made.baseos ?? {};
    assert.deepEqual(
      [contentTreeUuid, baseOsVersion, activate, retryUpdate?.counter],
      [content?.uuid, "13.4.0", true, 2],
    );
  });

  it("is only made ready when it is not to be started", () => {
    const { config: made } = render([], { edgeNode: edgeNode({ system: { ...system, activate: false } }) });
    assert.equal(made.baseos?.activate, false);
  });

  it("is left alone when nobody said which, or its registry's password is not sealed yet", () => {
    assert.equal(render([], { edgeNode: edgeNode({}) }).config.baseos, undefined);
    const own = { version: "1", image: "selvedge.internal/os:1" };
    const { config: made } = render([], { edgeNode: edgeNode({ system: own }) }, false);
    assert.deepEqual([made.baseos, made.contentInfo.length], [undefined, 0]);
  });
});
