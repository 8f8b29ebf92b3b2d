import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { KubeObject } from "@selvedge/apimachinery";
import { type Clock, instant, Log, millis, SeededRandom, silentSink } from "@selvedge/base";
import type { ChangeListener, KindRef } from "@selvedge/client";
import { settled } from "@selvedge/reconcile";
import type { Cluster } from "./objects/cluster.ts";
import type { Wired } from "./objects/wiring.ts";
import { ReconcilerHost } from "./reconciler-host.ts";

const kind: KindRef = { group: "", version: "v1", kind: "Thing", plural: "things", namespaced: false };

function thing(name: string): KubeObject {
  return { apiVersion: "v1", kind: "Thing", metadata: { name } };
}

describe("a host of reconcilers", () => {
  it("wakes by what is there in pieces, and misses nothing that changes meanwhile", async () => {
    const held = new Map(["a", "b", "c", "d", "e", "f"].map((name) => [name, thing(name)]));
    let tell: ChangeListener<KubeObject> = () => {};
    const cache = {
      list: () => [...held.values()],
      get: (name: string) => held.get(name),
      follow: (listener: typeof tell) => {
        tell = listener;
        return () => {};
      },
    };
    const [woken, rests]: [string[], string[][]] = [[], []];
    let elapsed = 0;
    const clock: Clock = {
      now: () => instant(0),
      monotonic: () => millis(elapsed),
      setTimer(_span, fire) {
        queueMicrotask(() => {
          rests.push([...woken]);
          const gone = held.get("e");
          held.delete("e");
          if (gone !== undefined) tell(gone, undefined);
          tell(undefined, thing("new"));
          fire();
        });
        return { cancel: () => {} };
      },
    };
    const reconcile = async (key: string): Promise<typeof settled> => {
      woken.push(key);
      return settled;
    };
    const keys = (before: KubeObject | undefined, after: KubeObject | undefined): string[] => {
      elapsed += after === undefined ? 0 : 4;
      const { name } = (after ?? before)?.metadata ?? {};
      if (name === "b") throw new Error("mine");
      return [`${before === undefined ? "+" : ""}${name}${after === undefined ? "-" : ""}`];
    };
    const wired: Wired = {
      reconciler: { name: "r", reads: [], writes: [], reconcile },
      wakes: [{ kind, keys }],
    };
    const cluster = { cache: () => cache } as unknown as Cluster;
    const log = new Log("test", clock, silentSink);
    await using host = new ReconcilerHost({ cluster, clock, random: new SeededRandom(1), log });
    await host.start([wired]);
    assert.deepEqual(rests[0], ["+a", "+c"], "and one that nobody makes sense of");
    assert.deepEqual([...new Set(woken)].sort(), ["+a", "+c", "+d", "+f", "+new", "e-"]);
  });
});
