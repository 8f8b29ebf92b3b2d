/** What a controller must never do to a device. */

/**
 * The device's agent would have crashed here, and again after each reboot with the same configuration.
 * Thrown, as nothing after it happens on a device either.
 */
export class PillarPanic extends Error {
  override name = "PillarPanic";
}

/** Collects what the controller did wrong, in the device's words. A test ends by requiring that it is empty. */
export class Strictness {
  readonly faults: string[] = [];
  readonly #where: () => string;

  /** `where` says which device and when, so that a line can be found in the logs. */
  constructor(where: () => string) {
    this.#where = where;
  }

  fault(text: string): void {
    if (this.faults.length < faultsMax) this.faults.push(`${this.#where()}: ${text}`);
  }

  /** Notes `text` unless `holds`. Returns whether it holds. */
  require(holds: boolean, text: string): boolean {
    if (!holds) this.fault(text);
    return holds;
  }
}

/** After these it is clear that something is wrong. */
const faultsMax = 100;
