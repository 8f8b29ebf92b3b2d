/** Which of several ports a way out takes. Pure. */

import type { WayChoice } from "./way-spec.ts";
import type { Verdict } from "./way-state.ts";

/** A port that a way may take, with what is known of it. */
export interface WayCandidate {
  readonly name: string;
  readonly cost: number;
  /** It has a carrier, an address and a gateway. */
  readonly there: Verdict;
  /** Not there: nobody asks. */
  readonly gateway?: Verdict;
  readonly remote?: Verdict;
  /** Of a modem: how well it is received, in percent. */
  readonly signal?: number;
}

/**
 * The port to take. One whose remote end answers works, whatever its gateway says; where there is no remote end,
 * one whose gateway answers; where nobody is asked, one that is there. Among those the cheapest if that is wanted,
 * then those of whom most answers came, then the modem that is received best; and then rather the one in use,
 * because each change ends what apps have open. `spread` parts networks that have no reason to prefer one port.
 */
export function chooseWay(
  candidates: readonly WayCandidate[],
  choice: WayChoice,
  current: string | undefined,
  spread: number,
): string | undefined {
  const inUse = candidates.find(({ name }) => name === current);
  const working = candidates.filter(works);
  // Nobody is better off by a change between two that do not work.
  if (working.length === 0 && inUse !== undefined && (inUse.there.up || !candidates.some(isThere)))
    return inUse.name;
  const there = working.length > 0 ? working : candidates.filter(isThere);
  let best = there.length > 0 ? there : candidates;
  if (choice.cheapest === true) best = least(best, ({ cost }) => cost);
  if (working.length > 0) best = least(best, (it) => -answers(it));
  if (choice.strongest === true) best = strongest(best);
  return (best.find(({ name }) => name === current) ?? best[spread % best.length])?.name;
}

function works({ there, gateway, remote }: WayCandidate): boolean {
  return there.up && (remote ?? gateway ?? there).up;
}

function isThere({ there }: WayCandidate): boolean {
  return there.up;
}

function answers({ gateway, remote }: WayCandidate): number {
  return (gateway?.up === false ? 0 : 1) + (remote?.up === false ? 0 : 1);
}

/** Among modems alone; a cable is not received. */
function strongest(candidates: readonly WayCandidate[]): readonly WayCandidate[] {
  const best = Math.max(...candidates.map(({ signal = 0 }) => signal));
  return candidates.filter(({ signal }) => signal === undefined || signal === best);
}

function least(
  candidates: readonly WayCandidate[],
  key: (candidate: WayCandidate) => number,
): readonly WayCandidate[] {
  const lowest = Math.min(...candidates.map(key));
  return candidates.filter((it) => key(it) === lowest);
}
