import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { KindDefinition, KubeObject } from "@selvedge/apimachinery";
import { SeededRandom, SystemClock } from "@selvedge/base";
import { StatusError } from "../status-error.ts";
import { SqliteStore } from "../store/sqlite-store.ts";
import type { DeleteOutcome } from "./delete-plan.ts";
import type { ListPiece } from "./listing.ts";
import { ObjectRegistry } from "./object-registry.ts";
import { removeAll } from "./remove-all.ts";
import { Stored } from "./stored.ts";

const kind: KindDefinition = {
  ...{ group: "lab.example", version: "v1", kind: "Gadget", plural: "gadgets", singular: "gadget" },
  ...{ namespaced: true, custom: true, columns: [] },
  schema: { type: "object" },
};

function gadget(name: string, namespace = "a"): KubeObject {
  const labels = { half: Number(name) % 2 === 0 ? "even" : "odd" };
  return { apiVersion: "lab.example/v1", kind: "Gadget", metadata: { name, namespace, labels } };
}

const names = (count: number): string[] =>
  Array.from({ length: count }, (_, at) => String(at).padStart(4, "0"));

/** As many as are said, each of which is deleted when the test says so. */
class Held {
  readonly begun: string[] = [];
  readonly #ends = new Map<string, PromiseWithResolvers<void>>();
  readonly #count: number;

  constructor(count: number) {
    this.#count = count;
  }

  async *listPieces(): AsyncGenerator<ListPiece> {
    const rows = names(this.#count).map((name) => ({
      key: `lab.example/gadgets/a/${name}`,
      revision: 1,
      value: "{}",
    }));
    yield {
      revision: 1,
      items: rows.map((row) => new Stored(row, kind)),
      end: { continue: undefined, remaining: undefined },
    };
  }

  async remove(_kind: unknown, name: string): Promise<DeleteOutcome> {
    this.begun.push(name);
    const end = Promise.withResolvers<void>();
    this.#ends.set(name, end);
    await end.promise;
    return { gone: true, object: gadget(name), found: gadget(name) };
  }

  async end(error?: Error): Promise<void> {
    const ends = [...this.#ends.values()];
    this.#ends.clear();
    for (const { resolve, reject } of ends) error === undefined ? resolve() : reject(error);
    await new Promise(setImmediate);
  }
}

describe("the deletion of all that a query selects", () => {
  it("deletes more than the log goes back, and only what was asked for", async () => {
    const store = new SqliteStore(":memory:", "", 20);
    const objects = new ObjectRegistry([kind], store, new SystemClock(), new SeededRandom(1));
    for (const name of names(300)) await objects.create(kind, gadget(name));
    await objects.create(kind, gadget("0000", "b"));
    const told: string[] = [];
    const removed = ({ metadata }: KubeObject, index: number): void => {
      told[index] = metadata.name;
    };
    await removeAll(objects, kind, { namespace: "a", labelSelector: "half=even", removed });
    const even = names(300).filter((name) => Number(name) % 2 === 0);
    assert.deepEqual(told, even);
    const { items } = await objects.list(kind);
    assert.deepEqual(items.length, 151);
    assert.ok(
      items.every(({ metadata }) => metadata.namespace === "b" || metadata.labels?.["half"] === "odd"),
    );
    await store.close();
  });

  it("has some under way at once, however many there are", async () => {
    const held = new Held(100);
    const done = removeAll(held, kind, {});
    const begun: number[] = [];
    for (let round = 0; round < 7; round++) {
      await new Promise(setImmediate);
      begun.push(held.begun.length);
      await held.end();
    }
    await done;
    assert.deepEqual(begun, [16, 32, 48, 64, 80, 96, 100]);
    assert.deepEqual(held.begun, names(100));
  });

  it("ends when nobody waits for it any more", async () => {
    const held = new Held(100);
    const gone = new AbortController();
    const done = assert.rejects(removeAll(held, kind, { gone: gone.signal }), {
      code: 504,
      reason: "Timeout",
    });
    await new Promise(setImmediate);
    gone.abort();
    await held.end();
    await done;
    assert.equal(held.begun.length, 16);
  });

  it("passes over what somebody else deleted, and ends with what cannot be", async () => {
    const held = new Held(100);
    const done = assert.rejects(removeAll(held, kind, {}), { reason: "Forbidden" });
    await new Promise(setImmediate);
    await held.end(new StatusError(404, "NotFound", "not found", {}));
    assert.equal(held.begun.length, 32);
    await held.end(new StatusError(403, "Forbidden", "no", {}));
    await done;
    assert.equal(held.begun.length, 32);
  });
});
