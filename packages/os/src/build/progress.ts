import { type Clock, type Millis, seconds, type Timer } from "@selvedge/base";

export interface Progress {
  readonly clock: Clock;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

/** How long a step may be silent before it says that it goes on. */
const stillEvery: Millis = seconds(10);
/** Of what a program says, in a line of ours. */
const saidMax = 100;

/** Says what is done, that it goes on and with what, and how long it took. */
export async function step<T>(
  { clock, say }: Progress,
  label: string,
  work: (said: (line: string) => void) => Promise<T>,
): Promise<T> {
  const start = clock.monotonic();
  const took = (): string => `${((clock.monotonic() - start) / 1000).toFixed(1)} s`;
  say(`${label}…`);
  let last = "";
  let timer: Timer;
  const remind = (): void => {
    say(`  still: ${took()}${last === "" ? "" : `: ${last.slice(0, saidMax)}`}`);
    timer = clock.setTimer(stillEvery, remind);
  };
  timer = clock.setTimer(stillEvery, remind);
  try {
    const result = await work((line) => {
      last = line;
    });
    say(`  done in ${took()}`);
    return result;
  } finally {
    timer.cancel();
  }
}
