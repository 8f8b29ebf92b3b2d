/**
 * Where the parts of long JSON texts are, found in one pass without reading them. It relies on texts that
 * JSON.stringify has written.
 */
import { LruMap } from "@selvedge/base";

/** Characters of what is cut up: a millisecond to read. */
export const partMin: number = 16 * 1024;
/** What has more members or elements than so many is read as a whole. */
const partsMax = 64;
/** And what is deeper. */
const depthMax = 16;
/** Values in it: one long text, as in a Secret of Helm's, is planned as soon as a short one. */
const valuesMin = 1_000;

const [quote, backslash, comma, colon] = [0x22, 0x5c, 0x2c, 0x3a];
const [curly, curlyEnd, square, squareEnd] = [0x7b, 0x7d, 0x5b, 0x5d];

/** The parts of a long object or list of few parts, of which some are long. */
export interface Outline {
  readonly isList: boolean;
  readonly parts: readonly Part[];
}

/** Counted from the beginning of what it is a part of. */
export interface Part extends Member {
  /** Undefined: it is read as a whole. */
  readonly outline: Outline | undefined;
}

export interface Member {
  /** Empty in a list. */
  readonly name: string;
  readonly from: number;
  readonly to: number;
}

/** The same text is looked at by all who read a row; it is most often one that the store has at hand too. */
const known = new LruMap<string, { readonly outline: Outline | undefined }>(8);

/** Undefined: it is read as a whole, for what it has or because JSON.stringify does not write so. */
export function outlineOf(text: string): Outline | undefined {
  if (text.length <= partMin) return undefined;
  const found = known.get(text);
  if (found !== undefined) return found.outline;
  const outline = foundOutline(text);
  known.set(text, { outline });
  return outline;
}

function foundOutline(text: string): Outline | undefined {
  const ends = longEnds(text);
  return ends?.get(0) === text.length ? outlineAt(text, 0, ends, depthMax) : undefined;
}

/** Where the long objects and lists end, by where they begin. Undefined: they do not end as they begin. */
function longEnds(text: string): Map<number, number> | undefined {
  const ends = new Map<number, number>();
  const open: number[] = [];
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === quote) at = stringEnd(text, at);
    else if (code === curly || code === square) open.push(at);
    else if (code === curlyEnd || code === squareEnd) {
      const start = open.pop();
      if (start === undefined) return undefined;
      if (at + 1 - start > partMin) ends.set(start, at + 1);
    }
  }
  return open.length === 0 ? ends : undefined;
}

/** Of what begins there, which is long. */
function outlineAt(
  text: string,
  start: number,
  ends: ReadonlyMap<number, number>,
  depth: number,
): Outline | undefined {
  const isList = text.charCodeAt(start) === square;
  const members: Member[] = [];
  let at = start + 1;
  while (text.charCodeAt(at) !== (isList ? squareEnd : curlyEnd)) {
    const from = isList ? at : nameEnd(text, at) + 1;
    const to = ends.get(from) ?? valueEnd(text, from);
    // Not as JSON.stringify writes, or too many.
    if (to <= from || members.length === partsMax) return undefined;
    members.push({ name: isList ? "" : (JSON.parse(text.slice(at, from - 1)) as string), from, to });
    at = text.charCodeAt(to) === comma ? to + 1 : to;
  }
  if (members.every(({ from, to }) => to - from <= partMin)) return undefined;
  const parts = members.map(({ name, from, to }): Part => {
    const outline = ends.has(from) && depth > 1 ? outlineAt(text, from, ends, depth - 1) : undefined;
    return { name, from: from - start, to: to - start, outline };
  });
  return { isList, parts };
}

/** Where the colon after a name is; past the text where there is none. */
function nameEnd(text: string, from: number): number {
  const end = text.charCodeAt(from) === quote ? stringEnd(text, from) + 1 : text.length;
  return text.charCodeAt(end) === colon ? end : text.length;
}

/** Undefined: it is no object as JSON.stringify writes them. */
export function membersOf(text: string): readonly Member[] | undefined {
  if (text.charCodeAt(0) !== curly) return undefined;
  const members: Member[] = [];
  let at = 1;
  while (text.charCodeAt(at) === quote) {
    const from = nameEnd(text, at) + 1;
    const to = valueEnd(text, from);
    if (to === from) return undefined;
    members.push({ name: JSON.parse(text.slice(at, from - 1)) as string, from, to });
    at = text.charCodeAt(to) === comma ? to + 1 : to;
  }
  return text.charCodeAt(at) === curlyEnd && at === text.length - 1 ? members : undefined;
}

/** The members of an array, each as it is. */
export function elementsOf(text: string): string[] {
  const elements: string[] = [];
  for (let at = 1; at < text.length - 1; ) {
    const end = valueEnd(text, at);
    elements.push(text.slice(at, end));
    at = end + 1;
  }
  return elements;
}

/** Whether a JSON text has many values, not how many. */
export function hasManyValues(text: string): boolean {
  let left = valuesMin;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === quote) at = stringEnd(text, at);
    else if ((code === comma || code === curly || code === square) && --left < 0) return true;
  }
  return false;
}

function valueEnd(text: string, from: number): number {
  let depth = 0;
  for (let at = from; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === quote) at = stringEnd(text, at);
    else if (code === curly || code === square) depth++;
    else if (code === curlyEnd || code === squareEnd) {
      if (depth === 0) return at;
      depth--;
    } else if (code === comma && depth === 0) return at;
  }
  return text.length;
}

/** Where the quote is that ends the string that begins there. */
function stringEnd(text: string, from: number): number {
  for (let at = from; ; ) {
    at = text.indexOf('"', at + 1);
    if (at < 0) return text.length;
    let before = at - 1;
    while (text.charCodeAt(before) === backslash) before--;
    // An even number of them says nothing of the quote.
    if ((at - before) % 2 === 1) return at;
  }
}
