import assert from "node:assert/strict";
import { it } from "node:test";
import { encodeItems, type KindDefinition } from "@selvedge/apimachinery";
import { SystemClock } from "@selvedge/base";
import { allKinds } from "@selvedge/kinds";
import { LoopTurns } from "../../test/busy-clock.ts";
import { Evaluations } from "../evaluation/evaluations.ts";
import { LongAnswers } from "../rest/long-answers.ts";
import { Stored } from "../rest/stored.ts";
import { protobufListOf } from "./protobuf-list.ts";

const maps = allKinds.find(({ kind }) => kind === "ConfigMap") as KindDefinition;

it("what weighs much is encoded some at a time, to the same bytes", async () => {
  await using evaluations = new Evaluations({ clock: new SystemClock() });
  using turns = new LoopTurns();
  const stored = Array.from({ length: 30 }, (_, at) => {
    const map = {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: `m${at}` },
      data: { a: "x".repeat(50_000) },
    };
    return new Stored({ key: `m${at}`, revision: at + 1, value: JSON.stringify(map) }, maps);
  });
  const list = protobufListOf(maps, false, new LongAnswers(evaluations, () => undefined));
  const made = await list.items(stored);
  assert.ok(turns.now >= 4, "nobody else had a turn");
  const whole = encodeItems(
    2,
    maps.protobuf ?? assert.fail(),
    stored.map(({ object }) => object),
  );
  assert.ok(Buffer.from(made).equals(Buffer.from(whole)));
});
