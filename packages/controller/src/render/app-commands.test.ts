import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { app, ext, setExtension } from "@selvedge/eve-api";
import type { Node, Pod } from "@selvedge/kinds";
import { restartsOf, withCommands } from "./app-commands.ts";

type Init = MessageInitShape<typeof app.AppInstanceConfigSchema>;

const running: Init = {
  fixedresources: { memory: 1024, vcpus: 1 },
  volumeRefList: [{ uuid: "v", mountDir: "/" }],
};
const bigger: Init = { ...running, fixedresources: { memory: 2048, vcpus: 1 } };
const other: Init = { ...running, volumeRefList: [{ uuid: "w", mountDir: "/" }] };
const withCard: Init = { ...running, adapters: [{ type: 1, name: "eth1" }] };

const both: Init = { ...bigger, volumeRefList: other.volumeRefList ?? [] };

function rendered(now: Init, before?: app.AppInstanceConfig): app.AppInstanceConfig {
  return withCommands(create(app.AppInstanceConfigSchema, now), before, undefined);
}

describe("the commands of an app", () => {
  type Change = "same" | "other";
  /** What it was, what it becomes, and what the counters of purge and restart do. */
  const rows: readonly (readonly [string, Init, Init, purge: Change, restart: Change])[] = [
    ["nothing new needs none", running, running, "same", "same"],
    ["a stop needs none", running, { ...running, activate: false }, "same", "same"],
    [
      "nor a new version alone",
      running,
      { ...running, uuidandversion: { uuid: "a", version: "2" } },
      "same",
      "same",
    ],
    ["another machine is a restart", running, bigger, "same", "other"],
    ["another volume is a purge", running, other, "other", "same"],
    ["a card more is a purge", running, withCard, "other", "same"],
    ["both are both", running, both, "other", "other"],
  ];
  for (const [what, was, becomes, purge, restart] of rows) {
    it(what, () => {
      const before = rendered(was);
      const after = rendered(becomes, before);
      const change = (command: "purge" | "restart"): Change =>
        before[command]?.counter === after[command]?.counter ? "same" : "other";
      assert.deepEqual([change("purge"), change("restart")], [purge, restart]);
    });
  }

  it("are the same for the same, whatever came between: a restored controller purges nothing", () => {
    const first = rendered(running);
    const backedUp = first;
    const again = rendered(running, rendered(both, rendered(bigger, first)));
    const restored = rendered(running, backedUp);
    const counters = ({ purge, restart }: app.AppInstanceConfig): unknown => [
      purge?.counter,
      restart?.counter,
    ];
    assert.deepEqual(counters(restored), counters(again));
    assert.deepEqual(counters(rendered(both, backedUp)), counters(rendered(both, again)));
  });

  it("that were counted by an earlier version stay until there is something to do", () => {
    const counted = create(app.AppInstanceConfigSchema, {
      ...running,
      purge: { counter: 4 },
      restart: { counter: 7 },
    });
    assert.deepEqual(
      [rendered(running, counted).purge?.counter, rendered(running, counted).restart?.counter],
      [4, 7],
    );
    const none = create(app.AppInstanceConfigSchema, running);
    assert.deepEqual(
      [rendered(running, none).purge, rendered(running, none).restart],
      [undefined, undefined],
    );
  });

  it("move even if two things have one number", () => {
    const { purge } = rendered(other);
    const before = create(app.AppInstanceConfigSchema, { ...running, ...(purge && { purge }) });
    assert.notEqual(rendered(other, before).purge?.counter, purge?.counter);
  });
});

describe("the counter of restarts of an app on a device of ours", () => {
  const policy = [{ resourceName: "memory", restartPolicy: "RestartContainer" }];
  const podOf = (resizePolicy: object[]): Pod =>
    ({ spec: { containers: [{ name: "main", resizePolicy }] } }) as unknown as Pod;
  function sized(
    megabytes: number,
    cpu: number,
    before?: app.AppInstanceConfig,
    resizePolicy = policy,
  ): typeof before {
    const config = create(app.AppInstanceConfigSchema, { fixedresources: { memory: megabytes, vcpus: cpu } });
    const resources = { memoryLimitBytes: BigInt(megabytes), cpuLimitMillis: BigInt(cpu) };
    const containers = [create(ext.ContainerSchema, { name: "main", resources })];
    setExtension(config, ext.AppExtensionSchema, create(ext.AppExtensionSchema, { containers }));
    return withCommands(config, before, restartsOf(podOf(resizePolicy), undefined));
  }
  const counter = (config: app.AppInstanceConfig | undefined): number => config?.restart?.counter ?? 0;

  it("moves with what is worth a restart, and with nothing else", () => {
    const first = sized(100, 1);
    const more = sized(100, 2, first);
    const larger = sized(200, 2, more);
    assert.deepEqual([counter(more) === counter(first), counter(larger) === counter(first)], [true, false]);
    assert.equal(counter(sized(100, 1, larger)), counter(first));
  });

  it("stays where a Pod asks for no restart", () => {
    const counted = create(app.AppInstanceConfigSchema, { restart: { counter: 7 } });
    assert.equal(counter(sized(200, 2, sized(100, 1, undefined, []), [])), 0);
    assert.equal(counter(sized(200, 2, counted, [])), 7);
  });

  it("is for any other size where the device is EVE's", () => {
    const node = { status: { nodeInfo: { containerRuntimeVersion: "eve://1" } } } as unknown as Node;
    assert.equal(restartsOf(podOf([]), node), undefined);
  });
});
