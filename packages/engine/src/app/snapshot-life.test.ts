/** Whole lives of an app with snapshots: what is asked, fails and crashes is drawn; what must be true is looked at. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create } from "@bufbuild/protobuf";
import { instant, SeededRandom } from "@selvedge/base";
import { ext } from "@selvedge/eve-api";
import { type AppId, type AppSpec, type ForeignApp, type VolumeKey, volumeUses } from "../desired.ts";
import type { AppStatus, VolumeStatus } from "../observed.ts";
import { planSnapshot, snapshotUsesOf } from "../volume/snapshot-plan.ts";
import { type AppRecord, decodeRecord, encodeRecord, newRecord } from "./app-record.ts";
import { followAsked, holdOf, settleSnapshots, toldSnapshots } from "./snapshot-book.ts";

const uuid = (number: number): string => `00000000-0000-4000-8000-${String(number).padStart(12, "0")}`;
const lives = Number(process.env["SELVEDGE_SEEDS"] ?? 60);

/** One volume on the disk: what is in the image, and what its record says of it. */
interface Image {
  content: number;
  readonly states: Map<string, number>;
  named: string[];
  restored: string | undefined;
}

class Life {
  readonly #random: SeededRandom;
  readonly #images = new Map<VolumeKey, Image>();
  /** What a snapshot has to give back, by its name and volume. */
  readonly #truth = new Map<string, number>();
  #untaken = new Map<VolumeKey, Record<string, string>>();
  #record: AppRecord;
  #saved: Uint8Array;
  #asked: AppSpec;
  #clock = 1;
  #written = 0;
  #names = 0;
  /** A way back whose end the next start has to prove. */
  #owed: string | undefined;
  /** Ways back that the app was started after. */
  readonly #over = new Set<string>();
  faults = true;

  constructor(seed: number) {
    this.#random = new SeededRandom(seed);
    this.#asked = this.#spec(1, { named: [], most: 2, counter: 0, target: "" });
    this.#record = newRecord(this.#asked, instant(0));
    this.#saved = encodeRecord(this.#record);
  }

  step(): void {
    const draw = this.#random.next();
    if (draw < 0.1) this.#ask();
    else if (this.faults && draw < 0.2) this.#crash();
    else if (draw < 0.6) this.#pass();
    else for (const key of [...this.#images.keys()]) this.#volume(key);
  }

  rest(): void {
    this.faults = false;
    for (let round = 0; round < 60; round++) {
      this.#pass();
      for (const key of [...this.#images.keys()]) this.#volume(key);
    }
    const { machine, snapshots } = this.#record;
    assert.equal(holdOf(snapshots), undefined, "nothing is left under way");
    assert.notEqual(machine, undefined, "the app runs");
    const kept = (snapshots?.records ?? []).filter(({ state }) => state === "kept");
    assert.ok(kept.length <= (this.#asked.snapshots?.most ?? 0), "no more than asked for");
    for (const { id, written } of kept)
      for (const key of written) {
        const has = this.#images.get(key)?.states.get(id);
        assert.equal(has, this.#truth.get(`${id} ${key}`), "what may be gone back to is there");
      }
  }

  #ask(): void {
    const { snapshots: wish, ...spec } = this.#asked;
    if (wish === undefined) return;
    const draw = this.#random.next();
    if (draw < 0.35) this.#asked = this.#spec(Number(spec.version) + 1, wish);
    else if (draw < 0.6) {
      const kind = this.#random.next() < 0.5 ? "update" : "now";
      const named = [...wish.named, { id: uuid(++this.#names), kind }] as const;
      this.#asked = { ...spec, snapshots: { ...wish, named } };
    } else if (draw < 0.75)
      this.#asked = { ...spec, snapshots: { ...wish, named: wish.named.slice(1), most: 1 + this.#pick(3) } };
    else {
      const target = wish.named[this.#pick(wish.named.length)]?.id ?? "";
      this.#asked = { ...spec, snapshots: { ...wish, counter: wish.counter + 1, target } };
    }
  }

  #pass(): void {
    const before = this.#record.snapshots?.rollback;
    const volume = (key: VolumeKey): VolumeStatus | undefined => this.#status(key);
    const { record } = followAsked(this.#record, this.#asked, volume);
    this.#record = settleSnapshots(record, this.#asked.snapshots, volume, instant(++this.#clock));
    const { snapshots, machine, spec } = this.#record;
    if (before !== undefined && snapshots?.rollback === undefined) this.#owed = before.token;
    this.#saved = encodeRecord(this.#record);
    this.#makeVolumes();
    const hold = holdOf(snapshots);
    const changed = machine !== undefined && machine.fingerprint !== JSON.stringify(volumeUses(spec));
    if (changed || (machine !== undefined && hold?.stop === true))
      this.#record = { ...this.#record, machine: undefined };
    else if (machine === undefined && hold === undefined) this.#launch();
  }

  #launch(): void {
    const uses = volumeUses(this.#record.spec);
    if (uses.some(({ key }) => !this.#images.has(key))) return;
    if (this.#owed !== undefined) {
      const [id = ""] = this.#owed.split("/");
      const { snapshots } = this.#record;
      const { written = [] } = snapshots?.records.find((it) => it.id === id) ?? {};
      for (const key of written)
        assert.equal(this.#images.get(key)?.content, this.#truth.get(`${id} ${key}`), "it is as it was");
      this.#over.add(this.#owed);
      this.#owed = undefined;
    }
    const volumes = uses.map(({ key }) => key);
    const machine = { fingerprint: JSON.stringify(uses), volumes, goingOn: [], podIp: "" } as never;
    this.#record = { ...this.#record, machine };
    this.#saved = encodeRecord(this.#record);
    for (const key of volumes) {
      const image = this.#images.get(key);
      if (image !== undefined) image.content = ++this.#written;
    }
  }

  /** What the volume domain does: one act, which a crash may leave without its record. */
  #volume(key: VolumeKey): void {
    const image = this.#images.get(key);
    if (image === undefined) return;
    const status = this.#told();
    const wanted = volumeUses(this.#asked).some((use) => use.key === key);
    if (!wanted && !status.volumes.includes(key)) {
      this.#images.delete(key);
      return;
    }
    const failed = new Set(Object.keys(this.#untaken.get(key) ?? {}));
    const { named: snapshots, restored } = image;
    const about = { snapshots, ...(restored === undefined ? {} : { restored }) };
    const step = planSnapshot(about, snapshotUsesOf(key, [status]), failed);
    if (step === undefined) return;
    const { act, name, token } = step;
    assert.ok(!this.#record.machine?.volumes.includes(key), "nothing is done under a machine");
    if (act === "take" && this.faults && this.#random.next() < 0.1) {
      this.#untaken.set(key, { ...this.#untaken.get(key), [name]: "the disk is full" });
      return;
    }
    if (act === "take" && !image.states.has(name)) {
      image.states.set(name, image.content);
      this.#truth.set(`${name} ${key}`, image.content);
    }
    if (act === "drop") image.states.delete(name);
    if (act === "restore") {
      const known = image.restored === token || this.#over.has(token ?? "");
      assert.ok(!known, "no way back is gone twice");
      assert.ok(image.states.has(name), "only to what is there");
      image.content = image.states.get(name) ?? 0;
    }
    if (this.faults && this.#random.next() < 0.15) {
      this.#crash();
      return;
    }
    const others = image.named.filter((it) => it !== name);
    image.named = act === "drop" ? others : [...others, name];
    if (token !== undefined) image.restored = token;
  }

  /** What was saved is what is known; a machine goes on, or not. */
  #crash(): void {
    const { machine } = this.#record;
    this.#record = decodeRecord(this.#saved);
    if (machine === undefined || this.#random.next() < 0.5)
      this.#record = { ...this.#record, machine: undefined };
    this.#untaken = new Map();
  }

  #told(): Pick<AppStatus, "volumes" | "open" | "snapshots" | "rollback"> {
    const { machine, spec, snapshots: book } = this.#record;
    const kept = (book?.records ?? []).filter(({ state }) => state !== "failed");
    const own = volumeUses(spec).map(({ key }) => key);
    const open = machine?.volumes ?? [];
    return {
      volumes: [...open, ...own, ...kept.flatMap(({ volumes }) => volumes)],
      ...{ open, snapshots: toldSnapshots(book, this.#asked.snapshots) },
      ...(book?.rollback === undefined ? {} : { rollback: book.rollback }),
    };
  }

  #status(key: VolumeKey): VolumeStatus | undefined {
    const image = this.#images.get(key);
    if (image === undefined) return undefined;
    const untaken = this.#untaken.get(key);
    return {
      phase: "ready",
      ...{ snapshots: image.named, restored: image.restored },
      ...(untaken === undefined ? {} : { untaken }),
    } as unknown as VolumeStatus;
  }

  #makeVolumes(): void {
    for (const { key } of volumeUses(this.#asked))
      if (!this.#images.has(key))
        this.#images.set(key, { content: 0, states: new Map(), named: [], restored: undefined });
  }

  /** A root of its own for each version, and data that all have. */
  #spec(version: number, snapshots: NonNullable<AppSpec["snapshots"]>): AppSpec {
    const use = (key: string): object => ({
      key,
      volumeId: key,
      form: "blank",
      readOnly: false,
      mountDir: "",
    });
    const volumes = [use(`root#${version}`), use("data#0")];
    return {
      ...{ id: "app" as AppId, version: `${version}`, revision: `r${version}`, displayName: "app" },
      ...{ active: true, restartCounter: 0, purgeCounter: version, vcpus: 1, memoryBytes: 1, nics: [] },
      pod: create(ext.AppExtensionSchema, { name: "app", containers: [{ name: "main" }] }),
      foreign: { volumes, vm: undefined } as unknown as ForeignApp,
      snapshots,
    };
  }

  #pick(count: number): number {
    return Math.floor(this.#random.next() * count);
  }
}

describe("an app with snapshots", () => {
  it(`goes back to what it was, once, in ${lives} lives with crashes at any moment`, () => {
    for (let seed = 1; seed <= lives; seed++) {
      const life = new Life(seed);
      try {
        for (let step = 0; step < 300; step++) life.step();
        life.rest();
      } catch (cause) {
        throw new Error(`life ${seed}`, { cause });
      }
    }
  });
});
