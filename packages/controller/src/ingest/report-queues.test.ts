import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { BusyError } from "../ports.ts";
import { ReportQueues } from "./report-queues.ts";

describe("reports of nodes", () => {
  it("are handled in order, also after one that failed", async () => {
    const queues = new ReportQueues();
    const done: number[] = [];
    const all = [1, 2, 3].map((number) =>
      queues.run("a", async () => {
        await Promise.resolve();
        done.push(number);
        if (number === 2) throw new Error("the store is full");
      }),
    );
    const settled = await Promise.allSettled(all);
    assert.deepEqual(done, [1, 2, 3]);
    assert.deepEqual(
      settled.map(({ status }) => status),
      ["fulfilled", "rejected", "fulfilled"],
    );
    assert.equal(queues.waiting, 0);
  });

  it("wait in bounded number: one node cannot fill the memory, nor can all", async () => {
    const queues = new ReportQueues();
    const hold = Promise.withResolvers<void>();
    const put = (node: string): Promise<void> => queues.run(node, () => hold.promise);
    const held = Array.from({ length: 32 }, () => put("a"));
    await assert.rejects(put("a"), BusyError);
    held.push(put("b"));
    while (queues.waiting < 4096) held.push(put(`n${queues.waiting}`));
    await assert.rejects(put("z"), /4096 of all/);
    hold.resolve();
    await Promise.all(held);
    assert.equal(queues.waiting, 0);
    await put("a");
  });
});
