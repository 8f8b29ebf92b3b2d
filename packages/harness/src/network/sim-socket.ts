import { type Clock, millis } from "@selvedge/base";
import type { LinkSocket } from "@selvedge/eve-api";

/** One end of a connection in memory. Messages arrive in order, each after a delay. */
export class SimSocket implements LinkSocket {
  readonly #clock: Clock;
  readonly #delay: () => number;
  readonly #messageListeners: ((message: Uint8Array) => void)[] = [];
  readonly #closeListeners: (() => void)[] = [];
  /** Arrived before anybody listened. */
  readonly #early: Uint8Array[] = [];
  #peer: SimSocket | undefined;
  #arrivesAt = 0;
  #underway = 0;
  #silent = false;
  #closed = false;

  constructor(clock: Clock, delay: () => number) {
    this.#clock = clock;
    this.#delay = delay;
  }

  join(peer: SimSocket): void {
    this.#peer = peer;
  }

  get bufferedBytes(): number {
    return this.#underway;
  }

  send(message: Uint8Array): void {
    if (this.#closed) return;
    const copy = message.slice();
    this.#underway += copy.length;
    if (this.#silent) return;
    this.#later(() => {
      this.#underway -= copy.length;
      this.#peer?.receive(copy);
    });
  }

  close(): void {
    if (this.#closed) return;
    if (!this.#silent) this.#later(() => this.#peer?.breakOff());
    this.breakOff();
  }

  onMessage(listener: (message: Uint8Array) => void): void {
    this.#messageListeners.push(listener);
    for (const message of this.#early.splice(0)) listener(message);
  }

  onClose(listener: () => void): void {
    if (this.#closed) listener();
    else this.#closeListeners.push(listener);
  }

  receive(message: Uint8Array): void {
    if (this.#closed || this.#silent) return;
    if (this.#messageListeners.length === 0) this.#early.push(message);
    for (const listener of [...this.#messageListeners]) listener(message);
  }

  /** The cable is cut: nothing arrives any more, nobody is told. */
  silence(): void {
    this.#silent = true;
  }

  /** This end is over, whatever the other one believes. */
  breakOff(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const listener of this.#closeListeners.splice(0)) listener();
  }

  /** Never before what was sent earlier. */
  #later(act: () => void): void {
    this.#arrivesAt = Math.max(this.#arrivesAt, this.#clock.monotonic() + this.#delay());
    this.#clock.setTimer(millis(this.#arrivesAt - this.#clock.monotonic()), act);
  }
}

export function joinSockets(clock: Clock, delay: () => number): readonly [SimSocket, SimSocket] {
  const [near, far] = [new SimSocket(clock, delay), new SimSocket(clock, delay)];
  near.join(far);
  far.join(near);
  return [near, far];
}
