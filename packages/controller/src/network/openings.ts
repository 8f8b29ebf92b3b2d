/** What is let through, as ranges of addresses and ports. Pure. */

/** Everything it names must fit; what it leaves out fits anything. It only ever lets through. */
export interface Opening {
  /** IPv4 in CIDR form; not there: anybody. */
  readonly remote?: string;
  readonly protocol?: Protocol;
  /** Of the side that is asked. */
  readonly ports?: { readonly first: number; readonly last: number };
  /** The policy it comes from. */
  readonly by: string;
}

export type Protocol = "tcp" | "udp" | "sctp";

interface Range {
  readonly start: number;
  readonly bits: number;
}

/**
 * The same, without what others of the list let through as well, in an order that does not depend on how it
 * was written: ranges of one set of ports stand together, the widest first.
 */
export function tidied(openings: readonly Opening[]): Opening[] {
  const groups = new Map<string, Opening[]>();
  for (const opening of openings) {
    const key = portsKey(opening);
    groups.set(key, [...(groups.get(key) ?? []), opening]);
  }
  const anybody = groups.get(portsKey({ by: "" }))?.find(({ remote }) => remote === undefined);
  if (anybody !== undefined) return [anybody];
  return [...groups]
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .flatMap(([, members]) => widest(members));
}

function widest(members: readonly Opening[]): Opening[] {
  const everybody = members.find(({ remote }) => remote === undefined);
  if (everybody !== undefined) return [everybody];
  const kept: { readonly opening: Opening; readonly range: Range }[] = [];
  const sorted = members
    .flatMap((opening) => {
      const range = parseRange(opening.remote ?? "");
      return range === undefined ? [] : [{ opening, range }];
    })
    .sort(({ range: left }, { range: right }) => left.start - right.start || left.bits - right.bits);
  for (const one of sorted) {
    // Ranges lie within one another or apart, so what could hold this one came last.
    const last = kept.at(-1);
    if (last === undefined || !holds(last.range, one.range)) kept.push(one);
  }
  return kept.map(({ opening }) => opening);
}

function portsKey({ protocol, ports }: Opening): string {
  return `${protocol ?? ""} ${ports?.first ?? 0}-${ports?.last ?? 0}`;
}

/** Whether somebody may come by this port. */
export function opens(opening: Opening, protocol: Protocol, port: number): boolean {
  if (opening.protocol !== undefined && opening.protocol !== protocol) return false;
  return opening.ports === undefined || (opening.ports.first <= port && port <= opening.ports.last);
}

/** The range without those parts, as ranges; none for another family of addresses. */
export function without(cidr: string, except: readonly string[]): string[] {
  const whole = parseRange(cidr);
  if (whole === undefined) return [];
  const holes = except.flatMap((part) => parseRange(part) ?? []);
  return split(whole, holes).map(({ start, bits }) => `${formatAddress(start)}/${bits}`);
}

function split(range: Range, holes: readonly Range[]): Range[] {
  if (holes.some((hole) => holds(hole, range))) return [];
  const inside = holes.filter((hole) => holds(range, hole));
  if (inside.length === 0) return [range];
  const bits = range.bits + 1;
  const halves = [range.start, range.start + 2 ** (32 - bits)];
  return halves.flatMap((start) => split({ start, bits }, inside));
}

function holds(outer: Range, inner: Range): boolean {
  const size = 2 ** (32 - outer.bits);
  return outer.bits <= inner.bits && outer.start <= inner.start && inner.start < outer.start + size;
}

function parseRange(cidr: string): Range | undefined {
  const [, a, b, c, d, length] = /^(\d+)\.(\d+)\.(\d+)\.(\d+)\/(\d+)$/.exec(cidr) ?? [];
  if (length === undefined) return undefined;
  const bits = Number(length);
  const address = [a, b, c, d].reduce((sum, part) => sum * 256 + Number(part), 0);
  const size = 2 ** (32 - bits);
  return { start: Math.floor(address / size) * size, bits };
}

function formatAddress(value: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join(".");
}
