interface Weighed {
  readonly value: string | null;
  readonly previous?: string | null;
}

/** What two bounds leave of rows, and whether there was more. */
export interface Cut<R> {
  readonly rows: R[];
  readonly more: boolean;
}

/**
 * The first of rows: so many, and none after those that weigh so much together, in characters. The first there is is
 * always among them, so that whoever asks again and again comes to the end.
 */
export function firstOf<R extends Weighed>(rows: Iterable<R>, most: number, weight: number): Cut<R> {
  const taken: R[] = [];
  let sum = 0;
  for (const row of rows) {
    if (taken.length >= most || (taken.length > 0 && sum >= weight)) return { rows: taken, more: true };
    taken.push(row);
    sum += (row.value?.length ?? 0) + (row.previous?.length ?? 0);
  }
  return { rows: taken, more: false };
}
