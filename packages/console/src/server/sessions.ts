/**
 * Who may use the page. A secret is printed with the address and works once: it is given for a session, which
 * is two halves. One is a cookie that no script can read; the other is a key that the page keeps. Cookies know
 * no ports: a browser shows them to every server of this address, also to one that another user of the machine
 * runs. The key is kept by origin, and the port is part of that. Each half is worth nothing alone.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { type Clock, hours, type Millis, type Random } from "@selvedge/base";

export interface Session {
  readonly cookie: string;
  readonly key: string;
}

/** More browsers than one person has; the one that came first has to come again. */
const sessionsMax = 8;
/** A working day: a browser that was left open over night is let in again by who sits before it. */
const sessionAge: Millis = hours(12);
/** 256 bits, as text of a URL. */
const secretBytes = 32;

interface Held {
  readonly cookie: Uint8Array;
  readonly key: Uint8Array;
  readonly until: Millis;
}

export class Sessions {
  readonly #random: Random;
  readonly #clock: Clock;
  #secret: string;
  #held: Held[] = [];

  constructor(random: Random, clock: Clock) {
    this.#random = random;
    this.#clock = clock;
    this.#secret = this.#make();
  }

  /** What works once. */
  get secret(): string {
    return this.#secret;
  }

  /** A session for the secret, which is another one from then on. */
  exchange(secret: string): Session | undefined {
    if (!isSame(digest(this.#secret), digest(secret))) return undefined;
    this.#secret = this.#make();
    const session = { cookie: this.#make(), key: this.#make() };
    const until = (this.#clock.monotonic() + sessionAge) as Millis;
    this.#held = [...this.#held, { cookie: digest(session.cookie), key: digest(session.key), until }];
    this.#held = this.#held.slice(-sessionsMax);
    return session;
  }

  /** Whether both halves are of one session. */
  knows(cookie: string, key: string): boolean {
    const now = this.#clock.monotonic();
    const [left, right] = [digest(cookie), digest(key)];
    return this.#held.some((one) => now < one.until && isSame(one.cookie, left) && isSame(one.key, right));
  }

  #make(): string {
    return this.#random.bytes(secretBytes).toBase64({ alphabet: "base64url", omitPadding: true });
  }
}

/** Of one length whatever was sent, so that comparing takes the same time. */
function digest(text: string): Uint8Array {
  return createHash("sha256").update(text).digest();
}

function isSame(left: Uint8Array, right: Uint8Array): boolean {
  return timingSafeEqual(left, right);
}
