/**
 * Cards keep their names. The kernel counts them in the order in which drivers find them, so eth0 of one boot may
 * be eth1 of the next, and configurations, here and at the controller, name cards by these. A card is known by where
 * it hangs, and by its address where somebody put it elsewhere. Pure.
 */

export interface Card {
  readonly name: string;
  /** Path of what it hangs on, the same at each boot. */
  readonly place: string;
  readonly mac: string;
}

export interface Renaming {
  readonly from: string;
  readonly to: string;
}

export interface CardNames {
  /** One after another, each name is free when it is given. */
  readonly renamings: readonly Renaming[];
  /** To be remembered: those that are there, then those that were. */
  readonly known: readonly Card[];
}

/** More than a box has over the years; the longest gone are forgotten first. */
const knownMax = 64;

export function planNames(cards: readonly Card[], known: readonly Card[]): CardNames {
  const byPlace = new Map(known.map((card) => [card.place, card]));
  const here = new Set(cards.map(({ place }) => place));
  const gone = known.filter(({ place }) => !here.has(place));
  // One that is where another was is that one: who changes a broken card does not change the configuration.
  const before = (card: Card): Card | undefined =>
    byPlace.get(card.place) ?? gone.find(({ mac }) => mac !== "" && mac === card.mac);
  const taken = new Set(cards.flatMap((card) => before(card)?.name ?? []));
  const named = cards.map((card) => {
    const name = before(card)?.name ?? freeName(card.name, taken);
    taken.add(name);
    return { card, name };
  });
  const now = named.map(({ card, name }) => ({ ...card, name }));
  const rest = known.filter(({ name, place }) => !here.has(place) && !taken.has(name));
  const wanted = named.map(({ card, name }) => ({ from: card.name, to: name }));
  return { renamings: inSteps(wanted), known: [...now, ...rest].slice(0, knownMax) };
}

/** As the kernel has it while nobody else is called so; then the next number. */
function freeName(name: string, taken: ReadonlySet<string>): string {
  if (!taken.has(name)) return name;
  const [, stem = name] = /^(.*?)\d*$/.exec(name) ?? [];
  for (let number = 0; ; number++) if (!taken.has(`${stem}${number}`)) return `${stem}${number}`;
}

/** What is in another's way steps aside first, under a name that nothing has. */
function inSteps(wanted: readonly Renaming[]): Renaming[] {
  const moves = wanted.filter(({ from, to }) => from !== to);
  const blocking = new Set(moves.map(({ to }) => to));
  const aside = moves.flatMap(({ from }, at): Renaming[] =>
    blocking.has(from) ? [{ from, to: `svaside${at}` }] : [],
  );
  const now = new Map(aside.map(({ from, to }) => [from, to]));
  return [...aside, ...moves.map(({ from, to }) => ({ from: now.get(from) ?? from, to }))];
}
