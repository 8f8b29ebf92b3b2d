import assert from "node:assert/strict";
import { it } from "node:test";
import type { KindDefinition, KubeObject } from "@selvedge/apimachinery";
import { Log, SeededRandom, SystemClock, silentSink } from "@selvedge/base";
import { ObjectRegistry } from "../../rest/object-registry.ts";
import { SqliteStore } from "../../store/sqlite-store.ts";
import { PolicyStatus } from "./policy-status.ts";

const kind: KindDefinition = {
  ...{ group: "lab.example", version: "v1", kind: "Policy", plural: "policies", singular: "policy" },
  ...{ namespaced: false, columns: [], subresources: { status: true }, unconditionalUpdate: true },
  schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true, properties: { spec: {} } },
};

/** Its timers wait until they are fired by hand. */
class HeldClock extends SystemClock {
  readonly held = new Set<() => void>();

  override setTimer(_span: number, fire: () => void): { cancel(): void } {
    this.held.add(fire);
    return { cancel: () => void this.held.delete(fire) };
  }
}

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise(setImmediate);
}

it("what cannot be written of a policy is tried again, until nobody waits for it", async () => {
  const store = new SqliteStore(":memory:");
  const objects = new ObjectRegistry([kind], store, new SystemClock(), new SeededRandom(1));
  let isAway = true;
  objects.table.catchUp = async () => {
    if (isAway) throw new Error("the database is away");
  };
  const clock = new HeldClock();
  const status = new PolicyStatus({ objects, kind, clock, log: new Log("test", clock, silentSink) });
  const policy = { apiVersion: "lab.example/v1", kind: "Policy", metadata: { name: "p" }, spec: {} };
  const made = await objects.create<KubeObject>(kind, policy);
  status.check(made);
  await until(() => clock.held.size === 1);
  isAway = false;
  for (const fire of clock.held) fire();
  await until(async () => (await objects.get(kind, "p"))["status"] !== undefined);
  const found = (await objects.get(kind, "p"))["status"];
  assert.deepEqual([found, clock.held.size], [{ observedGeneration: 1, typeChecking: {} }, 0]);
  isAway = true;
  status.check(made);
  await until(() => clock.held.size === 1);
  status[Symbol.dispose]();
  assert.equal(clock.held.size, 0);
  store.close();
});
