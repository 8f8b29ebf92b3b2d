import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create } from "@bufbuild/protobuf";
import { config } from "@selvedge/eve-api";
import type { EdgeNode } from "@selvedge/kinds";
import { render } from "../../test/render-one.ts";
import { NodeCommands, type RenderedCommands } from "./node-orders.ts";

const edgeNode = (spec: EdgeNode["spec"]): EdgeNode => ({
  ...{ apiVersion: "selvedge.dev/v1alpha1", kind: "EdgeNode", metadata: { name: "box" }, spec },
});

const made = (counters?: readonly [reboot: number, shutdown: number]): config.EdgeDevConfig =>
  create(
    config.EdgeDevConfigSchema,
    counters && { reboot: { counter: counters[0] }, shutdown: { counter: counters[1] } },
  );

const said = ({ reboot, shutdown }: RenderedCommands): readonly (number | undefined)[] => [
  reboot?.counter,
  shutdown?.counter,
];
const none = [undefined, undefined];

describe("commands of a box", () => {
  type Counters = readonly [reboot: number, shutdown: number];
  const rows: readonly (readonly [string, EdgeNode["spec"], before: Counters, now: Counters])[] = [
    ["are what the object says", { commands: { reboot: 2, shutdown: 1 } }, [1, 1], [2, 1]],
    ["do not fall when the object forgets them", {}, [2, 1], [2, 1]],
    ["are of one kind each", { commands: { shutdown: 1 } }, [0, 0], [0, 1]],
  ];
  for (const [what, spec, before, now] of rows) {
    it(what, () => {
      for (const isTaken of [false, true])
        assert.deepEqual(said(new NodeCommands().of("box", edgeNode(spec), made(before), isTaken)), now);
    });
  }
});

describe("commands of a box that comes to us, or whose controller was restored", () => {
  it("are kept back until the box has forgotten those it knew", () => {
    const [commands, wanted] = [new NodeCommands(), edgeNode({ commands: { reboot: 1 } })];
    // Whatever is said to have been taken: there is nothing yet.
    assert.deepEqual(said(commands.of("box", wanted, undefined, true)), none);
    assert.deepEqual(said(commands.of("box", wanted, made(), false)), none);
    assert.deepEqual(said(commands.of("box", wanted, made(), true)), [1, 0]);
  });

  it("are carried out when they are asked for meanwhile, once the box knows what was before", () => {
    const [commands, wanted] = [new NodeCommands(), edgeNode({ commands: { reboot: 1 } })];
    commands.of("box", edgeNode({}), undefined, true);
    assert.deepEqual(said(commands.of("box", wanted, made(), false)), none);
    assert.deepEqual(said(commands.of("box", wanted, made(), true)), [0, 0]);
    assert.deepEqual(said(commands.of("box", wanted, made([0, 0]), false)), [0, 0]);
    assert.equal(commands.awaits("box"), true);
    assert.deepEqual(said(commands.of("box", wanted, made([0, 0]), true)), [1, 0]);
    assert.equal(commands.awaits("box"), false);
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
