/**
 * Files that can be had from afar: reports that the node makes of itself when it is asked, by name. They are in
 * no folder of the box, so that no path leads to one: keys, the vault and apps' disks cannot be named at all.
 */

export type Reports = Readonly<Record<string, string>>;

const pathMax = 200;

/** `/routes.txt` as EVE's client writes it after `cat/`; undefined: there is no such report. */
export function reportOf(reports: Reports, path: string): string | undefined {
  const name = path.replace(/^\/+/, "");
  return Object.hasOwn(reports, name) ? name : undefined;
}

export function listReports(reports: Reports, path: string): string {
  // As a shell's: a star stands for anything.
  const wanted = path.slice(0, pathMax).replace(/^\/+/, "").split("*").map(RegExp.escape).join(".*");
  const pattern = new RegExp(`^${wanted === "" ? ".*" : wanted}$`);
  const names = Object.keys(reports).filter((name) => pattern.test(name));
  if (names.length === 0) return `no report is called ${path.slice(0, pathMax)}; ls/ shows them all\n`;
  const sizeOf = (name: string): string => `${Buffer.byteLength(reports[name] ?? "")}`;
  return names
    .sort()
    .map((name) => `${sizeOf(name).padStart(9)}  /${name}\n`)
    .join("");
}

/** The first lines, or with a number below zero the last; 0: all. */
export function linesOf(text: string, count: number): string {
  if (count === 0 || text === "") return text;
  const lines = text.replace(/\n$/, "").split("\n");
  return `${(count > 0 ? lines.slice(0, count) : lines.slice(count)).join("\n")}\n`;
}
