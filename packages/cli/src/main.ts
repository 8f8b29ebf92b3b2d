/**
 * The `selvedge` command: finds the named command, gives it the terminal, turns what it throws into a
 * message.
 */
import { argumentFault, describeError, SystemClock } from "@selvedge/base";
import { commands } from "./commands.ts";
import { type Io, UsageError } from "./io.ts";
import { onStopSignal } from "./stop-signals.ts";

const io: Io = {
  out: (text) => void process.stdout.write(`${text}\n`),
  err: (text) => void process.stderr.write(`${text}\n`),
};

function usage(): string {
  const width = Math.max(...commands.map(({ name }) => name.length));
  const lines = commands.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`);
  return [
    "Usage: ./selvedge COMMAND [OPTION]…",
    "",
    ...lines,
    "",
    "./selvedge COMMAND --help tells more.",
  ].join("\n");
}

async function main(argv: readonly string[]): Promise<number> {
  const [name = "--help", ...args] = argv;
  if (name === "--help" || name === "-h" || name === "help") {
    io.out(usage());
    return 0;
  }
  const command = commands.find((candidate) => candidate.name === name);
  if (command === undefined) {
    io.err(`selvedge: there is no command ${JSON.stringify(name)}\n\n${usage()}`);
    return 2;
  }
  const stop = new AbortController();
  const onSignal = onStopSignal(
    new SystemClock(),
    () => stop.abort(new Error("stopped by signal")),
    () => process.exit(130),
  );
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(name, onSignal);
  // A terminal or reader that went away must not keep us from putting things away.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => undefined);
  try {
    return await command.run(args, io, stop.signal);
  } catch (error) {
    if (stop.signal.aborted) return 130;
    const fault = argumentFault(error, name);
    io.err(`selvedge ${name}: ${fault ?? describeError(error)}`);
    return error instanceof UsageError || fault !== undefined ? 2 : 1;
  }
}

process.exitCode = await main(process.argv.slice(2));
