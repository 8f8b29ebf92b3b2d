import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AppSpec, ForeignApp } from "../desired.ts";
import { refuseChange } from "./change-rules.ts";

const volumes = (...keys: string[]): Partial<ForeignApp> => ({
  volumes: keys.map((key) => ({ key, mountDir: "" })) as never,
});
const app = (
  more: Partial<AppSpec> = {},
  foreign: Partial<ForeignApp> | undefined = volumes("v#0"),
): AppSpec =>
  ({ restartCounter: 0, purgeCounter: 0, vcpus: 1, memoryBytes: 1, ...more, foreign }) as unknown as AppSpec;

describe("a change of an app that runs", () => {
  const rows: [string, AppSpec, RegExp | undefined][] = [
    ["of nothing", app(), undefined],
    ["of volumes", app({}, volumes("v#1")), /Need purge/],
    ["of volumes with a restart alone", app({ restartCounter: 1 }, volumes("v#1")), /Need purge/],
    ["of volumes with a purge", app({ purgeCounter: 1 }, volumes("v#1")), undefined],
    ["of devices", app({ adapters: ["gpu"] }), /Need purge due to a change of adapters/],
    [
      "of a function's VLAN",
      app({ functions: { g5vf0: { vlan: 5 } } }),
      /Need purge due to a change of adapters/,
    ],
    ["of devices with a purge", app({ adapters: ["gpu"], purgeCounter: 1 }), undefined],
    ["of memory", app({ memoryBytes: 2 }), /Need restart/],
    ["of memory with a restart", app({ memoryBytes: 2, restartCounter: 1 }), undefined],
    ["of memory with a purge", app({ memoryBytes: 2, purgeCounter: 1 }), undefined],
    ["to an app of ours", { ...app({ memoryBytes: 2 }), foreign: undefined }, undefined],
  ];
  for (const [name, wanted, why] of rows)
    it(`${name} is ${why === undefined ? "done" : "refused"}`, () => {
      const found = refuseChange(app(), wanted);
      if (why === undefined) assert.equal(found, undefined);
      else assert.match(found ?? "", why);
    });

  it("that an engine without volumes started is done, whatever is asked for", () => {
    assert.equal(refuseChange(app({}, volumes()), app({ memoryBytes: 2 }, volumes("v#1"))), undefined);
  });
});
