/**
 * Whether one who is asked again and again answers, so that a lost packet changes nothing and a way that comes
 * and goes is not followed. Pure.
 */
export interface Verdict {
  readonly up: boolean;
  /** In a row; the other one is 0. */
  readonly answered: number;
  readonly silent: number;
  /** Of those in a row, on average. */
  readonly latencyMs: number;
}

export type Answer =
  | { readonly kind: "answered"; readonly ms: number }
  | { readonly kind: "silent" }
  /** Nobody needs to be asked: there is no carrier, no address, no gateway. */
  | { readonly kind: "impossible" };

/** More silence than this in a row is believed. */
const silentMax = 4;
/** More answers than this in a row are believed. */
const answeredMax = 3;
/** Who was of one mind for so long (ten minutes) is believed at once when he changes it. */
const steadyMin = 40;

/** `sudden`: who was steady for long is believed at once. */
export function judge(before: Verdict | undefined, answer: Answer, sudden: boolean): Verdict {
  if (answer.kind !== "answered") {
    const silent = (before?.silent ?? 0) + 1;
    const steady = sudden && (before?.answered ?? 0) >= steadyMin;
    const stays = before?.up === true && answer.kind === "silent" && silent <= silentMax && !steady;
    return { up: stays, answered: 0, silent, latencyMs: 0 };
  }
  const answered = (before?.answered ?? 0) + 1;
  const steady = sudden && (before?.silent ?? 0) >= steadyMin;
  const latencyMs = ((before?.latencyMs ?? 0) * (answered - 1) + answer.ms) / answered;
  return {
    up: before === undefined || before.up || steady || answered > answeredMax,
    ...{ answered, silent: 0, latencyMs },
  };
}

/** The last answers say other than what is believed. */
export function doubts({ up, answered, silent }: Verdict): boolean {
  return up ? silent > 0 : answered > 0;
}
