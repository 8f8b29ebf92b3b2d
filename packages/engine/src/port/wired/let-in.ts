/** Cards that a switch has let in: behind it there may be another network, which is asked for an address. Pure. */

/** For a switch to move a card to another network; each time twice as long, as EVE waits. */
const firstMs = 2_000;

interface Moving {
  /** The address that it had when it was let in, with prefix length. */
  readonly before: string;
  readonly tries: number;
  readonly dueAt: number;
}

export type LetIn = ReadonlyMap<string, Moving>;

export const nobodyLetIn: LetIn = new Map();

/** A card that has no address yet asks for one anyway. */
export function withLetIn(cards: LetIn, card: string, address: string | undefined, now: number): LetIn {
  if (address === undefined) return cards;
  return new Map([...cards, [card, { before: address, tries: 0, dueAt: now + firstMs }]]);
}

/** Cards that are to ask anew now, and how long until the next is. */
export function dueOf(
  cards: LetIn,
  now: number,
): { readonly due: readonly string[]; readonly nextMs: number } {
  const due = [...cards].filter(([, { dueAt }]) => dueAt <= now).map(([card]) => card);
  const nextMs = Math.min(...[...cards.values()].map(({ dueAt }) => dueAt - now));
  return { due, nextMs };
}

/** After it asked: it is done with once its network is another, or after so many times. */
export function withAnswer(
  cards: LetIn,
  card: string,
  address: string | undefined,
  { now, triesMax }: { readonly now: number; readonly triesMax: number },
): LetIn {
  const moving = cards.get(card);
  if (moving === undefined) return cards;
  const rest = new Map(cards);
  const tries = moving.tries + 1;
  const moved = address !== undefined && networkOf(address) !== networkOf(moving.before);
  if (moved || tries >= triesMax) rest.delete(card);
  else rest.set(card, { ...moving, tries, dueAt: now + firstMs * 2 ** tries });
  return rest;
}

/** By that alone can another network be told: the first address of that of one. */
function networkOf(address: string): string {
  const [host = "", length = "24"] = address.split("/");
  const bits = host.split(".").reduce((sum, part) => sum * 256n + BigInt(part), 0n);
  const size = 1n << BigInt(32 - Number(length));
  return `${bits / size}/${length}`;
}
