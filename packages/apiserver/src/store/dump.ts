import type { Row } from "./store.ts";

/** Everything a store holds, in its own words: what is sealed stays sealed. */
export interface Dump extends AsyncDisposable {
  readonly revision: number;
  /** All values as they were at that revision, whatever is written meanwhile. */
  readonly pages: AsyncIterable<readonly Row[]>;
}

/** A store that can be copied and filled as a whole. */
export interface Dumpable {
  dump(): Promise<Dump>;
  /**
   * Puts this in the place of everything there is. The store's revision becomes the larger of `revision` and what
   * it would have been, and its log begins there: whoever watched must begin anew.
   */
  load(pages: AsyncIterable<readonly Row[]>, revision: number): Promise<void>;
}

/** Values read at once. */
export const dumpPage = 500;
