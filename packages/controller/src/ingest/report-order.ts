import { type Instant, LruMap, minutes, seconds } from "@selvedge/base";

/**
 * A request that is not answered in this time is given up by its node; it cannot arrive after a newer one
 * later.
 */
const reorderWindow = seconds(60);
/** A clock that goes back by more than this was set: such a report is news, not an old one. */
const clockStep = minutes(10);
/** Objects whose newest report is remembered. */
const rememberedMax = 200_000;

/**
 * Decides which of two reports about one thing is the newer. Reports carry the node's own time, and a
 * node's time may go back: a box without a battery starts in 1970 at every boot. So a report is refused
 * only if it is a little older than one that came just before, which is what a request overtaken by its
 * successor looks like.
 */
export class ReportOrder {
  readonly #newest = new LruMap<string, { readonly at: number; readonly arrived: Instant }>(rememberedMax);

  /** Whether this report is to be believed; remembers it if so. */
  accept(thing: string, at: number, arrived: Instant): boolean {
    const last = this.#newest.get(thing);
    if (last !== undefined) {
      const older = last.at - at;
      if (older > 0 && older < clockStep && arrived - last.arrived < reorderWindow) return false;
    }
    this.#newest.set(thing, { at, arrived });
    return true;
  }
}
