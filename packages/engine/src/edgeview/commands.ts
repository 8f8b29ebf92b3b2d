/** What can be looked at from afar: the node's own state, as text or as files. Nothing changes by looking. */
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { describeError, formatRecord, type Instant, type LogRecord } from "@selvedge/base";
import { archive, plainArchive } from "../archive.ts";
import type { EdgeviewNet } from "./edgeview-net.ts";
import type { SentFile } from "./file-sender.ts";
import { recordsOf, searchLog } from "./log-search.ts";
import { lookOf, refusals } from "./look.ts";
import { type Command, captureOf, itemsOf } from "./policy.ts";
import { linesOf, listReports, type Reports, reportOf } from "./reports.ts";

/** Rows of cells, the first with their names. */
export type Rows = readonly (readonly string[])[];

/** Each view by its name: what to print. */
export interface Views {
  readonly tables: Readonly<Record<string, () => Promise<Rows> | Rows>>;
  /** The node's log, newest last. */
  readonly records: () => readonly LogRecord[];
}

export interface CommandParts {
  readonly views: Views;
  readonly net: Pick<EdgeviewNet, "run">;
  /** Of `host` or `host:port`, or why they are not shown. */
  readonly showCertificates: (address: string, signal: AbortSignal) => Promise<string>;
  readonly reports: () => Promise<Reports>;
  /** Where the node looks when it is not said where. */
  readonly controllerHost: string;
  readonly nodeName: string;
  readonly now: () => Instant;
}

export type Answer = string | SentFile;

const lookSeconds = 30;
/** EVE's client searches for this in a log when it wants all of it. */
const wholeLog = "copy-logfiles";

/** Piece by piece: a list of commands is answered as each is done. */
export async function* runCommand(
  command: Command,
  parts: CommandParts,
  signal: AbortSignal,
): AsyncGenerator<Answer> {
  if (command.logopt !== "") {
    yield await logs(command, parts);
    return;
  }
  const capture = captureOf(command);
  if (capture !== undefined && !("fault" in capture)) {
    yield await parts.net.run(capture, signal);
    return;
  }
  const items = itemsOf(command);
  for (const item of items) {
    signal.throwIfAborted();
    if (items.length > 1) yield `\n=== ${item} ===\n`;
    yield await answer(item, command.extraline, parts, signal);
  }
}

async function answer(
  item: string,
  lines: number,
  parts: CommandParts,
  signal: AbortSignal,
): Promise<Answer> {
  const { views, net, now, nodeName } = parts;
  const slash = item.indexOf("/");
  const [name, rest] = slash < 0 ? [item, ""] : [item.slice(0, slash), item.slice(slash + 1)];
  const table = Object.hasOwn(views.tables, name) ? views.tables[name] : undefined;
  if (table !== undefined) return formatTable(chosen(await table(), rest, lines));
  const look = lookOf(name, rest, parts.controllerHost);
  if (look !== undefined) {
    if ("fault" in look) return `${look.fault}\n`;
    let text = "";
    for (const words of look.programs) text += await net.run({ words, seconds: lookSeconds }, signal);
    const kept =
      look.only === "" ? text : text.replace(/^.*\n?/gm, (it) => (it.includes(look.only) ? it : ""));
    return linesOf(kept, name === "dmesg" ? -Math.abs(lines) : lines);
  }
  if (name === "showcerts") return await parts.showCertificates(rest || parts.controllerHost, signal);
  switch (name) {
    case "ls":
      return listReports(await parts.reports(), rest);
    case "cat":
    case "cp":
      return await reportNamed(rest, name === "cat" ? lines : undefined, await parts.reports());
    case "tar": {
      if (rest.replace(/\/+$/, "") !== "") return "the only folder is / itself: tar//\n";
      const bytes = await plainArchive("reports/", await parts.reports(), now());
      return { name: `${nodeName}.${stamp(now())}.tar`, bytes };
    }
    case "techsupport":
    case "collectinfo": {
      const bytes = await archive(`${nodeName}/`, await parts.reports(), now());
      return { name: `${name}-${nodeName}-${stamp(now())}.tar.gz`, bytes };
    }
    default:
      return unknown(name, views);
  }
}

async function reportNamed(path: string, lines: number | undefined, reports: Reports): Promise<Answer> {
  const name = reportOf(reports, path);
  const text = name === undefined ? undefined : reports[name];
  if (name === undefined || text === undefined)
    return `${path.slice(0, 200)} is no report of this node, and no file is read by its path; ls/ shows them\n`;
  return lines === undefined ? { name, bytes: new TextEncoder().encode(text) } : linesOf(text, lines);
}

function unknown(name: string, { tables }: Views): string {
  const why = Object.hasOwn(refusals, name) ? refusals[name] : undefined;
  if (why !== undefined) return `${name} is not done on this node: ${why}\n`;
  const known = [...Object.keys(tables), ...others].sort().join(", ");
  return `${name} is not done on this node; there are ${known}, and tcp/<address>:<port>, tcp/proxy\n`;
}

const others = [
  ...["acl", "arp", "cat", "collectinfo", "cp", "dmesg", "du", "flow", "log/<text>", "ls", "nslookup"],
  ...["ping", "ps", "route", "showcerts", "socket", "tar", "tcpdump/<card>/<filter>", "techsupport", "trace"],
];

const textOf = async (table: Views["tables"][string]): Promise<string> => formatTable(await table());

/** All of it, a file each; what cannot be had says why, and takes no other with it. */
export async function textsOf({ tables, records }: Views): Promise<Readonly<Record<string, string>>> {
  const texts: Record<string, string> = {};
  for (const [name, table] of Object.entries(tables))
    texts[`${name}.txt`] = await textOf(table).catch((error: unknown) => `${describeError(error)}\n`);
  texts["engine.log"] = records()
    .map((record) => `${formatRecord(record)}\n`)
    .join("");
  return texts;
}

async function logs(command: Command, { views, now }: CommandParts): Promise<Answer> {
  const { logopt, timerange, extraline, logtype, isJson } = command;
  if (logtype === "app")
    return "what apps say lies in the vault and is not read from here; ask the controller for it\n";
  if (logopt !== wholeLog) {
    const wish = { pattern: logopt, timerange, around: extraline, spread: isJson };
    return searchLog(views.records(), wish, now());
  }
  const text = recordsOf(views.records(), timerange, now())
    .map((record) => `${formatRecord(record)}\n`)
    .join("");
  const packed = { [`dev.log.${now()}.gz`]: await promisify(gzip)(text) };
  return { name: `newlog.${stamp(now())}.tar`, bytes: await plainArchive("newlog/", packed, now()) };
}

/** In a file's name: seconds. */
function stamp(at: Instant): number {
  return Math.floor(at / 1000);
}

/** Rows with a text in them, and as many as are wanted, below their names. */
function chosen([names = [], ...rows]: Rows, only: string, lines: number): Rows {
  const kept = only === "" ? rows : rows.filter((row) => row.some((cell) => cell.includes(only)));
  if (lines === 0) return [names, ...kept];
  return [names, ...(lines > 0 ? kept.slice(0, lines) : kept.slice(lines))];
}

/** Columns as wide as their widest cell. */
export function formatTable(rows: Rows): string {
  const widths: number[] = [];
  for (const row of rows)
    for (const [at, cell] of row.entries()) widths[at] = Math.max(widths[at] ?? 0, cell.length);
  return rows
    .map(
      (row) =>
        `${row
          .map((cell, at) => cell.padEnd(widths[at] ?? 0))
          .join("  ")
          .trimEnd()}\n`,
    )
    .join("");
}
