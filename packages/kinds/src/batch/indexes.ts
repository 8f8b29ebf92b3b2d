/** Lists of completion indexes as text: `1,3-5,7`. */

/** Why the text is no list of indexes below `completions`; undefined when it is. */
export function indexesFault(text: string, completions: number): string | undefined {
  let last = -1;
  for (const part of text === "" ? [] : text.split(",")) {
    const match = /^(\d+)(?:-(\d+))?$/.exec(part);
    if (match === null) return `cannot convert string to integer for index: "${part}"`;
    const first = Number(match[1]);
    const end = match[2] === undefined ? first : Number(match[2]);
    if (first <= last) return `non-increasing order, previous: ${last}, current: ${first}`;
    if (match[2] !== undefined && end <= first)
      return `non-increasing order, previous: ${first}, current: ${end}`;
    if (end >= completions) return `too large index: "${end}"`;
    last = end;
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
