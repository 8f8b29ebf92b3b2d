/** A server that says what a test wrote, and time that passes when the test says so. */
import assert from "node:assert/strict";
import type { KubeList, KubeObject, WatchEvent } from "@selvedge/apimachinery";
import { type Clock, type Instant, instant, type Millis, millis, type Timer } from "@selvedge/base";
import type { KindRef, ListOptions, Objects, WatchOptions } from "../src/index.ts";

/** Time that passes when a timer is fired. */
export class ManualClock implements Clock {
  readonly waits: Millis[] = [];
  #elapsed = 0;
  /** What each look at an object takes. */
  perLook = 0;
  #timers: { span: Millis; fire: () => void }[] = [];
  now = (): Instant => instant(this.#elapsed);
  monotonic = (): Millis => millis(this.#elapsed);

  look(): void {
    this.#elapsed += this.perLook;
  }

  setTimer(span: Millis, fire: () => void): Timer {
    const timer = { span, fire };
    this.#timers.push(timer);
    return { cancel: () => this.#drop(timer) };
  }

  #drop(timer: object): void {
    this.#timers = this.#timers.filter((one) => one !== timer);
  }

  /** Fires the timer that is due first. */
  async next(): Promise<void> {
    const [first] = this.#timers.sort((left, right) => left.span - right.span);
    assert.ok(first !== undefined, "nothing waits");
    this.#drop(first);
    this.#elapsed += first.span;
    this.waits.push(first.span);
    first.fire();
    await rest();
  }
}

/** Lets everything run that waits for nothing but its turn. */
export async function rest(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
}

export interface Thing extends KubeObject {
  owner?: string;
}

export const things: KindRef = {
  group: "x.dev",
  version: "v1",
  kind: "Thing",
  plural: "things",
  namespaced: true,
};

export function thing(name: string, revision: number, owner?: string): Thing {
  const metadata = { name, namespace: "d", resourceVersion: `${revision}` };
  return { apiVersion: "x.dev/v1", kind: "Thing", metadata, ...(owner === undefined ? {} : { owner }) };
}

export function listOf(revision: number, items: Thing[], next?: string): KubeList<Thing> {
  const metadata = { resourceVersion: `${revision}`, ...(next === undefined ? {} : { continue: next }) };
  return { apiVersion: "x.dev/v1", kind: "ThingList", metadata, items };
}

/** A server that says line by line what the test wrote. */
export class ScriptedObjects implements Pick<Objects, "list" | "watch"> {
  readonly calls: string[] = [];
  readonly lists: (KubeList<Thing> | Error)[] = [];
  #events: WatchEvent<Thing>[] = [];
  #end: Error | "end" | undefined;
  #wake = (): void => {};

  async list<T extends KubeObject>(_kind: KindRef, options: ListOptions = {}): Promise<KubeList<T>> {
    this.calls.push(`list${options.continue === undefined ? "" : ` after ${options.continue}`}`);
    const next = this.lists.shift();
    if (next === undefined) throw new Error("the script has no list left");
    if (next instanceof Error) throw next;
    return next as unknown as KubeList<T>;
  }

  async *watch<T extends KubeObject>(_kind: KindRef, options: WatchOptions): AsyncGenerator<WatchEvent<T>> {
    this.calls.push(`watch from ${options.resourceVersion}`);
    options.signal.addEventListener("abort", () => this.#wake());
    for (;;) {
      for (const event of this.#events.splice(0)) yield event as unknown as WatchEvent<T>;
      options.signal.throwIfAborted();
      const end = this.#end;
      this.#end = undefined;
      if (end === "end") return;
      if (end !== undefined) throw end;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  async say(type: WatchEvent["type"], object: Thing): Promise<void> {
    this.#events.push({ type, object });
    this.#wake();
    await rest();
  }

  async end(how: Error | "end"): Promise<void> {
    this.#end = how;
    this.#wake();
    await rest();
  }
}
