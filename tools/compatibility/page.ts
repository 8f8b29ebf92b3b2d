/** docs/compatibility.md, taken apart. */
import { join } from "node:path";

export const page: string = join(import.meta.dirname, "../../docs/compatibility.md");

export interface Row {
  /** What stands in back quotes in the first cell. */
  readonly names: readonly string[];
  readonly controller: string;
  readonly engine: string;
}

/** All rows of tables under one heading of the second level. */
export function rowsUnder(text: string, heading: string): readonly Row[] {
  const [, rest = ""] = text.split(`\n## ${heading}\n`);
  const [section = ""] = rest.split("\n## ");
  return section
    .split("\n")
    .filter((line) => line.startsWith("| `"))
    .map((line) => {
      const [, first = "", controller = "", engine = ""] = line.split("|").map((cell) => cell.trim());
      return { names: [...first.matchAll(/`([^`]+)`/g)].map(([, name = ""]) => name), controller, engine };
    });
}

/** The page with these lines in place of the table that begins like the first of them. */
export function withTable(text: string, lines: readonly string[]): string {
  const [firstLine = ""] = lines;
  const start = text.indexOf(firstLine);
  if (start < 0) throw new Error(`docs/compatibility.md has no line ${firstLine}`);
  const after = text.slice(start).split("\n");
  const end = after.findIndex((line) => !line.startsWith("|"));
  return text.slice(0, start) + [...lines, ...after.slice(end)].join("\n");
}
