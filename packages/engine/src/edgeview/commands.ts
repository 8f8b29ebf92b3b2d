/** What can be looked at from afar: the node's own state, in tables of text. Nothing changes by looking. */
import type { Command } from "./policy.ts";

/** Each view by its name: what to print. */
export interface Views {
  readonly tables: Readonly<
    Record<string, () => Promise<readonly (readonly string[])[]> | readonly (readonly string[])[]>
  >;
  /** Lines of the node's log that match, newest last. */
  logs(pattern: RegExp, fromHours: number, toHours: number): Promise<readonly string[]>;
}

const linesMax = 5000;
const patternMax = 200;
/** As EVE's client has it when nothing is said: the last half hour. */
const hoursDefault = 0.5;

export async function runCommand(command: Command, views: Views): Promise<string> {
  if (command.logopt !== "") return await logs(command, views);
  const wanted = command.network || command.system || (command.pubsub === "" ? "" : `pub/${command.pubsub}`);
  const [name = ""] = wanted.split("/");
  const table = Object.hasOwn(views.tables, name) ? views.tables[name] : undefined;
  if (table === undefined) {
    const known = Object.keys(views.tables).sort().join(", ");
    const others = "log/<pattern>, tcpdump/<card>/<filter>, tcp/<address>:<port> and tcp/proxy";
    return `${wanted} is not done on this node; there are ${known}, ${others}\n`;
  }
  return formatTable(await table());
}

/** All of it, a file each. */
export async function textsOf({ tables, logs }: Views): Promise<Readonly<Record<string, string>>> {
  const texts: Record<string, string> = {};
  for (const [name, table] of Object.entries(tables)) texts[`${name}.txt`] = formatTable(await table());
  texts["engine.log"] = `${(await logs(/^/, 0, Number.POSITIVE_INFINITY)).join("\n")}\n`;
  return texts;
}

async function logs({ logopt, timerange }: Command, views: Views): Promise<string> {
  const [, first = "0", last = String(hoursDefault)] = /^([\d.]+)-([\d.]+)$/.exec(timerange) ?? [];
  // What is looked for is a text: an expression could keep the node busy for ever.
  const pattern = new RegExp(RegExp.escape(logopt.slice(0, patternMax)), "i");
  const lines = await views.logs(pattern, Number(first) || 0, Number(last) || hoursDefault);
  const shown = lines.slice(-linesMax);
  const left = lines.length - shown.length;
  return [...(left > 0 ? [`(${left} more before)`] : []), ...shown, ""].join("\n");
}

/** Columns as wide as their widest cell. */
export function formatTable(rows: readonly (readonly string[])[]): string {
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
