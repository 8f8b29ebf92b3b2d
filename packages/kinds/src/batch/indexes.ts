/** Lists of completion indexes as text: `1,3-5,7`. */

/** Why the text is no list of indexes below `completions`; undefined when it is. */
export function indexesFault(text: string, completions: number): string | undefined {
  let last = -1;
  for (const part of text === "" ? [] : text.split(",")) {
    const ends = part.split("-");
    for (const end of ends) {
      if (!/^\d+$/.test(end) || ends.length > 2)
        return `cannot convert string to integer for index: "${end}"`;
      if (Number(end) >= completions) return `too large index: "${end}"`;
    }
    const [first = 0, end = first] = ends.map(Number);
    if (ends.length === 2 && end <= first) return `non-increasing order, previous: ${first}, current: ${end}`;
    if (first <= last) return `non-increasing order, previous: ${last}, current: ${first}`;
    last = end;
  }
  return undefined;
}

/** The first index that both lists have, of which both can be read. */
export function overlapOf(left: string, right: string): number | undefined {
  const [one = [], other = []] = [left, right].map((text) =>
    text.split(",").map((part) => part.split("-").map(Number)),
  );
  for (let [at, place] = [0, 0]; at < one.length && place < other.length; ) {
    const [from = 0, to = from] = one[at] ?? [];
    const [start = 0, end = start] = other[place] ?? [];
    if (start <= to && from <= end) return Math.max(from, start);
    if (to < start) at++;
    else place++;
  }
  return undefined;
}

/** The indexes a text lists; what is no list is an empty one. */
export function parseIndexes(text: string | undefined, completions: number): Set<number> {
  const found = new Set<number>();
  for (const part of text ? text.split(",") : []) {
    const [from = "", to = from] = part.split("-");
    const last = Math.min(Number(to), completions - 1);
    for (let index = Number(from); index <= last; index++) found.add(index);
  }
  return found;
}

export function formatIndexes(indexes: Iterable<number>): string {
  const sorted = [...new Set(indexes)].sort((left, right) => left - right);
  const parts: string[] = [];
  for (let at = 0; at < sorted.length; ) {
    const first = sorted[at] ?? 0;
    let end = at;
    while (sorted[end + 1] === (sorted[end] ?? 0) + 1) end++;
    const last = sorted[end] ?? first;
    const separator = end === at + 1 ? "," : "-";
    parts.push(end === at ? `${first}` : `${first}${separator}${last}`);
    at = end + 1;
  }
  return parts.join(",");
}
