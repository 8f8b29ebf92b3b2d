/** `./selvedge bench [NAME] [--json]`: runs measurements and prints a line a figure. */
import { parseArgs } from "node:util";
import { argumentFault, describeError } from "@selvedge/base";
import type { Bench, Figure } from "./bench/bench.ts";
import { benches } from "./bench/benches.ts";
import { describeMachine } from "./bench/machine.ts";

const help = `Usage: ./selvedge bench [NAME]… [--json] [--list]

Measures and prints a line a figure; with --json a JSON object a line: {"name","value","unit",…}. docs/performance.md
explains them. Nothing else should run on the machine meanwhile.

  NAME      one of those that --list names; all when none is given
  --json    for programs; progress goes to standard error in any case
  --list    names and what they measure`;

const say = (line: string): void => void process.stderr.write(`${line}\n`);
const print = (line: string): void => void process.stdout.write(`${line}\n`);

async function main(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      json: { type: "boolean", default: false },
      list: { type: "boolean", default: false },
      yes: { type: "boolean", short: "y" },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help) {
    print(help);
    return 0;
  }
  if (values.list) {
    for (const { name, summary } of benches) print(`${name.padEnd(10)} ${summary}`);
    return 0;
  }
  const unknown = positionals.filter((name) => !benches.some((bench) => bench.name === name));
  if (unknown.length > 0) {
    say(`selvedge bench: there is no ${unknown.join(", ")}; --list names them`);
    return 2;
  }
  say(describeMachine());
  let worst = 0;
  for (const bench of benches) {
    if (positionals.length > 0 && !positionals.includes(bench.name)) continue;
    worst = Math.max(worst, await measure(bench, values.json));
  }
  return worst;
}

async function measure(bench: Bench, json: boolean): Promise<number> {
  const missing = bench.missing();
  if (missing !== undefined) {
    say(`${bench.name}: skipped: ${missing}`);
    return 0;
  }
  say(`${bench.name}: ${bench.summary}`);
  try {
    for await (const figure of bench.run((line) => say(`  ${line}`))) {
      print(json ? JSON.stringify(figure) : format(figure));
    }
    return 0;
  } catch (error) {
    say(`${bench.name}: failed: ${describeError(error)}`);
    return 1;
  }
}

function format({ name, value, unit, budget, note }: Figure): string {
  const limit = budget === undefined ? "" : `  (budget ${budget} ${unit})`;
  return `${name.padEnd(34)} ${String(value).padStart(10)} ${unit}${limit}${note === undefined ? "" : `  ${note}`}`;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  const fault = argumentFault(error, "bench");
  say(`selvedge bench: ${fault ?? describeError(error)}`);
  process.exitCode = fault === undefined ? 1 : 2;
}
