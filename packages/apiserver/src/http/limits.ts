import { StatusError } from "../status-error.ts";

/** Upstream's bounds on requests worked on at once; watches and streams do not count. */
export const readsMax: number = 400;
export const writesMax: number = 200;

/** Counts requests under way, and refuses those beyond the bound. */
export class InFlight {
  readonly #limit: number;
  #count = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Ends with the disposal of what it returns. */
  enter(): Disposable {
    if (this.#count >= this.#limit) {
      const message = "Too many requests, please try again later.";
      throw new StatusError(429, "TooManyRequests", message, { retryAfterSeconds: 1 });
    }
    this.#count++;
    let open = true;
    return {
      [Symbol.dispose]: (): void => {
        if (open) this.#count--;
        open = false;
      },
    };
  }
}
