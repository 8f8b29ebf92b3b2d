/** What a device has to say and must not lose: one message an object, the newest, until it is taken. */
import { type Clock, type Millis, millis, minutes } from "@selvedge/base";
import { isRetried, type Sent } from "./pillar-connection.ts";
import type { Strictness } from "./strictness.ts";

interface Item {
  readonly payload: Uint8Array;
  readonly order: number;
  wait: Millis;
  dueAt: Millis;
}

const waitMin = minutes(1);
const waitMax = minutes(15);

export class PillarQueue {
  readonly #items = new Map<string, Item>();
  readonly #clock: Clock;
  readonly #post: (payload: Uint8Array) => Promise<Sent>;
  readonly #strict: Strictness;
  #sweeping = false;
  #order = 0;
  /** Messages the controller has thanked for. */
  taken = 0;

  constructor(clock: Clock, strict: Strictness, post: (payload: Uint8Array) => Promise<Sent>) {
    this.#clock = clock;
    this.#strict = strict;
    this.#post = post;
  }

  get size(): number {
    return this.#items.size;
  }

  /** A newer message about the same thing takes the place of an older one, and its turn. */
  put(key: string, payload: Uint8Array): void {
    const old = this.#items.get(key);
    const [wait, dueAt] = [waitMin, this.#clock.monotonic()];
    this.#items.set(key, { payload, order: old?.order ?? this.#order++, wait, dueAt });
    void this.sweep();
  }

  /** Sends what is due, in order. Called every minute, and when something is new. */
  async sweep(): Promise<void> {
    if (this.#sweeping) return;
    this.#sweeping = true;
    try {
      for (let next = this.#next(); next !== undefined; next = this.#next()) {
        const [key, item] = next;
        this.#judge(key, item, await this.#post(item.payload));
      }
    } finally {
      this.#sweeping = false;
    }
  }

  #next(): [string, Item] | undefined {
    const now = this.#clock.monotonic();
    return [...this.#items]
      .filter(([, { dueAt }]) => dueAt <= now)
      .sort(([, left], [, right]) => left.order - right.order)[0];
  }

  #judge(key: string, item: Item, sent: Sent): void {
    const isNewest = this.#items.get(key) === item;
    if (sent.type !== "ok" && isRetried(sent)) {
      item.dueAt = millis(this.#clock.monotonic() + item.wait);
      item.wait = millis(Math.min(item.wait * 2, waitMax));
      return;
    }
    if (sent.type === "ok") this.taken++;
    if (sent.type === "ok")
      this.#strict.require(sent.status === 200 || sent.status === 201, `info: ${sent.status}`);
    else this.#strict.fault(`info: ${"status" in sent ? sent.status : ""} drops ${key} for good`);
    if (isNewest) this.#items.delete(key);
  }
}
