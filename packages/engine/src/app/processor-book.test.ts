import assert from "node:assert/strict";
import { it } from "node:test";
import { Log, SystemClock, silentSink } from "@selvedge/base";
import type { AppId, AppSpec } from "../desired.ts";
import type { AppInstance } from "./app-instance.ts";
import { ProcessorBook } from "./processor-book.ts";
import type { MachineProcessors } from "./processors.ts";

interface Box {
  readonly book: ProcessorBook;
  readonly placed: [string, MachineProcessors][];
  readonly woken: string[];
  readonly events: string[];
  /** What `place` fails with. */
  broken: Error | undefined;
  app(id: string, processors?: readonly number[]): AppInstance;
}

function box(): Box {
  const apps = new Map<AppId, AppInstance>();
  const it: Box = {
    ...{ placed: [], woken: [], events: [], broken: undefined },
    book: new ProcessorBook(
      {
        hypervisor: {
          processors: async () => [0, 1, 2, 3],
          place: async (id: AppId, processors: MachineProcessors) => {
            if (it.broken !== undefined) throw it.broken;
            it.placed.push([id, processors]);
          },
        } as never,
        log: new Log("test", new SystemClock(), silentSink),
        wake: (id) => void it.woken.push(id),
      },
      apps,
    ),
    app: (id, processors) => {
      const event = ({ message }: { message: string }): void => void it.events.push(message);
      const app = { id, record: { machine: { processors } }, event } as unknown as AppInstance;
      apps.set(id as AppId, app);
      return app;
    },
  };
  return it;
}

const spec = (id: string, vcpus: number, own: boolean): AppSpec =>
  ({ id, vcpus, ...(own ? { ownProcessors: true } : {}) }) as unknown as AppSpec;

it("gives the lowest that nobody has, never the first, all that were asked for or none", async () => {
  const { book, app } = box();
  await book.follow(app("other", [2]), true);
  const rows: [AppSpec, MachineProcessors | undefined][] = [
    [spec("a", 1, true), { own: [1], shared: [0, 3] }],
    [spec("a", 2, true), { own: [1, 3], shared: [0] }],
    [spec("a", 3, true), undefined],
    [spec("a", 9, false), { own: [], shared: [0, 1, 3] }],
    // Its own machine is about to end: what it has is there for the next.
    [spec("other", 3, true), { own: [1, 2, 3], shared: [0] }],
  ];
  for (const [wanted, processors] of rows) assert.deepEqual(book.choose(wanted), processors);
  assert.deepEqual([book.free("a" as AppId), book.free("other" as AppId)], [2, 3]);
});

it("puts each machine where it belongs once, and the others anew when that changes", async () => {
  const { book, app, placed, woken } = box();
  const plain = app("plain");
  await book.follow(plain, true);
  await book.follow(plain, true);
  assert.deepEqual(placed.splice(0), [["plain", { own: [], shared: [0, 1, 2, 3] }]]);
  assert.deepEqual(woken, []);
  const own = app("own", [3]);
  await book.follow(own, true);
  assert.deepEqual(placed.splice(0), [["own", { own: [3], shared: [0, 1, 2] }]]);
  assert.deepEqual(woken.splice(0), ["plain"]);
  await book.follow(plain, true);
  assert.deepEqual(placed.splice(0), [["plain", { own: [], shared: [0, 1, 2] }]]);
  app("own");
  await book.follow(own, false);
  assert.deepEqual(woken, ["plain"]);
});

it("says that a machine is not on its processors, and tries again", async () => {
  const at = box();
  const own = at.app("own", [3]);
  at.broken = new Error("Invalid argument");
  assert.equal(await at.book.follow(own, true), false);
  assert.match(at.events.join(), /pin_cpu: the machine stays where it runs: Invalid argument/);
  at.broken = undefined;
  assert.equal(await at.book.follow(own, true), true);
  assert.deepEqual(at.placed, [["own", { own: [3], shared: [0, 1, 2] }]]);
});
