/**
 * What every Hypervisor must do; called from the test of each implementation. It is one story, in which each
 * rule goes on where the one before it ended, because a real machine takes seconds to start.
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import {
  type AppId,
  type ContainerRun,
  type ContainerStart,
  type Guest,
  GuestError,
  type GuestOutput,
  type Hypervisor,
  type VmSpec,
} from "@selvedge/engine";

/** What programs of the suite do, in the words of the implementation's image. */
export interface Programs {
  /** Runs until it is asked to end, and ends with 0. */
  readonly serves: readonly string[];
  /** Does not end when it is asked. */
  readonly stubborn: readonly string[];
  readonly exits: (code: number) => readonly string[];
  /** Writes "line 0\n" and "line 1\n", then serves. */
  readonly speaks: readonly string[];
  /** A command that ends with 1, for `exec`. */
  readonly command: readonly string[];
}

export interface HypervisorWorld extends AsyncDisposable {
  readonly programs: Programs;
  /** Of an image that has the programs. */
  readonly image: string;
  /** The port for one engine; the engine before it was killed. */
  engine(): Hypervisor;
  /** The machine ends as by a fault of its own or of the box. */
  crash(id: AppId): Promise<void>;
  /** Lets time go on until the work is done. */
  pass<T>(work: Promise<T>): Promise<T>;
}

export function hypervisorConformance(
  name: string,
  open: () => Promise<HypervisorWorld>,
  options: { readonly skip?: string | false } = {},
): void {
  describe(`${name} as a Hypervisor`, { skip: options.skip ?? false, timeout: 300_000 }, () => {
    let story: Story;
    before(async () => {
      story = new Story(await open());
    });
    after(async () => {
      await story.world[Symbol.asyncDispose]();
    });
    for (const [rule, check] of rules)
      it(rule, async () => {
        await check(story);
      });
  });
}

const id = "11111111-1111-4111-8111-111111111111" as AppId;
const other = "22222222-2222-4222-8222-222222222222" as AppId;
/** More than any box has. */
const tooMuchMib = 2 ** 30;

/** One engine's view of the machine, and the engines that come after it. */
class Story {
  readonly world: HypervisorWorld;
  engine: Hypervisor;
  guest!: Guest;
  heard: GuestOutput[] = [];
  /** What the first container wrote and nobody acknowledged. */
  unsafe = "";
  #waiting: (() => void)[] = [];

  constructor(world: HypervisorWorld) {
    this.world = world;
    this.engine = world.engine();
  }

  spec(of: AppId, more: Partial<VmSpec> = {}): VmSpec {
    return {
      ...{ id: of, memoryMib: 160, vcpus: 1, disks: [this.world.image], scratchBytes: 64 * 2 ** 20 },
      ...{ secret: undefined, volumes: [], vm: undefined, uid: undefined, nics: [] },
      ...more,
    };
  }

  /** Waits for the machine's agent. */
  async connect(): Promise<void> {
    const changed = (): void => {
      for (const wake of this.#waiting.splice(0)) wake();
    };
    const never = new AbortController().signal;
    const heard: GuestOutput[] = [];
    this.heard = heard;
    this.guest = await this.world.pass(this.engine.connect(id, changed, never));
    this.guest.onOutput((output) => {
      heard.push(output);
      changed();
    });
  }

  /** Looks again whenever the guest tells that something changed. */
  async until(fits: () => boolean): Promise<void> {
    while (!fits()) await this.world.pass(new Promise<void>((resolve) => this.#waiting.push(resolve)));
  }

  start(index: number, args: readonly string[], attempt = 1): void {
    const start: ContainerStart = {
      ...{ index, attempt, args, root: { disk: 0 }, env: [], cwd: "/", user: "", groups: [] },
      ...{ tty: false, stdin: false, memoryBytes: 0, cpuMillis: 0, readOnlyRoot: false, rootVolume: "" },
      ...{ privileged: false, capabilities: [], target: 0, mounts: [] },
    };
    this.guest.start(start);
  }

  run(index: number): ContainerRun | undefined {
    return this.guest.run(index);
  }

  async ends(index: number): Promise<readonly [number, number]> {
    await this.until(() => this.run(index)?.phase === "exited");
    const run = this.run(index);
    assert(run?.phase === "exited");
    assert.ok(run.finishedAt >= run.startedAt);
    return [run.code, run.signal];
  }

  text(container: number): string {
    const said = this.heard.filter((it) => it.container === container && it.channel === 1);
    return said.map(({ bytes }) => new TextDecoder().decode(bytes)).join("");
  }
}

type Rule = readonly [string, (story: Story) => Promise<void>];

const rules: readonly Rule[] = [
  [
    "knows nothing of a machine that was not started, and ends it all the same",
    async ({ engine }) => {
      assert.deepEqual(await engine.list(), []);
      assert.deepEqual([await engine.usage(id), await engine.screen(id)], [undefined, undefined]);
      assert.equal(await engine.lastWords(id), "");
      const shared = await engine.processors();
      assert.ok(shared.length > 0);
      await engine.place(id, { own: [], shared });
      await engine.kill(id);
      await engine.remove(id);
    },
  ],
  [
    "refuses a machine whose disk is not there",
    async (story) => {
      const { engine, world } = story;
      const spec = story.spec(other, { disks: [`${world.image}.gone`] });
      await assert.rejects(world.pass(engine.launch(spec)), /no such file/i);
      assert.deepEqual(await engine.list(), []);
    },
  ],
  [
    "says why a machine that cannot have its memory is not there",
    async (story) => {
      const { engine, world } = story;
      const never = new AbortController().signal;
      const started = (async () => {
        await engine.launch(story.spec(other, { memoryMib: tooMuchMib }));
        await engine.connect(other, () => {}, never);
      })();
      await assert.rejects(world.pass(started), GuestError);
      assert.match(await engine.lastWords(other), /memory/);
      assert.deepEqual(await engine.list(), []);
      await engine.remove(other);
    },
  ],
  [
    "starts a machine once, however often it is told to",
    async (story) => {
      await story.world.pass(story.engine.launch(story.spec(id)));
      await story.world.pass(story.engine.launch(story.spec(id)));
      assert.deepEqual(await story.engine.list(), [id]);
      await story.connect();
      assert.equal(story.guest.connected, true);
      assert.equal(story.run(1), undefined);
      assert.ok(((await story.engine.usage(id))?.memoryBytes ?? 0) > 0);
    },
  ],
  [
    "tells that a container runs and what it writes, from its first byte on",
    async (story) => {
      story.guest.setup({ hostname: "suite", nics: [], resolv: "", hosts: "" });
      story.start(1, story.world.programs.speaks);
      await story.until(() => story.text(1).length >= 14);
      assert.equal(story.text(1), "line 0\nline 1\n");
      assert.deepEqual([story.heard[0]?.attempt, story.heard[0]?.offset], [1, 0]);
      const run = story.run(1);
      assert.deepEqual([run?.phase, run?.attempt], ["running", 1]);
      // The first piece, however much came in it: pieces are kept or forgotten whole.
      const safe = story.heard[0]?.bytes.length ?? 0;
      story.guest.acknowledge(1, 1, safe);
      story.unsafe = story.text(1).slice(safe);
      const stats = await story.world.pass(story.guest.stats());
      assert.deepEqual(
        stats.map(({ container }) => container),
        [1],
      );
    },
  ],
  [
    "tells with which code a container ended, and starts an attempt once",
    async (story) => {
      story.start(2, story.world.programs.exits(7));
      assert.deepEqual(await story.ends(2), [7, 0]);
      story.start(2, story.world.programs.serves);
      assert.equal(story.run(2)?.phase, "exited");
      story.start(2, story.world.programs.exits(0), 2);
      await story.until(() => story.run(2)?.attempt === 2);
      assert.deepEqual(await story.ends(2), [0, 0]);
    },
  ],
  [
    "asks a container to end, and ends one that does not",
    async (story) => {
      story.start(3, story.world.programs.serves);
      story.start(4, story.world.programs.stubborn);
      await story.until(() => [3, 4].every((index) => story.run(index)?.phase === "running"));
      for (const index of [3, 4]) story.guest.signal(index, 15);
      assert.deepEqual(await story.ends(3), [0, 0]);
      assert.equal(story.run(4)?.phase, "running");
      story.guest.signal(4, 9);
      assert.deepEqual(await story.ends(4), [137, 9]);
    },
  ],
  [
    "runs a command in a container that runs, and in no other",
    async (story) => {
      const options = { tty: false, stdin: false, user: "", env: [], cwd: "/" };
      const session = story.guest.exec(1, story.world.programs.command, options);
      await story.world.pass(session.opened);
      assert.equal(await story.world.pass(session.exit), 1);
      const refused = story.guest.exec(4, story.world.programs.command, options);
      refused.exit.catch(() => {});
      await assert.rejects(story.world.pass(refused.opened), GuestError);
    },
  ],
  [
    "goes on when its engine is killed; the next one finds what runs, what ended and what is not safe yet",
    async (story) => {
      const before = story.run(1);
      // As the death of its process leaves it.
      story.guest.close();
      story.engine = story.world.engine();
      assert.deepEqual(await story.engine.list(), [id]);
      await story.connect();
      await story.until(() => story.text(1).length >= story.unsafe.length && story.run(4) !== undefined);
      assert.equal(story.text(1), story.unsafe, "what was acknowledged is not told again");
      const now = story.run(1);
      assert(now?.phase === "running" && before?.phase === "running");
      assert.equal(now.attempt, before.attempt);
      // The guest's clock is not the engine's: each engine reckons anew.
      assert.ok(Math.abs(now.startedAt - before.startedAt) < 1000);
      assert.equal(story.run(2)?.phase, "exited");
      story.start(1, story.world.programs.exits(1));
      assert.equal(story.run(1)?.phase, "running", "an attempt of the engine before is not started again");
    },
  ],
  [
    "switches a machine off that is asked to, and tells that it is gone",
    async (story) => {
      story.guest.powerOff();
      await story.until(() => !story.guest.connected);
      await story.world.pass(gone(story));
      assert.equal(await story.engine.usage(id), undefined);
      await assert.rejects(story.world.pass(story.guest.stats()), new GuestError("the machine is gone"));
      const never = new AbortController().signal;
      await assert.rejects(story.world.pass(story.engine.connect(id, () => {}, never)), GuestError);
    },
  ],
  [
    "starts a machine anew that knows nothing of the one before it, and tells of its crash",
    async (story) => {
      await story.world.pass(story.engine.launch(story.spec(id)));
      await story.connect();
      assert.equal(story.run(1), undefined);
      await story.world.crash(id);
      await story.until(() => !story.guest.connected);
      await story.world.pass(gone(story));
    },
  ],
  [
    "ends a machine that runs when all of it is to go",
    async (story) => {
      await story.world.pass(story.engine.launch(story.spec(id)));
      assert.deepEqual(await story.engine.list(), [id]);
      await story.world.pass(story.engine.remove(id));
      assert.deepEqual(await story.engine.list(), []);
    },
  ],
];

/** The connection may end a moment before the machine does. */
async function gone({ engine }: Story): Promise<void> {
  while ((await engine.list()).length > 0) await new Promise((resolve) => setImmediate(resolve));
}
