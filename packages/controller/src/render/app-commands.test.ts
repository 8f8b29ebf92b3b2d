import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { app } from "@selvedge/eve-api";
import { withCommands } from "./app-commands.ts";

type Init = MessageInitShape<typeof app.AppInstanceConfigSchema>;

const running: Init = {
  fixedresources: { memory: 1024, vcpus: 1 },
  volumeRefList: [{ uuid: "v", mountDir: "/" }],
};
const bigger: Init = { ...running, fixedresources: { memory: 2048, vcpus: 1 } };
const other: Init = { ...running, volumeRefList: [{ uuid: "w", mountDir: "/" }] };
const withCard: Init = { ...running, adapters: [{ type: 1, name: "eth1" }] };

describe("the commands of an app", () => {
  /** Before, now, and the counters that come of it: purge and restart. */
  const rows: readonly (readonly [
    string,
    Init | undefined,
    Init,
    purge?: number | undefined,
    restart?: number,
  ])[] = [
    ["a new app has none", undefined, running],
    ["nothing new needs none", running, running],
    ["a stop needs none", running, { ...running, activate: false }],
    ["a new version alone needs none", running, { ...running, uuidandversion: { uuid: "a", version: "2" } }],
    ["another machine is a restart", running, bigger, undefined, 1],
    ["another volume is a purge", running, other, 1],
    ["a card more is a purge", running, withCard, 1],
    ["a purge is a restart as well", running, { ...bigger, volumeRefList: other.volumeRefList ?? [] }, 1],
    ["counters go on", { ...running, purge: { counter: 4 }, restart: { counter: 7 } }, other, 5, 7],
    ["and stay for ever", { ...running, purge: { counter: 4 }, restart: { counter: 7 } }, running, 4, 7],
  ];
  for (const [what, before, now, purge, restart] of rows) {
    it(what, () => {
      const was = before && create(app.AppInstanceConfigSchema, before);
      const made = withCommands(create(app.AppInstanceConfigSchema, now), was);
      assert.deepEqual([made.purge?.counter, made.restart?.counter], [purge, restart]);
    });
  }
});
